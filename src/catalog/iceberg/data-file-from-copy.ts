/** From what DuckDB says of a Parquet file it has just written to the entry of that file in a table. */
import { parseDecimal } from '../../core/decimal.ts';
import { DAY_MS } from '../../core/time-range.ts';
import type { BoundValue } from './bounds.ts';
import { encodeBound, lowerTextBound, upperTextBound } from './bounds.ts';
import type { DataFile, Partition } from './data-file.ts';
import type { ColumnType, SchemaField } from './metadata.ts';

/**
 * The row of `COPY … TO … (FORMAT parquet, FIELD_IDS {…}, RETURN_STATS true)`, as getRowObjectsJson and
 * getRowObjectsJS give it.
 */
export type CopyRow = {
  readonly filename: string;
  readonly count: string | bigint;
  readonly file_size_bytes: string | bigint;
  /** Per column, by its quoted name. */
  readonly column_statistics: readonly Pair<readonly Pair<string>[]>[];
};
type Pair<Value> = { readonly key: string; readonly value: Value };

/**
 * The entry of a file that DuckDB wrote. Columns are found by name; the file must carry the ids of `fields` in
 * FIELD_IDS, else readers see nulls. A column without statistics that can be kept exactly gets none.
 */
export function dataFileFromCopy(
  row: CopyRow,
  fields: readonly SchemaField[],
  partition: Partition,
): DataFile {
  const byName = new Map(fields.map((field) => [field.name, field]));
  const columnSizesBytes = new Map<number, number>();
  const valueCounts = new Map<number, number>();
  const nullCounts = new Map<number, number>();
  const lowerBounds = new Map<number, Buffer>();
  const upperBounds = new Map<number, Buffer>();
  for (const { key, value } of row.column_statistics) {
    const name = unquote(key);
    const field = byName.get(name);
    if (field === undefined) throw new Error(`${row.filename} has a column "${name}" that its table has not`);
    const statistics = new Map(value.map((entry) => [entry.key, entry.value]));
    columnSizesBytes.set(field.id, Number(statistics.get('column_size_bytes')));
    valueCounts.set(field.id, Number(statistics.get('num_values')));
    const nulls = statistics.get('null_count');
    if (nulls !== undefined) nullCounts.set(field.id, Number(nulls));
    const lower = boundOf(field.type, statistics.get('min'), lowerTextBound);
    const upper = boundOf(field.type, statistics.get('max'), upperTextBound);
    if (lower !== null) lowerBounds.set(field.id, encodeBound(field.type, lower));
    if (upper !== null) upperBounds.set(field.id, encodeBound(field.type, upper));
  }
  return {
    path: row.filename,
    sizeBytes: Number(row.file_size_bytes),
    records: Number(row.count),
    partition,
    columnSizesBytes,
    valueCounts,
    nullCounts,
    lowerBounds,
    upperBounds,
  };
}

/** `"a ""b"""` is a "b". */
function unquote(identifier: string): string {
  return identifier.startsWith('"') ? identifier.slice(1, -1).replaceAll('""', '"') : identifier;
}

/** Null where DuckDB gives none, or one that Iceberg has no form for: readers then do not prune by it. */
function boundOf(
  type: ColumnType,
  text: string | undefined,
  shorten: (text: string) => string | null,
): BoundValue | null {
  if (text === undefined) return null;
  switch (type) {
    case 'string':
      return shorten(text);
    case 'decimal(38,12)':
      return /^-?\d+(?:\.\d{1,12})?$/.test(text) ? parseDecimal(text) : null; // More places would be rounded.
    case 'long':
      return /^-?\d+$/.test(text) ? BigInt(text) : null;
    case 'date':
      return daysOf(text);
    case 'timestamptz':
      return microsecondsOf(text);
  }
}

/** Null for `infinity`, and years before 1 or after 9999. */
function daysOf(text: string): number | null {
  return /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) / DAY_MS : null;
}

const TIMESTAMP = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/;

/** DuckDB writes statistics in UTC whatever the session's zone is. */
function microsecondsOf(text: string): bigint | null {
  const [, day, time, fraction = ''] = TIMESTAMP.exec(text) ?? [];
  if (day === undefined || time === undefined) return null;
  return BigInt(Date.parse(`${day}T${time}Z`)) * 1_000n + BigInt(fraction.padEnd(6, '0'));
}

/** The list for COPY's FIELD_IDS: readers resolve columns by it. */
export function fieldIdsSql(fields: readonly Pick<SchemaField, 'id' | 'name'>[]): string {
  return `{${fields.map(({ id, name }) => `"${name.replaceAll('"', '""')}": ${id}`).join(', ')}}`;
}
