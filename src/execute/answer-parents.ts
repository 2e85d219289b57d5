import type { Rows } from '../connectors/connector.ts';
import type { Measure, ReadMeasure } from '../planner/measures.ts';
import type { ColumnName } from '../planner/plan.ts';
import { REMAINDER, TIME, before } from '../planner/plan.ts';
import type { Wanted } from '../planner/question.ts';
import { tupleName, valuesReader } from './deal-out.ts';
import type { OwnQuestion } from './drill-down.ts';
import type { Answer, Tuple } from './engine.ts';
import type { BucketPath } from './nested-buckets.ts';
import type { Value } from './operators/group-rows.ts';
import { columnOf } from './operators/group-rows.ts';
import { mergeAggregate } from './operators/merge-aggregate.ts';
import { page } from './operators/page.ts';
import { top } from './operators/top.ts';
import { keptTuples } from './outside-top.ts';
import { readRow, splitPage } from './page-rows.ts';
import { fillIn } from './remainder-distinct.ts';
import type { Groups } from './run-groups.ts';

export type AskedLevel = {
  readonly question: OwnQuestion;
  readonly wanted: Wanted;
  /** Of the buckets of groups: the last number is that of the asked level. */
  readonly paths: readonly BucketPath[];
  /** Whether several groups may be in one row. */
  readonly isFiner: boolean;
};

/** `summary`: all of the parent's rows merged. */
export type ParentAnswer = Pick<Answer, 'rows' | 'totalCount' | 'totals' | 'kept'> & {
  readonly summary: ReadMeasure;
};

/**
 * The answer of one parent, cut from its groups.
 *
 * @param totals where totals do not follow from the rows: the groups that merge into this parent's
 */
export function answerParent(groups: Groups, asked: AskedLevel, totals: Groups | null): ParentAnswer {
  const { question, wanted, isFiner } = asked;
  const { measures } = groups;
  const keys = keysOf(asked);
  const names = measures.flatMap(({ name }) => [name, before(name)]);
  const rows = mergeGroups(ownRows(groups.rows, asked, names), keys, measures, isFiner);
  const cut = question.top ? top({ ...question.top, keys, measures }, rows) : rows;
  const kept = question.top && keptTuples(cut, question.top.by);
  const window = wanted.rows ?? { offset: 0, limit: 0 };
  const paged = splitPage(page({ sort: question.sort, ...window, measures }, cut));
  const { summary } = splitPage(page({ sort: [], offset: 0, limit: 0, measures }, rows));
  return {
    rows: wanted.rows && countValues(paged.rows, groups.values, asked, kept),
    totalCount: wanted.rows ? paged.totalCount : null,
    totals: wanted.totals && (totals ? mergeTotals(totals, isFiner) : summary),
    kept,
    summary,
  };
}

function keysOf({ question }: AskedLevel): ColumnName[] {
  return [...(question.granularity === 'TOTAL' ? [] : [TIME]), ...question.groupBy];
}

/** Groups by the keys of the asked level alone, with its bucket numbers, and the columns `names`. */
function ownRows(rows: Rows, asked: AskedLevel, names: readonly ColumnName[]): Rows {
  const kept = new Set([...keysOf(asked), ...names]);
  const columns = new Map([...rows.columns].filter(([name]) => kept.has(name)));
  const times = columns.get(TIME);
  const own = (bucket: Value) => BigInt(asked.paths[Number(bucket)]?.at(-1) ?? 0);
  if (times) columns.set(TIME, times.map(own));
  return { length: rows.length, columns };
}

/** One row per tuple of `keys`; without keys exactly one. */
function mergeGroups(
  rows: Rows,
  keys: readonly ColumnName[],
  measures: readonly Measure[],
  isFiner: boolean,
): Rows {
  if (!isFiner && (keys.length > 0 || rows.length > 0)) return rows;
  const columns = measures.flatMap((each) => [each, { ...each, name: before(each.name) }]);
  const merged = columns
    .filter(({ name }) => rows.columns.has(name))
    // Distinct counts are here only where there is nothing to merge.
    .map((each) => ({ ...each, column: each.name }));
  return mergeAggregate({ groupBy: keys, measures: merged }, rows);
}

function mergeTotals({ rows, measures, values }: Groups, isFiner: boolean): ReadMeasure {
  const read = readRow(mergeGroups(rows, [], measures, isFiner), 0);
  const counts = new Map(
    [...values].map(([each, groups]) => {
      const counted = mergeAggregate({ groupBy: [], measures: [each] }, groups);
      return [each.name, readRow(counted, 0)(each.name)];
    }),
  );
  return (name) => counts.get(name) ?? read(name);
}

/** The counted values of a group, where the group's keys may be among them. */
const COUNTED: ColumnName = '$counted';

/** Puts in the distinct counts of rows that several groups are in. */
function countValues(
  rows: Rows,
  values: Groups['values'],
  asked: AskedLevel,
  kept: readonly Tuple[] | null,
): Rows {
  const keys = [...keysOf(asked), ...(kept ? [REMAINDER] : [])];
  let filled = rows;
  for (const [each, groups] of values) {
    const own = ownRows(groups, asked, [each.column ?? '']);
    const columns = new Map([...own.columns, [COUNTED, columnOf(own, each.column ?? '')]]);
    const cut = cutAs(kept, asked.question.top?.by ?? [], { ...own, columns });
    const counts = mergeAggregate({ groupBy: keys, measures: [{ ...each, column: COUNTED }] }, cut);
    filled = fillIn(filled, counts, keys, [each.name]);
  }
  return filled;
}

/** Marks what top did not keep as remainder, as top does. */
function cutAs(kept: readonly Tuple[] | null, by: readonly string[], rows: Rows): Rows {
  if (kept === null) return rows;
  const names = new Set(kept.map(tupleName));
  const read = valuesReader(rows, by);
  const isKept = Array.from({ length: rows.length }, (_, i) => names.has(tupleName(read(i))));
  const columns = new Map(rows.columns);
  for (const key of by) {
    columns.set(
      key,
      columnOf(rows, key).map((value, i) => (isKept[i] ? value : null)),
    );
  }
  columns.set(
    REMAINDER,
    isKept.map((flag) => (flag ? 0n : 1n)),
  );
  return { ...rows, columns };
}
