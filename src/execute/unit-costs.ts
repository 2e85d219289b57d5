/**
 * Units of streams beside the rows of an answer, by which their cost is divided: of the row's time, and of its values of
 * the keys that the stream has. What else the question is about has no say: of a service's row in a table by customer
 * and service the units are those of the customer.
 */
import type { Rows } from '../connectors/connector.ts';
import { digest } from '../core/digest.ts';
import { isCostError } from '../core/errors.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import type { TimeRange } from '../core/time-range.ts';
import { ceilHour } from '../core/time-range.ts';
import type { ReadMeasure } from '../planner/measures.ts';
import { REMAINDER, TIME } from '../planner/plan.ts';
import type { Predicate } from '../planner/predicate.ts';
import { and } from '../planner/predicate.ts';
import type { UnitsAsked } from '../planner/units-plan.ts';
import { partOn, unitsColumn, unitsPlan } from '../planner/units-plan.ts';
import type { BoundQuery, Streams, WantedInput } from './engine.ts';
import { noRows } from './operators/group-rows.ts';
import { isIn, outsideTop } from './outside-top.ts';
import { fillIn } from './remainder-distinct.ts';
import type { QuestionRunner } from './run-question.ts';

export function streamsOf({ rows, totals }: WantedInput): Streams {
  return { rows: rows?.streams ?? [], totals: totals?.streams ?? [] };
}

/** The keys of a stream that the state knows. */
export function keysOfStream(stream: string, { telemetry }: TenantState): readonly string[] {
  return telemetry.get(stream)?.columns ?? [];
}

/** Whole hours, as charges are told apart by. */
export function wholeHours({ from, to }: TimeRange): TimeRange {
  return { from: ceilHour(from), to: ceilHour(to) };
}

/** Groups of units, kept as answers are. */
export async function askUnits(
  asked: UnitsAsked,
  state: TenantState,
  runner: QuestionRunner,
  signal: AbortSignal,
): Promise<Rows> {
  const plan = unitsPlan(asked, state);
  const columns = [...(asked.buckets ? [TIME] : []), ...asked.keys, unitsColumn(asked.stream)];
  if (plan === null) return noRows(columns);
  const key = digest(['units', plan]);
  return runner.remember(state.tenant, key, signal, (own) => runner.ask(plan, state, own));
}

/** The rows with a column of units for each stream: 0 where it has none; in rows of the remainder see `outsideOf`. */
export async function addUnits(
  bound: BoundQuery,
  rows: Rows,
  runner: QuestionRunner,
  signal: AbortSignal,
): Promise<Rows> {
  const { question, state, streams } = bound;
  const isRemainder = rows.columns.get(REMAINDER)?.map((flag) => flag === 1n) ?? [];
  let filled = rows;
  for (const stream of streams.rows) {
    const known = keysOfStream(stream, state);
    const add = async (groupBy: readonly string[], inside: Predicate, isChosen: (i: number) => boolean) => {
      const keys = groupBy.filter((key) => known.includes(key));
      const predicate = and([partOn(question.filter, known), inside]);
      const { buckets } = question;
      const range = wholeHours(question.period);
      const units = await askUnits({ stream, keys, predicate, range, buckets }, state, runner, signal);
      const tuple = [...(buckets ? [TIME] : []), ...keys];
      filled = fillIn(filled, units, tuple, [unitsColumn(stream)], isChosen);
    };
    const inPage = valuesInPage(
      rows,
      question.groupBy.filter((key) => known.includes(key)),
      isRemainder,
    );
    await add(question.groupBy, inPage, (i) => isRemainder[i] !== true);
    if (!isRemainder.includes(true)) continue;
    const outside = await outsideOf(bound, known, runner, signal);
    const open = question.groupBy.filter((key) => !question.top?.by.includes(key));
    if (outside !== null) await add(open, outside, (i) => isRemainder[i] === true);
  }
  return filled;
}

/** The totals with the units of all the period that meet what the filter says of the stream's keys. */
export async function addTotalUnits(
  { question, state, streams }: BoundQuery,
  totals: ReadMeasure,
  runner: QuestionRunner,
  signal: AbortSignal,
): Promise<ReadMeasure> {
  const units = new Map<string, bigint | string | null>();
  for (const stream of streams.totals) {
    const predicate = partOn(question.filter, keysOfStream(stream, state));
    const asked = { stream, keys: [], predicate, range: wholeHours(question.period), buckets: null };
    const rows = await askUnits(asked, state, runner, signal);
    const name = unitsColumn(stream);
    units.set(name, rows.columns.get(name)?.[0] ?? 0n);
  }
  return withUnits(totals, units);
}

export function withUnits(
  totals: ReadMeasure,
  units: ReadonlyMap<string, bigint | string | null>,
): ReadMeasure {
  return (name) => units.get(name) ?? totals(name);
}

/** Per key the values that any row has but those of the remainder. */
function valuesInPage(rows: Rows, keys: readonly string[], isRemainder: readonly boolean[]): Predicate {
  return and(
    keys.map((key) => {
      const values = (rows.columns.get(key) ?? []).filter((_, i) => isRemainder[i] !== true);
      return isIn(key, new Set(values.map((value) => (typeof value === 'string' ? value : null))));
    }),
  );
}

/**
 * What the remainder stands for in a stream: true where top ranks by no key of it. Null where that cannot be said: by
 * some of its keys and others, or with having.
 */
async function outsideOf(
  bound: BoundQuery,
  known: readonly string[],
  runner: QuestionRunner,
  signal: AbortSignal,
): Promise<Predicate | null> {
  const by = bound.question.top?.by ?? [];
  const own = by.filter((key) => known.includes(key));
  if (own.length === 0) return and([]);
  if (own.length < by.length) return null;
  const outside = await outsideTop(bound, signal, runner);
  return isCostError(outside) ? null : outside;
}
