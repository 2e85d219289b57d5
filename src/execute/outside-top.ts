import type { CostError } from '../core/errors.ts';
import { costError } from '../core/errors.ts';
import { measure } from '../planner/measures.ts';
import { REMAINDER } from '../planner/plan.ts';
import type { Predicate } from '../planner/predicate.ts';
import { and, not, or } from '../planner/predicate.ts';
import type { Question } from '../planner/question.ts';
import type { BoundQuery } from './engine.ts';
import { splitPage } from './page-rows.ts';
import type { QuestionRunner } from './run-question.ts';

/** What the remainder row of a table's top stands for: not one of its tuples. An error with having, which hides groups. */
export async function outsideTop(
  bound: BoundQuery,
  signal: AbortSignal,
  runner: QuestionRunner,
): Promise<Predicate | CostError> {
  const { top } = bound.question;
  if (!top || bound.question.having.length > 0) {
    const reason = 'The remainder of a table with having cannot be drilled into';
    return costError('BAD_QUERY', { reason, hint: 'Leave out having, or filter instead.' });
  }
  const ranked: Question = {
    ...bound.question,
    groupBy: top.by,
    granularity: 'TOTAL',
    buckets: null,
    compareBuckets: null,
    sort: top.by.map((column) => ({ by: 'key', column, direction: 'ASC' })),
    wanted: {
      rows: { measures: [measure('count', null)], offset: 0, limit: top.count + 1 },
      totals: null,
      excluded: null,
    },
  };
  const { results } = await runner.run(ranked, bound.state, signal);
  const part = results.get('rows');
  if (!part) throw new Error('rows were wanted');
  const { rows } = splitPage(part.rows);
  const tuples = Array.from({ length: rows.length }, (_, i) => i)
    .filter((i) => rows.columns.get(REMAINDER)?.[i] !== 1n)
    .map((i) => and(top.by.map((key) => equals(key, rows.columns.get(key)?.[i] ?? null))));
  return not(or(tuples));
}

function equals(key: string, value: bigint | string | null): Predicate {
  if (typeof value !== 'string') return { kind: 'test', key, test: { op: 'none' }, orNull: true };
  return { kind: 'test', key, test: { op: 'in', values: [value], ignoreCase: false }, orNull: false };
}
