/** What a file of driver data changes of its stream: set by set in DuckDB, spilling where it is large. */
import type { DataFile } from '../catalog/iceberg/data-file.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import type { TelemetryLoad } from '../catalog/telemetry.ts';
import type { Decimal } from '../core/decimal.ts';
import { formatDecimal, parseDecimal } from '../core/decimal.ts';
import { costError } from '../core/errors.ts';
import type { TimeRange } from '../core/time-range.ts';
import { formatInstant } from '../core/time-range.ts';
import type { IngestSession } from './ingest-session.ts';
import { numberOf, requiredText } from './ingest-session.ts';
import { tableRowsSql } from './read-table-files.ts';

export type TelemetrySum = TimeRange & { readonly rows: number; readonly units: Decimal };

/** Makes the table `loaded` of the view `staged`: a row for each time and keys. The range is of whole UTC hours. */
export async function addUp(session: IngestSession, columns: readonly string[]): Promise<TelemetrySum> {
  const keys = ['time', ...columns].join(', ');
  await session.rows(
    `CREATE TABLE loaded AS SELECT ${keys}, sum(units) AS units FROM staged GROUP BY ${keys}`,
  );
  return sumOf(session, 'loaded');
}

export type TelemetryCounts = {
  readonly added: number;
  readonly replaced: number;
  readonly unchanged: number;
  readonly beside: number;
};

/**
 * Makes the table `changes`: those rows of `loaded` whose units are not already what the stream says.
 *
 * @param earlier files of all loads that say something of the hours
 */
export async function compareWithEarlier(
  session: IngestSession,
  columns: readonly string[],
  earlier: readonly DataFile[],
  range: TimeRange,
): Promise<TelemetryCounts> {
  const keys = ['time', ...columns].join(', ');
  const nothing = `SELECT ${keys}, units FROM loaded WHERE false`;
  await session.rows(
    `CREATE TABLE earlier AS ${earlier.length === 0 ? nothing : newestSql(columns, earlier, range)}`,
  );
  await session.rows(
    `CREATE TABLE changes AS SELECT loaded.*, earlier.units IS NOT NULL AS is_replaced
FROM loaded LEFT JOIN earlier USING (${keys}) WHERE earlier.units IS DISTINCT FROM loaded.units`,
  );
  const hours = ['hour', ...columns].join(', ');
  const withHour = (from: string) => `(SELECT *, date_trunc('hour', time) AS hour FROM ${from})`;
  const [row = {}] = await session.rows(
    `SELECT (SELECT count(*) FROM loaded) AS loaded,
  count(*) FILTER (NOT is_replaced) AS added, count(*) FILTER (is_replaced) AS replaced,
  (SELECT count(*) FROM ${withHour('earlier')} AS e SEMI JOIN ${withHour('loaded')} USING (${hours})
    ANTI JOIN loaded USING (${keys}) WHERE e.units > 0) AS beside
FROM changes`,
  );
  const [added, replaced] = [numberOf(row, 'added'), numberOf(row, 'replaced')];
  const unchanged = numberOf(row, 'loaded') - added - replaced;
  return { added, replaced, unchanged, beside: numberOf(row, 'beside') };
}

/** What the newest load says of each time and keys: ids increase from load to load. */
function newestSql(columns: readonly string[], files: readonly DataFile[], { from, to }: TimeRange): string {
  const keys = ['time', ...columns].join(', ');
  return `SELECT ${keys}, arg_max(units, load) AS units FROM ${tableRowsSql(lakeTables.telemetry, files)}
WHERE time >= TIMESTAMPTZ '${formatInstant(from)}' AND time < TIMESTAMPTZ '${formatInstant(to)}' GROUP BY ${keys}`;
}

/** Of the table `changes`, which is not empty. */
export function sumLoad(session: IngestSession): Promise<TelemetrySum> {
  return sumOf(session, 'changes');
}

/** Reads back what was written. @throws LOAD_MISMATCH */
export async function checkWrittenLoad(
  session: IngestSession,
  expected: Pick<TelemetryLoad, 'id' | keyof TelemetrySum>,
  files: readonly DataFile[],
): Promise<void> {
  const written = await sumOf(session, tableRowsSql(lakeTables.telemetry, files));
  const [asked, found] = [textOfSum(expected), textOfSum(written)];
  if (asked === found) return;
  throw costError('LOAD_MISMATCH', { metric: expected.id, expected: asked, actual: found });
}

function textOfSum({ rows, units, from, to }: TelemetrySum): string {
  return `${rows} rows of ${formatDecimal(units)} units, ${formatInstant(from)} to ${formatInstant(to)}`;
}

/** Rows, units, and the UTC hours of a relation that is not empty. */
export const telemetrySums = `count(*) AS rows, sum(units) AS units,
  epoch_ms(date_trunc('hour', min(time))) AS from_ms,
  epoch_ms(date_trunc('hour', max(time)) + INTERVAL 1 HOUR) AS to_ms`;

async function sumOf(session: IngestSession, from: string): Promise<TelemetrySum> {
  const [row = {}] = await session.rows(`SELECT ${telemetrySums} FROM ${from}`);
  const units = parseDecimal(requiredText(row, 'units'));
  if (units === null) throw new Error('units is no decimal');
  return {
    rows: numberOf(row, 'rows'),
    units,
    from: numberOf(row, 'from_ms'),
    to: numberOf(row, 'to_ms'),
  };
}
