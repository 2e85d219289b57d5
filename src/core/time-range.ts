/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number;

/** Half-open: `from` belongs to it, `to` does not. */
export type TimeRange = { readonly from: Instant; readonly to: Instant };

export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** All of time that bills can name; stands in where a question has no period. */
export const ALL_TIME: TimeRange = { from: Date.UTC(1970, 0, 1), to: Date.UTC(2200, 0, 1) };

/**
 * The first full hour at or after `instant`. A charge belongs to the UTC hour of its start, so
 * `hour(start) >= instant` holds exactly when `start >= ceilHour(instant)`.
 */
export function ceilHour(instant: Instant): Instant {
  return Math.ceil(instant / HOUR_MS) * HOUR_MS;
}

/** The UTC midnight at or before `instant`, and the one at or after it. */
export function floorDay(instant: Instant): Instant {
  return Math.floor(instant / DAY_MS) * DAY_MS;
}
export function ceilDay(instant: Instant): Instant {
  return Math.ceil(instant / DAY_MS) * DAY_MS;
}

export function overlaps(a: TimeRange, b: TimeRange): boolean {
  return a.from < b.to && b.from < a.to;
}

/** RFC 3339 in UTC, without a fraction where it is zero: `2018-10-01T00:00:00Z`. */
export function formatInstant(instant: Instant): string {
  const text = new Date(instant).toISOString();
  return text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : text;
}

/** An ISO 8601 duration: `PT12.345S`. */
export function formatSeconds(ms: number): string {
  return `PT${ms / 1000}S`;
}
