/** The groups of a drill-down, all parents' together. */
import type { Rows } from '../connectors/connector.ts';
import { costError } from '../core/errors.ts';
import type { Measure } from '../planner/measures.ts';
import { isMergeable, measure } from '../planner/measures.ts';
import type { Narrowing } from '../planner/narrow-question.ts';
import { TIME } from '../planner/plan.ts';
import type { Question } from '../planner/question.ts';
import type { DrillDownPlan, Grouping } from './drill-down.ts';
import type { BoundQuery } from './engine.ts';
import { standsSideBySide } from './nested-buckets.ts';
import { compare } from './operators/compare.ts';
import type { QuestionRunner } from './run-question.ts';
import { runRows } from './run-question.ts';

/** Groups that one level of drill-downs may have over all its parents. */
export const DRILL_DOWN_GROUPS_MAX = 200_000;

/** Groups with their measures; and per distinct count that is still to be merged, groups by the counted values as well. */
export type Groups = {
  readonly rows: Rows;
  readonly measures: readonly Measure[];
  readonly values: ReadonlyMap<Measure, Rows>;
};

export type GroupRunner = {
  readonly bound: BoundQuery;
  readonly signal: AbortSignal;
  readonly runner: QuestionRunner;
};

/**
 * One question; one more per distinct count where groups are still to be merged, and one more for the compared period
 * where its buckets do not stand beside those of the period one by one.
 *
 * @throws TOO_LARGE
 */
export async function runGroups(
  question: DrillDownPlan['question'],
  grouping: Grouping,
  wanted: readonly Measure[],
  isMerged: boolean,
  run: GroupRunner,
): Promise<Groups> {
  const isCounted = (each: Measure) => isMerged && !isMergeable(each);
  const measures = wanted.filter((each) => !isCounted(each));
  const rows = await runGrouping(question, grouping, measures, run, ['period', 'groupBy']);
  const values = new Map<Measure, Rows>();
  for (const each of wanted.filter(isCounted)) {
    const keys = [...new Set([...grouping.keys, ...(each.column === null ? [] : [each.column])])];
    const current = { ...question, compare: null };
    const counted = [measure('count', null)];
    values.set(each, await runGrouping(current, { ...grouping, keys }, counted, run, ['period']));
  }
  return { rows, measures, values };
}

async function runGrouping(
  question: DrillDownPlan['question'],
  { keys, time }: Grouping,
  measures: readonly Measure[],
  run: GroupRunner,
  can: readonly Narrowing[],
): Promise<Rows> {
  const { buckets, compareBuckets } = time;
  const columns = [...(buckets ? [TIME] : []), ...keys];
  const asked: Question = {
    ...question,
    buckets,
    compareBuckets,
    granularity: buckets?.granularity ?? 'TOTAL',
    groupBy: keys,
    sort: columns.map((column) => ({ by: 'key', column, direction: 'ASC' })),
    wanted: { rows: { measures, offset: 0, limit: DRILL_DOWN_GROUPS_MAX }, totals: null, excluded: null },
  };
  if (asked.compare === null || standsSideBySide(time)) return runQuestion(asked, run, can);
  const period = { ...asked, compare: null, compareBuckets: null };
  const current = await runQuestion(period, run, can);
  const earlier = await runQuestion({ ...period, period: asked.compare, buckets: compareBuckets }, run, can);
  const times = (earlier.columns.get(TIME) ?? []).map((bucket) => BigInt(time.compared[Number(bucket)] ?? 0));
  const renumbered = { ...earlier, columns: new Map([...earlier.columns, [TIME, times]]) };
  return checkGroups(compare({ keys: columns, measures }, current, renumbered));
}

async function runQuestion(
  question: Question,
  { bound, signal, runner }: GroupRunner,
  can: readonly Narrowing[],
): Promise<Rows> {
  const { rows, totalCount } = await runRows(runner, question, bound.state, signal, can);
  return checkGroups(rows, totalCount);
}

function checkGroups(rows: Rows, count = rows.length): Rows {
  if (count <= DRILL_DOWN_GROUPS_MAX) return rows;
  throw costError('TOO_LARGE', {
    what: 'groups of a drill-down',
    actual: count,
    limit: DRILL_DOWN_GROUPS_MAX,
  });
}
