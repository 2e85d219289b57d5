import type { TenantState } from '../../src/catalog/tenant-state.ts';
import type { Plan } from '../../src/planner/plan.ts';
import type { Rule } from '../../src/planner/rewrite.ts';
import { rewrite } from '../../src/planner/rewrite.ts';
import { fixedState } from './fixed-state.ts';

/** What the driver makes of a plan by one rule alone; the same object where the rule does not fire. */
export function applyRule(rule: Rule, plan: Plan, state: TenantState = fixedState): Plan {
  return rewrite(plan, [rule], { state }).plan;
}
