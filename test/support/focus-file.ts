import { writeFile } from 'node:fs/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { DuckDBConnection } from '@duckdb/node-api';

/** A record of a bill by the columns' names; null and absent are empty fields. */
export type BillRow = Readonly<Record<string, string | null>>;

/** A FOCUS charge of one hour and one dollar, with the given columns instead. */
export function focusRow(columns: BillRow = {}): BillRow {
  return {
    BilledCost: '1',
    BillingAccountId: '123456789012',
    BillingCurrency: 'USD',
    BillingPeriodEnd: '2024-10-01T00:00:00Z',
    BillingPeriodStart: '2024-09-01T00:00:00Z',
    ChargeCategory: 'Usage',
    ChargePeriodEnd: '2024-09-18T23:00:00Z',
    ChargePeriodStart: '2024-09-18T22:00:00Z',
    EffectiveCost: '1',
    ListCost: '1',
    ContractedCost: '1',
    ProviderName: 'AWS',
    ServiceCategory: 'Compute',
    ServiceName: 'Amazon EC2',
    SubAccountId: '210987654321',
    Tags: null,
    ...columns,
  };
}

export type CsvLook = {
  readonly delimiter?: string;
  readonly newline?: string;
  readonly quoted?: boolean;
  readonly byteOrderMark?: boolean;
};

/** Text of a CSV file; the columns are those of all rows, in order of appearance. */
export function csvOf(rows: readonly BillRow[], look: CsvLook = {}): string {
  const { delimiter = ',', newline = '\n', quoted = true, byteOrderMark = false } = look;
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const field = (value: string): string => {
    const needsQuotes = quoted && (/["\r\n]/.test(value) || value.includes(delimiter));
    return needsQuotes ? `"${value.replaceAll('"', '""')}"` : value;
  };
  const lines = [names, ...rows.map((row) => names.map((name) => row[name] ?? ''))];
  const text = lines.map((line) => line.map(field).join(delimiter) + newline).join('');
  return (byteOrderMark ? '\ufeff' : '') + text;
}

/** Writes text as a file; compressed where the name ends in .gz or .zst. */
export async function writeBill(path: string, text: string): Promise<string> {
  const bytes = Buffer.from(text);
  const compress = path.endsWith('.gz') ? gzipSync : path.endsWith('.zst') ? zstdCompressSync : null;
  await writeFile(path, compress === null ? bytes : compress(bytes));
  return path;
}

/**
 * Writes rows as a Parquet file, every column as text but those in `types` (SQL expressions over the column,
 * such as `{ BilledCost: 'CAST(BilledCost AS DOUBLE)' }`).
 */
export async function writeParquetBill(
  connection: DuckDBConnection,
  path: string,
  rows: readonly BillRow[],
  types: Readonly<Record<string, string>> = {},
): Promise<string> {
  const literal = (value: string | null | undefined): string =>
    value === null || value === undefined ? 'CAST(NULL AS VARCHAR)' : `'${value.replaceAll("'", "''")}'`;
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const values = rows.map((row) => `(${names.map((name) => literal(row[name])).join(', ')})`);
  const list = names.map((name) => `${types[name] ?? `"${name}"`} AS "${name}"`);
  const columns = names.map((name) => `"${name}"`).join(', ');
  await connection.run(
    `COPY (SELECT ${list.join(', ')} FROM (VALUES ${values.join(', ')}) AS given(${columns})) TO '${path}' (FORMAT parquet, COMPRESSION zstd)`,
  );
  return path;
}
