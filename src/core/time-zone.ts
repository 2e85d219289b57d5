import { Temporal } from 'temporal-polyfill';
import { costError } from './errors.ts';
import { nearNames } from './near.ts';
import type { Instant, TimeRange } from './time-range.ts';

/** From `from` (the first: from ever) until the next one's, local time is UTC + `offsetMs`. */
export type OffsetSegment = { readonly from: Instant; readonly offsetMs: number };

/** Milliseconds on a wall clock, counted as if the wall clock showed UTC. */
export type LocalTime = number;

const SEGMENTS_MAX = 1000;
const UTC: readonly OffsetSegment[] = [{ from: -Infinity, offsetMs: 0 }];

/** The stretches of constant offset that a zone has in `range`. @throws BAD_TIME_ZONE */
export function offsetSegments(zone: string, range: TimeRange): readonly OffsetSegment[] {
  if (zone === 'UTC') return UTC;
  const segments: OffsetSegment[] = [];
  let at = zoned(zone, range.from);
  segments.push({ from: -Infinity, offsetMs: at.offsetNanoseconds / 1e6 });
  while (segments.length < SEGMENTS_MAX) {
    const next = at.getTimeZoneTransition('next');
    if (next === null || next.epochMilliseconds >= range.to) break;
    segments.push({ from: next.epochMilliseconds, offsetMs: next.offsetNanoseconds / 1e6 });
    at = next;
  }
  return segments;
}

function zoned(zone: string, instant: Instant): Temporal.ZonedDateTime {
  // Offsets such as +02:00 are no zones: they know no daylight-saving time.
  if (!/^[A-Za-z]/.test(zone)) throw badZone(zone);
  try {
    return Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zone);
  } catch (cause) {
    throw badZone(zone, cause);
  }
}

function badZone(zone: string, cause?: unknown): Error {
  return costError(
    'BAD_TIME_ZONE',
    { zone, near: nearNames(zone, Intl.supportedValuesOf('timeZone')) },
    cause,
  );
}

export function toLocal(segments: readonly OffsetSegment[], instant: Instant): LocalTime {
  let offsetMs = 0;
  for (const segment of segments) {
    if (segment.from > instant) break;
    offsetMs = segment.offsetMs;
  }
  return instant + offsetMs;
}

/** The first instant at which the wall clock shows `local` or later: in a gap the instant of the change, in a fold the earlier. */
export function fromLocal(segments: readonly OffsetSegment[], local: LocalTime): Instant {
  for (const [i, { from, offsetMs }] of segments.entries()) {
    const until = segments[i + 1]?.from ?? Infinity;
    const instant = Math.max(local - offsetMs, from);
    if (instant < until) return instant;
  }
  throw new Error('unreachable: the last segment never ends');
}
