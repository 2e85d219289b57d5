import { unreachable } from '../../core/unreachable.ts';
import type { Page, SortKey, Top } from '../../planner/plan.ts';
import { ORDINAL, REMAINDER, ROW_COUNT, before } from '../../planner/plan.ts';
import type { Measure } from '../../planner/measures.ts';
import type { Block, Column } from './block.ts';
import { allColumns, columnOf, named, ordinals, select, unionAll } from './block.ts';
import { sameKeys } from './compare-to-sql.ts';
import { mergeToSql, metricToSql } from './measure-to-sql.ts';
import type { Sql } from './sql-text.ts';
import { identifier, integer, join, sql } from './sql-text.ts';
import type { Statement } from './statement.ts';

const KEPT = '$kept';
const INTEGER: Column = { at: sql``, type: 'integer' };

/**
 * `winners` are the first tuples by the metric; every row is joined to them. With a remainder, rows without a
 * winner are grouped together (rows with one are groups of their own); without, they are dropped.
 */
export function topToBlock(top: Top, input: Block, statement: Statement): Block {
  const table = statement.asTable('ranked', input);
  const winners = winnersOf(top, table, statement);
  const columns = new Map<string, Column>([...table.columns, [REMAINDER, INTEGER]]);
  const same = sameKeys(top.by, table, winners);
  if (!top.remainder) {
    return statement.define(
      'top',
      select({
        columns: [...allColumns(table), named(integer(0), REMAINDER)],
        from: table.from,
        joins: [sql`JOIN ${winners.from} ON ${same}`],
      }),
      columns,
    );
  }
  const kept = columnOf(winners, KEPT).at;
  const measures = measuresByColumn(table, top.measures);
  const keys = [...table.columns.keys()].filter((name) => !measures.has(name));
  const keyColumns = keys.map((name) => {
    const { at } = columnOf(table, name);
    return named(top.by.includes(name) ? sql`CASE WHEN ${kept} = 1 THEN ${at} END` : at, name);
  });
  const merged = [...measures].map(([name, measure]) => {
    const { at } = columnOf(table, name);
    // A winner's row is alone in its group: what cannot be merged is still known there.
    const isDistinct = measure.fn.startsWith('count-distinct');
    return named(isDistinct ? sql`max(${at}) FILTER (WHERE ${kept} = 1)` : mergeToSql(measure, at), name);
  });
  return statement.define(
    'top',
    select({
      columns: [...keyColumns, named(sql`CASE WHEN ${kept} = 1 THEN 0 ELSE 1 END`, REMAINDER), ...merged],
      from: table.from,
      joins: [sql`LEFT JOIN ${winners.from} ON ${same}`],
      groupBy: ordinals(keys.length + 1),
    }),
    columns,
  );
}

function winnersOf({ by, keys, metric, measures, count }: Top, table: Block, statement: Statement): Block {
  const isWhole = keys.every((name) => by.includes(name));
  const tuples = isWhole ? table : tuplesOf(by, measures, table, statement);
  const value = metricToSql(metric, (name) => columnOf(tuples, name).at);
  const keyColumns = by.map((name) => columnOf(tuples, name).at);
  return statement.define(
    'winners',
    select({
      columns: [...by.map((name, i) => named(keyColumns[i] ?? sql``, name)), named(integer(1), KEPT)],
      from: tuples.from,
      orderBy: [sql`${value} DESC NULLS LAST`, ...keyColumns.map((at) => sql`${at} ASC NULLS LAST`)],
      limit: count,
    }),
    new Map<string, Column>([
      ...by.map((name): [string, Column] => [name, columnOf(tuples, name)]),
      [KEPT, INTEGER],
    ]),
  );
}

/** One row per tuple of `by`, with the current period's measures. */
function tuplesOf(by: Top['by'], measures: readonly Measure[], table: Block, statement: Statement): Block {
  const merged = measures.map((measure): [string, Column] => {
    const column = columnOf(table, measure.name);
    return [measure.name, { ...column, at: mergeToSql(measure, column.at) }];
  });
  const columns = new Map([...by.map((name): [string, Column] => [name, columnOf(table, name)]), ...merged]);
  return statement.define(
    'tuples',
    select({
      columns: [...columns].map(([name, { at }]) => named(at, name)),
      from: table.from,
      groupBy: ordinals(by.length),
    }),
    columns,
  );
}

/** The page's rows are cut out first; the summary reads the whole input beside them. */
export function pageToBlock(page: Page, input: Block, statement: Statement): Block {
  const table = statement.asTable('rows', input);
  const rows = statement.define(
    'page',
    select({
      columns: allColumns(table),
      from: table.from,
      orderBy: orderOf(page.sort, table),
      limit: page.limit,
      offset: page.offset,
    }),
    table.columns,
  );
  const measures = measuresByColumn(table, page.measures);
  const summary = [...table.columns.keys()].map((name) => {
    const measure = measures.get(name);
    return named(measure ? mergeToSql(measure, columnOf(table, name).at) : sql`NULL`, name);
  });
  const order = orderOf(page.sort, rows);
  const position = sql`row_number() OVER (${order.length > 0 ? sql`ORDER BY ${join(order)}` : sql``})`;
  return statement.define(
    'paged',
    unionAll(
      [
        select({
          columns: [...summary, named(integer(0), ORDINAL), named(sql`count(*)`, ROW_COUNT)],
          from: table.from,
        }),
        select({
          columns: [
            ...allColumns(rows),
            named(page.offset > 0 ? sql`${position} + ${integer(page.offset)}` : position, ORDINAL),
            named(sql`NULL`, ROW_COUNT),
          ],
          from: rows.from,
        }),
      ],
      [identifier(ORDINAL)],
    ),
    new Map<string, Column>([...table.columns, [ORDINAL, INTEGER], [ROW_COUNT, INTEGER]]),
  );
}

function orderOf(sort: readonly SortKey[], block: Block): Sql[] {
  return sort.flatMap((key) => {
    const direction = key.direction === 'ASC' ? sql`ASC` : sql`DESC`;
    const order = sql`${sortValue(key, block)} ${direction} NULLS LAST`;
    const remainder = block.columns.get(REMAINDER);
    if (key.by !== 'key' || !remainder) return [order];
    // Among rows without this key, those that miss it come before the remainder.
    return [order, sql`CASE WHEN ${columnOf(block, key.column).at} IS NULL THEN ${remainder.at} END`];
  });
}

function sortValue(key: SortKey, block: Block): Sql {
  const read = (name: string) => columnOf(block, name).at;
  switch (key.by) {
    case 'key':
      return read(key.column);
    case 'metric':
      return metricToSql(key.metric, read);
    case 'magnitude':
      return sql`abs(${metricToSql(key.metric, read)})`;
    case 'change':
      return sql`${metricToSql(key.metric, read)} - ${metricToSql(key.metric, (name) => read(before(name)))}`;
    default:
      return unreachable(key);
  }
}

/** Measure columns of a table by name, those of a compared period among them. */
function measuresByColumn(table: Block, measures: readonly Measure[]): Map<string, Measure> {
  const pairs = measures.flatMap((measure) =>
    [measure.name, before(measure.name)].map((name) => [name, measure] as const),
  );
  return new Map(pairs.filter(([name]) => table.columns.has(name)));
}
