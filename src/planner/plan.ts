import type { Metric } from '../catalog/metrics.ts';
import type { LakeTableName } from '../catalog/lake-tables.ts';
import type { Rollup } from '../catalog/rollups.ts';
import type { Brand } from '../core/brand.ts';
import type { TenantId } from '../core/ids.ts';
import type { Grain, NoDriver, RuleValue } from '../attribution/rule-set.ts';
import type { Decimal } from '../core/decimal.ts';
import type { Instant, TimeRange } from '../core/time-range.ts';
import type { TelemetrySelection } from './choose-telemetry.ts';
import type { Measure } from './measures.ts';
import { measuresOf } from './measures.ts';
import type { Dictionary, Predicate } from './predicate.ts';
import type { TimeBuckets } from './time-buckets.ts';

/**
 * One algebra for all stages: plain data, JSON round trip (bigints as text), digestible. What differs is
 * where the line to the stores runs: a logical plan has Scans and no Ask; a physical plan has Asks, and what is
 * inside an Ask is done by its store, what is above it by the server.
 *
 * Columns of a row are named: dimensions by key (`service_name`, `tag:Application`), the bucket number `$time`,
 * ids `resource_key` and `tag_set`, what charges carry inline as in the table, measures by `Measure.name`, those of
 * the compared period with `before:`.
 */
export type Plan =
  | Scan
  | Empty
  | Lookup
  | Attribute
  | Allocate
  | Telemetry
  | Rebucket
  | Filter
  | Bucket
  | Aggregate
  | GroupingSets
  | Union
  | Compare
  | Having
  | Top
  | Page
  | Ask
  | OneSet
  | Kept
  | Keep;

export type ColumnName = string;
export const TIME: ColumnName = '$time';
/** True (1n) on the rows that stand for everything outside `top`. */
export const REMAINDER: ColumnName = '$remainder';
/** Position in a Page, from 1; 0 is the summary row. */
export const ORDINAL: ColumnName = '$ordinal';
/** In a Page's summary row: how many rows there are in all. */
export const ROW_COUNT: ColumnName = '$rows';
/** In rows of GroupingSets: the number of the set that the row is a group of. */
export const SET: ColumnName = '$set';
/** Of what was shared out: a number that all parts of one item have; null on the rest. */
export const ITEM: ColumnName = '$item';
/** Name of the split that a part came of; null on what was not shared out. */
export const SPLIT: ColumnName = '$split';
/** Met by parts of what was shared out, and by nothing else. */
export const IS_PART: Predicate = { kind: 'test', key: SPLIT, test: { op: 'any' }, orNull: false };
/**
 * Of a part the splits that it came of, in their order, joined by `;`: `split:way:numerator:denominator` of what the split
 * passed on, with the numbers of the split in the rule set and of what gave the weights (0: the driver, n: the nth of
 * `noDriver`). Null on what was not shared out.
 */
export const STEPS: ColumnName = '$steps';
export const before = (name: ColumnName): ColumnName => `before:${name}`;

/**
 * The live charges of a tenant whose time is in `range`, or the rows of a rollup that stand for them. Always carries
 * the tenant: no rule can take it off.
 */
export type Scan = {
  readonly kind: 'Scan';
  readonly tenant: TenantId;
  /** Read in place of the charges: its rows start with the hours or days of `range`. Null: the charges themselves. */
  readonly rollup: Rollup | null;
  /** On the hour for `start`; as asked for `overlap`. */
  readonly range: TimeRange;
  /** `start`: the charge (or billing period) starts in the range. `overlap`: the charge's span touches it. */
  readonly within: 'start' | 'overlap';
  readonly axis: 'charge_period_start' | 'billing_period_start';
  /** Only charges of these batches, as far as they are live; null: of all live ones. */
  readonly batches: readonly string[] | null;
  /** Columns of `charges` that are read; of a rollup its attributes by their keys, tags among them. */
  readonly columns: readonly ColumnName[];
  /** The files that are read; null until pruning has chosen them. */
  readonly files: FileSelection | null;
};

/** No rows, with the columns named. */
export type Empty = { readonly kind: 'Empty'; readonly columns: readonly ColumnName[] };

/**
 * Adds dimensions kept in a dictionary: what the entry of the row's id says, or what the row carries inline (of the two
 * a charge has one at most); null where there is neither.
 */
export type Lookup = {
  readonly kind: 'Lookup';
  readonly dictionary: Dictionary;
  /** Dimension keys: `resource_id`, `tag:Application`. */
  readonly columns: readonly ColumnName[];
  readonly input: Plan;
};

/**
 * Adds the dimensions that the tenant's rules define, from its input's columns alone. Stands over groups, so that rules run
 * once per distinct combination of what they look at, whatever the number of charges.
 */
export type Attribute = {
  readonly kind: 'Attribute';
  /** The version of the rules, and the time of the charges: with the keys they determine the cases. */
  readonly rules: { readonly version: string; readonly range: TimeRange };
  /** In an order in which each looks at columns of the input and at those before it only. */
  readonly dimensions: readonly RuledDimension[];
  readonly input: Plan;
};

/** The value of the first case that a row meets and that gives one; null where there is none. */
export type RuledDimension = { readonly key: ColumnName; readonly cases: readonly RuleCase[] };

export type RuleCase = {
  readonly when: Predicate;
  /** Only for charges that start in these hours, of rows that have `charge_period_start`; null: all of them. */
  readonly during: RuleTime | null;
  readonly value: CaseValue;
};
/** Half-open; null is open. */
export type RuleTime = { readonly from: Instant | null; readonly to: Instant | null };

/** `lookup`: by the rows of the tenant's list that are valid at an instant, which Asks carry. */
export type CaseValue =
  | Exclude<RuleValue, { readonly kind: 'lookup' }>
  | {
      readonly kind: 'lookup';
      /** Of the rule set that the list is stored with. */
      readonly rules: string;
      readonly name: string;
      readonly on: readonly ColumnName[];
      readonly column: string;
      readonly at: Instant;
    };

/**
 * Shares out rows of groups by hours (`$time`). Of rows that are `members`, each pool (equal `pool`) is shared among the
 * keys of its weights: with its items (equal `items`) in the order of these, X(i) the sum of a measure over the items
 * through i, keys in code point order, Y(k) the sum of weights through key k and W of all of them,
 *
 *     part(i, k) = F(X(i), Y(k)) − F(X(i−1), Y(k)) − F(X(i), Y(k−1)) + F(X(i−1), Y(k−1)),  F(x, y) = ⌊x·y ÷ W⌋
 *
 * in units of 10^-12: parts of an item add up to it, parts of a key to its share of the pool, and the parts of items put
 * together are the sums of theirs. Sums are shared; counts and extremes are each part's own. Members of a pool without
 * weights, and all other rows, stay as they are. Columns out: `items`, `to`, measures, `$item`, `$split`; where the
 * split is traced, `$steps`, which its input has as well.
 */
export type Allocate = {
  readonly kind: 'Allocate';
  readonly split: string;
  /** Splits before it that rows went through. */
  readonly stage: number;
  readonly members: Predicate;
  readonly to: readonly ColumnName[];
  /** Of the hour 0. */
  readonly from: Instant;
  readonly pool: readonly ColumnName[];
  readonly items: readonly ColumnName[];
  readonly measures: readonly Measure[];
  readonly weights: Weights;
  readonly noDriver: readonly NoDriver[];
  /** The number of the split in `$steps`; null: nobody asks for these. */
  readonly traced: number | null;
  readonly input: Plan;
};
export type Weights =
  /** The same in every pool, of the one key of `to`. */
  | { readonly kind: 'constant'; readonly shares: readonly ConstantShare[] }
  /**
   * A row of `plan` is the weight of `keys` in the hour, or the day that begins with it, `$time` from `from`, in pools that
   * agree in `agreeing`. A pool whose charges take longer than the grain has the weights of all of it that they touch.
   */
  | {
      readonly kind: 'measured';
      readonly grain: Grain;
      readonly agreeing: readonly ColumnName[];
      /** A key of `to`, and the column of `plan` that holds its values. */
      readonly keys: readonly { readonly key: ColumnName; readonly column: ColumnName }[];
      readonly weight: ColumnName;
      readonly from: Instant;
      readonly plan: Plan;
    };
/** Weights of all values before it, and through it: the last one's `to` is the sum. */
export type ConstantShare = { readonly value: string; readonly from: string; readonly to: string };

/** Units of a stream of driver data: `$time` (hours since the range's start), its keys, `units`. */
export type Telemetry = {
  readonly kind: 'Telemetry';
  readonly tenant: TenantId;
  readonly stream: string;
  readonly keys: readonly ColumnName[];
  readonly grain: Grain;
  readonly range: TimeRange;
  readonly selection: TelemetrySelection;
};

/** Puts hours since `from` (`$time`) into buckets; null: all into one, number 0. */
export type Rebucket = {
  readonly kind: 'Rebucket';
  readonly from: Instant;
  readonly buckets: TimeBuckets | null;
  readonly input: Plan;
};

export type Filter = { readonly kind: 'Filter'; readonly predicate: Predicate; readonly input: Plan };

/**
 * Adds `$time`. START: the bucket of the charge's start. PRORATED: one row per bucket that the charge's span
 * touches inside `clip`, with every summed metric cut to its part: with F(t) = amount × (t − start) ÷ (end − start)
 * in whole units of 10^-12, rounded toward zero, the part of [a, b) is F(b) − F(a); so parts sum to the charge.
 * A charge of no length counts at its start.
 */
export type Bucket = {
  readonly kind: 'Bucket';
  readonly timing: 'START' | 'PRORATED';
  readonly axis: 'charge_period_start' | 'billing_period_start';
  /** Null: the whole `clip` is one bucket, number 0. */
  readonly buckets: TimeBuckets | null;
  readonly clip: TimeRange;
  readonly input: Plan;
};

/** One row per distinct `groupBy` tuple: the group columns, then one column per measure. No group columns: exactly one row. */
export type Aggregate = {
  readonly kind: 'Aggregate';
  /** `partial` rows may repeat a group; `final` merges rows of partials by name (count-distinct counts its column); `single` does both at once. */
  readonly step: 'single' | 'partial' | 'final';
  readonly groupBy: readonly ColumnName[];
  readonly measures: readonly Measure[];
  readonly input: Plan;
};

/**
 * Several Aggregates over one input in one pass: the rows of each, with the number of its set in `$set`, and null in
 * the columns that its set lacks.
 */
export type GroupingSets = {
  readonly kind: 'GroupingSets';
  readonly step: 'single' | 'final';
  readonly sets: readonly (readonly ColumnName[])[];
  readonly measures: readonly Measure[];
  readonly input: Plan;
};

export type Union = { readonly kind: 'Union'; readonly inputs: readonly Plan[] };

/** Full outer join by `keys`, nulls equal: the first period's measures, and the second's as `before:`; absent counts are 0, absent sums null. */
export type Compare = {
  readonly kind: 'Compare';
  readonly keys: readonly ColumnName[];
  readonly measures: readonly Measure[];
  readonly current: Plan;
  readonly earlier: Plan;
};

export type HavingTest = {
  readonly metric: Metric;
  readonly op: 'gt' | 'gte' | 'lt' | 'lte';
  readonly value: Decimal;
};
/** Keeps rows that meet every test; a null metric meets none. */
export type Having = { readonly kind: 'Having'; readonly tests: readonly HavingTest[]; readonly input: Plan };

/**
 * Ranks the tuples of `by` by `metric` summed over all their rows (largest first, nulls last, ties by keys) and keeps
 * the first `count`. The rest is dropped, or merged into remainder rows: `by` null, other columns as they are.
 */
export type Top = {
  readonly kind: 'Top';
  readonly count: number;
  readonly by: readonly ColumnName[];
  readonly metric: Metric;
  readonly remainder: boolean;
  /** All key columns of the input ($time among them) and all its measures. */
  readonly keys: readonly ColumnName[];
  readonly measures: readonly Measure[];
  readonly input: Plan;
};

export type SortKey =
  | { readonly by: 'key'; readonly column: ColumnName; readonly direction: 'ASC' | 'DESC' }
  /** `magnitude`: of the metric, whatever its sign. */
  | {
      readonly by: 'metric' | 'magnitude' | 'change';
      readonly metric: Metric;
      readonly direction: 'ASC' | 'DESC';
    };

/**
 * Sorts and cuts. Nulls are last in either direction, remainder rows after missing values. The first row out is a
 * summary of all of the input (ordinal 0, `$rows`, measures merged, keys null), then `limit` rows from `offset`.
 * `sort` names every key column, so that the order is total.
 */
export type Page = {
  readonly kind: 'Page';
  readonly sort: readonly SortKey[];
  readonly offset: number;
  readonly limit: number;
  readonly measures: readonly Measure[];
  readonly input: Plan;
};

/** What one store does: the fragment, with the files of its Scans chosen, and what it is expected to cost. */
export type Ask = {
  readonly kind: 'Ask';
  readonly store: StoreName;
  readonly fragment: Plan;
  /** Files of the dictionaries that Lookups and Members read. */
  readonly dictionaries: Readonly<Partial<Record<Dictionary, FileSelection>>>;
  /** What Attributes look up in lists of the rules, by `listKey`. */
  readonly lists: ReadonlyMap<string, List>;
  readonly estimate: Estimate;
  /** What it reads, by estimate. */
  readonly read: Read;
};

/** The rows of a list that are valid: no two have the same texts under `on`. */
export type List = {
  readonly rows: readonly { readonly on: readonly string[]; readonly value: string }[];
};

/** What tells a look-up in a list from others in one statement. */
export function listKey({ name, on, column, at }: Extract<CaseValue, { kind: 'lookup' }>): string {
  return JSON.stringify([name, on, column, at]);
}

/**
 * Of an Ask for GroupingSets the rows of one set, without the number. Plans that share a scan hold one and the same Ask,
 * which is run once for all of them.
 */
export type OneSet = {
  readonly kind: 'OneSet';
  readonly set: number;
  readonly columns: readonly ColumnName[];
  readonly input: Ask;
  /** What gives these rows by itself: for where the shared Ask fails. */
  readonly alone: Ask;
};

/** Rows of an earlier answer to the same, which the server still has under a digest of what determines them. */
export type Kept = {
  readonly kind: 'Kept';
  readonly key: string;
  readonly columns: readonly ColumnName[];
  readonly rows: number;
};

/** Its input's rows, of them `columns`, which the server keeps for later; `by` tells the units apart. */
export type Keep = {
  readonly kind: 'Keep';
  readonly columns: readonly ColumnName[];
  readonly by: readonly ColumnName[];
  /** What rows with these values of `by` are kept under, also where there are none. */
  readonly units: readonly { readonly key: string; readonly values: readonly string[] }[];
  readonly input: Plan;
};

/** All that plans can name; which of them there are is the server's. */
export const storeNames = ['DUCKDB', 'TRINO', 'REDIS'] as const;
export type StoreName = (typeof storeNames)[number];

/** The files of one table at one snapshot that a plan reads, and what was left out, by reason. */
export type FileSelection = {
  readonly table: LakeTableName;
  /** Iceberg snapshot id. */
  readonly snapshot: string;
  readonly files: readonly SelectedFile[];
  /** Compressed bytes of the columns that are read. */
  readonly columnBytes: number;
  /** Columns that at least one selected file does not hold (added later): read by field id there. */
  readonly lacking: readonly ColumnName[];
  /** Every selected file's values of these decimal columns fit decimal(18,12). */
  readonly narrow: readonly ColumnName[];
  /** What the files' statistics prove of every row, so that no row is tested for it. */
  readonly proven: Proven;
  readonly pruning: Pruning;
};
/** `tenant`: the rows are the tenant's. `time`: they are in the range of the Scan. */
export type Proven = { readonly tenant: boolean; readonly time: boolean };
export type SelectedFile = {
  readonly path: string;
  readonly sizeBytes: number;
  readonly records: number;
  /** That all its rows are of; null in tables that are not kept by batch, as dictionaries. */
  readonly batch: string | null;
};

export type Pruning = {
  readonly filesTotal: number;
  readonly filesRead: number;
  readonly bytesTotal: number;
  readonly bytesRead: number;
  readonly skipped: readonly { readonly reason: string; readonly files: number; readonly bytes: number }[];
};

/** What a store reads: files (parts of them count as such), compressed bytes of the columns that are read, rows. */
export type Read = { readonly files: number; readonly bytes: number; readonly rows: number };

/** Rows out, bytes read, milliseconds, US dollars. */
export type Estimate = {
  readonly rows: number;
  readonly bytes: number;
  readonly ms: number;
  readonly usd: number;
};

/** No Ask inside. */
export type LogicalPlan = Brand<Plan, 'LogicalPlan'>;
/** Every Scan is inside an Ask and has its files. */
export type PhysicalPlan = Brand<Plan, 'PhysicalPlan'>;

/** Rows of the plan in which a metric can be read: what Having, Top and Page need of their input. */
export function metricColumns(metric: Metric): readonly ColumnName[] {
  return measuresOf(metric).map((measure) => measure.name);
}

function formatMinute(instant: Instant): string {
  return new Date(instant).toISOString().replace(/:00\.000Z$/, 'Z');
}

/** `[2018-10-01T00:00Z, 2018-11-01T00:00Z)`, for explain. */
export function formatRange(range: TimeRange): string {
  return `[${formatMinute(range.from)}, ${formatMinute(range.to)})`;
}
