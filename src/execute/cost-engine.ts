import type { Control } from '../catalog/control/control.ts';
import type { Lake } from '../catalog/iceberg/catalog.ts';
import type { Metric } from '../catalog/metrics.ts';
import { summarizeSources } from '../catalog/sources.ts';
import type { Connector } from '../connectors/connector.ts';
import type { Decimal } from '../core/decimal.ts';
import { rollupFactsOf } from '../planner/rollup-facts.ts';
import type { ActualsLedger } from './actuals-ledger.ts';
import { createAdmission } from './admission.ts';
import { createAnswerCache } from './answer-cache.ts';
import { answerDrillDown } from './answer-drill-down.ts';
import { assembleAnswer, proveConservation } from './answer-question.ts';
import { bindBound } from './bind-bound.ts';
import { bindEffect, bindRestatement } from './bind-restatement.ts';
import { createCloseBook } from './closes.ts';
import { createCursors } from './cursor.ts';
import { answerDimensionValues, listDimensions } from './dimension-answers.ts';
import type { Answer, BoundQuery, Conservation, CostEngine, LoadTelemetry } from './engine.ts';
import { explainAnalyze, explainOnly } from './explain-question.ts';
import { freshnessOf } from './freshness.ts';
import type { Guard } from './guard.ts';
import type { NeedLedger } from './need-ledger.ts';
import { readRow } from './page-rows.ts';
import { createStateStore } from './pin-state.ts';
import { answerLineage } from './lineage.ts';
import { createRuleBook } from './rule-book.ts';
import { createRuleReader } from './read-rules.ts';
import { restate, restatedRows } from './restate.ts';
import { countRemainderDistinct } from './remainder-distinct.ts';
import type { PlanResult } from './run-plan.ts';
import type { QuestionRunner } from './run-question.ts';
import { createQuestionRunners, withDeadline } from './run-question.ts';
import { adviseOn } from './rollup-advice.ts';
import { batchStatistics } from './rollup-facts.ts';
import { sourceTotals } from './source-totals.ts';
import { addTotalUnits, addUnits } from './unit-costs.ts';

export type EngineParts = {
  readonly control: Control;
  readonly lake: Lake;
  /** The first also sums the control totals. */
  readonly connectors: readonly [Connector, ...Connector[]];
  readonly guard: Guard;
  readonly needs: NeedLedger;
  /** Of a tenant's rollups, for the advice on them. */
  readonly rollupRowsMax: number;
  readonly actuals: ActualsLedger;
  readonly loadTelemetry: LoadTelemetry;
  /** What answers that are kept may take. */
  readonly cacheBytes: number;
};

/** The engine over real stores. It owns none of its parts: who opened them closes them. */
export async function createCostEngine(parts: EngineParts): Promise<CostEngine> {
  const { control, lake, connectors, guard, actuals, needs, cacheBytes, rollupRowsMax } = parts;
  const readRules = createRuleReader(control);
  const states = createStateStore(control, lake, readRules);
  const cache = createAnswerCache(cacheBytes);
  const admission = createAdmission();
  const runnerOf = createQuestionRunners({ connectors, admission, guard, cache, actuals, needs });
  const cursors = createCursors(await control.serverKey());
  return {
    bind: (tenant, query, wanted, now) => bindBound(control, states, tenant, query, wanted, now),
    answer: (bound, options) =>
      withDeadline(options, (signal) => answerQuestion(bound, runnerOf(options), connectors[0], signal)),
    drillDown: (bound, path, wanted, parents, options) =>
      withDeadline(options, (signal) =>
        answerDrillDown(bound, path, wanted, parents, signal, runnerOf(options)),
      ),
    lineage: (bound, row, of, page, options) =>
      withDeadline(options, (signal) => answerLineage(bound, row, of, page, signal, runnerOf(options))),
    explain: async (bound, analyze, options) =>
      analyze
        ? withDeadline(options, (signal) => explainAnalyze(bound, runnerOf(options), signal))
        : explainOnly(bound, runnerOf(options)),
    bindRestatement: (request) => bindRestatement(control, states, request),
    bindEffect: (request) => bindEffect(control, states, readRules, request),
    restate: (bound, options) => withDeadline(options, (signal) => restate(bound, signal, runnerOf(options))),
    restatedRows: (bound, page, options) =>
      withDeadline(options, (signal) => restatedRows(bound, page, signal, runnerOf(options))),
    dimensions: async (tenant) => listDimensions(await states.newest(tenant)),
    dimensionValues: (tenant, input, options) =>
      withDeadline(options, async (signal) =>
        answerDimensionValues(await states.newest(tenant), input, signal, runnerOf(options)),
      ),
    rules: createRuleBook(control, states, readRules),
    closes: createCloseBook(control),
    sources: async (tenant) =>
      summarizeSources(await control.publishedBatches(tenant), await control.loads(tenant)),
    rollups: async (tenant) => {
      const state = await states.newest(tenant);
      return rollupFactsOf(state, await batchStatistics(control, state));
    },
    rollupAdvice: async (tenant, days, now) => {
      const observed = await needs.observed(tenant, days);
      const { prices } = connectors[0];
      return adviseOn(control, await states.newest(tenant), observed, {
        days,
        now,
        rowsMax: rollupRowsMax,
        prices,
      });
    },
    loadTelemetry: parts.loadTelemetry,
    freshness: async (tenant, period) => freshnessOf(await states.newest(tenant), period),
    cursors,
  };
}

async function answerQuestion(
  bound: BoundQuery,
  runner: QuestionRunner,
  prover: Connector,
  signal: AbortSignal,
): Promise<Answer> {
  const started = performance.now();
  const { plan, results } = await runner.run(bound.question, bound.state, signal);
  const { summary, ...answer } = assembleAnswer(bound, plan, results);
  const counted = answer.rows && (await countRemainderDistinct(bound, answer.rows, runner, signal));
  const rows = counted && (await addUnits(bound, counted, runner, signal));
  const sources = await sourceTotals(bound, prover, signal, runner);
  const sums = { totals: answer.totals, excluded: results.get('excluded'), summary };
  return {
    ...answer,
    rows,
    totals: answer.totals && (await addTotalUnits(bound, answer.totals, runner, signal)),
    conservation: conservationOf(bound, sources, sums),
    ms: performance.now() - started,
  };
}

function conservationOf(
  bound: BoundQuery,
  sources: ReadonlyMap<Metric, Decimal>,
  sums: { totals: Answer['totals']; excluded: PlanResult | undefined; summary: Answer['totals'] },
): Map<Metric, Conservation> {
  const excluded = sums.excluded ? readRow(sums.excluded.rows, 0) : null;
  const proofs = [...sources].map(([metric, source]): [Metric, Conservation] => [
    metric,
    proveConservation(bound, metric, { source, totals: sums.totals, excluded, shown: sums.summary }),
  ]);
  return new Map(proofs);
}
