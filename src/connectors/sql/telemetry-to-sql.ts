import { TIME_COLUMN, UNITS_COLUMN } from '../../catalog/telemetry.ts';
import type { TelemetrySelection } from '../../planner/choose-telemetry.ts';
import { LOAD_COLUMN } from '../../planner/choose-telemetry.ts';
import { HOUR_MS } from '../../core/time-range.ts';
import type { FileSelection, Telemetry } from '../../planner/plan.ts';
import { TIME } from '../../planner/plan.ts';
import type { Block, Column } from './block.ts';
import { columnOf, named, ordinals, select, typeOf } from './block.ts';
import { fieldsOf, filesToSql, tenantToSql } from './scan-to-sql.ts';
import type { Sql } from './sql-text.ts';
import { identifier, integer, join, sql } from './sql-text.ts';
import type { Statement } from './statement.ts';

/**
 * The units of a stream, as a result of the statement: `time` (the start of the UTC hour or day), the asked keys under
 * their own names, `units`. A row for each of these that some row of the range is at, with 0 where it was taken back.
 */
export function telemetryToBlock(
  selection: TelemetrySelection,
  grain: 'hour' | 'day',
  statement: Statement,
): Block {
  const rows = rowsThatCount(selection, statement);
  const at = (column: string): Sql => columnOf(rows, column).at;
  const keys = selection.keys.map(({ key, column }): [string, Column] => [
    key,
    { at: at(column), type: 'text' },
  ]);
  const columns = new Map<string, Column>([
    [TIME_COLUMN, { at: statement.dialect.startOf(grain, at(TIME_COLUMN)), type: 'instant' }],
    ...keys,
    [UNITS_COLUMN, { at: sql`sum(${at(UNITS_COLUMN)})`, type: 'decimal' }],
  ]);
  const body = select({
    ...rows,
    columns: [...columns].map(([name, column]) => named(column.at, name)),
    groupBy: ordinals(1 + keys.length),
  });
  return statement.define('units', body, columns);
}

/** With hours since the start of the range in place of times. */
export function hoursOfTelemetry({ selection, grain, range }: Telemetry, statement: Statement): Block {
  const { dialect } = statement;
  const units = telemetryToBlock(selection, grain, statement);
  const time = columnOf(units, TIME_COLUMN).at;
  const hour = dialect.divide(sql`(${dialect.epochMs(time)} - ${integer(range.from)})`, integer(HOUR_MS));
  const columns = [...units.columns].filter(([name]) => name !== TIME_COLUMN);
  return { ...units, columns: new Map<string, Column>([[TIME, { at: hour, type: 'integer' }], ...columns]) };
}

/** Of each time and keys the row of the newest load: ids of loads increase. */
function rowsThatCount(selection: TelemetrySelection, statement: Statement): Block {
  const { files, overlay, keys, columns } = selection;
  if (overlay === null) {
    const names = [TIME_COLUMN, UNITS_COLUMN, ...keys.map(({ column }) => column)];
    return storedRows(files, selection, names, statement);
  }
  const compared = [TIME_COLUMN, ...columns];
  const rows = storedRows(files, selection, [...compared, LOAD_COLUMN, UNITS_COLUMN], statement);
  const later = storedRows(overlay, selection, [...compared, LOAD_COLUMN], statement);
  const both = (test: (earlier: Sql, later: Sql) => Sql) => (name: string) =>
    test(columnOf(rows, name).at, columnOf(later, name).at);
  const conditions = [
    ...compared.map(both((a, b) => sql`${a} = ${b}`)),
    both((a, b) => sql`${a} < ${b}`)(LOAD_COLUMN),
    ...later.where,
  ];
  return {
    ...rows,
    joins: [sql`LEFT JOIN ${later.from} ON ${join(conditions, sql` AND `)}`],
    where: [...rows.where, sql`${columnOf(later, LOAD_COLUMN).at} IS NULL`],
  };
}

function storedRows(
  files: FileSelection,
  { range }: TelemetrySelection,
  names: readonly string[],
  { dialect, tenant, fresh }: Statement,
): Block {
  const alias = fresh(files.table);
  const own = tenantToSql(tenant, files, alias);
  const time = sql`${alias}.${identifier(TIME_COLUMN)}`;
  const inRange = [
    sql`${time} >= ${dialect.instant(range.from)}`,
    sql`${time} < ${dialect.instant(range.to)}`,
  ];
  const fields = fieldsOf(files.table, new Set([...names, ...own.columns]));
  return {
    from: sql`${filesToSql(files, fields, dialect)} AS ${alias}`,
    joins: [],
    where: [...own.conditions, ...(files.proven.time ? [] : inRange)],
    columns: new Map(
      fields.map(({ name, type }) => [name, { at: sql`${alias}.${identifier(name)}`, type: typeOf(type) }]),
    ),
  };
}
