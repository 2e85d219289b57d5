import type { Instant, TimeRange } from '../core/time-range.ts';
import { continueLabels, makeBuckets } from '../planner/bind/make-buckets.ts';
import type { Granularity, TimeBuckets } from '../planner/time-buckets.ts';
import { bucketIndex } from '../planner/time-buckets.ts';

/** Per level the number of a bucket, counted inside the bucket of the level above; null at TOTAL. */
export type BucketPath = readonly (number | null)[];

/**
 * A period cut at several levels, each inside the one above: the third day of the second month is [1, 2], as a
 * question about that month alone would number it. Days beside days of a compared month meet by these paths.
 */
export type NestedBuckets = {
  readonly period: TimeRange;
  readonly granularity: Granularity;
  readonly timeZone: string;
  /** All edges of all levels, with the labels of the last; null where all are TOTAL. */
  readonly buckets: TimeBuckets | null;
  readonly compareBuckets: TimeBuckets | null;
  /** Of each bucket of the period; then those that only the compared period has. */
  readonly paths: readonly BucketPath[];
  /** Where in `paths` each bucket of the compared period is. */
  readonly compared: readonly number[];
  /** Where in `paths` the buckets inside a bucket of the levels above are, by the name of its path. */
  readonly inside: ReadonlyMap<string, readonly number[]>;
  /** Without the last level; null for the first. */
  readonly outer: NestedBuckets | null;
};

export type Times = {
  readonly period: TimeRange;
  readonly compare: TimeRange | null;
  readonly timeZone: string;
};

/** @throws TOO_LARGE */
export function nestBuckets(granularities: readonly Granularity[], times: Times): NestedBuckets {
  const { period, timeZone } = times;
  const current = cut(granularities, timeZone, period);
  const earlier = times.compare && cut(granularities, timeZone, times.compare);
  const paths = [...current.paths];
  const places = new Map(paths.map((path, i) => [nameOf(path), i]));
  const compared = (earlier?.paths ?? []).map((path) => {
    const place = places.get(nameOf(path));
    return place ?? paths.push(path) - 1;
  });
  const upper = granularities.slice(0, -1);
  return {
    period,
    granularity: granularities.at(-1) ?? 'TOTAL',
    timeZone,
    buckets: current.buckets,
    compareBuckets: earlier?.buckets ?? null,
    paths,
    compared,
    inside: Map.groupBy(paths.keys(), (i) => nameOf(paths[i]?.slice(0, -1) ?? [])),
    outer: upper.length > 0 ? nestBuckets(upper, times) : null,
  };
}

/** Whether bucket i of the compared period stands beside bucket i: then a store can set them side by side. */
export function standsSideBySide({ compared }: NestedBuckets): boolean {
  return compared.every((place, i) => place === i);
}

/**
 * Starts of the buckets inside `path`, a bucket of the levels above, as far as either period has them; at least
 * `count`. Those of a bucket that only the compared period has lie where the calendar goes on.
 */
export function labelsInside(nested: NestedBuckets, path: BucketPath, count = 0): readonly Instant[] {
  const { granularity, timeZone, buckets } = nested;
  if (granularity === 'TOTAL' || buckets === null) return [];
  const places = nested.inside.get(nameOf(path)) ?? [];
  const own = places.filter((place) => place < buckets.labels.length);
  const [first] = own;
  const found =
    first === undefined
      ? makeBuckets(granularity, timeZone, rangeOf(nested, path))
      : {
          granularity,
          timeZone,
          labels: buckets.labels.slice(first, first + own.length),
          edges: buckets.edges.slice(first, first + own.length + 1),
        };
  return continueLabels(found, Math.max(count, places.length));
}

/** Of a bucket of the levels above the last. */
function rangeOf({ period, outer }: NestedBuckets, path: BucketPath): TimeRange {
  if (outer === null) return period;
  const upper = path.slice(0, -1);
  const number = path.at(-1) ?? null;
  if (number === null) return rangeOf(outer, upper);
  const labels = labelsInside(outer, upper, number + 2);
  return { from: labels[number] ?? 0, to: labels[number + 1] ?? 0 };
}

type Cut = { readonly buckets: TimeBuckets | null; readonly paths: readonly BucketPath[] };

/** All edges of all levels: every bucket of every level is a run of these. */
function cut(granularities: readonly Granularity[], timeZone: string, range: TimeRange): Cut {
  const levels = granularities.map((each) => (each === 'TOTAL' ? null : makeBuckets(each, timeZone, range)));
  const last = levels.findLast((level) => level !== null);
  if (last === undefined) return { buckets: null, paths: [levels.map(() => null)] };
  const edges = [...new Set(levels.flatMap((level) => level?.edges ?? []))].sort((a, b) => a - b);
  const positions = edges
    .slice(0, -1)
    .map((edge) => levels.map((level) => level && bucketIndex(level, edge)));
  const lastAt = levels.lastIndexOf(last);
  const labels = positions.map((position) => last.labels[position[lastAt] ?? 0] ?? 0);
  return { buckets: { ...last, labels, edges }, paths: numberInside(positions) };
}

/** Numbers that count from 0 in every bucket of the levels above, from numbers that count through. */
function numberInside(positions: readonly BucketPath[]): BucketPath[] {
  const paths: BucketPath[] = [];
  for (const [i, position] of positions.entries()) {
    let isNew = i === 0;
    const path = position.map((number, level): number | null => {
      if (number === null) return null;
      const before = paths[i - 1]?.[level] ?? 0;
      const hasMoved = number !== positions[i - 1]?.[level];
      const own = isNew ? 0 : hasMoved ? before + 1 : before;
      isNew ||= hasMoved;
      return own;
    });
    paths.push(path);
  }
  return paths;
}

function nameOf(path: BucketPath): string {
  return path.join();
}
