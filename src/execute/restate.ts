import type { Metric } from '../catalog/metrics.ts';
import { metrics } from '../catalog/metrics.ts';
import { compareText } from '../core/code-point-order.ts';
import { costError } from '../core/errors.ts';
import type { Instant } from '../core/time-range.ts';
import type { ReadMeasure } from '../planner/measures.ts';
import { measure } from '../planner/measures.ts';
import { TIME } from '../planner/plan.ts';
import { assembleAnswer, rawSum } from './answer-question.ts';
import { valuesReader } from './deal-out.ts';
import type { Answer, BoundQuery, BoundRestatement, RestatedRow, Restatement } from './engine.ts';
import { tupleReader } from './operators/group-rows.ts';
import { readRow } from './page-rows.ts';
import type { QuestionRunner } from './run-question.ts';

type Sum = { readonly bound: BoundQuery; readonly totals: ReadMeasure; readonly currency: string | null };

/** The totals of the states on the way: each differs from the one before in one cause alone. */
export async function restate(
  { of, from, steps }: BoundRestatement,
  signal: AbortSignal,
  runner: QuestionRunner,
): Promise<Restatement> {
  const asked = [...new Set([from, ...steps.map(({ bound }) => bound)])];
  const sums = await Promise.all(asked.map((bound) => sumAt(bound, signal, runner)));
  refuseMixed(of, sums);
  const amounts = new Map(sums.map(({ bound, totals }) => [bound, rawSum(totals, of)]));
  const amountAt = (bound: BoundQuery): bigint => amounts.get(bound) ?? 0n;
  let last = amountAt(from);
  const before = last;
  const causes = steps.map(({ kind, detail, bound }) => {
    const delta = amountAt(bound) - last;
    last += delta;
    return { kind, delta, detail };
  });
  return { before, after: last, causes };
}

async function sumAt(bound: BoundQuery, signal: AbortSignal, runner: QuestionRunner): Promise<Sum> {
  const question = { ...bound.question, wanted: { ...bound.question.wanted, rows: null } };
  const { totals, currency } = await answerAt({ ...bound, question }, signal, runner);
  if (totals === null) throw new Error('totals were wanted');
  return { bound, totals, currency };
}

async function answerAt(
  bound: BoundQuery,
  signal: AbortSignal,
  runner: QuestionRunner,
): Promise<Omit<Answer, 'conservation' | 'ms'>> {
  const { plan, results } = await runner.run(bound.question, bound.state, signal);
  return assembleAnswer(bound, plan, results);
}

/** Sums of two states can be set beside each other only in one currency, or in one unit. */
function refuseMixed(of: Metric, sums: readonly Sum[]): void {
  const { isMoney, column, unitColumn } = metrics[of];
  const held = sums.filter(({ totals }) => rawSum(totals, 'CHARGE_COUNT') !== 0n);
  const currencies = held.flatMap(({ currency, bound }) => (currency === null ? bound.currencies : currency));
  const found = [...new Set(currencies)].sort();
  if (isMoney && found.length > 1) throw costError('MIXED_CURRENCIES', { currencies: found });
  if (column === null || unitColumn === null) return;
  const bounds = [measure('unit-min', column).name, measure('unit-max', column).name];
  const units = held.flatMap(({ totals }) => bounds.map((name) => totals(name)));
  if (new Set(units.filter((unit) => unit !== null)).size <= 1) return;
  const reason = `The charges have their ${column} in more than one unit, which cannot be added up`;
  throw costError('BAD_QUERY', { reason, hint: `Filter by ${unitColumn}.` });
}

/** The groups of the two ends side by side. A group that one of them lacks is 0 there. */
export async function restatedRows(
  { of, from, steps }: BoundRestatement,
  { offset, limit }: { readonly offset: number; readonly limit: number },
  signal: AbortSignal,
  runner: QuestionRunner,
): Promise<{ rows: RestatedRow[]; totalCount: number }> {
  const to = steps.at(-1)?.bound ?? from;
  const [before, after] = await Promise.all(
    (to === from ? [from] : [from, to]).map((bound) => rowsAt(bound, of, signal, runner)),
  );
  const rows: RestatedRow[] = [];
  for (const [name, row] of before ?? []) {
    const amount = after === undefined ? row.amount : (after.get(name)?.amount ?? 0n);
    rows.push({ time: row.time, values: row.values, before: row.amount, after: amount });
  }
  for (const [name, { time, values, amount }] of after ?? []) {
    if (!before?.has(name)) rows.push({ time, values, before: 0n, after: amount });
  }
  rows.sort(byDifference);
  return { rows: rows.slice(offset, offset + limit), totalCount: rows.length };
}

type GroupRow = Pick<RestatedRow, 'time' | 'values'> & { readonly amount: bigint };

/** By a name that is the same for the same group of either state. */
async function rowsAt(
  bound: BoundQuery,
  of: Metric,
  signal: AbortSignal,
  runner: QuestionRunner,
): Promise<Map<string, GroupRow>> {
  const { groupBy } = bound.question;
  const { rows, timeLabels, totals, currency } = await answerAt(bound, signal, runner);
  if (rows === null || totals === null) throw new Error('rows and totals were wanted');
  refuseMixed(of, [{ bound, totals, currency }]);
  const times = rows.columns.get(TIME);
  const nameOf = tupleReader(rows, [...(times ? [TIME] : []), ...groupBy]);
  const valuesOf = valuesReader(rows, groupBy);
  const named = new Map<string, GroupRow>();
  for (let i = 0; i < rows.length; i++) {
    const time: Instant | null = times ? (timeLabels[Number(times[i])] ?? null) : null;
    named.set(nameOf(i), { time, values: valuesOf(i), amount: rawSum(readRow(rows, i), of) });
  }
  return named;
}

/** The greatest difference first, then by time and keys. */
function byDifference(a: RestatedRow, b: RestatedRow): number {
  const [x, y] = [a, b].map(({ before, after }) => (after > before ? after - before : before - after));
  if (x !== undefined && y !== undefined && x !== y) return x > y ? -1 : 1;
  if (a.time !== b.time) return (a.time ?? 0) - (b.time ?? 0);
  for (const [i, value] of a.values.entries()) {
    const order = compareText(value, b.values[i] ?? null);
    if (order !== 0) return order;
  }
  return 0;
}
