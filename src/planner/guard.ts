/** Refuses what would be too expensive before anything is run. Pure. */
import type { TenantState } from '../catalog/tenant-state.ts';
import type { Use } from '../core/limits.ts';
import { estimateUse, useOf } from './estimate-use.ts';
import type { Narrowing } from './narrow-question.ts';
import { narrowings, narrowingsThatFit } from './narrow-question.ts';
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
 * @param can what the asker can change of the question
 * @throws QUERY_TOO_EXPENSIVE
 */
export function guardPlan(
  question: Question,
  plan: QueryPlan,
  state: TenantState,
  caps: readonly Cap[],
  planOf: (narrower: Question) => QueryPlan,
  can: readonly Narrowing[] = narrowings,
): void {
  const use = estimateUse(plan, state);
  const cap = exceeded(use, caps);
  if (cap === null) return;
  if (cap.budget !== null && cap.max === 0n) throw budgetUsedUp(cap.name, cap.budget);
  const fits = (narrower: Question) => exceeded(estimateUse(planOf(narrower), state), caps) === null;
  throw tooExpensive(
    cap,
    use[cap.name],
    hintOf(narrowingsThatFit(question, state, cap.name, can, fits), can),
  );
}

/** Whether Asks are within what one question may use. */
export function fitsCaps(asks: readonly Ask[], state: TenantState, caps: readonly Cap[]): boolean {
  return exceeded(useOf(asks, state), caps) === null;
}

function exceeded(use: Use, caps: readonly Cap[]): Cap | null {
  return caps.find(({ name, max }) => use[name] > max) ?? null;
}

function hintOf(fitting: readonly string[], can: readonly Narrowing[]): string {
  if (fitting.length > 0) return `By estimate this fits: ${fitting.join('; or ')}.`;
  return can.includes('groupBy')
    ? 'Neither a shorter period of whole days nor fewer groups would fit: filter, or have an operator raise the limit (costgraph limits).'
    : 'No shorter period of whole days would fit: have an operator raise the limit (costgraph limits).';
}
