/** A file of driver data: `time`, a column for each key, `units`. Its rows are checked all together: one bad row refuses it. */
import { join } from 'node:path';

import type { BadTelemetryRow } from '../catalog/telemetry.ts';
import { isTelemetryKey, TELEMETRY_KEYS_MAX, TIME_COLUMN, UNITS_COLUMN } from '../catalog/telemetry.ts';
import { costError, isCostError } from '../core/errors.ts';
import { nearNames } from '../core/near.ts';
import type { BillFile, SourceColumn } from './formats/bill-file.ts';
import type { Check } from './formats/charge-relation.ts';
import {
  checkNumber,
  checkTime,
  errorOf,
  errorParts,
  offending,
  textColumn,
} from './formats/charge-relation.ts';
import { decimalsOf } from './formats/decimal-sql.ts';
import { damagedFile, openBillFile } from './formats/open-bill-file.ts';
import { sourceRows } from './formats/source-rows.ts';
import { sqlName, sqlText } from './formats/sql-text.ts';
import { instantOf } from './formats/time-sql.ts';
import { namedAfter } from './ingest-error.ts';
import type { IngestSession } from './ingest-session.ts';
import { numberOf, requiredText } from './ingest-session.ts';
import type { RawFile } from './keep-raw-file.ts';

export const TELEMETRY_ROWS_MAX = 20_000_000;
export const KEY_CHARACTERS_MAX = 1_000;
/** Bad rows of a refused file that are named. */
export const BAD_ROWS_NAMED_MAX = 100;

/** Why a row is refused. Codes are API: never renamed, never reused. */
export const telemetryRowCodes = [
  'FIELD_COUNT',
  'MISSING_VALUE',
  'BAD_TIME',
  'TEXT_TOO_LONG',
  'BAD_NUMBER',
  'NEGATIVE_UNITS',
] as const;

export type TelemetryFile = RawFile & {
  readonly source: BillFile;
  /** Keys, in the order of the file. */
  readonly columns: readonly string[];
};

/** @throws BAD_TELEMETRY, DAMAGED_FILE, EMPTY_FILE */
export async function openTelemetryFile(session: IngestSession, raw: RawFile): Promise<TelemetryFile> {
  try {
    const source = await openBillFile(session.connection, raw.path);
    return { ...raw, source, columns: keysOf(source) };
  } catch (error) {
    const named = namedAfter(error, raw.path, raw.fileName);
    if (!isCostError(named) || named.code !== 'UNKNOWN_FORMAT') throw named;
    const hint = 'Driver data is CSV, plain or compressed by gzip or zstd, or Parquet.';
    throw costError('BAD_TELEMETRY', { reason: named.message, hint }, error);
  }
}

/** The columns of a file that are keys, in its order. @throws BAD_TELEMETRY */
export function keysOf({ path, columns, rows }: BillFile): string[] {
  const names = columns.map(({ name }) => name);
  const keys = names.filter((name) => name !== TIME_COLUMN && name !== UNITS_COLUMN);
  const refuse = (reason: string, hint: string) => costError('BAD_TELEMETRY', { reason, hint });
  for (const needed of [TIME_COLUMN, UNITS_COLUMN]) {
    if (names.includes(needed)) continue;
    const [near] = nearNames(needed, keys);
    const hint =
      near === undefined ? 'The header is time, a column for each key, units.' : `Is it "${near}"?`;
    throw refuse(`${path} has no column "${needed}"`, hint);
  }
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw refuse(`${path} has two columns "${twice}"`, 'Leave one of them out.');
  const wrong = keys.find((key) => !isTelemetryKey(key));
  if (wrong !== undefined) {
    const hint =
      'Write a FOCUS column (service_name), a tag (tag:Application), or a dimension of rules (customer).';
    throw refuse(`The column "${wrong}" of ${path} is no key of a dimension`, hint);
  }
  if (keys.length > TELEMETRY_KEYS_MAX) {
    throw refuse(
      `${path} has ${keys.length} columns for keys, the limit is ${TELEMETRY_KEYS_MAX}`,
      'Leave out those that no rule needs.',
    );
  }
  if (rows > TELEMETRY_ROWS_MAX) {
    throw refuse(
      `${path} has ${rows} rows, the limit is ${TELEMETRY_ROWS_MAX}`,
      'Add the units up by hour, or load it in parts.',
    );
  }
  return keys;
}

export type StagedTelemetry = {
  readonly bad: number;
  /** The first ones; records count from 1, without the header. */
  readonly sample: readonly BadTelemetryRow[];
};

/**
 * Makes the view `staged`: `time`, `units` and the keys as `key_…`, each under its number in `columns`. The rows mean
 * something only where none is bad.
 *
 * @throws DAMAGED_FILE, LOAD_MISMATCH where not each record of the file was read
 */
export async function stageTelemetry(
  session: IngestSession,
  { source, fileName }: TelemetryFile,
  columnOf: ReadonlyMap<string, string>,
): Promise<StagedTelemetry> {
  const path = join(session.folder, 'telemetry.parquet');
  await session
    .rows(`COPY (${checkedRows(source, columnOf)}) TO ${sqlText(path)} (FORMAT parquet, COMPRESSION lz4_raw)`)
    .catch((error: unknown) => {
      throw namedAfter(damagedFile(source.path, error), source.path, fileName);
    });
  await session.rows(`CREATE VIEW staged AS SELECT * FROM read_parquet(${sqlText(path)})`);
  const [counts = {}] = await session.rows(
    'SELECT count(*) AS records, count(error_code) AS bad FROM staged',
  );
  const [records, bad] = [numberOf(counts, 'records'), numberOf(counts, 'bad')];
  if (records !== source.rows) {
    const [expected, actual] = [String(source.rows), String(records)];
    throw costError('LOAD_MISMATCH', { metric: `Records of ${fileName}`, expected, actual });
  }
  const sample = await session.rows(
    `SELECT row_number, error_code, error_reason FROM staged WHERE error_code IS NOT NULL
ORDER BY row_number LIMIT ${BAD_ROWS_NAMED_MAX}`,
  );
  return {
    bad,
    sample: sample.map((row) => ({
      row: numberOf(row, 'row_number'),
      code: requiredText(row, 'error_code'),
      reason: requiredText(row, 'error_reason'),
    })),
  };
}

function checkedRows(file: BillFile, columnOf: ReadonlyMap<string, string>): string {
  const named = (name: string): SourceColumn => {
    const column = file.columns.find((one) => one.name === name);
    if (column === undefined) throw new Error(`a file of driver data was opened without ${name}`);
    return column;
  };
  const [time, units] = [named(TIME_COLUMN), named(UNITS_COLUMN)];
  const reads = [
    { alias: 'time_source', column: time },
    { alias: 'units_source', column: units },
    ...[...columnOf].map(([key, alias]) => ({ alias, column: textColumn(named(key)) })),
  ];
  const instant = instantOf('time_source', time.type);
  const timed = `SELECT *, ${instant} AS time FROM (${sourceRows(file, reads)})`;
  const keys = [...columnOf.values()].map(sqlName);
  const parsed = decimalsOf(timed, [{ alias: UNITS_COLUMN, type: units.type }]);
  return `SELECT ${['row_number', ...errorParts, TIME_COLUMN, UNITS_COLUMN, ...keys].join(', ')}
FROM (SELECT *, ${errorOf(checksOf(columnOf))} AS error FROM (${parsed}))`;
}

function checksOf(columnOf: ReadonlyMap<string, string>): Check<string>[] {
  const ofKeys = [...columnOf].flatMap(([key, column]): Check<string>[] => [
    { code: 'MISSING_VALUE', when: `${sqlName(column)} IS NULL`, reason: sqlText(`${key} is missing`) },
    {
      code: 'TEXT_TOO_LONG',
      when: `length(${sqlName(column)}) > ${KEY_CHARACTERS_MAX}`,
      reason: sqlText(`${key} has more than ${KEY_CHARACTERS_MAX} characters`),
    },
  ]);
  return [
    ...checkTime(TIME_COLUMN, TIME_COLUMN),
    ...ofKeys,
    { code: 'MISSING_VALUE', when: 'units_source IS NULL', reason: sqlText('units is missing') },
    checkNumber(UNITS_COLUMN, UNITS_COLUMN),
    { code: 'NEGATIVE_UNITS', when: 'units < 0', reason: offending('units', 'units_source', 'below 0') },
  ];
}
