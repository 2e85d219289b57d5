import type { Instant, TimeRange } from '../../core/time-range.ts';
import { formatInstant } from '../../core/time-range.ts';
import type { Predicate, ValueTest } from '../predicate.ts';

/** Holds no instant. */
const EMPTY: TimeRange = { from: 0, to: 0 };

/**
 * A range that holds the instants of all rows that meet the predicate, as far as its tests on one time column tell,
 * whose values are RFC 3339 text (formatInstant) and never missing. Empty where no row can meet it; null where nothing
 * is told.
 */
export function rangeOfTimes(predicate: Predicate, key: string): TimeRange | null {
  switch (predicate.kind) {
    case 'false':
      return EMPTY;
    case 'test':
      return predicate.key === key ? rangeOfTest(predicate.test) : null;
    case 'and':
      return predicate.parts
        .map((part) => rangeOfTimes(part, key))
        .reduce((a, b) => (a === null || b === null ? (a ?? b) : intersect(a, b)));
    case 'or':
      return predicate.parts
        .map((part) => rangeOfTimes(part, key))
        .reduce((a, b) => (a === null || b === null ? null : hull(a, b)));
    case 'true':
    case 'not':
    case 'member':
      return null;
  }
}

export function intersect(a: TimeRange, b: TimeRange): TimeRange {
  return { from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) };
}

export function isEmpty({ from, to }: TimeRange): boolean {
  return from >= to;
}

function hull(a: TimeRange, b: TimeRange): TimeRange {
  if (isEmpty(a) || isEmpty(b)) return isEmpty(a) ? b : a;
  return { from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) };
}

function rangeOfTest(test: ValueTest): TimeRange | null {
  if (test.op === 'startsWith') return rangeOfPrefix(upperCase(test.value, test.ignoreCase));
  if (test.op !== 'in') return null;
  return test.values
    .map((value) => rangeOfText(upperCase(value, test.ignoreCase)))
    .reduce((all, range) => hull(all, range), EMPTY);
}

/** The only letters of an instant are T and Z. */
function upperCase(text: string, ignoreCase: boolean): string {
  return ignoreCase ? text.toUpperCase() : text;
}

/** Times are finer than their text, which is cut to milliseconds. A text that no instant has is met by none. */
function rangeOfText(text: string): TimeRange {
  const from = Date.parse(text);
  return isTextOf(from, text) ? { from, to: from + 1 } : EMPTY;
}

function isTextOf(instant: Instant, text: string): boolean {
  return !Number.isNaN(instant) && formatInstant(instant) === text;
}

/** Where the fields of an instant's text end, and how to come to the next. */
const fields: readonly { readonly end: number; readonly next: (at: Date) => Instant }[] = [
  { end: 4, next: (at) => at.setUTCFullYear(at.getUTCFullYear() + 1) },
  { end: 7, next: (at) => at.setUTCMonth(at.getUTCMonth() + 1) },
  { end: 10, next: (at) => at.setUTCDate(at.getUTCDate() + 1) },
  { end: 13, next: (at) => at.setUTCHours(at.getUTCHours() + 1) },
  { end: 16, next: (at) => at.setUTCMinutes(at.getUTCMinutes() + 1) },
  { end: 19, next: (at) => at.setUTCSeconds(at.getUTCSeconds() + 1) },
];
const LEAST = '0000-01-01T00:00:00Z';

/** Of the fields that the prefix has whole; what follows them is left to the test itself. */
function rangeOfPrefix(prefix: string): TimeRange | null {
  const field = fields.findLast(({ end }) => end <= prefix.length);
  if (field === undefined) return null;
  const text = prefix.slice(0, field.end) + LEAST.slice(field.end);
  const from = Date.parse(text);
  return isTextOf(from, text) ? { from, to: field.next(new Date(from)) } : EMPTY;
}
