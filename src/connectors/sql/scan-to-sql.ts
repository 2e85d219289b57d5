import type { LakeField, LakeTableName } from '../../catalog/lake-tables.ts';
import { lakeTables } from '../../catalog/lake-tables.ts';
import { storedColumn } from '../../catalog/rollups.ts';
import type { TimeRange } from '../../core/time-range.ts';
import type { ColumnName, FileSelection, Scan } from '../../planner/plan.ts';
import type { Block, Column } from './block.ts';
import { named, typeOf } from './block.ts';
import type { Dialect } from './dialect.ts';
import type { Sql } from './sql-text.ts';
import { identifier, join, sql, text } from './sql-text.ts';
import type { Statement } from './statement.ts';

export function scanToBlock(scan: Scan, statement: Statement): Block {
  const { files, columns, tenant, rollup } = scan;
  if (files === null) throw new Error('the files of a Scan are chosen before its store is asked');
  const alias = statement.fresh(files.table);
  const own = tenantToSql(tenant, files, alias);
  const time = files.proven.time ? untested : timeToSql(scan, alias, statement.dialect);
  const stored = (name: ColumnName) => (rollup === null ? name : storedColumn(rollup, name));
  const fields = fieldsOf(files.table, new Set([...columns.map(stored), ...own.columns, ...time.columns]));
  return {
    from: sql`${filesToSql(files, fields, statement.dialect)} AS ${alias}`,
    joins: [],
    where: [...own.conditions, ...time.conditions],
    columns: new Map(columns.map((name) => [name, columnAt(alias, fieldOf(fields, stored(name)))])),
  };
}

function fieldOf(fields: readonly LakeField[], name: string): LakeField {
  const field = fields.find((each) => each.name === name);
  if (!field) throw new Error(`a Scan reads ${name}, which its table lacks`);
  return field;
}

/** Conditions on the rows of files, and the columns that they read. */
export type RowTest = { readonly columns: readonly ColumnName[]; readonly conditions: readonly Sql[] };
const untested: RowTest = { columns: [], conditions: [] };

/** Only the tenant's rows: tested wherever statistics do not prove it of all rows (a sixth of a sum's time). */
export function tenantToSql(tenant: string, { proven }: FileSelection, alias?: Sql): RowTest {
  if (proven.tenant) return untested;
  const column = identifier('tenant');
  const at = alias === undefined ? column : sql`${alias}.${column}`;
  return { columns: ['tenant'], conditions: [sql`${at} = ${text(tenant)}`] };
}

/** Which charges are in the range, said of bare columns as far as it goes, so that files are pruned by it. */
function timeToSql({ range, within, axis }: Scan, alias: Sql, dialect: Dialect): RowTest {
  const [from, to] = [dialect.instant(range.from), dialect.instant(range.to)];
  if (within === 'start') {
    const start = sql`${alias}.${identifier(axis)}`;
    return { columns: [axis], conditions: [sql`${start} >= ${from}`, sql`${start} < ${to}`] };
  }
  const columns = ['charge_period_start', 'charge_period_end'] as const;
  const [start, end] = [sql`${alias}.${identifier(columns[0])}`, sql`${alias}.${identifier(columns[1])}`];
  const conditions = [sql`${end} >= ${from}`, ...touches(start, end, range, dialect)];
  return { columns: [...columns], conditions };
}

/** A charge touches a range that it overlaps; a charge of no length, where it starts in it. */
export function touches(start: Sql, end: Sql, range: TimeRange, dialect: Dialect): Sql[] {
  const [from, to] = [dialect.instant(range.from), dialect.instant(range.to)];
  return [sql`${start} < ${to}`, sql`(${end} > ${from} OR ${start} >= ${from})`];
}

/** The rows of a table's files, or none with the same columns where no file is left. */
export function filesToSql(selection: FileSelection, fields: readonly LakeField[], dialect: Dialect): Sql {
  if (selection.files.length > 0) return dialect.readFiles(selection, fields);
  const nulls = fields.map(({ name, type }) => named(sql`CAST(NULL AS ${dialect.typeName(type)})`, name));
  return sql`(SELECT ${nulls.length === 0 ? sql`NULL` : join(nulls)} WHERE FALSE)`;
}

export function fieldsOf(table: LakeTableName, names: ReadonlySet<ColumnName>): LakeField[] {
  return lakeTables[table].fields.filter(({ name }) => names.has(name));
}

function columnAt(alias: Sql, { name, type }: LakeField): Column {
  const at = sql`${alias}.${identifier(name)}`;
  return { at: type === 'date' ? sql`CAST(${at} AS VARCHAR)` : at, type: typeOf(type) };
}
