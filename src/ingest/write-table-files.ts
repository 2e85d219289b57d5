/** Writes rows of a table as Parquet files: sorted, of a good size, with what Iceberg wants to know of them. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import type { TableState } from '../catalog/iceberg/catalog.ts';
import type { CopyRow } from '../catalog/iceberg/data-file-from-copy.ts';
import { dataFileFromCopy, fieldIdsSql } from '../catalog/iceberg/data-file-from-copy.ts';
import type { DataFile, Partition } from '../catalog/iceberg/data-file.ts';
import { NARROW_LIMIT } from '../catalog/lake-file.ts';
import type { LakeField, LakeTable } from '../catalog/lake-tables.ts';
import { parseDecimal } from '../core/decimal.ts';
import { ingestError } from './ingest-error.ts';
import { sqlName, sqlText } from './formats/sql-text.ts';
import type { IngestSession, OnFraction } from './ingest-session.ts';
import { numberOf } from './ingest-session.ts';

export const FILE_BYTES_TARGET = 128 * 1024 ** 2;
/**
 * Whole row groups are left out by their statistics, so a question about a day wants groups of about a day's rows of a
 * month. Each group costs: over 10M charges, groups of 32,768 rows take a tenth longer to sum than the largest here.
 */
const ROW_GROUPS_WANTED = 32;
const ROW_GROUP_ROWS = { min: 32_768, max: 122_880 };
/** Values of a row group beyond which a column is not kept as a dictionary: it would take memory and save nothing. */
const DICTIONARY_VALUES_MAX = 8_192;
const DIGEST_CHARACTERS = 16;

export type TableRows = {
  /** SELECT or relation with all columns of the table that are not in `constants`. */
  readonly from: string;
  /** Columns that are the same in all rows; they need not be sorted. */
  readonly constants: ReadonlyMap<string, string | null>;
  /** How many rows there are; counted where it is left out. */
  readonly count?: number;
  /** Decimal columns that may hold a value too large for a narrow one; looked for where it is left out. */
  readonly wide?: ReadonlySet<string>;
  /** Text columns that are sorted as values of an ENUM, whose order is that of the texts. */
  readonly enums?: ReadonlyMap<string, string>;
};

/**
 * Files of one partition, finished but neither synced nor known to the table. A file's name ends with its
 * digest, so that `verify` finds a flipped byte. No file for no rows.
 *
 * A decimal column is narrow in a file exactly where all its values there fit, because readers conclude its
 * type from the bounds.
 */
export async function writeTableFiles(
  session: IngestSession,
  state: TableState,
  table: LakeTable,
  partition: Partition,
  rows: TableRows,
  name: string,
  onFraction?: OnFraction,
): Promise<DataFile[]> {
  const { count, wide } = await measureRows(session, table, rows);
  const folder = join(session.folder, `out-${randomUUID()}`);
  const fields = fieldsInFile(table, rows.constants);
  const target = { folder, rowGroupRows: rowGroupRows(count) };
  const copied = await copy(session, fields, target, sortedSelect(table, rows, wide), onFraction);
  const files: DataFile[] = [];
  for (const [index, row] of copied.entries()) {
    if (Number(row.count) === 0) continue;
    const written = await narrowed(session, fields, row, wide, target.rowGroupRows);
    const digest = await fileDigest(written.filename);
    const path = join(state.location, 'data', `${name}-${index}-${digest}.parquet`);
    await rename(written.filename, path);
    const described = withConstantBounds({ ...written, filename: path }, rows.constants);
    files.push(dataFileFromCopy(described, table.fields, partition));
  }
  await rm(folder, { recursive: true });
  return files;
}

/** How many rows there are, and the decimal columns with a value that is too large for a narrow one. */
async function measureRows(
  session: IngestSession,
  table: LakeTable,
  { from, constants, count, wide }: TableRows,
): Promise<{ count: number; wide: ReadonlySet<string> }> {
  if (count !== undefined && wide !== undefined) return { count, wide };
  const names = wide ? [] : decimals(table).filter((name) => !constants.has(name));
  const tests = names.map(
    (name) => `coalesce(max(abs(${sqlName(name)})) >= 1e6::DECIMAL(38,12), false) AS ${sqlName(name)}`,
  );
  const [found = {}] = await session.rows(`SELECT ${['count(*) AS rows', ...tests].join(', ')} FROM ${from}`);
  return {
    count: numberOf(found, 'rows'),
    wide: wide ?? new Set(names.filter((name) => found[name] === true)),
  };
}

function rowGroupRows(count: number): number {
  const { min, max } = ROW_GROUP_ROWS;
  return Math.min(max, Math.max(min, Math.ceil(count / ROW_GROUPS_WANTED)));
}

function decimals(table: LakeTable): string[] {
  return table.fields.filter(({ type }) => type === 'decimal(38,12)').map(({ name }) => name);
}

function sortedSelect(
  table: LakeTable,
  { from, constants, enums }: TableRows,
  wide: ReadonlySet<string>,
): string {
  const inner = table.fields
    .filter(({ name }) => !constants.has(name))
    .map((field) => cast(field.name, enums?.get(field.name) ?? sqlType(field, wide)));
  const keys = table.sortBy.filter((key) => !constants.has(columnOfKey(key))).map(sortKey);
  const order = keys.length === 0 ? '' : ` ORDER BY ${keys.join(', ')}`;
  const outer = fieldsInFile(table, constants).map((field) => {
    const type = sqlType(field, wide);
    const constant = constants.get(field.name) ?? null;
    if (constant !== null)
      return cast(field.name, type === 'VARCHAR' ? enumOf(constant) : type, sqlText(constant));
    return enums?.has(field.name) === true ? cast(field.name, type) : sqlName(field.name);
  });
  return `SELECT ${outer.join(', ')} FROM (SELECT ${inner.join(', ')} FROM ${from}${order})`;
}

/**
 * A column that is known to be null throughout is left out: readers of Iceberg take it for null, and a third
 * of a usual bill's columns cost nothing to write, and nothing in the footer that each query reads.
 */
function fieldsInFile(table: LakeTable, constants: TableRows['constants']): LakeField[] {
  return table.fields.filter(({ name }) => constants.get(name) !== null);
}

function cast(name: string, type: string, value: string = sqlName(name)): string {
  return `CAST(${value} AS ${type}) AS ${sqlName(name)}`;
}

/** Parquet knows no such type: a column of an ENUM is one of texts, which is written in a tenth of the time. */
function enumOf(constant: string): string {
  return `ENUM (${sqlText(constant)})`;
}

/** DuckDB says no bounds of a column that it writes as an ENUM. */
function withConstantBounds(row: CopyRow, constants: TableRows['constants']): CopyRow {
  const bounds = new Map(
    [...constants].flatMap(([name, value]) =>
      value === null ? [] : [[sqlName(name), ['min', 'max'].map((key) => ({ key, value }))] as const],
    ),
  );
  return {
    ...row,
    column_statistics: row.column_statistics.map(({ key, value }) => ({
      key,
      value: [...(bounds.get(key) ?? []), ...value],
    })),
  };
}

function columnOfKey(key: string): string {
  return key.split('::')[0] ?? key;
}

/** `NAME::day` is the UTC day of a time. */
function sortKey(key: string): string {
  const name = sqlName(columnOfKey(key));
  return key.endsWith('::day') ? `epoch_us(${name}) // 86400000000` : name;
}

/** DuckDB's type of a column; decimals are narrow but those in `wide`. */
export function sqlType({ name, type }: LakeField, wide: ReadonlySet<string>): string {
  switch (type) {
    case 'string':
      return 'VARCHAR';
    case 'timestamptz':
      return 'TIMESTAMPTZ';
    case 'date':
      return 'DATE';
    case 'long':
      return 'BIGINT';
    case 'decimal(38,12)':
      return wide.has(name) ? 'DECIMAL(38,12)' : 'DECIMAL(18,12)';
  }
}

type CopyTarget = { readonly rowGroupRows: number } & (
  | { readonly folder: string }
  | { readonly file: string }
);

/** To a folder: files of the target size; else one file of any size. */
async function copy(
  session: IngestSession,
  fields: readonly LakeField[],
  to: CopyTarget,
  select: string,
  onFraction?: OnFraction,
): Promise<CopyRow[]> {
  const [path, size] = 'folder' in to ? [to.folder, `FILE_SIZE_BYTES ${FILE_BYTES_TARGET}, `] : [to.file, ''];
  const rows = await session.rows(
    `COPY (${select}) TO ${sqlText(path)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${to.rowGroupRows},
  DICTIONARY_SIZE_LIMIT ${DICTIONARY_VALUES_MAX},
  ${size}FIELD_IDS ${fieldIdsSql(fields)}, RETURN_STATS true)`,
    onFraction,
  );
  // The shape of RETURN_STATS, which dataFileFromCopy reads.
  return rows as unknown as CopyRow[];
}

/** The file with its decimals narrow (half the bytes, a third less CPU to sum) where they all fit: where some of another file do not, it is rewritten. */
async function narrowed(
  session: IngestSession,
  fields: readonly LakeField[],
  row: CopyRow,
  wide: ReadonlySet<string>,
  rowGroupRows: number,
): Promise<CopyRow> {
  const statistics = new Map(
    row.column_statistics.map(({ key, value }) => [
      key,
      new Map(value.map((entry) => [entry.key, entry.value])),
    ]),
  );
  const stillWide = new Set(
    [...wide].filter((name) => {
      const bounds = statistics.get(sqlName(name));
      return !fits(bounds?.get('min')) || !fits(bounds?.get('max'));
    }),
  );
  if (stillWide.size === wide.size) return row;
  const columns = fields.map((field) => cast(field.name, sqlType(field, stillWide)));
  const select = `SELECT ${columns.join(', ')} FROM read_parquet(${sqlText(row.filename)})`;
  const target = { file: `${row.filename}-narrow`, rowGroupRows };
  const [rewritten] = await copy(session, fields, target, select);
  if (rewritten === undefined) throw new Error('COPY gives a row per file');
  return rewritten;
}

/** A column without bounds has no values. */
function fits(bound: string | undefined): boolean {
  const value = bound === undefined ? 0n : parseDecimal(bound);
  return value !== null && value < NARROW_LIMIT && value > -NARROW_LIMIT;
}

/** The start of the SHA-256 of a file, as its name has it. */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  } catch (error) {
    throw ingestError(error, path);
  }
  return hash.digest('hex').slice(0, DIGEST_CHARACTERS);
}

const DIGEST_IN_NAME = new RegExp(`-([0-9a-f]{${DIGEST_CHARACTERS}})\\.parquet$`);

/** What `fileDigest` was when we wrote the file; null for a file of another program. */
export function digestInName(path: string): string | null {
  return DIGEST_IN_NAME.exec(path)?.[1] ?? null;
}
