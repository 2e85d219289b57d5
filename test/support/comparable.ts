import type { Measure } from '../../src/planner/measures.ts';
import { isMergeable } from '../../src/planner/measures.ts';
import type { Question } from '../../src/planner/question.ts';
import type { Row, Value } from './charge.ts';
import type { QuestionAnswer } from './question-reference.ts';

/** An answer cut to what was asked for, so that answers of different makers are equal where they agree. */
export type Comparable = {
  readonly rows: readonly Row[] | null;
  readonly rowCount: Value | undefined;
  /** Measures of all rows merged; distinct counts do not merge. */
  readonly summary: Row | null;
  readonly totals: Row | null;
  readonly excluded: Row | null;
};

/** @param isSplit a charge may count in several rows: counts of rows put together say nothing */
export function comparable(
  question: Question,
  { rows, totals, excluded }: QuestionAnswer,
  isSplit = false,
): Comparable {
  const { wanted, compare, top } = question;
  const keys = [...(question.buckets ? ['$time'] : []), ...question.groupBy];
  const cut = (row: Row, columns: readonly string[]) =>
    Object.fromEntries(columns.map((column) => [column, row[column] ?? null]));
  const names = (measures: readonly Measure[], sides = compare ? ['', 'before:'] : ['']) =>
    sides.flatMap((side) => measures.filter(isExact).map(({ name }) => `${side}${name}`));
  const asked = wanted.rows?.measures ?? [];
  const merged = names(asked.filter((each) => isMergeable(each) && !(isSplit && each.fn === 'count')));
  const [summary, ...shown] = rows ?? [];
  return {
    rows:
      rows &&
      shown.map((row) => {
        const isRest = row['$remainder'] === 1n;
        const columns = [...keys, ...(isRest ? merged : names(asked))];
        return { ...cut(row, columns), ...(top ? { $remainder: row['$remainder'] ?? null } : {}) };
      }),
    rowCount: summary?.['$rows'],
    summary: summary ? cut(summary, merged) : null,
    totals: wanted.totals && cut(totals ?? {}, names(wanted.totals.measures)),
    excluded: wanted.excluded && cut(excluded ?? {}, names(wanted.excluded.measures, [''])),
  };
}

/** Estimates are asked for, so that plans with them run, but each store has its own. */
function isExact({ fn }: Measure): boolean {
  return fn !== 'count-distinct-estimate';
}
