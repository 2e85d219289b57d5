import { compareText } from '../core/code-point-order.ts';
import type { CostError } from '../core/errors.ts';
import { costError } from '../core/errors.ts';
import type { Rows } from '../connectors/connector.ts';
import { measure } from '../planner/measures.ts';
import { REMAINDER } from '../planner/plan.ts';
import type { Predicate } from '../planner/predicate.ts';
import { TRUE, and, not, or } from '../planner/predicate.ts';
import type { Question } from '../planner/question.ts';
import { tupleName, valuesReader } from './deal-out.ts';
import type { BoundQuery, Tuple } from './engine.ts';
import { columnOf } from './operators/group-rows.ts';
import { ROWS_FETCHED_MAX, runRows } from './run-question.ts';
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
  const { question } = bound;
  // Spread over buckets a charge counts in each of them, and so it does in the ranking.
  const isSpread = question.timing === 'PRORATED';
  const ranked: Question = {
    ...question,
    groupBy: top.by,
    granularity: isSpread ? question.granularity : 'TOTAL',
    buckets: isSpread ? question.buckets : null,
    compareBuckets: isSpread ? question.compareBuckets : null,
    sort: top.by.map((column) => ({ by: 'key', column, direction: 'ASC' })),
    wanted: {
      rows: { measures: [measure('count', null)], offset: 0, limit: ROWS_FETCHED_MAX },
      totals: null,
      excluded: null,
    },
  };
  const { rows } = await runRows(runner, ranked, bound.state, signal);
  return not(oneOf(top.by, keptTuples(rows, top.by)));
}

/** The tuples of `by` that top kept in rows. */
export function keptTuples(rows: Rows, by: readonly string[]): Tuple[] {
  const read = valuesReader(rows, by);
  const flags = columnOf(rows, REMAINDER);
  const tuples = new Map<string, Tuple>();
  for (let i = 0; i < rows.length; i++) {
    const tuple = read(i);
    if (flags[i] !== 1n) tuples.set(tupleName(tuple), tuple);
  }
  return [...tuples.values()];
}

/** Tuples that begin alike share a test, and the last key's values are one list: stores take long over many tests. */
function oneOf(keys: readonly string[], tuples: readonly Tuple[]): Predicate {
  const [key, ...rest] = keys;
  if (key === undefined) return TRUE;
  if (rest.length === 0) return isIn(key, new Set(tuples.map(([value]) => value ?? null)));
  const byFirst = Map.groupBy(tuples, ([value]) => value ?? null);
  return or(
    [...byFirst].map(([value, some]) =>
      and([
        isIn(key, new Set([value])),
        oneOf(
          rest,
          some.map((tuple) => tuple.slice(1)),
        ),
      ]),
    ),
  );
}

/** The dimension has one of the values, null among them. */
export function isIn(key: string, values: ReadonlySet<string | null>): Predicate {
  const present = [...values].filter((value) => value !== null).sort(compareText);
  const test = present.length > 0 ? ({ op: 'in', values: present, ignoreCase: false } as const) : NONE;
  return { kind: 'test', key, test, orNull: values.has(null) };
}

const NONE = { op: 'none' } as const;
