import { tenantId } from '../../src/core/ids.ts';
import type { TimeRange } from '../../src/core/time-range.ts';
import { ALL_TIME } from '../../src/core/time-range.ts';
import type { LakeTableName } from '../../src/catalog/lake-tables.ts';
import type { Measure } from '../../src/planner/measures.ts';
import type {
  Aggregate,
  Ask,
  Bucket,
  ColumnName,
  Compare,
  Estimate,
  FileSelection,
  Filter,
  GroupingSets,
  Having,
  HavingTest,
  Lookup,
  Page,
  PhysicalPlan,
  Plan,
  Scan,
  SortKey,
  Top,
  Union,
} from '../../src/planner/plan.ts';
import { outputColumns } from '../../src/planner/plan-tree.ts';
import type { Dictionary, Predicate, Test, ValueTest } from '../../src/planner/predicate.ts';
import type { Granularity, TimeBuckets } from '../../src/planner/time-buckets.ts';

/** Builders of plans for tests: what a test does not care about has a default, the rest is named. */

const demo = tenantId('demo');
if (demo === null) throw new Error('demo is a tenant id');
export const DEMO = demo;

export const NO_COST: Estimate = { rows: 0, bytes: 0, ms: 0, usd: 0 };

export function scan(columns: readonly ColumnName[], options: Partial<Scan> = {}): Scan {
  return {
    kind: 'Scan',
    rollup: null,
    tenant: DEMO,
    range: ALL_TIME,
    within: 'start',
    axis: 'charge_period_start',
    batches: null,
    columns,
    files: null,
    ...options,
  };
}

export function lookup(dictionary: Dictionary, columns: readonly ColumnName[], input: Plan): Lookup {
  return { kind: 'Lookup', dictionary, columns, input };
}

export function filter(predicate: Predicate, input: Plan): Filter {
  return { kind: 'Filter', predicate, input };
}

export function bucket(input: Plan, options: Partial<Omit<Bucket, 'kind' | 'input'>> = {}): Bucket {
  return {
    kind: 'Bucket',
    timing: 'START',
    axis: 'charge_period_start',
    buckets: null,
    clip: ALL_TIME,
    input,
    ...options,
  };
}

export function aggregate(
  groupBy: readonly ColumnName[],
  measures: readonly Measure[],
  input: Plan,
  step: Aggregate['step'] = 'single',
): Aggregate {
  return { kind: 'Aggregate', step, groupBy, measures, input };
}

export function groupingSets(
  sets: readonly (readonly ColumnName[])[],
  measures: readonly Measure[],
  input: Plan,
  step: GroupingSets['step'] = 'single',
): GroupingSets {
  return { kind: 'GroupingSets', step, sets, measures, input };
}

export function union(...inputs: readonly Plan[]): Union {
  return { kind: 'Union', inputs };
}

export function compare(
  keys: readonly ColumnName[],
  measures: readonly Measure[],
  current: Plan,
  earlier: Plan,
): Compare {
  return { kind: 'Compare', keys, measures, current, earlier };
}

export function having(tests: readonly HavingTest[], input: Plan): Having {
  return { kind: 'Having', tests, input };
}

export function top(
  input: Plan,
  options: Pick<Top, 'count' | 'by' | 'measures' | 'keys'> & Partial<Top>,
): Top {
  return { kind: 'Top', metric: 'EFFECTIVE_COST', remainder: true, input, ...options };
}

export function page(
  input: Plan,
  options: { sort: readonly SortKey[]; measures: readonly Measure[]; offset?: number; limit?: number },
): Page {
  return { kind: 'Page', offset: 0, limit: 1000, input, ...options };
}

/** A fragment for DuckDB; the files of its Scans are in them. */
export function ask(
  fragment: Plan,
  dictionaries: Ask['dictionaries'] = {},
  estimate: Estimate = NO_COST,
): Ask {
  return {
    kind: 'Ask',
    store: 'DUCKDB',
    fragment,
    dictionaries,
    lists: new Map(),
    estimate,
    read: { files: 0, bytes: 0, rows: 0 },
  };
}

/** A plan that the test made whole: every Scan in an Ask, with its files. */
export function physical(plan: Plan): PhysicalPlan {
  return plan as PhysicalPlan; // The brand's only other maker is the planner.
}

export function selection(
  table: LakeTableName,
  paths: readonly string[],
  options: Partial<FileSelection> = {},
): FileSelection {
  const files = paths.map((path) => ({ path, sizeBytes: 0, records: 0, batch: null }));
  const pruning = {
    filesTotal: files.length,
    filesRead: files.length,
    bytesTotal: 0,
    bytesRead: 0,
    skipped: [],
  };
  const proven = { tenant: false, time: false };
  return {
    table,
    snapshot: '1',
    files,
    columnBytes: 0,
    lacking: [],
    narrow: [],
    proven,
    pruning,
    ...options,
  };
}

export function test(key: string, valueTest: ValueTest, orNull = false): Test {
  return { kind: 'test', key, test: valueTest, orNull };
}

/** Values must be sorted by code point and distinct. */
export function isIn(key: string, values: readonly string[], options: { orNull?: boolean } = {}): Test {
  return test(key, { op: 'in', values, ignoreCase: false }, options.orNull);
}

export function isMissing(key: string): Test {
  return test(key, { op: 'none' }, true);
}

export function key(column: ColumnName, direction: 'ASC' | 'DESC' = 'ASC'): SortKey {
  return { by: 'key', column, direction };
}

/** Buckets of equal width from `range.from`, labelled with their edges. */
export function evenBuckets(
  range: TimeRange,
  widthMs: number,
  granularity: Exclude<Granularity, 'TOTAL'> = 'DAY',
): TimeBuckets {
  const edges: number[] = [];
  for (let edge = range.from; edge < range.to; edge += widthMs) edges.push(edge);
  return { granularity, timeZone: 'UTC', labels: [...edges], edges: [...edges, range.to] };
}

/** Every key of a plan in ascending order: a total order for a Page. */
export function byKeys(plan: Plan, keys: readonly ColumnName[]): SortKey[] {
  return outputColumns(plan)
    .filter((column) => keys.includes(column))
    .map((column) => key(column));
}
