import { Temporal } from 'temporal-polyfill';
import { addUnits, startOf } from '../../core/calendar.ts';
import { costError } from '../../core/errors.ts';
import type { Instant, TimeRange } from '../../core/time-range.ts';
import { ALL_TIME, formatInstant } from '../../core/time-range.ts';
import { fromLocal, offsetSegments, toLocal } from '../../core/time-zone.ts';
import type { PeriodInput } from '../cost-query.ts';

const FORMS_HINT = 'Give exactly one form: from and to, last, month, toDate, or previous.';

/** `calendar` forms are compared by the same elapsed part (see resolveCompare). */
export type ResolvedPeriod = {
  readonly range: TimeRange;
  readonly form: 'absolute' | 'relative' | 'calendar';
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
  const resolved = resolveForm(input, zone, now, what);
  if (resolved.range.from >= resolved.range.to) {
    const { from, to } = resolved.range;
    const kind = from === to ? 'is empty' : 'is reversed';
    const reason = `${what} ${kind}: from ${formatInstant(from)} to ${formatInstant(to)}`;
    throw costError('BAD_PERIOD', { reason, hint: 'to is exclusive and must be after from.' });
  }
  if (resolved.range.from < ALL_TIME.from || resolved.range.to > ALL_TIME.to) {
    const reason = `${what} reaches outside ${formatInstant(ALL_TIME.from)} to ${formatInstant(ALL_TIME.to)}`;
    throw costError('BAD_PERIOD', { reason, hint: 'Bills are kept within these bounds.' });
  }
  return resolved;
}

function resolveForm(input: PeriodInput, zone: string, now: Instant, what: string): ResolvedPeriod {
  const around = { from: ALL_TIME.from, to: ALL_TIME.to };
  if (input.last)
    return { range: { from: backFrom(now, input.last, zone, what), to: now }, form: 'relative' };
  if (input.month) {
    const start = parseMonth(input.month, what);
    const segments = offsetSegments(zone, { from: start - 2 * 86_400_000, to: addUnits('MONTH', start, 2) });
    return {
      range: { from: fromLocal(segments, start), to: fromLocal(segments, addUnits('MONTH', start, 1)) },
      form: 'calendar',
    };
  }
  const unit = input.toDate ?? input.previous;
  if (unit) {
    const segments = offsetSegments(zone, {
      from: addUnits('YEAR', startOf('YEAR', now), -2),
      to: now + 86_400_000,
    });
    const current = startOf(unit, toLocal(segments, now));
    if (input.toDate) return { range: { from: fromLocal(segments, current), to: now }, form: 'calendar' };
    const previous = addUnits(unit, current, -1);
    return {
      range: { from: fromLocal(segments, previous), to: fromLocal(segments, current) },
      form: 'calendar',
    };
  }
  if (!input.from || !input.to) {
    const reason = `${what}: ${input.from ? 'to' : 'from'} is missing`;
    throw costError('BAD_PERIOD', { reason, hint: 'from and to belong together.' });
  }
  // The zone is checked even where no calendar form needs it.
  offsetSegments(zone, { from: around.from, to: around.from + 1 });
  return {
    range: { from: parseInstant(input.from, `${what}.from`), to: parseInstant(input.to, `${what}.to`) },
    form: 'absolute',
  };
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
      offsetSegments(zone, { from: now, to: now + 1 });
      throw bad(`"${duration}" is no ISO 8601 duration`, cause);
    }
    throw cause;
  }
}

function parseMonth(text: string, what: string): number {
  const match = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(text);
  if (!match) {
    throw costError('BAD_PERIOD', {
      reason: `${what}.month: "${text}" is no month`,
      hint: 'Write it as in 2018-10.',
    });
  }
  return Date.UTC(Number(match[1]), Number(match[2]) - 1, 1);
}

/**
 * The second period of `compare`. Calendar periods are compared by the same elapsed part: where the first has
 * run only until `now`, the second is cut after as many days, hours and minutes on the wall clock, and at its end.
 */
export function resolveCompare(
  input: PeriodInput,
  period: ResolvedPeriod,
  zone: string,
  now: Instant,
): TimeRange {
  const compare = resolvePeriod(input, zone, now, 'compare');
  const elapsedUntil = Math.min(period.range.to, now);
  const isRunning = period.form === 'calendar' && elapsedUntil > period.range.from && period.range.to >= now;
  if (!isRunning || compare.form !== 'calendar') return compare.range;
  const reach = {
    from: Math.min(compare.range.from, period.range.from),
    to: Math.max(compare.range.to, period.range.to),
  };
  const segments = offsetSegments(zone, reach);
  const elapsed = toLocal(segments, elapsedUntil) - toLocal(segments, period.range.from);
  const until = fromLocal(segments, toLocal(segments, compare.range.from) + elapsed);
  return { from: compare.range.from, to: Math.min(compare.range.to, until) };
}
