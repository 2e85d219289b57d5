/** Narrower forms of a question, of which the planner can say what they would cost. */
import type { TenantState } from '../catalog/tenant-state.ts';
import type { UseName } from '../core/limits.ts';
import type { Instant, TimeRange } from '../core/time-range.ts';
import { DAY_MS, ceilDay, formatInstant, overlaps } from '../core/time-range.ts';
import { TOP_COUNT_MAX } from './bind/bind-query.ts';
import type { Question } from './question.ts';
import type { TimeBuckets } from './time-buckets.ts';

/** The longest period of whole days, without one key of groupBy, cut by top. */
export type Narrowing = 'period' | 'groupBy' | 'top';
/** What the asker of a table can change. */
export const narrowings: readonly Narrowing[] = ['period', 'groupBy', 'top'];

/**
 * The widest forms that fit, in words, one of each kind that the asker can change. None where only other changes would
 * help.
 *
 * @param over what the question is too much of: what helps best comes first
 * @param fits whether a form keeps all limits; asked a few dozen times
 */
export function narrowingsThatFit(
  question: Question,
  state: TenantState,
  over: UseName,
  can: readonly Narrowing[],
  fits: (narrower: Question) => boolean,
): string[] {
  const ways: Readonly<Record<Narrowing, () => string | null>> = {
    period: () => longestPeriod(question, state, fits),
    groupBy: () => leftOutKey(question, fits),
    top: () => largestTop(question, fits),
  };
  const helping: readonly Narrowing[] =
    over === 'groups' ? ['groupBy', 'top', 'period'] : ['period', 'groupBy'];
  return helping.filter((way) => can.includes(way)).flatMap((way) => ways[way]() ?? []);
}

/** The last days that there are charges of: what is asked for most. */
function longestPeriod(
  question: Question,
  state: TenantState,
  fits: (narrower: Question) => boolean,
): string | null {
  const range = rangeOfCharges(question, state);
  const shorter = Math.ceil((range.to - range.from) / DAY_MS) - 1;
  const inDays = (days: number) => withPeriod(question, { from: range.to - days * DAY_MS, to: range.to });
  const days = largest(shorter, (count) => fits(inDays(count)));
  if (days === 0) return null;
  const { from, to } = inDays(days).period;
  return `at most ${days === 1 ? '1 day' : `${days} days`}, as from ${formatInstant(from)} to ${formatInstant(to)}`;
}

/** Of the period what its live batches reach over, the end on a full day of UTC as far as the period goes. */
function rangeOfCharges({ period, axis }: Question, { batches }: TenantState): TimeRange {
  const spans = batches
    .map((batch): TimeRange => {
      const month = Date.parse(`${batch.billingMonth}T00:00:00Z`);
      return axis === 'BILLING_PERIOD' ? { from: month, to: month + DAY_MS } : batch;
    })
    .filter((span) => overlaps(span, period));
  const last = Math.max(...spans.map((span) => span.to));
  return {
    from: Math.max(period.from, Math.min(...spans.map((span) => span.from))),
    to: Math.min(period.to, ceilDay(last)),
  };
}

function withPeriod(question: Question, period: TimeRange): Question {
  const { compare, buckets, compareBuckets } = question;
  const lengthMs = period.to - period.from;
  const compared = compare && { from: Math.max(compare.from, compare.to - lengthMs), to: compare.to };
  return {
    ...question,
    period,
    compare: compared,
    buckets: buckets && cutBuckets(buckets, period),
    compareBuckets: compareBuckets && compared && cutBuckets(compareBuckets, compared),
  };
}

/** The buckets that begin or end inside the range. */
function cutBuckets(buckets: TimeBuckets, { from, to }: TimeRange): TimeBuckets {
  const startOf = (i: number): Instant => buckets.edges[i] ?? to;
  const kept = buckets.labels.keys().filter((i) => startOf(i) < to && startOf(i + 1) > from);
  const indexes = [...kept];
  const edges = indexes.map((i) => Math.max(from, startOf(i)));
  return { ...buckets, labels: indexes.map((i) => buckets.labels[i] ?? from), edges: [...edges, to] };
}

function leftOutKey(question: Question, fits: (narrower: Question) => boolean): string | null {
  const key = question.groupBy.find((each) => fits(withoutKey(question, each)));
  return key === undefined ? null : `groupBy without ${key}`;
}

function withoutKey(question: Question, key: string): Question {
  const by = question.top?.by.filter((each) => each !== key) ?? [];
  return {
    ...question,
    groupBy: question.groupBy.filter((each) => each !== key),
    top: question.top && by.length > 0 ? { ...question.top, by } : null,
    sort: question.sort.filter((each) => each.by !== 'key' || each.column !== key),
  };
}

function largestTop(question: Question, fits: (narrower: Question) => boolean): string | null {
  const { groupBy: by, top } = question;
  if (by.length === 0 || top !== null) return null;
  const cut = { by, metric: 'EFFECTIVE_COST', remainder: true } as const;
  const count = largest(TOP_COUNT_MAX, (each) => fits({ ...question, top: { ...cut, count: each } }));
  return count === 0 ? null : `top with count ${count}`;
}

/** A number up to `max` that fits, 0 where none is found: the largest, if all below one that fits do. */
function largest(max: number, fits: (count: number) => boolean): number {
  let low = 0;
  let high = max + 1;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}
