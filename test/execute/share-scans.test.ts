/**
 * Goal: tables of one operation ask the store fewer times, with the answers that each has alone, and none of them can
 * hurt another. Method: operations over HTTP against the real store, whose runs are counted, or made to fail.
 */
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { openControl } from '../../src/catalog/control/open-control.ts';
import { LIMITS_DEFAULT } from '../../src/config.ts';
import type { Connector } from '../../src/connectors/connector.ts';
import { openDuckdb } from '../../src/connectors/duckdb/duckdb-connector.ts';
import { costError } from '../../src/core/errors.ts';
import { openActualsLedger } from '../../src/execute/actuals-ledger.ts';
import { createCostEngine } from '../../src/execute/cost-engine.ts';
import { openGuard } from '../../src/execute/guard.ts';
import { openNeedLedger } from '../../src/execute/need-ledger.ts';
import type { Ask } from '../../src/planner/plan.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import { focusRow } from '../support/focus-file.ts';
import type { Harness } from '../support/graphql-harness.ts';
import { startGraphql } from '../support/graphql-harness.ts';

const demo = tenant('demo');
const rows = Array.from({ length: 300 }, (_, i) => {
  const day = String(1 + (i % 28)).padStart(2, '0');
  return focusRow({
    BilledCost: `${i % 7}`,
    EffectiveCost: `${i % 5}`,
    ServiceName: i % 11 === 0 ? null : `service ${i % 6}`,
    RegionId: i % 4 === 0 ? null : `region ${i % 3}`,
    ResourceId: `r-${i % 40}`,
    Tags: i % 2 === 0 ? null : JSON.stringify({ team: `team ${i % 5}` }),
    ChargePeriodStart: `2018-10-${day}T00:00:00Z`,
    ChargePeriodEnd: `2018-10-${day}T01:00:00Z`,
    BillingPeriodStart: '2018-10-01T00:00:00Z',
    BillingPeriodEnd: '2018-11-01T00:00:00Z',
  });
});

const OCTOBER = 'period: { month: "2018-10" }';
const costs = (query: string, fields = 'rows { nodes { time keys { value } effectiveCost } }') =>
  `costs(query: { ${OCTOBER}, ${query} }) { ${fields} }`;

const TABLES: readonly string[] = [
  costs('groupBy: ["service_name"]'),
  costs('groupBy: ["region_id"]', 'rows { nodes { keys { value } billedCost } } totals { effectiveCost }'),
  costs('groupBy: ["service_name", "region_id"]'),
  costs('groupBy: []', 'totals { effectiveCost chargeCount }'),
  costs('groupBy: ["charge_category"]'),
  costs('granularity: DAY'),
  costs('granularity: DAY, groupBy: ["service_name"]'),
  costs(
    'groupBy: ["service_name"], having: [{ metric: EFFECTIVE_COST, gt: "100" }]',
    'rows { totalCount } totals { billedCost }',
  ),
  costs('groupBy: ["tag:team"]'),
  costs(
    'groupBy: ["region_id"], top: { count: 1, remainder: false }',
    'rows { nodes { keys { value } effectiveCost share } }',
  ),
];
const together = (tables: readonly string[]) =>
  `{ ${tables.map((table, i) => `t${i}: ${table}`).join('\n')} }`;

describe('tables of one operation', () => {
  let deployment: Deployment;
  let duckdb: Connector;
  let harness: Harness;
  let fail: ((ask: Ask) => boolean) | null = null;
  let asks: Ask[] = [];

  beforeAll(async () => {
    deployment = await openTestDeployment();
    await deployment.load(demo, 'aws', rows);
    duckdb = await openDuckdb({ threads: 1, memoryMb: 500, tempDirectory: deployment.folder });
    const run: Connector['run'] = async (ask, limits) => {
      asks.push(ask);
      if (fail?.(ask)) throw costError('STORE_FAILED', { store: 'DUCKDB', reason: 'the test says so' });
      return duckdb.run(ask, limits);
    };
    const connectors = [{ ...duckdb, run }] as const;
    const engine = await createCostEngine({ ...deployment, connectors, cacheBytes: 1e8 });
    harness = await startGraphql(engine);
  });
  afterAll(async () => {
    await harness.close();
    await duckdb[Symbol.asyncDispose]();
    await deployment[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    asks = [];
    fail = null;
  });

  const ask = async (query: string, noCache = true, more: Record<string, string> = {}) => {
    const headers = {
      'content-type': 'application/json',
      ...(noCache ? { 'costgraph-no-cache': '1' } : {}),
      ...more,
    };
    const response = await fetch(`${harness.url}/graphql`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query }),
    });
    return response.json() as ReturnType<Harness['ask']>;
  };
  const alone = async (tables: readonly string[]) => {
    const data: Record<string, unknown> = {};
    for (const [i, table] of tables.entries()) data[`t${i}`] = (await ask(`{ ${table} }`)).data.costs;
    return data;
  };

  it('ask the store fewer times, with the same answers', async () => {
    const expected = await alone(TABLES);
    const askedAlone = asks.length;
    asks = [];
    const { data, errors } = await ask(together(TABLES));
    expect(errors).toBeUndefined();
    expect(data).toEqual(expected);
    expect(askedAlone).toBeGreaterThanOrEqual(TABLES.length);
    expect(asks.length).toBeLessThanOrEqual(2);
  });

  it('keep what they shared, each under its own name', async () => {
    const expected = await alone(TABLES.slice(0, 3));
    asks = [];
    expect((await ask(together(TABLES.slice(0, 3)), false)).data).toEqual(expected);
    expect(asks.length).toBe(1);
    asks = [];
    const [, second = ''] = TABLES;
    expect((await ask(`{ ${second} }`, false)).data.costs).toEqual(expected['t1']);
    expect(asks).toEqual([]);
    // Of a fourth only what is missing is asked for; there is nothing to share it with.
    expect((await ask(together([...TABLES.slice(0, 3), TABLES[4] ?? '']), false)).errors).toBeUndefined();
    expect(asks.map(({ fragment }) => fragment.kind)).toEqual(['Aggregate']);
  });

  it('go on alone where what they share fails', async () => {
    const tables = TABLES.slice(0, 5);
    const expected = await alone(tables);
    asks = [];
    fail = ({ fragment }) => fragment.kind === 'GroupingSets';
    const { data, errors } = await ask(together(tables));
    expect(errors).toBeUndefined();
    expect(data).toEqual(expected);
    expect(asks.length).toBe(1 + tables.length);
  });

  it('fail alone: neither a wrong question nor a pattern that the store refuses hurts a sibling', async () => {
    const fields =
      'rows { nodes { amount(of: BILLED_COST, where: { dimension: { key: "service_name", matches: "(" } }) } }';
    const tables = [
      costs('groupBy: ["no_such_dimension"]'),
      TABLES[0] ?? '',
      costs('groupBy: ["region_id"]', fields),
      TABLES[2] ?? '',
    ];
    const expected = await alone([TABLES[0] ?? '', TABLES[2] ?? '']);
    const { data, errors = [] } = await ask(together(tables));
    expect(errors.map(({ path }) => path?.[0]).sort()).toEqual(['t0', 't2']);
    expect([data.t1, data.t3]).toEqual([expected['t0'], expected['t1']]);
  });

  it('are told apart by deadline', async () => {
    const tables = [TABLES[0] ?? '', costs('groupBy: ["region_id"], deadline: "PT0.001S"'), TABLES[2] ?? ''];
    const { data, errors = [] } = await ask(together(tables));
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(['DEADLINE_EXCEEDED']);
    expect(data.t0.rows.nodes.length).toBeGreaterThan(0);
    expect(data.t2.rows.nodes.length).toBeGreaterThan(0);
  });

  it('say in explain what they share', async () => {
    const fields = 'explain(analyze: true) { text rules { rule reason } nodes { operator actual { rows } } }';
    const keys = ['region_id', 'service_name', 'charge_category'];
    const { data } = await ask(together(keys.map((key) => costs(`groupBy: ["${key}"]`, fields))));
    expect(asks.length).toBe(1);
    for (const [i, key] of keys.entries()) {
      const { text, rules, nodes } = data[`t${i}`].explain;
      expect(text).toContain(`OneSet by (${key}) of a shared scan`);
      expect(text).toMatch(/GroupingSets \w+ \(\w+\), \(\w+\), \(\w+\): /);
      expect(rules.at(-1)).toMatchObject({ rule: 'share-scans' });
      const ran = nodes.find(({ operator }: { operator: string }) => operator === 'Ask');
      expect(Number(ran.actual.rows)).toBeGreaterThan(keys.length);
    }
  });

  it('share nothing where that is switched off', async () => {
    const tables = TABLES.slice(0, 3);
    const shared = await ask(together(tables));
    asks = [];
    expect(await ask(together(tables), true, { 'costgraph-rules-off': 'share-scans' })).toEqual(shared);
    expect(asks.length).toBe(tables.length);
  });

  it('share one scan for rows and totals that the rows do not add up to, and for the drill-downs of a table', async () => {
    const having = 'groupBy: ["service_name"], having: [{ metric: EFFECTIVE_COST, gt: "100" }]';
    await ask(`{ ${costs(having, 'rows { nodes { effectiveCost } } totals { effectiveCost }')} }`);
    expect(asks.length).toBe(1);
    const inner = (alias: string, key: string) =>
      `${alias}: costs(groupBy: ["${key}"]) { rows { nodes { keys { value } effectiveCost } } }`;
    const drilled = (...aliases: string[]) =>
      `{ ${costs('groupBy: ["service_name"]', `rows { nodes { effectiveCost ${aliases.join(' ')} } }`)} }`;
    const [a, b] = [inner('a', 'region_id'), inner('b', 'charge_category')];
    const [onlyA, onlyB] = [await ask(drilled(a)), await ask(drilled(b))];
    asks = [];
    const both = await ask(drilled(a, b));
    expect(asks.length).toBe(2);
    expect(both.data.costs.rows.nodes).toEqual(
      onlyA.data.costs.rows.nodes.map((row: object, i: number) => ({
        ...row,
        ...onlyB.data.costs.rows.nodes[i],
      })),
    );
  });

  it('are one run to the ledger of actuals, and a need each', async () => {
    const control = await openControl(join(deployment.folder, 'ledgers.sqlite'));
    const actuals = openActualsLedger(control, Date.now);
    const needs = openNeedLedger(control, Date.now);
    const connectors = [duckdb] as const;
    const engine = await createCostEngine({ ...deployment, connectors, actuals, needs, cacheBytes: 0 });
    const observed = await startGraphql(engine);
    await observed.ask(together(TABLES.slice(0, 3)));
    await observed.close();
    await actuals[Symbol.asyncDispose]();
    expect((await control.actuals()).map((shape) => shape.actuals.runs)).toEqual([1]);
    const attributes = (await needs.observed(demo, 1)).map(({ need, use }) => [need.attributes, use.times]);
    expect(attributes.sort()).toEqual([
      [['region_id'], 1],
      [['region_id', 'service_name'], 1],
      [['service_name'], 1],
    ]);
    await needs[Symbol.asyncDispose]();
    await control.close();
  });

  it('share in the first operation after a load, too', async () => {
    const tables = TABLES.slice(0, 3);
    const expected = await ask(together(tables));
    await deployment.load(demo, 'aws', rows);
    asks = [];
    expect(await ask(together(tables))).toEqual(expected);
    expect(asks.length).toBe(1);
  });

  it('are each within the limits of one question, and counted once', async () => {
    await using guard = openGuard(deployment.control, { ...LIMITS_DEFAULT, 'query-groups': 40n }, Date.now);
    const run: Connector['run'] = (ask, limits) => {
      asks.push(ask);
      return duckdb.run(ask, limits);
    };
    const engine = await createCostEngine({
      ...deployment,
      connectors: [{ ...duckdb, run }],
      guard,
      cacheBytes: 0,
    });
    const limited = await startGraphql(engine);
    const { errors } = await limited.ask(together(TABLES.slice(0, 6)));
    await limited.close();
    expect(errors).toBeUndefined();
    expect(asks.length).toBeGreaterThan(1);
  });
});
