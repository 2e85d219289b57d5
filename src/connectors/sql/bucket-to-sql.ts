import { metrics } from '../../catalog/metrics.ts';
import type { TimeRange } from '../../core/time-range.ts';
import type { Bucket } from '../../planner/plan.ts';
import { TIME } from '../../planner/plan.ts';
import type { BucketRun, TimeBuckets } from '../../planner/time-buckets.ts';
import { bucketRuns } from '../../planner/time-buckets.ts';
import type { Block, Column } from './block.ts';
import { allColumns, columnOf, named, select } from './block.ts';
import type { Dialect } from './dialect.ts';
import type { Sql } from './sql-text.ts';
import { integer, sql } from './sql-text.ts';
import { touches } from './scan-to-sql.ts';
import type { Statement } from './statement.ts';

export function bucketToBlock(bucket: Bucket, input: Block, statement: Statement): Block {
  return bucket.timing === 'START'
    ? atStart(bucket, input, statement.dialect)
    : prorated(bucket, input, statement);
}

function atStart({ axis, buckets }: Bucket, input: Block, dialect: Dialect): Block {
  const number = buckets
    ? bucketNumber(bucketRuns(buckets), dialect.epochMs(columnOf(input, axis).at), dialect)
    : integer(0);
  return withColumn(input, TIME, { at: number, type: 'integer' });
}

const FROM = '$from';
const TO = '$to';
const CUT_FROM = '$cut_from';
const CUT_TO = '$cut_to';
const amountColumns = new Set(Object.values(metrics).map(({ column }) => column));

/**
 * Three steps, each on the last: `spans` are the charges that touch the range, `touched` has a row for each bucket
 * that a span touches, `pieces` says which stretch of the charge is in the bucket; the amounts are cut to it where
 * they are used. A charge within one bucket keeps its amount as it is. Amount × milliseconds must fit 127 bits:
 * amounts below 10^26 units over 50 years do, and the store fails rather than wrap around.
 */
function prorated({ buckets, clip }: Bucket, input: Block, statement: Statement): Block {
  const { dialect } = statement;
  const range = buckets ? intersection(clip, buckets) : clip;
  const runs = buckets
    ? bucketRuns(buckets)
    : [{ first: 0, from: clip.from, widthMs: clip.to - clip.from, count: 1 }];
  const [rangeFrom, rangeTo] = [integer(range.from), integer(range.to)];
  const at = (block: Block, name: string) => columnOf(block, name).at;
  const step = (wanted: string, block: Block, added: readonly (readonly [string, Sql])[]) =>
    statement.define(
      wanted,
      select({
        ...block,
        columns: [...allColumns(block), ...added.map(([name, value]) => named(value, name))],
      }),
      new Map([
        ...block.columns,
        ...added.map(([name, value]) => [name, { at: value, type: 'integer' }] as const),
      ]),
    );

  const [start, end] = [at(input, 'charge_period_start'), at(input, 'charge_period_end')];
  const touching = { ...input, where: [...input.where, ...touches(start, end, range, dialect)] };
  const spans = step('spans', touching, [
    [FROM, dialect.epochMs(start)],
    [TO, dialect.epochMs(end)],
  ]);

  const first = sql`greatest(${at(spans, FROM)}, ${rangeFrom})`;
  const last = sql`greatest(least(${at(spans, TO)}, ${rangeTo}) - 1, ${first})`;
  const numbers = [bucketNumber(runs, first, dialect), bucketNumber(runs, last, dialect)] as const;
  const touched = step('touched', spans, [[TIME, dialect.eachInteger(...numbers)]]);

  const number = at(touched, TIME);
  const next = bucketStart(runs, sql`(${number} + 1)`);
  const pieces = step('pieces', touched, [
    [CUT_FROM, sql`greatest(${at(touched, FROM)}, ${rangeFrom}, ${bucketStart(runs, number)})`],
    [CUT_TO, sql`least(${at(touched, TO)}, ${rangeTo}, ${next})`],
  ]);

  const columns = [...input.columns.keys(), TIME].map((name): [string, Column] => {
    const column = columnOf(pieces, name);
    return [
      name,
      amountColumns.has(name) ? { ...column, at: cutAmount(column.at, pieces, dialect) } : column,
    ];
  });
  return { ...pieces, columns: new Map(columns) };
}

/** F(cut to) − F(cut from), F as Bucket defines it. */
function cutAmount(amount: Sql, pieces: Block, dialect: Dialect): Sql {
  const ms = (name: string) => columnOf(pieces, name).at;
  const [from, to, cutFrom, cutTo] = [ms(FROM), ms(TO), ms(CUT_FROM), ms(CUT_TO)];
  const units = dialect.unscaled(amount);
  const until = (at: Sql) => dialect.divide(sql`(${units} * (${at} - ${from}))`, sql`(${to} - ${from})`);
  const part = dialect.scaled(sql`${until(cutTo)} - ${until(cutFrom)}`);
  return sql`CASE WHEN ${cutFrom} = ${from} AND ${cutTo} = ${to} THEN ${amount} ELSE ${part} END`;
}

/** The number of the bucket that `ms` falls in, by halving the runs. */
function bucketNumber(runs: readonly BucketRun[], ms: Sql, dialect: Dialect): Sql {
  return byHalves(
    runs,
    (run) => sql`${ms} < ${integer(run.from)}`,
    ({ first, from, widthMs, count }) => {
      if (count === 1) return integer(first);
      const number = dialect.divide(sql`(${ms} - ${integer(from)})`, integer(widthMs));
      return first === 0 ? number : sql`${number} + ${integer(first)}`;
    },
  );
}

/** Where bucket `number` starts; one past the last bucket is its end. */
function bucketStart(runs: readonly BucketRun[], number: Sql): Sql {
  return byHalves(
    runs,
    (run) => sql`${number} < ${integer(run.first)}`,
    ({ first, from, widthMs }) => {
      const steps = first === 0 ? number : sql`(${number} - ${integer(first)})`;
      return sql`${integer(from)} + ${steps} * ${integer(widthMs)}`;
    },
  );
}

/** A tree of CASEs over the runs, so that many runs (ten years of months) cost few comparisons. */
function byHalves(
  runs: readonly BucketRun[],
  isBefore: (run: BucketRun) => Sql,
  within: (run: BucketRun) => Sql,
): Sql {
  const middle = runs[runs.length >> 1];
  if (!middle) throw new Error('buckets have at least one edge pair');
  if (runs.length === 1) return within(middle);
  const half = (part: readonly BucketRun[]) => byHalves(part, isBefore, within);
  const [low, high] = [runs.slice(0, runs.length >> 1), runs.slice(runs.length >> 1)];
  return sql`CASE WHEN ${isBefore(middle)} THEN ${half(low)} ELSE ${half(high)} END`;
}

function intersection(clip: TimeRange, { edges }: TimeBuckets): TimeRange {
  return { from: Math.max(clip.from, edges[0] ?? clip.from), to: Math.min(clip.to, edges.at(-1) ?? clip.to) };
}

function withColumn(block: Block, name: string, column: Column): Block {
  return { ...block, columns: new Map([...block.columns, [name, column]]) };
}
