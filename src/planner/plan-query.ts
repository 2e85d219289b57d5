/**
 * The planner, read from here: question → logical → (sources) → pushed → physical. Pure: no I/O, no clock, no store;
 * everything it knows comes in through the pinned TenantState and the stores' offers.
 */
import type { TenantState } from '../catalog/tenant-state.ts';
import { checkPatternCount } from './bind/check-pattern.ts';
import type { Candidate } from './explain.ts';
import type { SourceOptions } from './choose-sources.ts';
import { chooseSources } from './choose-sources.ts';
import type { KeptAnswers } from './keep-answers.ts';
import { keepAnswers } from './keep-answers.ts';
import { normalize, pushDown } from './logical-to-pushed.ts';
import type { LogicalPlan, PhysicalPlan, Pruning } from './plan.ts';
import type { PhysicalOptions, StoreOffer } from './pushed-to-physical.ts';
import { pushedToPhysical } from './pushed-to-physical.ts';
import type { Question } from './question.ts';
import { questionToLogical } from './question-to-logical.ts';
import type { RuleRun } from './rewrite.ts';

const partNames = ['rows', 'totals', 'excluded'] as const;
export type PartName = (typeof partNames)[number];
export type PlannedPart = { readonly name: PartName; readonly plan: PhysicalPlan };

export type QueryPlan = {
  readonly parts: readonly PlannedPart[];
  /** The totals are the summary row of the part `rows`. */
  readonly totalsFromRows: boolean;
  readonly rules: readonly RuleRun[];
  readonly candidates: readonly Candidate[];
  /** Of Scans that no file is left for, which the plan no longer holds. */
  readonly unread: readonly Pruning[];
  /** What the parts were made from: null for a part that nobody wants. */
  readonly logical: Readonly<Record<PartName, LogicalPlan | null>>;
};

export type PlanOptions = PhysicalOptions &
  SourceOptions & {
    readonly rulesOff: ReadonlySet<string>;
    /** Answers that need not be asked for again; null: keep none and use none. */
    readonly kept: KeptAnswers | null;
  };
export const defaultPlanOptions: PlanOptions = {
  finish: 'auto',
  forceStore: null,
  kept: null,
  latencyMs: 1_000,
  pick: null,
  rulesOff: new Set(),
};

/** @throws TOO_LARGE, STORE_UNABLE */
export function planQuery(
  question: Question,
  state: TenantState,
  offers: readonly StoreOffer[],
  options: PlanOptions = defaultPlanOptions,
): QueryPlan {
  checkPatternCount(question);
  const { totalsFromRows, ...logical } = questionToLogical(question);
  const parts: PlannedPart[] = [];
  const rules: RuleRun[] = [];
  const candidates: Candidate[] = [];
  const unread: Pruning[] = [];
  for (const name of partNames) {
    const plan = logical[name];
    if (plan === null) continue;
    const normalized = normalize(plan, { state }, options.rulesOff);
    const sourced = chooseSources(normalized.plan, state, offers, options);
    const pushed = pushDown(sourced.plan, { state }, options.rulesOff);
    const physical = pushedToPhysical(pushed.plan, state, offers, options);
    const { kept } = options;
    parts.push({ name, plan: kept ? keepAnswers(physical.plan, state, offers, kept) : physical.plan });
    rules.push(...normalized.runs, ...pushed.runs);
    unread.push(...physical.unread);
    for (const { estimate, range, ...weighed } of sourced.weighed) {
      candidates.push({ ...range, ...weighed, estimate: { ...estimate, qError: null } });
    }
  }
  if (totalsFromRows) rules.push(totalsFromRowsRun);
  return { parts, totalsFromRows, rules, candidates, unread, logical };
}

const totalsFromRowsRun: RuleRun = {
  rule: 'totals-from-rows',
  fired: true,
  reason: 'every charge is in exactly one row and none is hidden, so the rows add up to the totals',
  before: null,
  after: null,
};
