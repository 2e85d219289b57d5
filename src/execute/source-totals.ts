import { touches } from '../catalog/batch.ts';
import { filesOfBatch } from '../catalog/file-index.ts';
import type { Metric } from '../catalog/metrics.ts';
import { metrics } from '../catalog/metrics.ts';
import type { Connector, ControlTotalColumn, Rows } from '../connectors/connector.ts';
import type { Decimal } from '../core/decimal.ts';
import { decimalFromUnits } from '../core/decimal.ts';
import { digest } from '../core/digest.ts';
import { ceilHour } from '../core/time-range.ts';
import type { ReadMeasure } from '../planner/measures.ts';
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
  const { batches, ...ask } = controlTotalsAsk(bound);
  const { tenant, by, range } = ask;
  const key = digest(['control totals', tenant, by, range, batches]);
  const sums = await runner.remember(tenant, key, signal, async (own) =>
    oneRow(await prover.sumControlTotals(ask, own)),
  );
  const read = readRow(sums, 0);
  return new Map(conserved.map((metric) => [metric, asDecimal(metric, read)]));
}

function oneRow(sums: ReadonlyMap<ControlTotalColumn, bigint>): Rows {
  return { length: 1, columns: new Map([...sums].map(([name, sum]) => [name, [sum]])) };
}

function controlTotalsAsk({ question, state }: BoundQuery) {
  const batches = state.batches.filter((batch) => touches(batch, question.period, question.axis));
  const files = batches.flatMap(({ id }) => filesOfBatch(state.tables.control_totals.files, id));
  return {
    batches: batches.map(({ id }) => id).sort(),
    tenant: question.tenant,
    files: files.map((file) => file.path),
    by: question.axis === 'BILLING_PERIOD' ? ('billing_month' as const) : ('hour' as const),
    range: { from: ceilHour(question.period.from), to: ceilHour(question.period.to) },
  };
}

function asDecimal(metric: Metric, read: ReadMeasure): Decimal {
  const sum = read(metrics[metric].column ?? 'charge_count');
  return decimalFromUnits(typeof sum === 'bigint' ? sum : 0n);
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
