import type { Rows } from '../connectors/connector.ts';
import type { Measure } from '../planner/measures.ts';
import type { ColumnName, Plan } from '../planner/plan.ts';
import { ORDINAL, TIME, before } from '../planner/plan.ts';
import type { Question } from '../planner/question.ts';
import type { Level } from './drill-down.ts';
import { mergeAggregate } from './operators/merge-aggregate.ts';
import { page } from './operators/page.ts';
import { top } from './operators/top.ts';
import { takeRows } from './page-rows.ts';

/** Row numbers of the question's answer by the parent they belong to. */
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

/** The rows of one parent, as a table of its own: bucket numbers of the asked level, only its keys. */
export function ownRows(
  rows: Rows,
  indexes: readonly number[],
  own: Level,
  measures: readonly Measure[],
): Rows {
  const taken = takeRows(rows, indexes);
  const names = measures.map((measure) => measure.name);
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
