import type { Control } from '../catalog/control/control.ts';
import type { Lake } from '../catalog/iceberg/catalog.ts';
import { summarizeSources } from '../catalog/sources.ts';
import type { Metric } from '../catalog/metrics.ts';
import type { Connector } from '../connectors/connector.ts';
import { costError } from '../core/errors.ts';
import type { Decimal } from '../core/decimal.ts';
import { planQuery } from '../planner/plan-query.ts';
import type { PartName, QueryPlan } from '../planner/plan-query.ts';
import { explainPlan } from '../planner/explain-plan.ts';
import type { Ask, StoreName } from '../planner/plan.ts';
import type { Question } from '../planner/question.ts';
import type { Admission } from './admission.ts';
import { assembleAnswer, proveConservation } from './answer-question.ts';
import { bindBound } from './bind-bound.ts';
import { sourceTotals } from './source-totals.ts';
import { createCursors } from './cursor.ts';
import { answerDimensionValues, listDimensions } from './dimension-answers.ts';
import { answerDrillDown } from './answer-drill-down.ts';
import type { Answer, BoundQuery, Conservation, CostEngine, RunOptions } from './engine.ts';
import { freshnessOf } from './freshness.ts';
import { createStateStore } from './pin-state.ts';
import type { PlanResult } from './run-plan.ts';
import { runPlan } from './run-plan.ts';

/** More rows than the server merges or sorts itself; a plan that would fetch more sorts and cuts in the store. */
export const ROWS_FETCHED_MAX = 1_000_000;
/** No query runs longer, whatever it asks for; snapshots are kept much longer than this. */
export const DEADLINE_MAX_MS = 300_000;

export type EngineParts = {
  readonly control: Control;
  readonly lake: Lake;
  readonly connectors: readonly Connector[];
  readonly admission: Admission;
};

export type PlanRun = {
  readonly plan: QueryPlan;
  readonly planningMs: number;
  readonly results: ReadonlyMap<PartName, PlanResult>;
};

/** Plans a question and runs all its parts; also what drill-downs and lists of values are made with. */
export type RunQuestion = (
  question: Question,
  bound: Pick<BoundQuery, 'state'>,
  signal: AbortSignal,
) => Promise<PlanRun>;

export async function createCostEngine(parts: EngineParts): Promise<CostEngine> {
  const { control, lake, admission } = parts;
  const states = createStateStore(control, lake);
  const stores = new Map<StoreName, Connector>(
    parts.connectors.map((connector) => [connector.store, connector]),
  );
  const cursors = createCursors(await control.serverKey());

  const plan = (
    question: Question,
    { state }: Pick<BoundQuery, 'state'>,
  ): { plan: QueryPlan; planningMs: number } => {
    const started = performance.now();
    const planned = planQuery(question, state, parts.connectors);
    return { plan: planned, planningMs: performance.now() - started };
  };

  const runQuestion: RunQuestion = async (question, bound, signal) => {
    const planned = plan(question, bound);
    const run = planned.plan.parts.map(async (part): Promise<[PartName, PlanResult]> => {
      const limits = { signal, rowsMax: ROWS_FETCHED_MAX };
      return [part.name, await runPlan(part.plan, stores, admission, limits)];
    });
    return { ...planned, results: new Map(await allOrAbort(run)) };
  };

  const answer = async (bound: BoundQuery, options: RunOptions): Promise<Answer> =>
    withDeadline(options, async (signal) => {
      const started = performance.now();
      const { plan: planned, results } = await runQuestion(bound.question, bound, signal);
      const { summary, ...assembled } = assembleAnswer(bound, planned, results);
      const excluded = results.get('excluded');
      const sources = await sourceTotals(bound, parts.connectors, signal, runQuestion);
      const conservation = conservationOf(bound, sources, { totals: assembled.totals, excluded, summary });
      return { ...assembled, conservation, ms: performance.now() - started };
    });

  return {
    bind: (tenant, query, wanted, now) => bindBound(control, states, tenant, query, wanted, now),
    answer,
    drillDown: (bound, path, wanted, parents, options) =>
      withDeadline(options, (signal) => answerDrillDown(bound, path, wanted, parents, signal, runQuestion)),
    explain: async (bound, analyze, options) => {
      if (!analyze) {
        const planned = plan(bound.question, bound);
        const statementOf = (ask: Ask) => stores.get(ask.store)?.statement(ask) ?? '';
        const report = (ask: Ask) => ({ statement: statementOf(ask), rows: null, ms: null });
        return explainPlan(planned.plan, report, { planningMs: planned.planningMs, totalMs: null });
      }
      return withDeadline(options, async (signal) => {
        const started = performance.now();
        const { plan: planned, planningMs, results } = await runQuestion(bound.question, bound, signal);
        const ran = new Map(
          [...results.values()].flatMap((result) => result.asks.map((each) => [each.ask, each])),
        );
        const report = (ask: Ask) => {
          const actual = ran.get(ask);
          return {
            statement: stores.get(ask.store)?.statement(ask) ?? '',
            rows: actual?.rows ?? 0,
            ms: actual?.ms ?? 0,
          };
        };
        return explainPlan(planned, report, { planningMs, totalMs: performance.now() - started });
      });
    },
    dimensions: async (tenant) => listDimensions(await newestState(tenant)),
    dimensionValues: (tenant, input, options) =>
      withDeadline(options, async (signal) =>
        answerDimensionValues(await newestState(tenant), input, signal, runQuestion),
      ),
    sources: async (tenant) =>
      summarizeSources(await control.publishedBatches(tenant), await control.loads(tenant)),
    freshness: async (tenant, period) => freshnessOf(await newestState(tenant), period),
    cursors,
  };

  async function newestState(tenant: BoundQuery['question']['tenant']) {
    const state = await states.pin(tenant, null);
    if (state === null) throw new Error('the newest state is always retained');
    return state;
  }
}

function conservationOf(
  bound: BoundQuery,
  sources: ReadonlyMap<Metric, Decimal>,
  sums: { totals: Answer['totals']; excluded: PlanResult | undefined; summary: Answer['totals'] },
): Map<Metric, Conservation> {
  const excluded = sums.excluded ? readFirst(sums.excluded) : null;
  const proofs = [...sources].map(([metric, source]): [Metric, Conservation] => [
    metric,
    proveConservation(bound.question, metric, { source, totals: sums.totals, excluded, shown: sums.summary }),
  ]);
  return new Map(proofs);
}

function readFirst({ rows }: PlanResult): NonNullable<Answer['totals']> {
  return (name) => rows.columns.get(name)?.[0] ?? null;
}

/** Runs within the asked deadline and the server's own. @throws DEADLINE_EXCEEDED */
async function withDeadline<T>(options: RunOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ms = Math.max(1, Math.min(options.deadlineMs, DEADLINE_MAX_MS));
  const timeout = AbortSignal.timeout(ms);
  try {
    return await work(AbortSignal.any([options.signal, timeout]));
  } catch (error) {
    if (timeout.aborted && !options.signal.aborted) throw costError('DEADLINE_EXCEEDED', { ms }, error);
    throw error;
  }
}

/** All results, or the first failure once every part has ended: nothing runs on behind an answered query. */
async function allOrAbort<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(work);
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
