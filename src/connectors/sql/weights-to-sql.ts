import type { NoDriver } from '../../attribution/rule-set.ts';
import { DAY_MS, HOUR_MS } from '../../core/time-range.ts';
import { unreachable } from '../../core/unreachable.ts';
import type { Allocate, ColumnName, Weights } from '../../planner/plan.ts';
import { TIME } from '../../planner/plan.ts';
import type { Block, Column } from './block.ts';
import { columnOf, named, ordinals, select, unionAll } from './block.ts';
import type { Sql } from './sql-text.ts';
import { integer, join, sql, text } from './sql-text.ts';
import type { Statement } from './statement.ts';

/** Of each pool and key: the weights of all keys before it, and through it, and of all of them. */
export const Y_FROM = '$y_from';
export const Y_TO = '$y_to';
export const Y_ALL = '$y_all';
/** What gave the weights: 0 the driver, n the nth of what comes where it has none. */
export const WAY = '$way';
/** `on`: the columns of items that a row is for; none: it is for all of them. */
export type Shares = { readonly block: Block; readonly on: readonly ColumnName[] };

type Measured = Extract<Weights, { readonly kind: 'measured' }>;

const WEIGHT = '$weight';
const HAS_FRACTIONS = '$has_fractions';
/** Weights are in units of 10^-12. */
const ONE_UNIT = integer(10n ** 12n);
const BUCKET = '$bucket';
/** The hours of a pool, and the whole UTC days around them, as hours from the Allocate's first. */
const FROM = '$from';
const TO = '$to';
const DAY_FROM = '$day_from';
const DAY_TO = '$day_to';
const IS_LONG = '$is_long';
const DAY_HOURS = DAY_MS / HOUR_MS;

/**
 * Weights of the pools that items are in: those of the grain (of all hours or days that long charges touch), and where
 * they do not add up to more than nothing, what comes next in the list.
 */
export function weightsToBlock(
  node: Allocate,
  weights: Measured,
  items: Block,
  rows: Block,
  statement: Statement,
): Shares {
  const asked = { node, weights, statement, rows: bucketRows(node, weights, rows, statement) };
  const found: Block[] = [];
  let left = poolsOf(node, weights, items, statement);
  for (const next of ['grain' as const, ...node.noDriver]) {
    const candidates = candidatesOf(next, asked, left);
    if (candidates === null) break;
    const valid = validOf(node, candidates, statement);
    found.push(valid); // One for each way, in their order.
    left = withoutPools(node, left, valid, statement);
  }
  return { block: together(node, found, statement), on: node.pool };
}

type Asked = {
  readonly node: Allocate;
  readonly weights: Measured;
  readonly rows: Block;
  readonly statement: Statement;
};

/** Hours of UTC before the first hour, on its day. */
function hoursIntoDay({ from }: Allocate): number {
  return (from % DAY_MS) / HOUR_MS;
}

function dayStart(hour: Sql, node: Allocate, { dialect }: Statement): Sql {
  const into = integer(hoursIntoDay(node));
  return sql`${dialect.divide(sql`(${hour} + ${into})`, integer(DAY_HOURS))} * ${integer(DAY_HOURS)} - ${into}`;
}

/** Weights by the grain that they are of, in units that are whole numbers. */
function bucketRows(node: Allocate, weights: Measured, rows: Block, statement: Statement): Block {
  const { dialect } = statement;
  const offset = integer((weights.from - node.from) / HOUR_MS);
  const hour = sql`(${columnOf(rows, TIME).at} + ${offset})`;
  // Days may begin before the first hour: numbers that are divided are kept positive by whole days.
  const bucket = weights.grain === 'hour' ? hour : floorDay(hour, node, statement);
  const keys = [
    ...weights.agreeing.map((name) => ({ name, at: columnOf(rows, name).at })),
    ...weights.keys.map(({ key, column }) => ({ name: key, at: columnOf(rows, column).at })),
  ];
  const units = dialect.wide(dialect.unscaled(columnOf(rows, weights.weight).at));
  // Driver data of 0 was taken back; what costs nothing is there all the same.
  const isKnown = weights.plan.kind === 'Telemetry' ? sql`<> 0` : sql`IS NOT NULL`;
  // Rows are of hours, but for a stream's, which are of the grain.
  const isOfGrain = weights.grain === 'hour' || weights.plan.kind === 'Telemetry';
  const body = select({
    ...rows,
    where: [...rows.where, sql`${columnOf(rows, weights.weight).at} ${isKnown}`],
    columns: [
      named(bucket, BUCKET),
      ...keys.map(({ name, at }) => named(at, name)),
      named(isOfGrain ? units : sql`sum(${units})`, WEIGHT),
    ],
    ...(isOfGrain ? {} : { groupBy: ordinals(1 + keys.length) }),
  });
  const columns = new Map<string, Column>([
    [BUCKET, integerColumn],
    ...keys.map(({ name }): [string, Column] => [name, textColumn]),
    [WEIGHT, integerColumn],
  ]);
  return statement.define('driver', body, columns);
}

const integerColumn: Column = { at: sql`NULL`, type: 'integer' };
const textColumn: Column = { at: sql`NULL`, type: 'text' };
/** Whole days that are added before a division and taken off after it: more than any period has. */
const DAYS_AHEAD = 1_000_000;

function floorDay(hour: Sql, node: Allocate, statement: Statement): Sql {
  const ahead = integer(DAYS_AHEAD * DAY_HOURS);
  return sql`${dayStart(sql`${hour} + ${ahead}`, node, statement)} - ${ahead}`;
}

function poolsOf(node: Allocate, { grain }: Measured, items: Block, statement: Statement): Block {
  const { dialect } = statement;
  const at = (name: ColumnName) => columnOf(items, name).at;
  const hour = at(TIME);
  const end = dialect.epochOfText(at('charge_period_end'));
  const start = dialect.epochOfText(at('charge_period_start'));
  const grainMs = grain === 'hour' ? HOUR_MS : DAY_MS;
  const isLong = sql`${end} - ${start} > ${integer(grainMs)}`;
  const endHour = sql`${dialect.divide(sql`(${end} - ${integer(node.from)} + ${integer(HOUR_MS - 1)})`, integer(HOUR_MS))}`;
  const from = grain === 'hour' ? hour : floorDay(hour, node, statement);
  const to = sql`CASE WHEN ${isLong} THEN ${endHour} ELSE ${from} + ${integer(grainMs / HOUR_MS)} END`;
  const lastHour = sql`CASE WHEN ${isLong} THEN ${endHour} - 1 ELSE ${hour} END`;
  const dayTo = sql`${floorDay(lastHour, node, statement)} + ${integer(DAY_HOURS)}`;
  const times: [string, Sql][] = [
    [FROM, from],
    [TO, to],
    [DAY_FROM, floorDay(hour, node, statement)],
    [DAY_TO, dayTo],
    [IS_LONG, sql`CASE WHEN ${isLong} THEN 1 ELSE 0 END`],
  ];
  const body = select({
    ...items,
    columns: [
      ...node.pool.map((name) => named(at(name), name)),
      ...times.map(([name, of]) => named(of, name)),
    ],
    groupBy: ordinals(node.pool.length + times.length),
  });
  const columns = [
    ...node.pool.map((name): [string, Column] => [name, columnOf(items, name)]),
    ...times.map(([name]): [string, Column] => [name, integerColumn]),
  ];
  return statement.define('pools', body, new Map(columns));
}

/** Null where nothing more is tried. */
function candidatesOf(next: NoDriver | 'grain', asked: Asked, pools: Block): Block | null {
  if (next === 'grain') return byGrain(asked, pools);
  switch (next.kind) {
    case 'spread':
      return joined('by_day', asked, pools, byTime(asked, pools, DAY_FROM, DAY_TO), 'sum');
    case 'even':
      return evenly(asked, pools);
    case 'value':
      return allTo(next.value, asked, pools);
    case 'unattributed':
      return null;
    default:
      return unreachable(next);
  }
}

/** Most pools are of one hour or day: these are found by its number. */
function byGrain(asked: Asked, pools: Block): Block {
  const { node, rows, statement } = asked;
  const at = (name: ColumnName) => columnOf(pools, name).at;
  const isShort = [sql`${at(IS_LONG)} = 0`, sql`${columnOf(rows, BUCKET).at} = ${at(FROM)}`];
  const isLong = [sql`${at(IS_LONG)} = 1`, ...byTime(asked, pools, FROM, TO)];
  const both = [
    joined('by_grain', asked, pools, isShort, 'only'),
    joined('by_span', asked, pools, isLong, 'sum'),
  ];
  const names = [...node.pool, ...node.to, WEIGHT];
  const bodies = both.map((block) =>
    select({ ...block, columns: names.map((name) => named(columnOf(block, name).at, name)) }),
  );
  return statement.define('candidates', unionAll(bodies), both[0]?.columns ?? new Map());
}

function byTime({ rows }: Asked, pools: Block, from: ColumnName, to: ColumnName): Sql[] {
  const bucket = columnOf(rows, BUCKET).at;
  return [sql`${bucket} >= ${columnOf(pools, from).at}`, sql`${bucket} < ${columnOf(pools, to).at}`];
}

/** A row per pool and key. `only`: no more than one is found; `one`: all weigh the same. */
function joined(
  name: string,
  { node, weights, rows, statement }: Asked,
  pools: Block,
  conditions: readonly Sql[],
  weight: 'only' | 'sum' | 'one',
): Block {
  const agree = weights.agreeing.map(
    (key) => sql`${columnOf(rows, key).at} IS NOT DISTINCT FROM ${columnOf(pools, key).at}`,
  );
  const on = [...conditions, ...agree];
  const own = columnOf(rows, WEIGHT).at;
  const weighs = weight === 'one' ? sql`CAST(1 AS BIGINT)` : weight === 'sum' ? sql`sum(${own})` : own;
  const names = [
    ...node.pool.map((key) => ({ key, at: columnOf(pools, key).at })),
    ...node.to.map((key) => ({ key, at: columnOf(rows, key).at })),
  ];
  const body = select({
    from: pools.from,
    joins: [sql`JOIN ${rows.from} ON ${on.length === 0 ? sql`TRUE` : join(on, sql` AND `)}`],
    columns: [...names.map(({ key, at }) => named(at, key)), named(statement.dialect.wide(weighs), WEIGHT)],
    ...(weight === 'only' ? {} : { groupBy: ordinals(names.length) }),
  });
  return statement.define(name, body, candidateColumns(node, pools));
}

function candidateColumns({ pool, to }: Allocate, pools: Block): Map<string, Column> {
  return new Map<string, Column>([
    ...pool.map((name): [string, Column] => [name, columnOf(pools, name)]),
    ...to.map((name): [string, Column] => [name, textColumn]),
    [WEIGHT, integerColumn],
  ]);
}

/** Of a stream all that it knows; by cost those that have any on the days of the pool. */
function evenly(asked: Asked, pools: Block): Block {
  const isStream = asked.weights.plan.kind === 'Telemetry';
  return joined('evenly', asked, pools, isStream ? [] : byTime(asked, pools, DAY_FROM, DAY_TO), 'one');
}

function allTo(value: string, { node, statement }: Asked, pools: Block): Block {
  const body = select({
    ...pools,
    columns: [
      ...node.pool.map((name) => named(columnOf(pools, name).at, name)),
      ...node.to.map((name) => named(text(value), name)),
      named(statement.dialect.wide(integer(1)), WEIGHT),
    ],
  });
  return statement.define('to_one', body, candidateColumns(node, pools));
}

/**
 * Of pools whose weights add up to more than nothing, the keys that have any, with what weights add up to. Where all weights
 * of a pool are whole units they are counted in these: only their ratio matters, and amounts times them are so much further
 * from the largest number.
 */
function validOf({ pool, to }: Allocate, candidates: Block, statement: Statement): Block {
  const { dialect } = statement;
  const at = (name: ColumnName) => columnOf(candidates, name).at;
  const rest = sql`${at(WEIGHT)} - ${dialect.divideWide(at(WEIGHT), ONE_UNIT)} * ${ONE_UNIT}`;
  // All over one order: the engine sorts once.
  const inPool = sql`PARTITION BY ${join(pool.map(at))} ORDER BY ${join(to.map(at))}`;
  const whole = sql`OVER (${inPool} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)`;
  const names = [...pool, ...to, WEIGHT];
  const sums: [string, Sql][] = [
    [Y_TO, sql`sum(${at(WEIGHT)}) OVER (${inPool} ROWS UNBOUNDED PRECEDING)`],
    [Y_ALL, sql`sum(${at(WEIGHT)}) ${whole}`],
    [HAS_FRACTIONS, sql`max(CASE WHEN ${rest} = 0 THEN 0 ELSE 1 END) ${whole}`],
  ];
  const columns = new Map([
    ...candidates.columns,
    ...sums.map(([name]): [string, Column] => [name, integerColumn]),
  ]);
  const summed = statement.define(
    'summed',
    select({
      ...candidates,
      columns: [
        ...names.map((name) => named(at(name), name)),
        ...sums.map(([name, sum]) => named(sum, name)),
      ],
    }),
    columns,
  );
  const own = (name: ColumnName) => columnOf(summed, name).at;
  const counted = (name: ColumnName) =>
    sql`CASE WHEN ${own(HAS_FRACTIONS)} = 1 THEN ${own(name)} ELSE ${dialect.divideWide(own(name), ONE_UNIT)} END`;
  const body = select({
    ...summed,
    where: [sql`${own(Y_ALL)} > 0`, sql`${own(WEIGHT)} <> 0`],
    columns: [
      ...[...pool, ...to].map((name) => named(own(name), name)),
      ...[WEIGHT, Y_TO, Y_ALL].map((name) => named(counted(name), name)),
    ],
  });
  return statement.define('valid', body, columns);
}

function withoutPools({ pool }: Allocate, pools: Block, valid: Block, statement: Statement): Block {
  const own = pool.map((name) => columnOf(pools, name).at);
  const theirs = pool.map((name) => columnOf(valid, name).at);
  const matches = own.map((at, i) => sql`${at} IS NOT DISTINCT FROM ${theirs[i] ?? at}`);
  const where = [sql`NOT EXISTS (SELECT 1 FROM ${valid.from} WHERE ${join(matches, sql` AND `)})`];
  const names = [...pools.columns.keys()];
  const body = select({
    ...pools,
    where,
    columns: names.map((name) => named(columnOf(pools, name).at, name)),
  });
  return statement.define('pools_left', body, pools.columns);
}

/** A pool is in one of them. */
function together({ pool, to, traced }: Allocate, found: readonly Block[], statement: Statement): Block {
  const kept = [...pool, ...to];
  const ways = traced === null ? [] : [WAY];
  const bodies = found.map((block, way) => {
    const at = (name: ColumnName) => columnOf(block, name).at;
    return select({
      ...block,
      columns: [
        ...kept.map((name) => named(at(name), name)),
        named(sql`${at(Y_TO)} - ${at(WEIGHT)}`, Y_FROM),
        named(at(Y_TO), Y_TO),
        named(at(Y_ALL), Y_ALL),
        ...ways.map((name) => named(integer(way), name)),
      ],
    });
  });
  const [first] = found;
  const columns = new Map<string, Column>([
    ...kept.map((name): [string, Column] => [name, first ? columnOf(first, name) : textColumn]),
    ...[Y_FROM, Y_TO, Y_ALL, ...ways].map((name): [string, Column] => [name, integerColumn]),
  ]);
  return statement.define('shares', unionAll(bodies), columns);
}
