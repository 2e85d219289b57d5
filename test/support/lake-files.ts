import type { DuckDBConnection } from '@duckdb/node-api';
import { stat } from 'node:fs/promises';
import type { LakeField } from '../../src/catalog/lake-tables.ts';
import type { Bound, LakeFile } from '../../src/catalog/lake-file.ts';
import { nullsFrom } from '../../src/catalog/lake-file.ts';
import type { Row } from './charge.ts';
import { compareValues } from './charge.ts';
import { literal } from './flat-table.ts';

/** @param rows the values that go into the file: what its statistics say */
export async function writeFile(
  connection: DuckDBConnection,
  file: string,
  select: string,
  fields: readonly LakeField[],
  rows: readonly Row[],
  partition: LakeFile['partition'],
): Promise<LakeFile> {
  const ids = fields.map(({ id, name }) => `${name}: ${id}`).join(', ');
  await connection.run(`COPY (${select}) TO ${literal(file)} (FORMAT parquet, FIELD_IDS {${ids}})`);
  const { size } = await stat(file);
  const names = new Set(fields.map(({ name }) => name));
  const present = (column: string) => rows.flatMap((row) => row[column] ?? []).sort(compareValues);
  return {
    path: file,
    sizeBytes: size,
    records: rows.length,
    partition,
    bounds: (column) => boundsOf(present(column)),
    nulls: (column) =>
      nullsFrom(names.has(column) ? rows.length - present(column).length : null, rows.length),
    holds: (column) => names.has(column),
    columnBytes: (column) => (names.has(column) ? Math.round(size / fields.length) : null),
  };
}

/** Text is cut to its first character, as Iceberg cuts after sixteen: the upper bound is then rounded up. */
function boundsOf(sorted: readonly (bigint | string)[]): { lower: Bound; upper: Bound } | null {
  const [lower, upper] = [sorted[0], sorted.at(-1)];
  if (lower === undefined || upper === undefined) return null;
  if (typeof lower !== 'string' || typeof upper !== 'string') return { lower, upper };
  const [first = '', second] = [...upper];
  const shortened = [...lower][0] ?? '';
  if (second === undefined) return { lower: shortened, upper };
  const next = (first.codePointAt(0) ?? 0) + 1;
  return { lower: shortened, upper: String.fromCodePoint(next === 0xd800 ? 0xe000 : next) };
}
