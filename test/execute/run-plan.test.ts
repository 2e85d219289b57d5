import { DuckDBInstance } from '@duckdb/node-api';
import * as fc from 'fast-check';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Metric } from '../../src/catalog/metrics.ts';
import { openDuckdb } from '../../src/connectors/duckdb/duckdb-connector.ts';
import { decimalFromUnits } from '../../src/core/decimal.ts';
import { DAY_MS } from '../../src/core/time-range.ts';
import { createMeter } from '../../src/execute/meter.ts';
import { runPlan } from '../../src/execute/run-plan.ts';
import { measure, measuresOf } from '../../src/planner/measures.ts';
import type { Plan, SortKey } from '../../src/planner/plan.ts';
import { mapChildren } from '../../src/planner/plan-tree.ts';
import { writeParquet } from '../support/parquet-files.ts';
import {
  aggregate,
  ask,
  bucket,
  compare,
  evenBuckets,
  filter,
  having,
  isIn,
  key,
  page,
  physical,
  scan,
  selection,
  top,
  union,
} from '../support/plans.ts';
import { rowObjects, sortedRows } from '../support/row-objects.ts';
import { unlimitedRunner } from '../support/unlimited.ts';

/**
 * Goal: it does not matter who finishes a plan. Method: random plans over random charges, once wholly in the store
 * and once with the store grouping and the server doing the rest; the rows must be equal.
 */
const RUNS = 120;
const RANGE = { from: Date.UTC(2018, 9, 1), to: Date.UTC(2018, 9, 4) };

const folder = await mkdtemp(path.join(os.tmpdir(), 'costgraph-run-plan-'));
const instance = await DuckDBInstance.create();
const connection = await instance.connect();
const connector = await openDuckdb({ threads: 2, memoryMb: 500, tempDirectory: folder });
const runner = unlimitedRunner(connector);
const file = await writeParquet(
  connection,
  'charges',
  path.join(folder, 'charges.parquet'),
  // Few values and many ties: that is where sorting and merging go wrong. U+FF5E sorts after U+1F600 in UTF-16 only.
  `SELECT 'demo' AS tenant, TIMESTAMPTZ '2018-10-01T00:00:00Z' + to_hours((hash(i) % 72)::INT) AS charge_period_start,
    ['a', 'A', 'é', '\u{ff5e}', '\u{1f600}', NULL][(hash(i + 1000) % 6 + 1)::INT] AS service_name,
    ['x', 'y', NULL][(hash(i + 2000) % 3 + 1)::INT] AS region_id,
    ((hash(i + 3000) % 7)::INT - 3)::DECIMAL(18,12) AS effective_cost,
    [1, 2, NULL][(hash(i + 4000) % 3 + 1)::INT]::DECIMAL(18,12) AS consumed_quantity,
    ['Hrs', 'Hrs', 'GB', NULL][(hash(i + 5000) % 4 + 1)::INT] AS consumed_unit
   FROM range(70) AS t(i)`,
);

afterAll(async () => {
  await connector[Symbol.asyncDispose]();
  connection.closeSync();
  instance.closeSync();
  await rm(folder, { recursive: true });
});

const metric = fc.constantFrom<Metric>('EFFECTIVE_COST', 'CONSUMED_QUANTITY', 'CHARGE_COUNT');
const measures = [...measuresOf('EFFECTIVE_COST'), ...measuresOf('CONSUMED_QUANTITY').slice(1)];
const direction = fc.constantFrom('ASC' as const, 'DESC' as const);

const shape = fc.record({
  keys: fc.subarray(['$time', 'service_name', 'region_id']),
  regions: fc.option(fc.tuple(fc.constantFrom('x', 'y', 'none'), fc.constantFrom('x', 'y', 'none'))),
  bound: fc.option(
    fc.tuple(metric, fc.constantFrom('gt', 'gte', 'lt', 'lte'), fc.integer({ min: -3, max: 6 })),
  ),
  top: fc.option(
    fc.record({ count: fc.integer({ min: 1, max: 4 }), metric, remainder: fc.boolean(), width: fc.nat(2) }),
  ),
  page: fc.option(
    fc.record({
      by: fc.constantFrom('metric', 'change', null),
      metric,
      direction,
      offset: fc.nat(4),
      limit: fc.nat(9),
    }),
  ),
});
type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;

function planOf({ keys, regions, bound, top: best, page: cut }: Shape): Plan {
  const columns = [
    'service_name',
    'region_id',
    'effective_cost',
    'consumed_quantity',
    'consumed_unit',
    'charge_period_start',
  ];
  const charges = scan(columns, { range: RANGE, files: selection('charges', [file]) });
  const days = (input: Plan) => bucket(input, { buckets: evenBuckets(RANGE, DAY_MS), clip: RANGE });
  const groups = (input: Plan) => aggregate(keys, measures, days(input));
  const inRegion = (region: string) => groups(filter(isIn('region_id', [region]), charges));
  let plan: Plan = regions
    ? compare(keys, measures, inRegion(regions[0]), inRegion(regions[1]))
    : groups(charges);
  if (bound) {
    const [of, op, whole] = bound;
    plan = having([{ metric: of, op, value: decimalFromUnits(BigInt(whole) * 10n ** 12n) }], plan);
  }
  const named = keys.filter((name) => name !== '$time');
  if (best && named.length > 0) {
    const by = named.slice(0, best.width + 1);
    plan = top(plan, { ...best, by, keys, measures });
  }
  if (cut) {
    const first: SortKey[] =
      cut.by === null || (cut.by === 'change' && !regions)
        ? []
        : [{ by: cut.by, metric: cut.metric, direction: cut.direction }];
    const sort = [...first, ...keys.map((name) => key(name, cut.direction))];
    plan = page(plan, { sort, measures, offset: cut.offset, limit: cut.limit });
  }
  return plan;
}

/** The store groups, the server does what is above. */
function askedAtGroups(plan: Plan): Plan {
  return plan.kind === 'Aggregate' ? ask(plan) : mapChildren(plan, askedAtGroups);
}

async function run(plan: Plan) {
  const limits = { rowsMax: 1_000, signal: new AbortController().signal };
  return runPlan(physical(plan), runner, limits);
}

describe('a plan', () => {
  it('has the same rows whether the store or the server finishes it', async () => {
    const property = fc.asyncProperty(shape, async (given) => {
      const plan = planOf(given);
      const inStore = await run(ask(plan));
      const onServer = await run(askedAtGroups(plan));
      if (given.page) expect(rowObjects(onServer.rows)).toEqual(rowObjects(inStore.rows));
      else expect(sortedRows(onServer.rows)).toEqual(sortedRows(inStore.rows));
    });
    await fc.assert(property, { numRuns: RUNS });
  });

  it('merges the partials of several stores', async () => {
    const charges = scan(
      ['region_id', 'service_name', 'effective_cost', 'consumed_quantity', 'consumed_unit'],
      {
        files: selection('charges', [file]),
      },
    );
    const part = (region: string) =>
      aggregate(['service_name'], measures, filter(isIn('region_id', [region]), charges), 'partial');
    const merged = aggregate(['service_name'], measures, union(ask(part('x')), ask(part('y'))), 'final');
    const whole = aggregate(['service_name'], measures, filter(isIn('region_id', ['x', 'y']), charges));
    const result = await run(merged);
    expect(sortedRows(result.rows)).toEqual(sortedRows((await run(ask(whole))).rows));
    expect(result.asks.map(({ rows }) => rows)).toEqual([6, 6]);
  });

  it('is ended in the store once it takes longer than it may', async () => {
    const large = await writeParquet(
      connection,
      'charges',
      path.join(folder, 'large.parquet'),
      `SELECT 'demo' AS tenant, TIMESTAMPTZ '2018-10-01T00:00:00Z' AS charge_period_start,
        (hash(i) % 1000003)::VARCHAR AS service_name, 1::DECIMAL(18,12) AS effective_cost
       FROM range(2000000) AS t(i)`,
    );
    const charges = scan(['service_name', 'effective_cost'], { files: selection('charges', [large]) });
    const slow = ask(aggregate(['service_name'], [measure('count-distinct', 'effective_cost')], charges));
    const meter = createMeter(
      () => [{ name: 'ms', max: 1n, budget: null }],
      () => undefined,
    );
    const limits = { rowsMax: 10_000_000, signal: new AbortController().signal };
    const started = performance.now();
    await expect(runPlan(physical(slow), { ...runner, meter }, limits)).rejects.toMatchObject({
      code: 'QUERY_TOO_EXPENSIVE',
      facts: { measure: 'ms', limit: '1' },
    });
    const endedMs = performance.now() - started;
    const unbounded = performance.now();
    await runPlan(physical(slow), runner, limits);
    expect(endedMs).toBeLessThan(performance.now() - unbounded);
  });
});
