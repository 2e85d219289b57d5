import type { Metric } from '../catalog/metrics.ts';
import type { TenantId } from '../core/ids.ts';
import type { TimeRange } from '../core/time-range.ts';
import type { Measure } from './measures.ts';
import type { HavingTest, SortKey } from './plan.ts';
import type { Predicate } from './predicate.ts';
import type { Granularity, TimeBuckets } from './time-buckets.ts';

/**
 * A question about costs, validated and resolved: no defaults left to apply, names known, bounds fixed.
 * GraphQL, SQL and files all become this; the planner reads nothing else of what was asked.
 */
export type Question = {
  readonly tenant: TenantId;
  readonly period: TimeRange;
  /** The second period of `compare`. */
  readonly compare: TimeRange | null;
  readonly axis: 'CHARGE_PERIOD' | 'BILLING_PERIOD';
  readonly timing: 'START' | 'PRORATED';
  readonly granularity: Granularity;
  readonly timeZone: string;
  /** Of `period`; null at TOTAL. */
  readonly buckets: TimeBuckets | null;
  /** Of `compare`: bucket i stands beside bucket i of the period. */
  readonly compareBuckets: TimeBuckets | null;
  /** NONE: before shared costs are split. */
  readonly splits: 'APPLIED' | 'NONE';
  readonly groupBy: readonly string[];
  readonly filter: Predicate;
  readonly having: readonly HavingTest[];
  readonly top: {
    readonly count: number;
    readonly by: readonly string[];
    readonly metric: Metric;
    readonly remainder: boolean;
  } | null;
  /** Total: the asked order, then time and the keys, as far as they are not named. */
  readonly sort: readonly SortKey[];
  readonly wanted: Wanted;
};

/** Which parts of the answer are to be computed; what is not wanted is neither read nor computed. */
export type Wanted = {
  /** Rows from `offset`, at most `limit`. */
  readonly rows: {
    readonly measures: readonly Measure[];
    readonly offset: number;
    readonly limit: number;
  } | null;
  /** Over all charges that meet the filter, before having and top. */
  readonly totals: { readonly measures: readonly Measure[] } | null;
  /** Totals over the charges of the period that do not meet the filter. */
  readonly excluded: { readonly measures: readonly Measure[] } | null;
};
