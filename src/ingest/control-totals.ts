/**
 * What the charges must add up to, summed from the mapped rows before dictionaries, sorting and writing: the
 * other side of every proof of conservation.
 */
import type { DataFile } from '../catalog/iceberg/data-file.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import type { BatchId } from '../core/ids.ts';
import { costError } from '../core/errors.ts';
import { HOUR_MS } from '../core/time-range.ts';
import { sqlName } from './formats/sql-text.ts';
import { bucketStartUs } from './formats/time-sql.ts';
import type { IngestSession } from './ingest-session.ts';
import { textOf } from './ingest-session.ts';
import { narrowColumns, tableRowsSql } from './read-table-files.ts';

/** Columns of `control_totals` that are sums of the column of the same name of `charges`. */
export const summedColumns: readonly string[] = lakeTables.control_totals.fields
  .filter(({ type }) => type === 'decimal(38,12)')
  .map(({ name }) => name);

/**
 * SELECT of the totals of `from`, per `keys`, hour and currency: wide sums, null where all values are.
 *
 * @param more further aggregates
 */
export function totalsSql(from: string, keys: readonly string[], more: readonly string[] = []): string {
  // DuckDB sums decimals of any width as wide ones.
  const sums = summedColumns.map((name) => `sum(${name}) AS ${name}`);
  const hour = bucketStartUs('charge_period_start', HOUR_MS);
  return `SELECT ${keys.map((key) => `${key}, `).join('')}make_timestamptz(${hour}) AS hour, billing_currency,
  count(*) AS charge_count, ${[...sums, ...more].join(', ')}
FROM ${from} GROUP BY ALL`;
}

/**
 * Makes the tables `totals`, with a column `billing_month`, and `file_totals`, with `file_index` besides, the
 * `residue` of rounding and the bounds `from_time` and `to_time` of the charges' periods.
 */
export async function sumControlTotals(session: IngestSession): Promise<void> {
  const more = [
    'sum(residue) AS residue',
    'min(charge_period_start) AS from_time',
    'max(charge_period_end) AS to_time',
  ];
  const byFile = totalsSql('charges', ['file_index', 'billing_month'], more);
  await session.rows(`CREATE OR REPLACE TABLE file_totals AS ${byFile}`);
  const sums = ['charge_count', ...summedColumns].map((name) => `sum(${name}) AS ${name}`);
  await session.rows(
    `CREATE OR REPLACE TABLE totals AS
SELECT billing_month, hour, billing_currency, ${sums.join(', ')} FROM file_totals GROUP BY ALL`,
  );
}

/**
 * Reads back what was written of a month's batch and compares it with `totals`.
 *
 * @throws LOAD_MISMATCH
 */
export async function checkWritten(
  session: IngestSession,
  batch: BatchId,
  month: string,
  files: readonly DataFile[],
): Promise<void> {
  const narrow = narrowColumns(lakeTables.charges, files);
  const written = totalsSql(tableRowsSql(lakeTables.charges, files, narrow), []);
  const expected = `SELECT * EXCLUDE (billing_month) FROM totals WHERE billing_month = DATE '${month}'`;
  const differences = differenceSql(expected, written, ['hour', 'billing_currency']);
  const [difference] = await session.rows(`${differences} ORDER BY ALL LIMIT 1`);
  if (difference === undefined) return;
  throw costError('LOAD_MISMATCH', {
    metric: `${batch} ${textOf(difference, 'hour') ?? ''} ${textOf(difference, 'metric') ?? ''}`,
    expected: textOf(difference, 'expected') ?? 'nothing',
    actual: textOf(difference, 'actual') ?? 'nothing',
  });
}

/** SELECT of the keys, `metric`, `expected` and `actual` where two totals of the same shape differ. */
export function differenceSql(expected: string, actual: string, keys: readonly string[]): string {
  const metrics = ['charge_count', ...summedColumns];
  const side = (name: string, metric: string): string => `CAST(${name}.${metric} AS VARCHAR)`;
  const entries = metrics.map(
    (metric) => `{'metric': '${metric}', 'expected': ${side('e', metric)}, 'actual': ${side('a', metric)}}`,
  );
  const columns = keys.map((key) => `coalesce(e.${sqlName(key)}, a.${sqlName(key)}) AS ${sqlName(key)}`);
  const together = keys.map((key) => `e.${sqlName(key)} = a.${sqlName(key)}`);
  return `SELECT ${keys.map(sqlName).join(', ')}, unnest(one) FROM (
  SELECT ${columns.join(', ')}, unnest([${entries.join(', ')}]) AS one
  FROM (${expected}) AS e FULL JOIN (${actual}) AS a ON ${together.join(' AND ')})
WHERE one.expected IS DISTINCT FROM one.actual`;
}
