/** Refuses what would be too expensive before anything is run. Pure. */
import type { TenantState } from '../catalog/tenant-state.ts';
import type { Use } from '../core/limits.ts';
import { estimateUse, useOf } from './estimate-use.ts';
import { narrowingsThatFit } from './narrow-question.ts';
import type { Ask } from './plan.ts';
import type { QueryPlan } from './plan-query.ts';
import type { Question } from './question.ts';
import type { Cap } from './too-expensive.ts';
import { budgetUsedUp, tooExpensive } from './too-expensive.ts';

/**
 * Holds the estimate of a plan, all its parts together, against the caps. What would fit is found by planning narrower
 * forms of the question, so that a form that the hint names is not refused.
 *
 * @param planOf how `plan` was made of `question`
 * @throws QUERY_TOO_EXPENSIVE
 */
export function guardPlan(
  question: Question,
  plan: QueryPlan,
  state: TenantState,
  caps: readonly Cap[],
  planOf: (narrower: Question) => QueryPlan,
): void {
  const use = estimateUse(plan, state);
  const cap = exceeded(use, caps);
  if (cap === null) return;
  if (cap.budget !== null && cap.max === 0n) throw budgetUsedUp(cap.name, cap.budget);
  const fits = (narrower: Question) => exceeded(estimateUse(planOf(narrower), state), caps) === null;
  throw tooExpensive(cap, use[cap.name], hintOf(narrowingsThatFit(question, state, cap.name, fits)));
}

/** Whether Asks are within what one question may use. */
export function fitsCaps(asks: readonly Ask[], state: TenantState, caps: readonly Cap[]): boolean {
  return exceeded(useOf(asks, state), caps) === null;
}

function exceeded(use: Use, caps: readonly Cap[]): Cap | null {
  return caps.find(({ name, max }) => use[name] > max) ?? null;
}

function hintOf(narrowings: readonly string[]): string {
  return narrowings.length > 0
    ? `By estimate this fits: ${narrowings.join('; or ')}.`
    : 'Neither a shorter period of whole days nor fewer groups would fit: filter, or have an operator raise the limit (costgraph limits).';
}
