/**
 * The planner, read from here: question → logical → pushed → physical. Pure: no I/O, no clock, no store;
 * everything it knows comes in through the pinned TenantState and the stores' offers.
 */
import type { TenantState } from '../catalog/tenant-state.ts';
import { digest } from '../core/digest.ts';
import { checkPatternCount } from './bind/check-pattern.ts';
import type { Candidate, RuleTrace } from './explain.ts';
import { logicalToPushed } from './logical-to-pushed.ts';
import { shapeOf } from './plan-shape.ts';
import type { LogicalPlan, PhysicalPlan, Pruning } from './plan.ts';
import type { PhysicalOptions, StoreOffer } from './pushed-to-physical.ts';
import { pushedToPhysical } from './pushed-to-physical.ts';
import type { Question } from './question.ts';
import { questionToLogical } from './question-to-logical.ts';

export type PartName = 'rows' | 'totals' | 'excluded';
export type PlannedPart = { readonly name: PartName; readonly plan: PhysicalPlan };

export type QueryPlan = {
  readonly parts: readonly PlannedPart[];
  /** The totals are the summary row of the part `rows`. */
  readonly totalsFromRows: boolean;
  readonly rules: readonly RuleTrace[];
  readonly candidates: readonly Candidate[];
  /** Of Scans that no file is left for, which the plan no longer holds. */
  readonly unread: readonly Pruning[];
  /** The same for questions that differ only in literals. */
  readonly fingerprint: string;
};

export type PlanOptions = PhysicalOptions & { readonly rulesOff: ReadonlySet<string> };
export const defaultPlanOptions: PlanOptions = { finish: 'auto', forceStore: null, rulesOff: new Set() };

/** @throws TOO_LARGE, STORE_UNABLE */
export function planQuery(
  question: Question,
  state: TenantState,
  offers: readonly StoreOffer[],
  options: PlanOptions = defaultPlanOptions,
): QueryPlan {
  checkPatternCount(question);
  const logical = questionToLogical(question);
  const named: readonly (readonly [PartName, LogicalPlan | null])[] = [
    ['rows', logical.rows],
    ['totals', logical.totals],
    ['excluded', logical.excluded],
  ];
  const parts: PlannedPart[] = [];
  const rules: RuleTrace[] = [];
  const candidates: Candidate[] = [];
  const unread: Pruning[] = [];
  for (const [name, plan] of named) {
    if (plan === null) continue;
    const pushed = logicalToPushed(plan, { state }, options.rulesOff);
    const physical = pushedToPhysical(pushed.plan, state, offers, options);
    parts.push({ name, plan: physical.plan });
    rules.push(...pushed.trace);
    unread.push(...physical.unread);
    for (const { estimate, range, ...weighed } of physical.weighed) {
      candidates.push({ ...range, source: 'charges', ...weighed, estimate: { ...estimate, qError: null } });
    }
  }
  if (logical.totalsFromRows) rules.push(totalsFromRows);
  // Of the logical plans: rules and files follow the literals, the shape of the question does not.
  const fingerprint = digest(named.map(([name, plan]) => [name, plan && shapeOf(plan)]));
  return { parts, totalsFromRows: logical.totalsFromRows, rules, candidates, unread, fingerprint };
}

const totalsFromRows: RuleTrace = {
  rule: 'totals-from-rows',
  fired: true,
  reason: 'every charge is in exactly one row and none is hidden, so the rows add up to the totals',
  before: null,
  after: null,
};
