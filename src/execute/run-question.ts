import type { TenantState } from '../catalog/tenant-state.ts';
import type { Connector } from '../connectors/connector.ts';
import { costError } from '../core/errors.ts';
import { guardPlan } from '../planner/guard.ts';
import type { PartName, QueryPlan } from '../planner/plan-query.ts';
import { defaultPlanOptions, planQuery } from '../planner/plan-query.ts';
import type { StoreName } from '../planner/plan.ts';
import type { Question } from '../planner/question.ts';
import type { Admission } from './admission.ts';
import type { AnswerCache, QuestionAnswers } from './answer-cache.ts';
import type { RunOptions } from './engine.ts';
import type { Guard } from './guard.ts';
import type { PageRows } from './page-rows.ts';
import { splitPage } from './page-rows.ts';
import type { PlanResult } from './run-plan.ts';
import { runPlan } from './run-plan.ts';

/** More rows than the server merges or sorts itself; a plan that would fetch more sorts and cuts in the store. */
export const ROWS_FETCHED_MAX = 1_000_000;
/** No query runs longer, whatever it asks for; snapshots are kept much longer than this. */
export const DEADLINE_MAX_MS = 300_000;

export type Planned = { readonly plan: QueryPlan; readonly planningMs: number };
export type PlanRun = Planned & { readonly results: ReadonlyMap<PartName, PlanResult> };

/** What answers are made with: a question on a pinned state, planned, or planned and run. */
export type QuestionRunner = {
  readonly plan: (question: Question, state: TenantState) => Planned;
  /** @throws QUERY_TOO_EXPENSIVE, by the estimate before anything is run, or while it runs */
  readonly run: (question: Question, state: TenantState, signal: AbortSignal) => Promise<PlanRun>;
  readonly stores: ReadonlyMap<StoreName, Connector>;
};

/** Runners that differ in how a request wants its answers made, and share all else. */
export type QuestionRunners = (options: Pick<RunOptions, 'forceStore' | 'noCache'>) => QuestionRunner;

export function createQuestionRunners(
  connectors: readonly Connector[],
  admission: Admission,
  guard: Guard,
  cache: AnswerCache,
): QuestionRunners {
  const stores = new Map<StoreName, Connector>(connectors.map((connector) => [connector.store, connector]));
  return ({ forceStore, noCache }) => {
    const plan = (question: Question, state: TenantState, answers: QuestionAnswers): Planned => {
      const started = performance.now();
      const options = { ...defaultPlanOptions, forceStore, kept: noCache ? null : answers };
      const planned = planQuery(question, state, connectors, options);
      return { plan: planned, planningMs: performance.now() - started };
    };
    return {
      plan: (question, state) => plan(question, state, cache.forQuestion(question.tenant)),
      stores,
      run: async (question, state, signal) => {
        const answers = cache.forQuestion(question.tenant);
        const planned = plan(question, state, answers);
        const meter = await guard.admit(question.tenant);
        guardPlan(
          question,
          planned.plan,
          state,
          meter.caps,
          (narrower) => plan(narrower, state, answers).plan,
        );
        const runs = planned.plan.parts.map(async (part): Promise<[PartName, PlanResult]> => {
          const limits = { signal, rowsMax: ROWS_FETCHED_MAX };
          return [part.name, await runPlan(part.plan, { stores, admission, meter, answers }, limits)];
        });
        return { ...planned, results: new Map(await allEnded(runs)) };
      },
    };
  };
}

/** Runs a question that wants rows, and nothing else of it. */
export async function runRows(
  runner: QuestionRunner,
  question: Question,
  state: TenantState,
  signal: AbortSignal,
): Promise<PageRows> {
  const { results } = await runner.run(question, state, signal);
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
