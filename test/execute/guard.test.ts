import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { openDuckdb } from '../../src/connectors/duckdb/duckdb-connector.ts';
import { isCostError } from '../../src/core/errors.ts';
import type { OwnLimits } from '../../src/core/limits.ts';
import { LIMITS_DEFAULT } from '../../src/config.ts';
import { createCostEngine } from '../../src/execute/cost-engine.ts';
import type { Answer, CostEngine, WantedInput } from '../../src/execute/engine.ts';
import { openGuard } from '../../src/execute/guard.ts';
import type { CostQuery } from '../../src/planner/cost-query.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import { focusRow } from '../support/focus-file.ts';
import { costQuery } from '../support/questions.ts';

const acme = tenant('acme');
const globex = tenant('globex');
const options = {
  signal: new AbortController().signal,
  deadlineMs: 60_000,
  startedAt: Infinity,
  forceStore: null,
  noCache: true,
  rulesOff: new Set<string>(),
};
const NOW = Date.parse('2024-10-15T12:00:00Z');
const SERVICES = 10;
const REGIONS = 10;

/** Every service in every region, on a day of its own: more groups than columns that go together would have. */
const rows = Array.from({ length: SERVICES * REGIONS }, (_, i) => {
  const day = String(1 + (i % 28)).padStart(2, '0');
  return focusRow({
    BilledCost: '1',
    EffectiveCost: '1',
    ServiceName: `service ${i % SERVICES}`,
    RegionId: `region ${Math.floor(i / SERVICES)}`,
    ChargePeriodStart: `2024-09-${day}T00:00:00Z`,
    ChargePeriodEnd: `2024-09-${day}T01:00:00Z`,
  });
});

let deployment: Deployment;
beforeAll(async () => {
  deployment = await openTestDeployment();
  for (const who of [acme, globex]) await deployment.load(who, 'aws', rows);
});
afterEach(() => limit({}));
afterAll(() => deployment[Symbol.asyncDispose]());

const limit = (limits: OwnLimits) => deployment.control.setOwnLimits(acme, limits);

const selected = { metrics: ['EFFECTIVE_COST' as const], amounts: [], distinct: [] };
const wanted: WantedInput = {
  rows: { ...selected, offset: 0, limit: 1_000 },
  totals: selected,
  conservation: [],
};
const bind = (query: Partial<CostQuery>, who = acme, engine: CostEngine = deployment.engine) =>
  engine.bind(who, costQuery({ period: { month: '2024-09' }, ...query }), wanted, NOW);

async function ask(
  query: Partial<CostQuery>,
  who = acme,
  engine: CostEngine = deployment.engine,
): Promise<Answer> {
  return engine.answer(await bind(query, who, engine), options);
}

const tooExpensive = (measure: string) => ({ code: 'QUERY_TOO_EXPENSIVE', facts: { measure } });

describe('a tenant with limits', () => {
  it.each<[keyof OwnLimits, bigint, string]>([
    ['query-bytes', 1n, 'bytes'],
    ['query-rows', 50n, 'rows'],
    ['query-groups', 5n, 'groups'],
    ['query-usd', 1n, 'usd'],
    ['query-ms', 1n, 'ms'],
  ])('is refused what is over %s, from the next query on; others are not', async (name, value, measure) => {
    const query = { groupBy: ['service_name'] };
    expect((await ask(query)).totalCount).toBe(SERVICES);
    await limit({ [name]: value });
    await expect(ask(query)).rejects.toMatchObject(tooExpensive(measure));
    expect((await ask(query, globex)).totalCount).toBe(SERVICES);
    await limit({});
    expect((await ask(query)).totalCount).toBe(SERVICES);
  });

  it('gets an answer to what the hint names', async () => {
    await limit({ 'query-rows': 50n });
    const error = await ask({}).catch((refused: unknown) => refused);
    const hint = isCostError(error) ? error.hint : '';
    const [, from = '', to = ''] = /as from (\S+) to ([^;. ]+)/.exec(hint) ?? [];
    expect((await ask({ period: { from, to } })).totals?.('count')).toBeGreaterThan(0n);
  });

  it('is refused drill-downs, values of dimensions and analyses as well; explain alone is not', async () => {
    const bound = await bind({ groupBy: ['service_name'] });
    const parent = { values: ['service 1'], bucket: null, isRemainder: false, kept: null };
    const level = {
      groupBy: ['region_id'],
      granularity: 'TOTAL' as const,
      filter: null,
      orderBy: [],
      top: null,
    };
    await limit({ 'query-rows': 5n });
    expect(
      await deployment.engine.drillDown(bound, [level], wanted, [[parent], [parent]], options),
    ).toMatchObject([tooExpensive('rows'), tooExpensive('rows')]);
    const values = { key: 'region_id', search: null, period: null, offset: 0, limit: 10 };
    await expect(deployment.engine.dimensionValues(acme, values, options)).rejects.toMatchObject(
      tooExpensive('rows'),
    );
    await expect(deployment.engine.explain(bound, true, options)).rejects.toMatchObject(tooExpensive('rows'));
    expect((await deployment.engine.explain(bound, false, options)).actual).toBeNull();
  });

  it('is told of what it can change: of values of dimensions the period, of drill-downs no top', async () => {
    const { engine } = deployment;
    const values = { key: 'region_id', search: null, period: null, offset: 0, limit: 10 };
    const hintOf = async (limits: OwnLimits) => {
      await limit(limits);
      const error: unknown = await engine.dimensionValues(acme, values, options).catch((thrown) => thrown);
      return isCostError(error) ? error.hint : null;
    };
    expect(await hintOf({ 'query-rows': 5n })).toMatch(
      /^By estimate this fits: at most \d+ days, as from \S+ to [^;]+\.$/,
    );
    expect(await hintOf({ 'query-ms': 1n })).toMatch(/^No shorter period of whole days would fit: have/);
    await limit({});
    const bound = await bind({ groupBy: ['service_name'] });
    const parent = { values: ['service 1'], bucket: null, isRemainder: false, kept: null };
    const level = {
      groupBy: ['region_id'],
      granularity: 'TOTAL' as const,
      filter: null,
      orderBy: [],
      top: { count: 1, metric: 'BILLED_COST' as const, by: null, remainder: true },
    };
    await limit({ 'query-groups': 1n });
    const [error] = await engine.drillDown(bound, [level], wanted, [[parent]], options);
    expect(isCostError(error) ? error.hint : null).toMatch(
      /^By estimate this fits: groupBy without \w+(; or at most \d+ days?, as from \S+ to \S+)?\.$/,
    );
  });

  it('is refused while the query runs where there are more groups than the statistics say', async () => {
    const query = { groupBy: ['service_name', 'region_id'] };
    const { estimate } = await deployment.engine.explain(await bind(query), false, options);
    expect(estimate.rows).toBeLessThan(SERVICES * REGIONS);
    await limit({ 'query-groups': BigInt(estimate.rows) });
    await expect(ask(query)).rejects.toMatchObject({
      code: 'QUERY_TOO_EXPENSIVE',
      message: expect.stringMatching(/^The query was ended at \d+ groups, over the limit of \d+ groups$/),
      facts: { measure: 'groups', limit: String(estimate.rows) },
    });
    await limit({ 'query-groups': BigInt(SERVICES * REGIONS) });
    expect((await ask(query)).totalCount).toBe(SERVICES * REGIONS);
  });
});

describe('a tenant with a budget', () => {
  let now = Date.parse('2026-11-22T12:00:00Z');

  it('is refused when the day has used it, across restarts, until midnight UTC; others are not', async () => {
    const { control } = deployment;
    await using duckdb = await openDuckdb({ threads: 1, memoryMb: 500, tempDirectory: deployment.folder });
    const open = async () => {
      const guard = openGuard(control, LIMITS_DEFAULT, () => now);
      const engine = await createCostEngine({ ...deployment, connectors: [duckdb], guard, cacheBytes: 0 });
      return { guard, engine };
    };
    const first = await open();
    const { estimate } = await first.engine.explain(await bind({}), false, options);
    const budget = BigInt(2 * estimate.bytes);
    await limit({ 'daily-bytes': budget });
    for (let i = 0; i < 2; i++) await ask({}, acme, first.engine);
    const usedUp = {
      code: 'QUERY_TOO_EXPENSIVE',
      message: `The daily budget of ${budget} bytes is used up: ${budget} were used`,
      hint: expect.stringContaining('2026-11-23T00:00:00Z'),
    };
    await expect(ask({}, acme, first.engine)).rejects.toMatchObject(usedUp);
    expect((await ask({}, globex, first.engine)).totals?.('count')).toBe(100n);
    await first.guard[Symbol.asyncDispose]();
    expect(await control.dayUse(acme, '2026-11-22')).toMatchObject({ bytes: budget });
    expect((await control.dayUse(globex, '2026-11-22')).bytes).toBe(budget / 2n);

    const second = await open();
    await expect(ask({}, acme, second.engine)).rejects.toMatchObject(usedUp);
    now = Date.parse('2026-11-23T00:00:00Z');
    expect((await ask({}, acme, second.engine)).totals?.('count')).toBe(100n);
    await second.guard[Symbol.asyncDispose]();
    expect(await control.dayUse(acme, '2026-11-23')).toMatchObject({ bytes: budget / 2n });
  });
});
