import type { LakeField } from '../../catalog/lake-tables.ts';
import type { ColumnName } from '../../planner/plan.ts';
import type { Dialect } from './dialect.ts';
import type { Sql } from './sql-text.ts';
import { columnName, identifier, integer, join, sql } from './sql-text.ts';

/** What an expression gives; instants become text where a value leaves the store or is compared with one. */
export type ColumnType = 'text' | 'instant' | 'integer' | 'decimal';
export type Column = {
  readonly at: Sql;
  readonly type: ColumnType;
  /** What rows are grouped by instead, where that is cheaper: `at` is computed from it, one to one. */
  readonly groupedBy?: Sql;
};
export type Columns = ReadonlyMap<ColumnName, Column>;

/**
 * A SELECT under construction. Nodes add joins, conditions and columns to it as long as they can; the first that
 * needs its result as a table (a group, a sort) has the statement define it as one, and goes on from there.
 */
export type Block = {
  readonly from: Sql;
  readonly joins: readonly Sql[];
  readonly where: readonly Sql[];
  readonly columns: Columns;
};

export type Select = {
  readonly columns: readonly Sql[];
  readonly from: Sql;
  readonly joins?: readonly Sql[];
  readonly where?: readonly Sql[];
  readonly groupBy?: readonly Sql[];
  readonly orderBy?: readonly Sql[];
  readonly limit?: number;
  readonly offset?: number;
};

/** Prints a query whose lines start with `line` (a line break and indentation). */
export type Body = (line: Sql) => Sql;

export function columnOf(block: Block, name: ColumnName): Column {
  const column = block.columns.get(name);
  if (!column) throw new Error(`a fragment uses ${name}, which its input lacks`);
  return column;
}

const OWN_QUALIFIER = /^[a-z][a-z0-9_]*\.$/;

/** `at` under its output name, which a bare column has already. */
export function named(at: Sql, name: ColumnName): Sql {
  const quoted = identifier(columnName(name));
  const isBare = at.endsWith(quoted) && OWN_QUALIFIER.test(at.slice(0, -quoted.length));
  return isBare ? at : sql`${at} AS ${quoted}`;
}

/** A column's value as rows show it: instants as RFC 3339 text. */
export function shown({ at, type }: Column, dialect: Dialect): Sql {
  return type === 'instant' ? dialect.instantText(dialect.epochMs(at)) : at;
}

export function typeOf(field: LakeField['type']): ColumnType {
  switch (field) {
    case 'timestamptz':
      return 'instant';
    case 'long':
      return 'integer';
    case 'decimal(38,12)':
      return 'decimal';
    default:
      return 'text';
  }
}

export function select(parts: Select): Body {
  return (line) => {
    const { columns, from, joins = [], where = [], groupBy = [], orderBy = [], limit, offset = 0 } = parts;
    const clauses = [sql`SELECT ${join(columns, sql`,${line}  `)}`, sql`FROM ${from}`, ...joins];
    // Nodes may ask for the same condition, as a scan and the buckets above it do.
    if (where.length > 0) clauses.push(sql`WHERE ${join([...new Set(where)], sql`${line}  AND `)}`);
    if (groupBy.length > 0) clauses.push(sql`GROUP BY ${join(groupBy)}`);
    if (orderBy.length > 0) clauses.push(sql`ORDER BY ${join(orderBy)}`);
    if (limit !== undefined) clauses.push(sql`LIMIT ${integer(limit)}`);
    if (offset > 0) clauses.push(sql`OFFSET ${integer(offset)}`);
    return join(clauses, line);
  };
}

export function unionAll(bodies: readonly Body[], orderBy: readonly Sql[] = []): Body {
  return (line) => {
    const all = join(
      bodies.map((body) => body(line)),
      sql`${line}UNION ALL${line}`,
    );
    return orderBy.length > 0 ? sql`${all}${line}ORDER BY ${join(orderBy)}` : all;
  };
}

/** The columns of a block as a select list, under their names. */
export function allColumns(block: Block): Sql[] {
  return [...block.columns].map(([name, { at }]) => named(at, name));
}

export function selectAll(block: Block): Body {
  return select({ ...block, columns: allColumns(block) });
}

/** The numbers 1 through `count`, for GROUP BY. */
export function ordinals(count: number): Sql[] {
  return Array.from({ length: count }, (_, i) => integer(i + 1));
}
