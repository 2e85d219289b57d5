import { addUnits, startOf } from '../../core/calendar.ts';
import { costError } from '../../core/errors.ts';
import type { Instant, TimeRange } from '../../core/time-range.ts';
import { DAY_MS, HOUR_MS, ceilHour } from '../../core/time-range.ts';
import type { OffsetSegment } from '../../core/time-zone.ts';
import { fromLocal, offsetSegments, toLocal } from '../../core/time-zone.ts';
import type { Granularity, TimeBuckets } from '../time-buckets.ts';

/** More rows of time than anyone reads: ten years of hours. */
export const BUCKETS_MAX = 90_000;
const LONGEST_MS: Readonly<Record<TimeBuckets['granularity'], number>> = {
  HOUR: HOUR_MS,
  DAY: DAY_MS,
  WEEK: 7 * DAY_MS,
  MONTH: 31 * DAY_MS,
  QUARTER: 92 * DAY_MS,
  YEAR: 366 * DAY_MS,
};

/**
 * Cuts a period at the calendar edges of a granularity in a zone. The first label may lie before the period.
 *
 * @throws BAD_TIME_ZONE, TOO_LARGE
 */
export function makeBuckets(
  granularity: Exclude<Granularity, 'TOTAL'>,
  timeZone: string,
  period: TimeRange,
): TimeBuckets {
  const span = period.to - period.from;
  const shortest = granularity === 'HOUR' ? HOUR_MS : DAY_MS;
  if (span / shortest > BUCKETS_MAX * (granularity === 'HOUR' ? 1 : 31)) throw tooMany(span / shortest);
  const segments = offsetSegments(timeZone, {
    from: period.from - 400 * DAY_MS,
    to: period.to + 400 * DAY_MS,
  });
  const labels =
    granularity === 'HOUR' ? hourLabels(segments, period) : calendarLabels(granularity, segments, period);
  if (labels.length > BUCKETS_MAX) throw tooMany(labels.length);
  // Charges sit at the hour of their start, so a bucket begins with the first full hour in it.
  const edges = labels.map((label) => Math.max(ceilHour(label), ceilHour(period.from)));
  edges.push(ceilHour(period.to));
  return dropEmpty({ granularity, timeZone, labels, edges });
}

function tooMany(count: number): Error {
  return costError('TOO_LARGE', { what: 'time buckets', actual: Math.ceil(count), limit: BUCKETS_MAX });
}

/** One label per UTC hour: the start of the local hour that it begins in. */
function hourLabels(segments: readonly OffsetSegment[], period: TimeRange): Instant[] {
  const labels: Instant[] = [];
  for (let hour = ceilHour(period.from); hour < ceilHour(period.to); hour += HOUR_MS) {
    const local = toLocal(segments, hour);
    labels.push(hour - (local - startOf('HOUR', local)));
  }
  return labels;
}

function calendarLabels(
  unit: Exclude<Granularity, 'TOTAL' | 'HOUR'>,
  segments: readonly OffsetSegment[],
  period: TimeRange,
): Instant[] {
  const labels: Instant[] = [];
  let local = startOf(unit, toLocal(segments, period.from));
  for (let label = fromLocal(segments, local); label < period.to; label = fromLocal(segments, local)) {
    labels.push(label);
    local = addUnits(unit, local, 1);
  }
  return labels;
}

/** Buckets that hold no full hour's start are dropped, so that edges strictly increase. */
function dropEmpty(buckets: TimeBuckets): TimeBuckets {
  const kept = buckets.labels.flatMap((_, i) =>
    (buckets.edges[i] ?? 0) < (buckets.edges[i + 1] ?? 0) ? [i] : [],
  );
  if (kept.length === buckets.labels.length) return buckets;
  return {
    ...buckets,
    labels: kept.map((i) => buckets.labels[i] ?? 0),
    edges: [...kept.map((i) => buckets.edges[i] ?? 0), buckets.edges.at(-1) ?? 0],
  };
}

/**
 * Labels for `count` buckets: those of the period, continued by the calendar where the compared period has more.
 * They ascend: a local day that a zone skipped has no label.
 */
export function continueLabels(buckets: TimeBuckets, count: number): readonly Instant[] {
  const missing = count - buckets.labels.length;
  const end = buckets.edges.at(-1);
  if (missing <= 0 || end === undefined) return buckets.labels;
  const { granularity, timeZone } = buckets;
  const stepMs = LONGEST_MS[granularity];
  // One unit more for the one that the period ends in, one for one that was skipped.
  const range = { from: end, to: end + (missing + 2) * stepMs };
  const last = buckets.labels.at(-1) ?? -Infinity;
  const more = makeBuckets(granularity, timeZone, range).labels.filter((label) => label > last);
  return [...buckets.labels, ...more.slice(0, missing)];
}

/** Whether local midnights (or hours) of the period fall off the UTC hour: then buckets take whole hours by their start. */
export function isOffTheHour(timeZone: string, period: TimeRange): boolean {
  return offsetSegments(timeZone, period).some((segment) => segment.offsetMs % HOUR_MS !== 0);
}
