import type { TenantState } from '../catalog/tenant-state.ts';
import type { Connector, Rows } from '../connectors/connector.ts';
import type { TenantId } from '../core/ids.ts';
import { costError } from '../core/errors.ts';
import { guardPlan } from '../planner/guard.ts';
import type { Narrowing } from '../planner/narrow-question.ts';
import { narrowings } from '../planner/narrow-question.ts';
import type { PartName, QueryPlan } from '../planner/plan-query.ts';
import type { PlanTemplates } from '../planner/plan-templates.ts';
import { planTemplates } from '../planner/plan-templates.ts';
import { defaultPlanOptions, planQuery } from '../planner/plan-query.ts';
import type { Aggregate, StoreName } from '../planner/plan.ts';
import { askCheapest } from '../planner/pushed-to-physical.ts';
import type { Question } from '../planner/question.ts';
import { SHARE_SCANS, shareAsks } from '../planner/share-asks.ts';
import type { ActualsLedger } from './actuals-ledger.ts';
import type { Admission } from './admission.ts';
import type { AnswerCache, QuestionAnswers } from './answer-cache.ts';
import type { RunOptions } from './engine.ts';
import type { Guard } from './guard.ts';
import type { NeedLedger } from './need-ledger.ts';
import type { PageRows } from './page-rows.ts';
import { splitPage } from './page-rows.ts';
import type { AskRunner, PlanResult } from './run-plan.ts';
import { runAsk, runPlan } from './run-plan.ts';
import { createShareScans } from './share-scans.ts';

/** More rows than the server merges or sorts itself; a plan that would fetch more sorts and cuts in the store. */
export const ROWS_FETCHED_MAX = 1_000_000;
/** No query runs longer, whatever it asks for; snapshots are kept much longer than this. */
export const DEADLINE_MAX_MS = 300_000;

/** A plan with the kept answers that it names. */
export type Planned = {
  /** Its parts share scans with one another. */
  readonly plan: QueryPlan;
  /** Nothing of it is shared. */
  readonly apart: QueryPlan;
  readonly planningMs: number;
  readonly answers: QuestionAnswers;
};
export type PlanRun = Planned & { readonly results: ReadonlyMap<PartName, PlanResult> };

/** What answers are made with: a question on a pinned state, planned, or planned and run. */
export type QuestionRunner = {
  /** For people: planned anew, with what was weighed, whether or not its shape was planned before. */
  readonly plan: (question: Question, state: TenantState) => Planned;
  /**
   * @param how `planned` by `plan`; without it, as fast as may be. `can`: what the asker can change where that is too
   *   much
   * @throws QUERY_TOO_EXPENSIVE, by the estimate before anything is run, or while it runs
   */
  readonly run: (
    question: Question,
    state: TenantState,
    signal: AbortSignal,
    how?: { readonly planned?: Planned; readonly can?: readonly Narrowing[] },
  ) => Promise<PlanRun>;
  /** Rows of groups that are no part of a question's plan, their files chosen. @throws QUERY_TOO_EXPENSIVE */
  readonly ask: (fragment: Aggregate, state: TenantState, signal: AbortSignal) => Promise<Rows>;
  /** Rows of `work` that a digest determines, kept as those of plans are. */
  readonly remember: (
    tenant: TenantId,
    key: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<Rows>,
  ) => Promise<Rows>;
  readonly stores: ReadonlyMap<StoreName, Connector>;
};

/** Runners that differ in how a request wants its answers made, and share all else. */
export type QuestionRunners = (
  options: Pick<RunOptions, 'forceStore' | 'noCache' | 'rulesOff' | 'startedAt'>,
) => QuestionRunner;

export type RunnerParts = {
  readonly connectors: readonly Connector[];
  readonly admission: Admission;
  readonly guard: Guard;
  readonly cache: AnswerCache;
  readonly actuals: ActualsLedger;
  readonly needs: NeedLedger;
};

export function createQuestionRunners(parts: RunnerParts): QuestionRunners {
  const { connectors, admission, guard, cache, actuals, needs } = parts;
  const stores = new Map<StoreName, Connector>(connectors.map((connector) => [connector.store, connector]));
  const templatesOf = createTemplateStore();
  const askRunnerOf = async (state: TenantState): Promise<AskRunner> => ({
    stores,
    admission,
    meter: await guard.admit(state.tenant),
    observe: (run) => {
      needs.observe(state, run);
      actuals.add(run);
    },
  });
  const shareScans = createShareScans(connectors, askRunnerOf);
  return ({ forceStore, noCache, rulesOff, startedAt }) => {
    const isShared = !rulesOff.has(SHARE_SCANS);
    const planWith = (
      question: Question,
      state: TenantState,
      templates: PlanTemplates,
      before?: number,
    ): Planned => {
      const started = performance.now();
      const answers = cache.forQuestion(question.tenant, before);
      const kept = noCache ? null : answers;
      const options = { ...defaultPlanOptions, forceStore, rulesOff, kept, templates };
      const apart = planQuery(question, state, connectors, options);
      const [plan = apart] = isShared ? shareAsks([apart], state, connectors, () => true) : [];
      return { plan, apart, planningMs: performance.now() - started, answers };
    };
    const templatesFor = (state: TenantState) =>
      templatesOf(state, `${forceStore} ${[...rulesOff].sort().join()}`);
    return {
      plan: (question, state) => {
        const { templates, wasPlanned } = peekingAt(templatesFor(state), startedAt);
        const planned = planWith(question, state, templates, startedAt);
        const isCached = wasPlanned();
        const [plan, apart] = [
          { ...planned.plan, isCached },
          { ...planned.apart, isCached },
        ];
        return { ...planned, plan, apart };
      },
      run: async (question, state, signal, how = {}) => {
        const planned = how.planned ?? planWith(question, state, templatesFor(state));
        const { answers } = planned;
        const planOf = (narrower: Question) => planWith(narrower, state, templatesFor(state)).plan;
        const admit = async () => {
          const runner = await askRunnerOf(state);
          guardPlan(question, planned.plan, state, runner.meter.caps, planOf, how.can);
          return { state, plan: planned.plan, apart: planned.apart, runner };
        };
        const way = isShared ? templatesFor(state) : null;
        const { plan, runner, shared } = await shareScans({ way, admit });
        const runs = plan.parts.map(async (part): Promise<[PartName, PlanResult]> => {
          const limits = { signal, rowsMax: ROWS_FETCHED_MAX };
          return [part.name, await runPlan(part.plan, { ...runner, answers, shared }, limits)];
        });
        return { ...planned, plan, results: new Map(await allEnded(runs)) };
      },
      ask: async (fragment, state, signal) => {
        const ask = askCheapest(fragment, state, connectors, forceStore);
        const limits = { signal, rowsMax: ROWS_FETCHED_MAX };
        return (await runAsk(ask, await askRunnerOf(state), limits)).rows;
      },
      remember: noCache ? (_tenant, _key, signal, work) => work(signal) : rememberIn(cache),
      stores,
    };
  };
}

function rememberIn(cache: AnswerCache): QuestionRunner['remember'] {
  return async (tenant, key, signal, work) => {
    const answers = cache.forQuestion(tenant);
    if (answers.rowsOf(key) !== null) return answers.take(key);
    return answers.once(key, signal, async (own) => {
      const rows = await work(own);
      answers.keep(key, rows);
      return rows;
    });
  };
}

/** Templates that are not used, only asked whether all of a question had been planned before an instant. */
function peekingAt(
  known: PlanTemplates,
  before: number,
): { templates: PlanTemplates; wasPlanned: () => boolean } {
  let isKnown = true;
  const shapeOf: PlanTemplates['shapeOf'] = (normalized) => {
    const shape = known.shapeOf(normalized);
    isKnown &&= (shape.find()?.madeAt ?? Infinity) < before;
    return { ...shape, find: () => null, placeOnce: (place) => place() };
  };
  return { templates: { ...known, shapeOf }, wasPlanned: () => isKnown };
}

/** Plans by shape, as long as their state is in use; apart for each way to plan. */
function createTemplateStore(): (state: TenantState, way: string) => PlanTemplates {
  const known = new WeakMap<TenantState, Map<string, PlanTemplates>>();
  return (state, way) => {
    const ofState = known.get(state) ?? new Map<string, PlanTemplates>();
    known.set(state, ofState);
    const templates = ofState.get(way) ?? planTemplates(() => performance.now());
    ofState.set(way, templates);
    return templates;
  };
}

/** Runs a question that wants rows, and nothing else of it. */
export async function runRows(
  runner: QuestionRunner,
  question: Question,
  state: TenantState,
  signal: AbortSignal,
  can: readonly Narrowing[] = narrowings,
): Promise<PageRows> {
  const { results } = await runner.run(question, state, signal, { can });
  const part = results.get('rows');
  if (!part) throw new Error('rows were wanted');
  return splitPage(part.rows);
}

/** All results, or the first failure once every part has ended: nothing runs on behind an answered query. */
async function allEnded<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(work);
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

/** Runs within the asked deadline and the server's own. @throws DEADLINE_EXCEEDED */
export async function withDeadline<T>(
  options: RunOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ms = Math.max(1, Math.ceil(Math.min(options.deadlineMs, DEADLINE_MAX_MS)));
  const timeout = AbortSignal.timeout(ms);
  try {
    return await work(AbortSignal.any([options.signal, timeout]));
  } catch (error) {
    if (timeout.aborted && !options.signal.aborted) throw costError('DEADLINE_EXCEEDED', { ms }, error);
    throw error;
  }
}
