/**
 * Goal: what a drill-down says inside a row is what a question about that row alone says. Method: random drill-downs
 * through several levels over random charges; beside each answer the same question asked directly, with the row's
 * keys as a filter and its bucket as period.
 */
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Metric } from '../../src/catalog/metrics.ts';
import type { Connector } from '../../src/connectors/connector.ts';
import { openDuckdb } from '../../src/connectors/duckdb/duckdb-connector.ts';
import { isCostError } from '../../src/core/errors.ts';
import type { TimeRange } from '../../src/core/time-range.ts';
import { DAY_MS, HOUR_MS, formatInstant } from '../../src/core/time-range.ts';
import type { Answer, BoundQuery, DrillDownQuery, ParentRow, WantedInput } from '../../src/execute/engine.ts';
import { createCostEngine } from '../../src/execute/cost-engine.ts';
import { readRow } from '../../src/execute/page-rows.ts';
import type { CostQuery, FilterInput } from '../../src/planner/cost-query.ts';
import type { ReadMeasure } from '../../src/planner/measures.ts';
import { measure, metricValue } from '../../src/planner/measures.ts';
import { REMAINDER, TIME, before } from '../../src/planner/plan.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import type { BillRow } from '../support/focus-file.ts';
import { focusRow } from '../support/focus-file.ts';
import { costQuery } from '../support/questions.ts';
import { SEED } from '../support/seeded.ts';

/** `npm run fuzz` raises it. */
const CASES = Math.ceil(Number(process.env['COSTGRAPH_FUZZ_CASES'] ?? 1_000) / 40);
/** Generous: what is bounded is the number of cases. */
const TIMEOUT_MS = 60_000 + CASES * 5_000;
const CHARGES = 150;
/** Clocks go back in Berlin on the 27th of October, in New York on the 3rd of November. */
const OCTOBER = Date.parse('2024-10-01T00:00:00Z');
/** Rows of the root, then of each table inside them, that are drilled into. */
const ROWS_FOLLOWED = [3, 2, 1];

const acme = tenant('acme');
const options = {
  signal: new AbortController().signal,
  deadlineMs: 60_000,
  startedAt: Infinity,
  forceStore: null,
  noCache: false,
  rulesOff: new Set<string>(),
};
const NOW = Date.parse('2025-01-15T12:00:00Z');
/** Has no charges. */
const NOTHING = { from: Date.parse('1990-01-01T00:00:00Z'), to: Date.parse('1990-01-01T01:00:00Z') };

const rarely = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 2, nil: null });

const chargeArbitrary: fc.Arbitrary<BillRow> = fc
  .record({
    hour: fc.oneof(
      fc.nat(61 * 24 - 1),
      fc.integer({ min: 26 * 24 - 3, max: 27 * 24 + 3 }),
      fc.integer({ min: 31 * 24 - 3, max: 34 * 24 }),
    ),
    hours: fc.constantFrom(1, 1, 1, 7, 30, 24 * 12),
    cost: fc.constantFrom('-3', '0', '1', '1', '2', '2.5', '0.000000000007', '40'),
    service: fc.constantFrom('Compute', 'Storage', 'Queue', 'Data', 'compute'),
    category: fc.constantFrom('Usage', 'Usage', 'Tax', 'Credit'),
    region: rarely(fc.constantFrom('a', 'b', 'c')),
    resource: rarely(fc.constantFrom('r1', 'r2', 'r3', 'r4', 'r5', 'r6')),
    team: rarely(fc.constantFrom('x', 'y', 'Y')),
    unit: fc.constantFrom('h', 'h', 'GB'),
  })
  .map(({ hour, hours, cost, service, category, region, resource, team, unit }) => {
    const from = OCTOBER + hour * HOUR_MS;
    const month = from < OCTOBER + 31 * DAY_MS ? 10 : 11;
    return focusRow({
      BillingPeriodStart: `2024-${month}-01T00:00:00Z`,
      BillingPeriodEnd: `2024-${month + 1}-01T00:00:00Z`,
      ChargePeriodStart: formatInstant(from),
      ChargePeriodEnd: formatInstant(from + hours * HOUR_MS),
      BilledCost: cost,
      EffectiveCost: cost,
      ConsumedQuantity: cost,
      ConsumedUnit: unit,
      ServiceName: service,
      ChargeCategory: category,
      RegionId: region,
      ResourceId: resource,
      Tags: team && JSON.stringify({ team }),
    });
  });

const KEYS = ['service_name', 'charge_category', 'region_id', 'resource_id', 'tag:team'];
const METRICS: readonly Metric[] = ['EFFECTIVE_COST', 'CONSUMED_QUANTITY', 'CHARGE_COUNT'];
const keysArbitrary = fc.oneof(
  fc.constant([]),
  ...Array<fc.Arbitrary<string[]>>(4).fill(fc.shuffledSubarray(KEYS, { minLength: 1, maxLength: 2 })),
);
const metric = fc.constantFrom(...METRICS);
const direction = fc.constantFrom('ASC' as const, 'DESC' as const);
const granularity = (isCompared: boolean) =>
  fc.constantFrom(
    ...(['TOTAL', 'TOTAL', 'TOTAL', 'HOUR', 'DAY', 'WEEK', 'MONTH'] as const),
    // So that buckets at two levels meet.
    ...(isCompared ? (['DAY', 'DAY', 'WEEK', 'WEEK'] as const) : []),
  );
const filterArbitrary: fc.Arbitrary<FilterInput> = fc.constantFrom<FilterInput>(
  { dimension: { key: 'service_name', contains: 'o' } },
  { not: { dimension: { key: 'region_id', in: ['a'] } } },
  { dimension: { key: 'tag:team', in: ['x', 'y'], includeNull: true } },
  { dimension: { key: 'resource_id', isNull: true } },
);

const levelArbitrary = (isCompared: boolean): fc.Arbitrary<DrillDownQuery> =>
  fc
    .record({
      groupBy: keysArbitrary,
      granularity: granularity(isCompared),
      filter: fc.option(filterArbitrary, { freq: 4, nil: null }),
      order: rarely(fc.tuple(fc.constantFrom('metric', 'change', 'dimension', 'time'), metric, direction)),
      top: fc.option(
        fc.record({
          count: fc.constantFrom(1, 1, 2),
          metric,
          remainder: fc.constantFrom(true, true, true, false),
        }),
        { freq: 3, nil: null },
      ),
      isOpen: fc.boolean(),
    })
    .map(({ order, top, isOpen, ...level }) => {
      const [first] = level.groupBy;
      const by = isOpen && first ? [first] : null;
      return {
        ...level,
        top: top && first ? { ...top, by } : null,
        orderBy: order ? orderBy(order, level, isCompared) : [],
      };
    });

function orderBy(
  [kind, of, direction]: [string, Metric, 'ASC' | 'DESC'],
  level: Pick<DrillDownQuery, 'groupBy' | 'granularity'>,
  isCompared: boolean,
): CostQuery['orderBy'] {
  const key = level.groupBy.at(-1);
  if (kind === 'dimension' && key) return [{ dimension: { key, direction } }];
  if (kind === 'time' && level.granularity !== 'TOTAL') return [{ time: direction }];
  if (kind === 'change' && isCompared) return [{ change: { metric: of, direction } }];
  return [{ metric: { metric: of, direction } }];
}

const range = (from: string, to: string) => ({ from, to });
const timesArbitrary = fc.constantFrom(
  { period: range('2024-10-01T00:00:00Z', '2024-12-01T00:00:00Z'), compare: null },
  { period: range('2024-10-26T22:30:00Z', '2024-11-04T12:00:00Z'), compare: null },
  { period: { month: '2024-11' }, compare: { month: '2024-10' } },
  { period: { month: '2024-10' }, compare: { month: '2024-11' } },
  {
    period: range('2024-11-02T00:00:00Z', '2024-11-20T05:00:00Z'),
    compare: range('2024-10-20T07:00:00Z', '2024-11-02T00:00:00Z'),
  },
);

const drillDownArbitrary = timesArbitrary.chain(({ period, compare }) =>
  fc.record({
    root: fc
      .record({
        level: levelArbitrary(compare !== null),
        timing: fc.constantFrom(
          { timing: 'START' as const, timeAxis: 'CHARGE_PERIOD' as const },
          { timing: 'START' as const, timeAxis: 'CHARGE_PERIOD' as const },
          { timing: 'PRORATED' as const, timeAxis: 'CHARGE_PERIOD' as const },
          { timing: 'START' as const, timeAxis: 'BILLING_PERIOD' as const },
        ),
        timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu'),
      })
      .map(({ level, timing, timeZone }) => costQuery({ ...level, ...timing, timeZone, period, compare })),
    path: fc.array(levelArbitrary(compare !== null), { minLength: 1, maxLength: 3 }),
    distinct: fc.subarray(['service_name', 'resource_id', 'tag:team']),
    pick: fc.nat(50),
  }),
);

/** One table of the drill-down, beside the question that asks it directly. */
type Table = {
  readonly answer: Answer;
  readonly parents: readonly ParentRow[];
  readonly query: CostQuery;
  readonly bound: BoundQuery;
  /** Whether it is inside a bucket that only the compared period has: then it has no period of its own. */
  readonly isOutside: boolean;
};

describe(`drill-downs (seed: COSTGRAPH_FUZZ_SEED=${SEED})`, { timeout: TIMEOUT_MS }, () => {
  let deployment: Deployment;

  beforeAll(async () => {
    deployment = await openTestDeployment();
    const [charges = []] = fc.sample(
      fc.array(chargeArbitrary, { minLength: CHARGES, maxLength: CHARGES, size: 'max' }),
      { seed: SEED, numRuns: 1 },
    );
    await deployment.load(acme, 'aws', charges);
  });
  afterAll(() => deployment[Symbol.asyncDispose]());

  async function ask(query: CostQuery, wanted: WantedInput): Promise<{ answer: Answer; bound: BoundQuery }> {
    const bound = await deployment.engine.bind(acme, query, wanted, NOW);
    return { answer: await deployment.engine.answer(bound, options), bound };
  }

  it('say inside a row what a question about that row alone says', async () => {
    const property = fc.asyncProperty(drillDownArbitrary, async ({ root, path, distinct, pick }) => {
      const selected = {
        metrics: METRICS,
        amounts: [{ of: 'EFFECTIVE_COST' as const, where: UNTAGGED }],
        distinct,
      };
      const wanted = {
        rows: { ...selected, offset: 0, limit: 5_000 },
        totals: selected,
        conservation: [],
      };
      const asked = await ask(root, wanted);
      let tables: Table[] = [{ ...asked, parents: [], query: root, isOutside: false }];
      for (const [depth, level] of path.entries()) {
        const rows = tables.flatMap((table) =>
          pickRows(table.answer, ROWS_FOLLOWED[depth] ?? 1, pick).map((row) => ({ table, row })),
        );
        const parents = rows.map(({ table, row }) => [...table.parents, parentRow(table, row)]);
        const queries = path.slice(0, depth + 1);
        const answers = await deployment.engine.drillDown(asked.bound, queries, wanted, parents, options);
        const found: Table[] = [];
        for (const [i, { table, row }] of rows.entries()) {
          const answer = answers[i];
          if (answer === undefined) throw new Error('every parent has an answer');
          if (isCostError(answer)) throw answer;
          const query = directQuery(table, row, level);
          const isOutside = table.isOutside || isOutsidePeriod(table, row);
          const direct = await ask(query, wanted);
          const shown = shownBy(level, isOutside, asked.bound, distinct);
          expect(shown(answer)).toEqual(shown(direct.answer));
          found.push({ answer, parents: parents[i] ?? [], query, bound: direct.bound, isOutside });
        }
        tables = found;
      }
    });
    await fc.assert(property, { numRuns: CASES, seed: SEED });
  });

  it('ask the store as often for all rows as for one of each kind', async () => {
    const duckdb = await openDuckdb({ threads: 1, memoryMb: 500, tempDirectory: deployment.folder });
    await using _store = duckdb;
    let asked = 0;
    const run: Connector['run'] = (...args) => {
      asked += 1;
      return duckdb.run(...args);
    };
    const engine = await createCostEngine({ ...deployment, connectors: [{ ...duckdb, run }], cacheBytes: 0 });
    const top = { count: 1, metric: 'EFFECTIVE_COST' as const, by: null, remainder: true };
    const level = { granularity: 'TOTAL' as const, filter: null, orderBy: [], top };
    const path = ['service_name', 'region_id'].map((key) => ({ ...level, groupBy: [key] }));
    const [outer] = path;
    if (!outer) throw new Error('there is a level');
    const selected = { metrics: METRICS, amounts: [], distinct: ['resource_id'] };
    const wanted = { rows: { ...selected, offset: 0, limit: 100 }, totals: selected, conservation: [] };
    const query = costQuery({ period: { month: '2024-10' }, groupBy: ['resource_id'] });
    const bound = await engine.bind(acme, query, wanted, NOW);
    const root: Table = {
      answer: await engine.answer(bound, options),
      parents: [],
      query,
      bound,
      isOutside: false,
    };
    const rows = pickRows(root.answer, 100, 0).map((row) => [parentRow(root, row)]);
    const tables = await engine.drillDown(bound, [outer], wanted, rows, options);
    const parents = tables.flatMap((answer, i) => {
      if (isCostError(answer)) throw answer;
      const table = { ...root, answer, query: costQuery({ groupBy: ['service_name'] }) };
      return pickRows(answer, 100, 0).map((row) => [...(rows[i] ?? []), parentRow(table, row)]);
    });
    const runsOf = async (some: typeof parents) => {
      asked = 0;
      for (const answer of await engine.drillDown(bound, path, wanted, some, options)) {
        if (isCostError(answer)) throw answer;
      }
      return asked;
    };
    const named = parents.filter((path) => !path[1]?.isRemainder);
    const rest = parents.filter((path) => path[1]?.isRemainder);
    expect(Math.min(named.length, rest.length)).toBeGreaterThan(3);
    expect(await runsOf(parents)).toBe(await runsOf([...named.slice(0, 1), ...rest.slice(0, 1)]));
  });
});

const UNTAGGED: FilterInput = { dimension: { key: 'tag:team', isNull: true } };

/** Some rows, remainder rows first. */
function pickRows({ rows }: Answer, count: number, pick: number): number[] {
  const all = Array.from({ length: rows?.length ?? 0 }, (_, i) => i);
  const isRest = (i: number) => rows?.columns.get(REMAINDER)?.[i] === 1n;
  const turned = [...all.slice(pick % (all.length || 1)), ...all.slice(0, pick % (all.length || 1))];
  const [rest, named] = [turned.filter(isRest), turned.filter((i) => !isRest(i))];
  return [...rest.slice(0, Math.ceil(count / 2)), ...named].slice(0, count);
}

function valueAt({ rows }: Answer, name: string, row: number): bigint | string | null {
  return rows?.columns.get(name)?.[row] ?? null;
}

function textAt(answer: Answer, key: string, row: number): string | null {
  const value = valueAt(answer, key, row);
  return typeof value === 'string' ? value : null;
}

function parentRow({ answer, query }: Table, row: number): ParentRow {
  const bucket = valueAt(answer, TIME, row);
  return {
    values: query.groupBy.map((key) => textAt(answer, key, row)),
    bucket: typeof bucket === 'bigint' ? Number(bucket) : null,
    isRemainder: valueAt(answer, REMAINDER, row) === 1n,
    kept: answer.kept,
  };
}

/** The question inside a row, asked directly. */
function directQuery(table: Table, row: number, level: DrillDownQuery): CostQuery {
  const { answer, query, bound } = table;
  const { question } = bound;
  const bucket = valueAt(answer, TIME, row);
  const inside = (whole: TimeRange, edges: readonly number[] | undefined): TimeRange => {
    if (typeof bucket !== 'bigint') return whole;
    const [from, to] = edges?.slice(Number(bucket), Number(bucket) + 2) ?? [];
    return from === undefined || to === undefined ? NOTHING : { from, to };
  };
  const text = ({ from, to }: TimeRange) => ({ from: formatInstant(from), to: formatInstant(to) });
  return {
    ...query,
    ...level,
    period: text(inside(question.period, question.buckets?.edges)),
    compare: question.compare && text(inside(question.compare, question.compareBuckets?.edges)),
    filter: {
      all: [query.filter, level.filter, rowFilter(table, row)].filter((each) => each !== null),
    },
  };
}

function isOutsidePeriod({ answer, bound }: Table, row: number): boolean {
  const bucket = valueAt(answer, TIME, row);
  return typeof bucket === 'bigint' && Number(bucket) >= (bound.question.buckets?.labels.length ?? 0);
}

/** The row's keys; of a remainder row the open ones, and none of the tuples that are rows of their own. */
function rowFilter({ answer, query }: Table, row: number): FilterInput {
  const { groupBy, top } = query;
  const by = top ? (top.by ?? groupBy) : [];
  const equal = (keys: readonly string[], i: number): FilterInput => ({
    all: keys.map((key): FilterInput => {
      const value = textAt(answer, key, i);
      return { dimension: value === null ? { key, isNull: true } : { key, in: [value] } };
    }),
  });
  if (valueAt(answer, REMAINDER, row) !== 1n) return equal(groupBy, row);
  const named = new Map<string, FilterInput>();
  for (let i = 0; i < (answer.rows?.length ?? 0); i++) {
    const tuple = by.map((key) => textAt(answer, key, i));
    if (valueAt(answer, REMAINDER, i) !== 1n) named.set(JSON.stringify(tuple), equal(by, i));
  }
  const openKeys = groupBy.filter((key) => !by.includes(key));
  return { all: [equal(openKeys, row), { not: { any: [...named.values()] } }] };
}

/** All that an answer says; not the labels of buckets in a period that is none. */
function shownBy(
  { groupBy }: DrillDownQuery,
  isOutside: boolean,
  { question, predicateOf }: BoundQuery,
  distinct: readonly string[],
): (answer: Answer) => unknown {
  const amounts = (read: ReadMeasure) => [
    ...METRICS.map((each) => metricValue(read, each)),
    metricValue(read, 'EFFECTIVE_COST', predicateOf(UNTAGGED)),
  ];
  const measures = (read: ReadMeasure) => ({
    now: amounts(read),
    earlier: question.compare && amounts((name) => read(before(name))),
    distinct: distinct.map((key) => read(measure('count-distinct', key).name)),
  });
  return (answer) => ({
    rows: Array.from({ length: answer.rows?.length ?? 0 }, (_, i) => ({
      bucket: valueAt(answer, TIME, i),
      time: isOutside ? null : (answer.timeLabels[Number(valueAt(answer, TIME, i) ?? -1)] ?? null),
      keys: groupBy.map((key) => valueAt(answer, key, i)),
      isRemainder: valueAt(answer, REMAINDER, i) === 1n,
      ...(answer.rows && measures(readRow(answer.rows, i))),
    })),
    totalCount: answer.totalCount,
    totals: answer.totals && measures(answer.totals),
    currency: answer.currency,
  });
}
