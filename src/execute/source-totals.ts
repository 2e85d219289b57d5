import { filesOfBatch } from '../catalog/file-index.ts';
import type { Metric } from '../catalog/metrics.ts';
import { metrics } from '../catalog/metrics.ts';
import type { Connector, ControlTotalColumn } from '../connectors/connector.ts';
import { controlTotalColumns } from '../connectors/connector.ts';
import type { Decimal } from '../core/decimal.ts';
import { decimalFromUnits } from '../core/decimal.ts';
import { ceilHour } from '../core/time-range.ts';
import { TRUE } from '../planner/predicate.ts';
import type { Question } from '../planner/question.ts';
import { rawSum } from './answer-question.ts';
import type { QuestionRunner } from './run-question.ts';
import type { BoundQuery } from './engine.ts';
import { readRow } from './page-rows.ts';

/**
 * What all charges of the period add up to, whatever the filter: from the control totals that ingest summed by a path
 * of its own. They are kept by hour of start, so a prorated period, which cuts charges, is summed from the charges.
 */
export async function sourceTotals(
  bound: BoundQuery,
  prover: Connector,
  signal: AbortSignal,
  runner: QuestionRunner,
): Promise<Map<Metric, Decimal>> {
  const { conserved, question } = bound;
  if (conserved.length === 0) return new Map();
  if (question.timing === 'PRORATED') return proratedTotals(bound, signal, runner);
  const sums = await prover.sumControlTotals(controlTotalsAsk(bound), signal);
  return new Map(conserved.map((metric) => [metric, asDecimal(metric, sums)]));
}

function controlTotalsAsk({ question, state }: BoundQuery) {
  const files = state.batches.flatMap(({ id }) => filesOfBatch(state.tables.control_totals.files, id));
  return {
    tenant: question.tenant,
    files: files.map((file) => file.path),
    by: question.axis === 'BILLING_PERIOD' ? ('billing_month' as const) : ('hour' as const),
    range: { from: ceilHour(question.period.from), to: ceilHour(question.period.to) },
  };
}

function asDecimal(metric: Metric, sums: ReadonlyMap<ControlTotalColumn, bigint>): Decimal {
  const column = metrics[metric].column ?? 'charge_count';
  const known = controlTotalColumns.find((name) => name === column);
  return decimalFromUnits(known ? (sums.get(known) ?? 0n) : 0n);
}

async function proratedTotals(
  bound: BoundQuery,
  signal: AbortSignal,
  runner: QuestionRunner,
): Promise<Map<Metric, Decimal>> {
  const measures = bound.question.wanted.totals?.measures ?? [];
  const wanted: Question['wanted'] = { rows: null, totals: { measures }, excluded: null };
  const unfiltered = { ...bound.question, filter: TRUE, compare: null, wanted };
  const { results } = await runner.run(unfiltered, bound.state, signal);
  const totals = results.get('totals');
  const read = totals ? readRow(totals.rows, 0) : null;
  return new Map(bound.conserved.map((metric) => [metric, rawSum(read, metric)]));
}
