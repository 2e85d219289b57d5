/** Units of streams beside the rows of drill-downs: one question for all parents. */
import type { Rows } from '../connectors/connector.ts';
import { REMAINDER, TIME } from '../planner/plan.ts';
import { partOn, unitsColumn } from '../planner/units-plan.ts';
import type { Level } from './deal-out.ts';
import { dealOut, pathNames } from './deal-out.ts';
import type { DrillDownPlan, Grouping, OwnQuestion } from './drill-down.ts';
import type { Answer, ParentRow, Streams } from './engine.ts';
import { columnOf } from './operators/group-rows.ts';
import { takeRows } from './page-rows.ts';
import { fillIn } from './remainder-distinct.ts';
import type { GroupRunner } from './run-groups.ts';
import { askUnits, keysOfStream, wholeHours, withUnits } from './unit-costs.ts';

type Path = readonly ParentRow[];
type Parts = Pick<Answer, 'rows' | 'totals'>;
/** Puts units into the answer of the parent of a number. */
type AddUnits = <Some extends Parts>(parent: number, answer: Some) => Some;

/** Rows of a remainder, and rows inside one, have no units: what they stand for is no set of keys. */
export async function unitsOfParents(
  plan: DrillDownPlan,
  question: OwnQuestion,
  streams: Streams,
  parents: readonly Path[],
  run: GroupRunner,
): Promise<AddUnits> {
  const isSayable = (stream: string) => !isOutsideMixed(plan, keysOfStream(stream, run.bound.state), run);
  const ofRows = await dealtUnits(plan, plan.groups, streams.rows.filter(isSayable), parents, run);
  const ofTotals = await dealtUnits(plan, plan.parents, streams.totals.filter(isSayable), parents, run);
  const isPlain = (parent: number) => parents[parent]?.every((row) => !row.isRemainder) ?? false;
  const addToRows = (parent: number, rows: Rows): Rows => {
    const flags = rows.columns.get(REMAINDER);
    let filled = rows;
    for (const [stream, unitsOf] of ofRows) {
      const known = keysOfStream(stream, run.bound.state);
      const own = question.groupBy.filter((key) => known.includes(key));
      const keys = [...(question.granularity === 'TOTAL' ? [] : [TIME]), ...own];
      const units = inOwnBuckets(unitsOf(parent), plan.groups);
      filled = fillIn(filled, units, keys, [unitsColumn(stream)], (i) => flags?.[i] !== 1n);
    }
    return filled;
  };
  return (parent, answer) => {
    if (!isPlain(parent)) return answer;
    const totals = new Map(
      [...ofTotals].map(([stream, unitsOf]) => [unitsColumn(stream), sumOf(unitsOf(parent), stream)]),
    );
    return {
      ...answer,
      rows: answer.rows && addToRows(parent, answer.rows),
      totals: answer.totals && withUnits(answer.totals, totals),
    };
  };
}

/** Inside a remainder of the root that is ranked by some keys of the stream, and by others. */
function isOutsideMixed(
  { levels }: DrillDownPlan,
  known: readonly string[],
  { bound: { question } }: GroupRunner,
): boolean {
  const by = question.top?.by ?? [];
  const isOutside = (levels[0]?.keys.length ?? 0) < question.groupBy.length;
  return isOutside && by.some((key) => known.includes(key)) && !by.every((key) => known.includes(key));
}

/** Per stream the groups of units in each parent. */
async function dealtUnits(
  { question, levels }: DrillDownPlan,
  { keys, time }: Grouping,
  streams: readonly string[],
  parents: readonly Path[],
  { bound, runner, signal }: GroupRunner,
): Promise<Map<string, (parent: number) => Rows>> {
  const dealt = new Map<string, (parent: number) => Rows>();
  for (const stream of streams) {
    const known = keysOfStream(stream, bound.state);
    const asked = {
      stream,
      keys: keys.filter((key) => known.includes(key)),
      predicate: partOn(question.filter, known),
      range: wholeHours(question.period),
      buckets: time.buckets,
    };
    const rows = await askUnits(asked, bound.state, runner, signal);
    const own = levels.map((level): Level => ({ keys: ownKeys(level, known), ranked: [] }));
    const places = dealOut(rows, time.paths, own, new Map());
    dealt.set(stream, (parent) => {
      const path = (parents[parent] ?? []).map((row, depth) => ownValues(row, levels[depth], known));
      return takeRows(rows, places.get(pathNames(path, own).at(-1) ?? '') ?? []);
    });
  }
  return dealt;
}

function ownKeys({ keys }: Level, known: readonly string[]): string[] {
  return keys.filter((key) => known.includes(key));
}

function ownValues(row: ParentRow, level: Level | undefined, known: readonly string[]): ParentRow {
  return { ...row, values: row.values.filter((_, i) => known.includes(level?.keys[i] ?? '')) };
}

/** With the bucket numbers of the asked level alone. */
function inOwnBuckets(rows: Rows, { time }: Grouping): Rows {
  const times = rows.columns.get(TIME);
  if (times === undefined) return rows;
  const own = times.map((bucket) => BigInt(time.paths[Number(bucket)]?.at(-1) ?? 0));
  return { ...rows, columns: new Map([...rows.columns, [TIME, own]]) };
}

function sumOf(rows: Rows, stream: string): bigint {
  return columnOf(rows, unitsColumn(stream)).reduce<bigint>(
    (sum, units) => sum + (typeof units === 'bigint' ? units : 0n),
    0n,
  );
}
