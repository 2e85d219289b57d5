import type { Metric } from '../../catalog/metrics.ts';
import { metrics } from '../../catalog/metrics.ts';
import { unreachable } from '../../core/unreachable.ts';
import type { Measure } from '../../planner/measures.ts';
import { measure, unitColumnOf } from '../../planner/measures.ts';
import type { ColumnName } from '../../planner/plan.ts';
import { ITEM } from '../../planner/plan.ts';
import type { Block, Column, ColumnType } from './block.ts';
import { columnOf, shown } from './block.ts';
import { predicateSource } from './dictionary-to-sql.ts';
import { ALWAYS, predicateToSql } from './predicate-to-sql.ts';
import type { Sql } from './sql-text.ts';
import { integer, sql } from './sql-text.ts';
import type { Statement } from './statement.ts';

/** More charges than an item has. */
const COUNTS_MAX = 2n ** 40n;

/** A measure over the rows of charges. */
export function measureToSql({ fn, column, where }: Measure, input: Block, statement: Statement): Column {
  const { dialect } = statement;
  const condition = predicateToSql(where, predicateSource(input, statement));
  const only = (...conditions: readonly Sql[]) => filterClause([condition, ...conditions]);
  if (column === null) return { at: sql`count(*)${only()}`, type: 'integer' };
  const measured = columnOf(input, column);
  const value = shown(measured, dialect);
  switch (fn) {
    case 'count':
      return { at: sql`CAST(coalesce(sum(${value})${only()}, 0) AS BIGINT)`, type: 'integer' };
    case 'count-once': {
      // Of distinct pairs (item, count) the counts: what is left of the sum of both in one number without the items.
      const item = sql`${dialect.wide(columnOf(input, ITEM).at)} * ${integer(COUNTS_MAX)}`;
      const parts = only(sql`${columnOf(input, ITEM).at} IS NOT NULL`);
      const once = sql`coalesce(sum(DISTINCT ${item} + ${value})${parts} - sum(DISTINCT ${item})${parts}, 0)`;
      const whole = sql`coalesce(sum(${value})${only(sql`${columnOf(input, ITEM).at} IS NULL`)}, 0)`;
      return { at: sql`CAST(${once} + ${whole} AS BIGINT)`, type: 'integer' };
    }
    case 'sum':
      return { at: sql`sum(${value})${only()}`, type: measured.type };
    case 'min':
      return { at: sql`min(${value})${only()}`, type: shownType(measured.type) };
    case 'max':
      return { at: sql`max(${value})${only()}`, type: shownType(measured.type) };
    case 'unit-min':
    case 'unit-max': {
      const unit = sql`coalesce(${columnOf(input, unitColumnOf[column] ?? '').at}, '')`;
      const present = only(sql`${value} IS NOT NULL`);
      return {
        at: fn === 'unit-min' ? sql`min(${unit})${present}` : sql`max(${unit})${present}`,
        type: 'text',
      };
    }
    case 'count-distinct':
      return { at: sql`count(DISTINCT ${value})${only()}`, type: 'integer' };
    case 'count-distinct-estimate':
      return { at: sql`${dialect.countDistinctEstimate(value)}${only()}`, type: 'integer' };
    default:
      return unreachable(fn);
  }
}

function filterClause(conditions: readonly Sql[]): Sql {
  const [first, ...others] = conditions.filter((condition) => condition !== ALWAYS);
  if (first === undefined) return sql``;
  return sql` FILTER (WHERE ${others.reduce((all, other) => sql`${all} AND ${other}`, first)})`;
}

function shownType(type: ColumnType): ColumnType {
  return type === 'instant' ? 'text' : type;
}

/** The measure of a whole from its parts' values; null where parts do not tell it. */
export function mergeToSql({ fn }: Measure, part: Sql): Sql {
  switch (fn) {
    case 'count':
    case 'count-once':
      return sql`CAST(coalesce(sum(${part}), 0) AS BIGINT)`;
    case 'sum':
      return sql`sum(${part})`;
    case 'min':
    case 'unit-min':
      return sql`min(${part})`;
    case 'max':
    case 'unit-max':
      return sql`max(${part})`;
    case 'count-distinct':
    case 'count-distinct-estimate':
      return sql`CAST(NULL AS BIGINT)`;
    default:
      return unreachable(fn);
  }
}

/** `metricValue` of src/planner/measures.ts, over columns that `read` names. */
export function metricToSql(metric: Metric, read: (name: ColumnName) => Sql): Sql {
  const { column, unitColumn } = metrics[metric];
  const count = read(measure('count', null).name);
  if (column === null) return count;
  const sum = read(measure('sum', column).name);
  if (unitColumn === null) return sql`CASE WHEN ${count} = 0 THEN 0 ELSE ${sum} END`;
  const [least, greatest] = [read(measure('unit-min', column).name), read(measure('unit-max', column).name)];
  return sql`CASE WHEN ${count} = 0 THEN 0 WHEN ${least} IS NOT DISTINCT FROM ${greatest} THEN ${sum} END`;
}
