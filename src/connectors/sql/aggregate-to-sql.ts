import type { Measure } from '../../planner/measures.ts';
import { isMergeable } from '../../planner/measures.ts';
import type { Aggregate, ColumnName, GroupingSets } from '../../planner/plan.ts';
import { SET } from '../../planner/plan.ts';
import type { Block, Column } from './block.ts';
import { columnOf, named, select, shown } from './block.ts';
import type { Dialect } from './dialect.ts';
import { measureToSql, mergeToSql } from './measure-to-sql.ts';
import type { Sql } from './sql-text.ts';
import { integer, join, sql } from './sql-text.ts';
import type { Statement } from './statement.ts';

/** `single` and `partial` are the same to a store: it has one row per group either way. */
export function aggregateToBlock(node: Aggregate, input: Block, statement: Statement): Block {
  const keys = keysOf(node.groupBy, input);
  const groupBy = keys.map(({ column }, i) => groupedBy(column, statement.dialect) ?? integer(i + 1));
  return groupsBlock(node, keys, [], groupBy, input, statement);
}

/** The engine says which columns a row is not grouped by, as bits, the first column in the highest. */
export function groupingSetsToBlock(node: GroupingSets, input: Block, statement: Statement): Block {
  const names = [...new Set(node.sets.flat())];
  const keys = keysOf(names, input);
  const grouped = new Map(
    keys.map(({ name, column }) => [name, groupedBy(column, statement.dialect) ?? noOrdinal(column.at)]),
  );
  const list = (some: readonly ColumnName[]) => join(some.flatMap((name) => grouped.get(name) ?? []));
  const bitsOf = (set: readonly ColumnName[]) =>
    names.reduce((bits, name) => bits * 2n + (set.includes(name) ? 0n : 1n), 0n);
  const cases = node.sets.map((set, i) => sql`WHEN ${integer(bitsOf(set))} THEN ${integer(i)}`);
  const number =
    names.length === 0 ? integer(0) : sql`CASE GROUPING(${list(names)}) ${join(cases, sql` `)} END`;
  const sets = sql`GROUPING SETS (${join(node.sets.map((set) => sql`(${list(set)})`))})`;
  const set: Named = { name: SET, column: { at: sql`CAST(${number} AS BIGINT)`, type: 'integer' } };
  return groupsBlock(node, keys, [set], names.length === 0 ? [] : [sets], input, statement);
}

type Named = { readonly name: ColumnName; readonly column: Column };

function keysOf(names: readonly ColumnName[], input: Block): Named[] {
  return names.map((name) => ({ name, column: columnOf(input, name) }));
}

/** A lone number in GROUP BY, as that of the only bucket, would be taken for the place of a column. */
function noOrdinal(at: Sql): Sql {
  return /^\d+$/.test(at) ? sql`CAST(${at} AS BIGINT)` : at;
}

/** Instants are grouped as numbers; only the groups are written out as text. */
function groupedBy(column: Column, dialect: Dialect): Sql | null {
  return column.groupedBy ?? (column.type === 'instant' ? dialect.epochMs(column.at) : null);
}

function groupsBlock(
  { step, measures }: Pick<Aggregate, 'step' | 'measures'>,
  keys: readonly Named[],
  numbers: readonly Named[],
  groupBy: readonly Sql[],
  input: Block,
  statement: Statement,
): Block {
  const computed = [
    ...numbers,
    ...measures.map((measure) => ({
      name: measure.name,
      column:
        step === 'final' ? finalMeasure(measure, input, statement) : measureToSql(measure, input, statement),
    })),
  ];
  return statement.define(
    'groups',
    select({
      ...input,
      columns: [
        ...keys.map(({ name, column }) => named(shown(column, statement.dialect), name)),
        ...computed.map(({ name, column }) => named(column.at, name)),
      ],
      groupBy,
    }),
    new Map<string, Column>([
      ...keys.map(({ name, column }): [string, Column] => [
        name,
        column.type === 'instant' ? { ...column, type: 'text' } : column,
      ]),
      ...computed.map(({ name, column }): [string, Column] => [name, column]),
    ]),
  );
}

function finalMeasure(measure: Measure, input: Block, statement: Statement): Column {
  if (!isMergeable(measure)) return measureToSql(measure, input, statement);
  const part = columnOf(input, measure.name);
  return { ...part, at: mergeToSql(measure, part.at) };
}
