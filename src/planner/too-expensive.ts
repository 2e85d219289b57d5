/** What a query may use at most, and the errors of those that use more. */
import type { CostError } from '../core/errors.ts';
import { costError } from '../core/errors.ts';
import type { DayUse, Limits, UseName } from '../core/limits.ts';
import { dailyNames, formatLimit, useNames } from '../core/limits.ts';
import type { Instant } from '../core/time-range.ts';
import { formatInstant } from '../core/time-range.ts';

/** Parts of shared costs that one question may have made, by estimate: each takes microseconds. */
export const SHARED_PARTS_MAX = 50_000_000;

/** @param narrowing what would fit, as a sentence */
export function tooManyParts(parts: number, narrowing: string): CostError {
  const [estimate, limit] = [String(Math.ceil(parts)), String(SHARED_PARTS_MAX)];
  return costError('QUERY_TOO_EXPENSIVE', {
    reason: `By estimate costs are shared out to ${estimate} parts; the limit is ${limit}`,
    hint: `${narrowing} With splits NONE nothing is shared out.`,
    facts: { measure: 'parts', estimate, limit },
  });
}

/** The most that one query may use of one thing; with a budget, `max` is what is left of it. */
export type Cap = { readonly name: UseName; readonly max: bigint; readonly budget: Budget | null };

/** Of one UTC day: the whole of it, what of it is used, and when it starts anew. */
export type Budget = { readonly max: bigint; readonly used: bigint; readonly until: Instant };

/** The caps of a query that is asked now: what is left of the day's budgets first, then the limits of each query. */
export function capsOf(limits: Limits, used: DayUse, until: Instant): Cap[] {
  const left = dailyNames.flatMap((name): Cap[] => {
    const max = limits[`daily-${name}`];
    if (max === null) return [];
    const rest = max > used[name] ? max - used[name] : 0n;
    return [{ name, max: rest, budget: { max, used: used[name], until } }];
  });
  const own = useNames.flatMap((name): Cap[] => {
    const max = limits[`query-${name}`];
    return max === null ? [] : [{ name, max, budget: null }];
  });
  return [...left, ...own];
}

/** @param narrowing what would fit, as a sentence */
export function tooExpensive({ name, max, budget }: Cap, estimate: bigint, narrowing: string): CostError {
  const asked = `By estimate the query ${verbs[name]} ${amount(name, estimate)}`;
  const facts = { measure: name, estimate: formatLimit(name, estimate), limit: formatLimit(name, max) };
  if (budget === null) {
    const reason = `${asked}; the limit is ${amount(name, max)}`;
    return costError('QUERY_TOO_EXPENSIVE', { reason, hint: narrowing, facts });
  }
  return costError('QUERY_TOO_EXPENSIVE', {
    reason: `${asked}; of the daily budget of ${amount(name, budget.max)} ${formatLimit(name, max)} are left`,
    hint: `${narrowing} The budget starts anew at ${formatInstant(budget.until)}.`,
    facts: { ...facts, ...budgetFacts(name, budget) },
  });
}

export function budgetUsedUp(name: UseName, budget: Budget): CostError {
  const used = formatLimit(name, budget.used);
  return costError('QUERY_TOO_EXPENSIVE', {
    reason: `The daily budget of ${amount(name, budget.max)} is used up: ${used} were used`,
    hint: `It starts anew at ${formatInstant(budget.until)}; an operator can raise it (costgraph limits).`,
    facts: { measure: name, ...budgetFacts(name, budget) },
  });
}

/**
 * The query was ended because it went over a limit that its estimate had kept.
 *
 * @param actual what it had come to by then, at least
 * @param times how often the limit may be reached while it runs
 */
export function overWhileRunning(
  name: 'groups' | 'ms',
  actual: number,
  limit: number,
  times: number,
): CostError {
  const [was, may] = [BigInt(Math.ceil(actual)), BigInt(limit)];
  const bound = `${times === 1 ? '' : `${times} times `}the limit of ${amount(name, may)}`;
  return costError('QUERY_TOO_EXPENSIVE', {
    reason: `The query was ended at ${amount(name, was)}, over ${bound}`,
    hint: 'Narrow the period, or what is asked of it, or have an operator raise the limit (costgraph limits).',
    facts: { measure: name, actual: formatLimit(name, was), limit: formatLimit(name, may) },
  });
}

function budgetFacts(name: UseName, { max, used, until }: Budget) {
  return { budget: formatLimit(name, max), used: formatLimit(name, used), until: formatInstant(until) };
}

const verbs: Readonly<Record<UseName, string>> = {
  bytes: 'reads',
  rows: 'reads',
  groups: 'gives',
  usd: 'costs',
  ms: 'takes',
};
const units: Readonly<Record<UseName, string>> = {
  bytes: 'bytes',
  rows: 'rows',
  groups: 'groups',
  usd: 'US dollars',
  ms: 'ms',
};

function amount(name: UseName, value: bigint): string {
  return `${formatLimit(name, value)} ${units[name]}`;
}
