/** Refuses what would be too expensive before anything is run. Pure. */
import type { TenantState } from '../catalog/tenant-state.ts';
import type { Use } from '../core/limits.ts';
import { estimateParts } from './estimate.ts';
import { estimateUse, useOf } from './estimate-use.ts';
import type { Narrowing } from './narrow-question.ts';
import { narrowings, narrowingsThatFit } from './narrow-question.ts';
import type { Ask } from './plan.ts';
import { asksOf } from './plan-tree.ts';
import type { QueryPlan } from './plan-query.ts';
import type { Question } from './question.ts';
import type { Cap } from './too-expensive.ts';
import { SHARED_PARTS_MAX, budgetUsedUp, tooExpensive, tooManyParts } from './too-expensive.ts';

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
  const parts = partsOf(plan, state);
  if (cap === null && parts <= SHARED_PARTS_MAX) return;
  if (cap?.budget && cap.max === 0n) throw budgetUsedUp(cap.name, cap.budget);
  const fits = (narrower: Question) => {
    const other = planOf(narrower);
    return exceeded(estimateUse(other, state), caps) === null && partsOf(other, state) <= SHARED_PARTS_MAX;
  };
  const hint = hintOf(narrowingsThatFit(question, state, cap?.name ?? 'rows', can, fits), can);
  throw cap === null ? tooManyParts(parts, hint) : tooExpensive(cap, use[cap.name], hint);
}

function partsOf({ parts }: QueryPlan, state: TenantState): number {
  const asks = new Set(parts.flatMap(({ plan }) => asksOf(plan)));
  return [...asks].reduce((sum, ask) => sum + estimateParts(ask, state), 0);
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
