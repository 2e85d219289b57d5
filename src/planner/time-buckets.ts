import type { Instant } from '../core/time-range.ts';

export type Granularity = 'TOTAL' | 'HOUR' | 'DAY' | 'WEEK' | 'MONTH' | 'QUARTER' | 'YEAR';

/**
 * Buckets of a period, as numbers 0, 1, 2…: bucket i is [edges[i], edges[i+1]). Stores group by the number;
 * `labels[i]` (the calendar start, which may lie before the period) is put in at the end.
 *
 * Edges are on the UTC hour, because a charge belongs to the UTC hour of its start: where a zone's midnight is
 * off the hour, the edge is the next full hour and the label stays the midnight.
 */
export type TimeBuckets = {
  readonly granularity: Exclude<Granularity, 'TOTAL'>;
  readonly timeZone: string;
  readonly labels: readonly Instant[];
  /** One more than labels; strictly increasing. */
  readonly edges: readonly Instant[];
};

/** Consecutive buckets of equal width: `count` buckets from number `first`, the first starting at `from`. */
export type BucketRun = {
  readonly first: number;
  readonly from: Instant;
  readonly widthMs: number;
  readonly count: number;
};

/** The edges as few runs of equal width (a year of days in Berlin: five), so that stores find a bucket by arithmetic. */
export function bucketRuns(buckets: TimeBuckets): BucketRun[] {
  const runs: BucketRun[] = [];
  for (let i = 0; i + 1 < buckets.edges.length; i++) {
    const from = buckets.edges[i] ?? 0;
    const widthMs = (buckets.edges[i + 1] ?? 0) - from;
    const last = runs.at(-1);
    if (last && last.widthMs === widthMs) runs[runs.length - 1] = { ...last, count: last.count + 1 };
    else runs.push({ first: i, from, widthMs, count: 1 });
  }
  return runs;
}

/** The number of the bucket that `instant` falls in; -1 outside. */
export function bucketIndex(buckets: TimeBuckets, instant: Instant): number {
  const { edges } = buckets;
  let low = 0;
  let high = edges.length - 1;
  if (instant < (edges[0] ?? Infinity) || instant >= (edges[high] ?? -Infinity)) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (instant < (edges[middle] ?? Infinity)) high = middle;
    else low = middle;
  }
  return low;
}
