import { metrics } from '../../catalog/metrics.ts';
import type { TimeRange } from '../../core/time-range.ts';
import { DAY_MS, HOUR_MS } from '../../core/time-range.ts';
import type { Bucket, Rebucket } from '../../planner/plan.ts';
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

/** In microseconds, as engines hold times: one division a charge less than in milliseconds. */
function atStart({ axis, buckets }: Bucket, input: Block, dialect: Dialect): Block {
  if (!buckets) return withColumn(input, TIME, { at: integer(0), type: 'integer' });
  const runs = bucketRuns(buckets);
  const micros = runs.map((run) => scaled(run, 1_000));
  const time = columnOf(input, axis).at;
  const number = (at: Sql) => bucketNumber(micros, dialect.epochMicros(at), dialect);
  const unit = utcUnitOf(runs);
  if (unit === null) return withColumn(input, TIME, { at: number(time), type: 'integer' });
  const start = dialect.startOf(unit, time);
  return withColumn(input, TIME, { at: number(start), type: 'integer', groupedBy: start });
}

/** Hours since an instant are hours since 1970, of which buckets are some. */
export function rebucketToBlock({ from, buckets }: Rebucket, input: Block, dialect: Dialect): Block {
  if (!buckets) return withColumn(input, TIME, { at: integer(0), type: 'integer' });
  const runs = bucketRuns(buckets).map(({ first, from: start, widthMs, count }) => ({
    first,
    from: start / HOUR_MS,
    width: widthMs / HOUR_MS,
    count,
  }));
  const hour = sql`(${columnOf(input, TIME).at} + ${integer(from / HOUR_MS)})`;
  return withColumn(input, TIME, { at: bucketNumber(runs, hour, dialect), type: 'integer' });
}

/** The unit of UTC that all buckets are one of. */
function utcUnitOf(runs: readonly BucketRun[]): 'hour' | 'day' | null {
  const [run, second] = runs;
  if (!run || second) return null;
  const isUnit = (ms: number) => run.widthMs === ms && run.from % ms === 0;
  return isUnit(DAY_MS) ? 'day' : isUnit(HOUR_MS) ? 'hour' : null;
}

/** Consecutive buckets of equal width, in any unit of time. */
type Run = { readonly first: number; readonly from: number; readonly width: number; readonly count: number };

function scaled({ first, from, widthMs, count }: BucketRun, perMs: number): Run {
  return { first, from: from * perMs, width: widthMs * perMs, count };
}

const FROM = '$from';
const TO = '$to';
const FIRST = '$first';
const LAST = '$last';
const CUT_FROM = '$cut_from';
const CUT_TO = '$cut_to';
/** Of an amount that has to be cut: its units of 10^-12, and how many whole ones fall on a millisecond. */
const units = (name: string) => `$units:${name}`;
const rate = (name: string) => `$rate:${name}`;
/** The product of two lengths up to this (35 days) fits 64 bits, where division is a hundred times as fast. */
const SHORT_SPAN_MS = 3_037_000_499;
const amountColumns = new Set(Object.values(metrics).map(({ column }) => column));

/**
 * Each step on the last: `spans` are the charges that touch the range, `numbered` says which buckets they touch,
 * `touched` has a row for each of those, `pieces` the stretch of the charge that is in the bucket; the amounts are
 * cut to it where they are used.
 */
function prorated({ buckets, clip }: Bucket, input: Block, statement: Statement): Block {
  const { dialect } = statement;
  const range = buckets ? intersection(clip, buckets) : clip;
  const runs = buckets
    ? bucketRuns(buckets).map((run) => scaled(run, 1))
    : [{ first: 0, from: clip.from, width: clip.to - clip.from, count: 1 }];
  const [rangeFrom, rangeTo] = [integer(range.from), integer(range.to)];
  const number = (ms: Sql) => bucketNumber(runs, ms, dialect);
  const amounts = [...input.columns.keys()].filter((name) => amountColumns.has(name));

  const start = columnOf(input, 'charge_period_start').at;
  const end = columnOf(input, 'charge_period_end').at;
  const touching = { ...input, where: [...input.where, ...touches(start, end, range, dialect)] };
  const spans = extend(statement, 'spans', touching, () => [
    [FROM, dialect.epochMs(start)],
    [TO, dialect.epochMs(end)],
  ]);
  const numbered = extend(statement, 'numbered', spans, (read) => [
    [FIRST, number(sql`greatest(${read(FROM)}, ${rangeFrom})`)],
    [LAST, number(sql`greatest(least(${read(TO)}, ${rangeTo}) - 1, ${read(FROM)}, ${rangeFrom})`)],
  ]);
  const touched = extend(statement, 'touched', numbered, (read) => {
    const isCut = sql`${read(FIRST)} <> ${read(LAST)} OR ${read(FROM)} < ${rangeFrom} OR ${read(TO)} > ${rangeTo}`;
    return [
      ...amounts.map(
        (name) => [units(name), sql`CASE WHEN ${isCut} THEN ${dialect.unscaled(read(name))} END`] as const,
      ),
      [TIME, dialect.eachInteger(read(FIRST), read(LAST))],
    ];
  });
  const pieces = extend(statement, 'pieces', touched, (read) => {
    const next = bucketStart(runs, sql`(${read(TIME)} + 1)`);
    const length = lengthOf(read);
    return [
      [CUT_FROM, sql`greatest(${read(FROM)}, ${rangeFrom}, ${bucketStart(runs, read(TIME))})`],
      [CUT_TO, sql`least(${read(TO)}, ${rangeTo}, ${next})`],
      ...amounts.map((name) => [rate(name), dialect.divideWide(read(units(name)), length)] as const),
    ];
  });
  const columns = [...input.columns.keys(), TIME].map((name): [string, Column] => {
    const column = columnOf(pieces, name);
    return [name, amountColumns.has(name) ? { ...column, at: cutAmount(name, pieces, dialect) } : column];
  });
  return { ...pieces, columns: new Map(columns) };
}

type Added = readonly (readonly [name: string, at: Sql])[];
type Read = (name: string) => Sql;

/** Defines the block with integer columns added to it. */
function extend(statement: Statement, wanted: string, block: Block, add: (read: Read) => Added): Block {
  const added = add((name) => columnOf(block, name).at);
  const columns = [...allColumns(block), ...added.map(([name, at]) => named(at, name))];
  const types = added.map(([name, at]): [string, Column] => [name, { at, type: 'integer' }]);
  return statement.define(wanted, select({ ...block, columns }), new Map([...block.columns, ...types]));
}

function lengthOf(read: Read): Sql {
  return sql`(${read(TO)} - ${read(FROM)})`;
}

/**
 * F(cut to) − F(cut from), F as Bucket defines it; the amount itself where it is not cut. With amount = rate ×
 * length + rest, F(t) is rate × (t − start) + rest × (t − start) ÷ length: the same number, as all terms have one
 * sign, and what is left to divide is small.
 */
function cutAmount(name: string, pieces: Block, dialect: Dialect): Sql {
  const read: Read = (column) => columnOf(pieces, column).at;
  const length = lengthOf(read);
  const rest = sql`CAST(${read(units(name))} - ${read(rate(name))} * ${length} AS BIGINT)`;
  const until = (cut: string, part: Sql) =>
    dialect.divide(sql`(${part} * (${read(cut)} - ${read(FROM)}))`, length);
  const uneven = (part: Sql) => sql`${until(CUT_TO, part)} - ${until(CUT_FROM, part)}`;
  const even = sql`${read(rate(name))} * (${read(CUT_TO)} - ${read(CUT_FROM)})`;
  const part = sql`${even} + CASE WHEN ${length} <= ${integer(SHORT_SPAN_MS)} THEN ${uneven(rest)} ELSE ${uneven(dialect.wide(rest))} END`;
  return sql`CASE WHEN ${read(units(name))} IS NULL THEN ${read(name)} ELSE ${dialect.scaled(part)} END`;
}

/** The number of the bucket that `time` falls in, by halving the runs. */
function bucketNumber(runs: readonly Run[], time: Sql, dialect: Dialect): Sql {
  return byHalves(
    runs,
    (run) => sql`${time} < ${integer(run.from)}`,
    ({ first, from, width, count }) => {
      if (count === 1) return integer(first);
      const number = dialect.divide(sql`(${time} - ${integer(from)})`, integer(width));
      return first === 0 ? number : sql`${number} + ${integer(first)}`;
    },
  );
}

/** Where bucket `number` starts; one past the last bucket is its end. */
function bucketStart(runs: readonly Run[], number: Sql): Sql {
  return byHalves(
    runs,
    (run) => sql`${number} < ${integer(run.first)}`,
    ({ first, from, width }) => {
      const steps = first === 0 ? number : sql`(${number} - ${integer(first)})`;
      return sql`${integer(from)} + ${steps} * ${integer(width)}`;
    },
  );
}

/** A tree of CASEs over the runs, so that many runs (ten years of months) cost few comparisons. */
function byHalves(runs: readonly Run[], isBefore: (run: Run) => Sql, within: (run: Run) => Sql): Sql {
  const middle = runs[runs.length >> 1];
  if (!middle) throw new Error('buckets have at least one edge pair');
  if (runs.length === 1) return within(middle);
  const half = (part: readonly Run[]) => byHalves(part, isBefore, within);
  const [low, high] = [runs.slice(0, runs.length >> 1), runs.slice(runs.length >> 1)];
  return sql`CASE WHEN ${isBefore(middle)} THEN ${half(low)} ELSE ${half(high)} END`;
}

function intersection(clip: TimeRange, { edges }: TimeBuckets): TimeRange {
  return { from: Math.max(clip.from, edges[0] ?? clip.from), to: Math.min(clip.to, edges.at(-1) ?? clip.to) };
}

function withColumn(block: Block, name: string, column: Column): Block {
  return { ...block, columns: new Map([...block.columns, [name, column]]) };
}
