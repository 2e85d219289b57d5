import { Temporal } from 'temporal-polyfill';
import { addUnits, startOf } from '../../core/calendar.ts';
import { costError } from '../../core/errors.ts';
import type { Instant, TimeRange } from '../../core/time-range.ts';
import { ALL_TIME, DAY_MS, formatInstant } from '../../core/time-range.ts';
import type { LocalTime } from '../../core/time-zone.ts';
import { fromLocal, offsetSegments, toLocal } from '../../core/time-zone.ts';
import type { CalendarUnit, PeriodInput } from '../cost-query.ts';

const FORMS_HINT = 'Give exactly one form: from and to, last, month, toDate, or previous.';
/** Date counts years below 100 from 1900; no bill is older than this anyway. */
const YEAR_MIN = 1970;
const MONTHS_IN_YEAR = 12;
/** No wall clock is further from UTC; zones that crossed the date line moved by a day. */
const OFFSET_MAX_MS = 2 * DAY_MS;

/** `calendar` forms are compared by the same elapsed part (see resolveCompare). */
export type ResolvedPeriod = {
  readonly range: TimeRange;
  readonly form: 'absolute' | 'relative' | 'calendar';
  /** Whether the calendar unit that is meant still runs: its answer grows with the clock. */
  readonly isRunning: boolean;
};

/**
 * The bounds that a period means at `now`, calendar forms cut in `zone`.
 *
 * @throws BAD_PERIOD, BAD_TIME_ZONE
 */
export function resolvePeriod(
  input: PeriodInput,
  zone: string,
  now: Instant,
  what = 'period',
): ResolvedPeriod {
  const forms = [
    (input.from ?? null) !== null || (input.to ?? null) !== null ? 'from/to' : null,
    ...(['last', 'month', 'toDate', 'previous'] as const).map((form) =>
      (input[form] ?? null) !== null ? form : null,
    ),
  ].filter((form) => form !== null);
  if (forms.length !== 1) {
    const given = forms.length === 0 ? 'none' : forms.join(' and ');
    throw costError('BAD_PERIOD', {
      reason: `${what}: one form is needed, given: ${given}`,
      hint: FORMS_HINT,
    });
  }
  offsetSegments(zone, { from: now, to: now + 1 }); // The zone is checked even where the form needs none.
  const resolved = resolveForm(input, zone, now, what);
  const { from, to } = resolved.range;
  // Only a calendar form may be empty: the day so far at midnight, or a day that a zone skipped.
  if (from > to || (from === to && resolved.form !== 'calendar')) {
    const kind = from === to ? 'is empty' : 'is reversed';
    const reason = `${what} ${kind}: from ${formatInstant(from)} to ${formatInstant(to)}`;
    throw costError('BAD_PERIOD', { reason, hint: 'to is exclusive and must be after from.' });
  }
  if (from < ALL_TIME.from || to > ALL_TIME.to) {
    const reason = `${what} reaches outside ${formatInstant(ALL_TIME.from)} to ${formatInstant(ALL_TIME.to)}`;
    throw costError('BAD_PERIOD', { reason, hint: 'Bills are kept within these bounds.' });
  }
  return resolved;
}

function resolveForm(input: PeriodInput, zone: string, now: Instant, what: string): ResolvedPeriod {
  const { last, month, toDate, previous } = input;
  if (last !== null && last !== undefined) {
    const range = { from: backFrom(now, last, zone, what), to: now };
    return { range, form: 'relative', isRunning: false };
  }
  if (month !== null && month !== undefined) {
    const range = calendarUnit('MONTH', parseMonth(month, what), zone);
    return { range, form: 'calendar', isRunning: range.from <= now && now < range.to };
  }
  const unit = toDate ?? previous;
  if (unit) {
    const segments = offsetSegments(zone, { from: now, to: now + 1 });
    const current = startOf(unit, toLocal(segments, now));
    if (!toDate) {
      const range = calendarUnit(unit, addUnits(unit, current, -1), zone);
      return { range, form: 'calendar', isRunning: false };
    }
    const { from } = calendarUnit(unit, current, zone);
    return { range: { from, to: now }, form: 'calendar', isRunning: true };
  }
  if (!input.from || !input.to) {
    const reason = `${what}: ${input.from ? 'to' : 'from'} is missing`;
    throw costError('BAD_PERIOD', { reason, hint: 'from and to belong together.' });
  }
  const range = { from: parseInstant(input.from, `${what}.from`), to: parseInstant(input.to, `${what}.to`) };
  return { range, form: 'absolute', isRunning: false };
}

/** The unit that begins at `start` on the wall clock of a zone. */
function calendarUnit(unit: CalendarUnit, start: LocalTime, zone: string): TimeRange {
  const end = addUnits(unit, start, 1);
  const segments = offsetSegments(zone, { from: start - OFFSET_MAX_MS, to: end + OFFSET_MAX_MS });
  return { from: fromLocal(segments, start), to: fromLocal(segments, end) };
}

/** An RFC 3339 instant, with its offset. @throws BAD_PERIOD */
export function parseInstant(text: string, what: string): Instant {
  try {
    return Temporal.Instant.from(text).epochMilliseconds;
  } catch (cause) {
    const reason = `${what}: "${text}" is no RFC 3339 instant`;
    throw costError('BAD_PERIOD', { reason, hint: 'Write it as in 2018-10-01T00:00:00Z.' }, cause);
  }
}

function backFrom(now: Instant, duration: string, zone: string, what: string): Instant {
  const bad = (reason: string, cause?: unknown) =>
    costError(
      'BAD_PERIOD',
      { reason: `${what}.last: ${reason}`, hint: 'Write a duration as in P30D or PT6H.' },
      cause,
    );
  try {
    const parsed = Temporal.Duration.from(duration);
    if (parsed.sign <= 0) throw bad(`"${duration}" is not positive`);
    return Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(zone).subtract(parsed)
      .epochMilliseconds;
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw bad(`"${duration}" is no ISO 8601 duration`, cause);
    }
    throw cause;
  }
}

function parseMonth(text: string, what: string): LocalTime {
  const match = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(text);
  if (!match || Number(match[1]) < YEAR_MIN) {
    throw costError('BAD_PERIOD', {
      reason: `${what}.month: "${text}" is no month`,
      hint: 'Write it as in 2018-10.',
    });
  }
  return Date.UTC(Number(match[1]), Number(match[2]) - 1, 1);
}

/**
 * The second period of `compare`. Calendar periods are compared by the same elapsed part: where the first still
 * runs, the second is cut after as many whole months, days, hours and minutes on the wall clock. A month that is
 * shorter ends early: 31 March stands beside the end of February.
 */
export function resolveCompare(
  input: PeriodInput,
  period: ResolvedPeriod,
  zone: string,
  now: Instant,
): TimeRange {
  const compare = resolvePeriod(input, zone, now, 'compare');
  if (!period.isRunning || compare.form !== 'calendar') return compare.range;
  const segments = offsetSegments(zone, {
    from: Math.min(compare.range.from, period.range.from),
    to: Math.max(compare.range.to, period.range.to),
  });
  const local = (instant: Instant) => toLocal(segments, instant);
  const until = addElapsed(local(compare.range.from), local(period.range.from), local(now));
  return { from: compare.range.from, to: Math.min(compare.range.to, fromLocal(segments, until)) };
}

/** `start` moved by as much as `now` is after `from`: by whole months first where both begin a month. */
function addElapsed(start: LocalTime, from: LocalTime, now: LocalTime): LocalTime {
  if (startOf('MONTH', start) !== start || startOf('MONTH', from) !== from) return start + (now - from);
  const month = addUnits('MONTH', start, monthNumber(now) - monthNumber(from));
  return Math.min(month + (now - startOf('MONTH', now)), addUnits('MONTH', month, 1));
}

function monthNumber(local: LocalTime): number {
  const date = new Date(local);
  return date.getUTCFullYear() * MONTHS_IN_YEAR + date.getUTCMonth();
}
