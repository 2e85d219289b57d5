/**
 * The planner, read from here: question → logical → (sources) → pushed → physical. Pure: no I/O, no clock, no store;
 * everything it knows comes in through the pinned TenantState and the stores' offers.
 */
import type { TenantState } from '../catalog/tenant-state.ts';
import { checkPatternCount } from './bind/check-pattern.ts';
import { unfilteredFiles } from './choose-files.ts';
import type { SourceOptions, Weighed } from './choose-sources.ts';
import { PLANNING_STEPS_MAX, USE_ROLLUPS, chooseSources } from './choose-sources.ts';
import type { KeptAnswers } from './keep-answers.ts';
import { keepAnswers } from './keep-answers.ts';
import { normalize, pushDown } from './logical-to-pushed.ts';
import type { LogicalPlan, PhysicalPlan, Pruning } from './plan.ts';
import { someNode } from './plan-tree.ts';
import type { PlanTemplates, Pushed } from './plan-templates.ts';
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
  /** Every way that was weighed, chosen or not; of a plan that was made earlier, none. */
  readonly candidates: () => readonly Weighed[];
  /** Of Scans that no file is left for, which the plan no longer holds. */
  readonly unread: readonly Pruning[];
  /** What the parts were made from: null for a part that nobody wants. */
  readonly logical: Readonly<Record<PartName, LogicalPlan | null>>;
  /** The plan was made earlier for the same shape. */
  readonly isCached: boolean;
  /** Weighing all sources would have taken too long, so that charges answer what rollups may answer cheaper. */
  readonly isPlain: boolean;
};

export type PlanOptions = PhysicalOptions &
  SourceOptions & {
    readonly rulesOff: ReadonlySet<string>;
    /** Answers that need not be asked for again; null: keep none and use none. */
    readonly kept: KeptAnswers | null;
    /** Of the same state, offers and other options; null: plan as if nothing had been planned before. */
    readonly templates: PlanTemplates | null;
  };
export const defaultPlanOptions: PlanOptions = {
  finish: 'auto',
  forceStore: null,
  kept: null,
  latencyMs: 1_000,
  pick: null,
  rulesOff: new Set(),
  stepsMax: PLANNING_STEPS_MAX,
  templates: null,
};

/** @throws TOO_LARGE, STORE_UNABLE */
export function planQuery(
  question: Question,
  state: TenantState,
  offers: readonly StoreOffer[],
  options: PlanOptions = defaultPlanOptions,
): QueryPlan {
  checkPatternCount(question);
  const { totalsFromRows, ...logical } = questionToLogical(question, state);
  const planned = partNames.flatMap((name) => {
    const plan = logical[name];
    return plan === null ? [] : [{ name, ...planPart(plan, state, offers, options) }];
  });
  return {
    parts: planned.map(({ name, plan }) => ({ name, plan })),
    totalsFromRows,
    rules: [...planned.flatMap(({ runs }) => runs), ...(totalsFromRows ? [totalsFromRowsRun] : [])],
    candidates: () => planned.flatMap(({ weighed }) => weighed()),
    unread: planned.flatMap(({ unread }) => unread),
    logical,
    isCached: planned.every(({ isCached }) => isCached),
    isPlain: planned.some(({ isPlain }) => isPlain),
  };
}

type PartPlan = Omit<Pushed, 'plan'> & {
  readonly plan: PhysicalPlan;
  readonly weighed: () => readonly Weighed[];
  readonly unread: readonly Pruning[];
  readonly isCached: boolean;
};

function planPart(
  logical: LogicalPlan,
  state: TenantState,
  offers: readonly StoreOffer[],
  options: PlanOptions,
): PartPlan {
  const { kept, rulesOff, templates } = options;
  const normalized = normalize(logical, { state }, rulesOff);
  const shape = templates?.shapeOf(normalized.plan) ?? null;
  const template = shape?.find() ?? null;
  const pushed = template
    ? { ...template, weighed: () => [] }
    : planShape(normalized.plan, state, offers, options);
  if (template === null) shape?.add(pushed);
  const filesOf = templates?.remembering(unfilteredFiles(state)) ?? unfilteredFiles(state);
  const place = () => pushedToPhysical(pushed.plan, state, offers, options, filesOf);
  const physical = shape ? shape.placeOnce(place) : place();
  const less = kept ? keepAnswers(physical.plan, state, offers, kept) : { plan: physical.plan, unread: [] };
  return {
    ...pushed,
    runs: [...normalized.runs, ...pushed.runs],
    plan: less.plan,
    unread: [...physical.unread, ...less.unread],
    isCached: template !== null,
  };
}

/** What no value of a filter has a say in. */
function planShape(
  normalized: LogicalPlan,
  state: TenantState,
  offers: readonly StoreOffer[],
  options: PlanOptions,
): Pushed & Pick<PartPlan, 'weighed'> {
  const sourced = chooseSources(normalized, state, offers, options);
  const pushed = pushDown(sourced.plan, { state }, options.rulesOff);
  return { ...sourced, plan: pushed.plan, runs: [useRollupsRun(sourced.plan, options), ...pushed.runs] };
}

function useRollupsRun(plan: LogicalPlan, { rulesOff }: PlanOptions): RuleRun {
  const fired = someNode(plan, (node) => node.kind === 'Scan' && node.rollup !== null);
  const reason = rulesOff.has(USE_ROLLUPS)
    ? 'switched off'
    : fired
      ? 'a rollup has what is asked, and fewer rows'
      : 'no rollup is cheaper than the charges: see candidates';
  return { rule: USE_ROLLUPS, fired, reason, before: null, after: null };
}

const totalsFromRowsRun: RuleRun = {
  rule: 'totals-from-rows',
  fired: true,
  reason: 'every charge is in exactly one row and none is hidden, so the rows add up to the totals',
  before: null,
  after: null,
};
