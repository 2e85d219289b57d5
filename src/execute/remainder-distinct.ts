import { costError, isCostError } from '../core/errors.ts';
import type { Rows } from '../connectors/connector.ts';
import { isMergeable } from '../planner/measures.ts';
import type { ColumnName } from '../planner/plan.ts';
import { REMAINDER, TIME } from '../planner/plan.ts';
import { and } from '../planner/predicate.ts';
import type { Question } from '../planner/question.ts';
import type { BoundQuery } from './engine.ts';
import { tupleReader } from './operators/group-rows.ts';
import { outsideTop } from './outside-top.ts';
import { ROWS_FETCHED_MAX, runRows } from './run-question.ts';
import type { QuestionRunner } from './run-question.ts';

/**
 * Distinct counts of groups do not merge into those of the remainder of `top`, so they are counted in a pass of their
 * own over what is outside the top. Rows without such a count, or without a remainder, are given back as they are.
 *
 * @throws BAD_QUERY with having: what it leaves of the remainder cannot be told from outside
 */
export async function countRemainderDistinct(
  bound: BoundQuery,
  rows: Rows,
  runner: QuestionRunner,
  signal: AbortSignal,
): Promise<Rows> {
  const measures = bound.question.wanted.rows?.measures.filter((each) => !isMergeable(each)) ?? [];
  const flags = rows.columns.get(REMAINDER) ?? [];
  if (measures.length === 0 || !flags.includes(1n)) return rows;
  const outside = await outsideTop(bound, signal, runner);
  if (isCostError(outside)) {
    const reason = 'distinct of the remainder row of a table with having';
    throw costError('BAD_QUERY', { reason, hint: 'Leave out having, distinct, or the remainder.' });
  }
  const { question } = bound;
  const groupBy = question.groupBy.filter((key) => !question.top?.by.includes(key));
  const keys = [...(question.buckets ? [TIME] : []), ...groupBy];
  const counted: Question = {
    ...question,
    groupBy,
    compare: null,
    compareBuckets: null,
    filter: and([question.filter, outside]),
    top: null,
    sort: keys.map((column) => ({ by: 'key', column, direction: 'ASC' })),
    wanted: { rows: { measures, offset: 0, limit: ROWS_FETCHED_MAX }, totals: null, excluded: null },
  };
  const { rows: counts } = await runRows(runner, counted, bound.state, signal, ['period', 'groupBy']);
  const names = measures.map((each) => each.name);
  return fillIn(rows, counts, keys, names, (i) => flags[i] === 1n);
}

/** Puts the columns `names` of `counts` into the rows with the same keys, of those that are chosen; 0 where none has them. */
export function fillIn(
  rows: Rows,
  counts: Rows,
  keys: readonly ColumnName[],
  names: readonly ColumnName[],
  isChosen: (index: number) => boolean = () => true,
): Rows {
  const tupleOfCounts = tupleReader(counts, keys);
  const byTuple = new Map(Array.from({ length: counts.length }, (_, i) => [tupleOfCounts(i), i]));
  const tuple = tupleReader(rows, keys);
  const columns = new Map(rows.columns);
  for (const name of names) {
    const own = rows.columns.get(name) ?? [];
    const counted = counts.columns.get(name) ?? [];
    const filled = Array.from({ length: rows.length }, (_, i) =>
      isChosen(i) ? (counted[byTuple.get(tuple(i)) ?? -1] ?? 0n) : (own[i] ?? null),
    );
    columns.set(name, filled);
  }
  return { length: rows.length, columns };
}
