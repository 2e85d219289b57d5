import type { Rows } from '../connectors/connector.ts';
import type { Measure, ReadMeasure } from '../planner/measures.ts';
import type { ColumnName } from '../planner/plan.ts';
import { TIME, before } from '../planner/plan.ts';
import type { Question, Wanted } from '../planner/question.ts';
import type { Level } from './drill-down.ts';
import type { Answer } from './engine.ts';
import { page } from './operators/page.ts';
import { top } from './operators/top.ts';
import { readRow, splitPage, takeRows } from './page-rows.ts';

/** Row numbers of the question's answer by the parent they belong to (see parentName). */
export function dealOut(rows: Rows, levels: readonly Level[]): Map<string, number[]> {
  const time = rows.columns.get(TIME);
  const columns = levels.map((level) => level.keys.map((key) => rows.columns.get(key) ?? []));
  const dealt = new Map<string, number[]>();
  for (let i = 0; i < rows.length; i++) {
    const bucket = Number(time?.[i] ?? 0);
    const name = JSON.stringify(
      levels.map((level, depth) => [
        level.buckets ? (level.bucketOf[bucket] ?? null) : null,
        columns[depth]?.map((values) => values[i] ?? null) ?? [],
      ]),
    );
    const own = dealt.get(name);
    if (own) own.push(i);
    else dealt.set(name, [i]);
  }
  return dealt;
}

export type AskedLevel = {
  readonly own: Level;
  readonly question: Omit<Question, 'wanted'>;
  readonly wanted: Wanted;
  readonly measures: readonly Measure[];
};

/** `summary`: all of the parent's rows merged. */
export type ParentAnswer = Pick<Answer, 'rows' | 'totalCount' | 'totals'> & {
  readonly summary: ReadMeasure;
  readonly isEmpty: boolean;
};

/**
 * The answer of one parent, cut from the rows of all.
 *
 * @param totals where totals do not follow from the rows: the row that holds this parent's
 */
export function answerParent(
  groups: Rows,
  indexes: readonly number[],
  asked: AskedLevel,
  totals: { readonly rows: Rows; readonly index: number | null } | null,
): ParentAnswer {
  const { own, question, wanted, measures } = asked;
  const rows = ownRows(groups, indexes, own, measures);
  const keys = [...(own.buckets ? [TIME] : []), ...own.keys];
  const cut = question.top ? top({ ...question.top, keys, measures }, rows) : rows;
  const window = wanted.rows ?? { offset: 0, limit: 0 };
  const paged = splitPage(page({ sort: question.sort, ...window, measures }, cut));
  const whole = splitPage(page({ sort: [], offset: 0, limit: 0, measures }, rows)).summary;
  const ofTotals =
    totals === null ? whole : totals.index === null ? () => null : readRow(totals.rows, totals.index);
  return {
    rows: wanted.rows ? paged.rows : null,
    totalCount: wanted.rows ? paged.totalCount : null,
    totals: wanted.totals ? ofTotals : null,
    summary: whole,
    isEmpty: indexes.length === 0,
  };
}

/** The rows of one parent, as a table of its own: bucket numbers of the asked level, only its keys. */
function ownRows(rows: Rows, indexes: readonly number[], own: Level, measures: readonly Measure[]): Rows {
  const taken = takeRows(rows, indexes);
  const names = measures.map((each) => each.name);
  const kept = new Set<ColumnName>([...own.keys, ...names, ...names.map(before)]);
  const columns = new Map([...taken.columns].filter(([name]) => kept.has(name)));
  const time = taken.columns.get(TIME);
  if (own.buckets && time)
    columns.set(
      TIME,
      time.map((bucket) => BigInt(own.bucketOf[Number(bucket)] ?? 0)),
    );
  return { length: taken.length, columns };
}
