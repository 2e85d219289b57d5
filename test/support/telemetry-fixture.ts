import type { DuckDBConnection } from '@duckdb/node-api';
import * as fc from 'fast-check';
import path from 'node:path';
import { indexFiles } from '../../src/catalog/file-index.ts';
import type { LakeFile } from '../../src/catalog/lake-file.ts';
import { lakeTables } from '../../src/catalog/lake-tables.ts';
import type { TelemetryLoad, TelemetryStream } from '../../src/catalog/telemetry.ts';
import { keyColumn, telemetryLoadId } from '../../src/catalog/telemetry.ts';
import type { LakeTableState } from '../../src/catalog/tenant-state.ts';
import { decimalFromUnits, formatDecimal } from '../../src/core/decimal.ts';
import { HOUR_MS, ceilHour } from '../../src/core/time-range.ts';
import { TENANT, anchors } from './arbitraries.ts';
import type { Charge, Row } from './charge.ts';
import { timeText } from './charge.ts';
import { literal } from './flat-table.ts';
import { writeFile } from './lake-files.ts';
import type { DriverRow, Drivers } from './share-out.ts';

/** Driver data as it was loaded: loads in their order, of each time and keys one row at most. */
export type StreamData = {
  readonly name: string;
  readonly columns: readonly string[];
  readonly loads: readonly (readonly DriverRow[])[];
};

const ROWS_PER_FILE = 9;
/** What rules may split by; another is loaded by nobody. */
export const streamColumns: Readonly<Record<string, readonly string[]>> = {
  work: ['customer', 'team', 'region_id', 'environment'],
  seats: ['tag:Team', 'customer'],
  /** Whole numbers that no 127 bits hold, once they are multiplied by amounts at 12 places each. */
  bytes: ['customer'],
};

/** Around the times of charges; several rows in an hour, and hours without any. */
const time = fc
  .tuple(
    fc.constantFrom(...anchors),
    fc.constantFrom(0, 0, 0, 1, 2, -24, 24, 30),
    fc.constantFrom(0, 0, 1, HOUR_MS / 2, HOUR_MS - 1),
  )
  .map(([anchor, hours, ms]) => anchor + hours * HOUR_MS + ms);
/** 0 takes a row back. */
const units = fc.oneof(
  fc.constantFrom(0n, 1n, 10n ** 12n, 10n ** 12n),
  fc.bigInt({ min: 0n, max: 10n ** 15n }),
);
const bytes = fc.bigInt({ min: 0n, max: 10n ** 15n }).map((count) => count * 10n ** 12n);
const wordsOf: Readonly<Record<string, readonly string[]>> = {
  customer: ['a', 'b', 'ä', 'x'],
  environment: ['a', 'ab', 'rest'],
};

function streamArbitrary(name: string, columns: readonly string[]): fc.Arbitrary<StreamData> {
  const keys = fc.tuple(...columns.map((key) => fc.constantFrom(...(wordsOf[key] ?? ['a', 'b', 'c']))));
  const row = fc.record({ time, keys, units: name === 'bytes' ? bytes : units }).map((raw): DriverRow => ({
    time: raw.time,
    units: raw.units,
    keys: Object.fromEntries(columns.map((key, i) => [key, raw.keys[i] ?? ''])),
  }));
  const load = fc.uniqueArray(row, { minLength: 1, maxLength: 40, size: 'max', selector: placeOf });
  const correction = fc.tuple(load, fc.nat(20));
  return fc.tuple(load, fc.array(correction, { maxLength: 2 })).map(([first, corrections]) => {
    const loads = [first];
    for (const [more, corrected] of corrections) {
      // Of some of the first load's rows the units are said anew.
      const again = first
        .slice(0, corrected)
        .map((old, i) => ({ ...old, units: BigInt(i % 3) * 10n ** 12n }));
      loads.push([...new Map([...again, ...more].map((each) => [placeOf(each), each])).values()]);
    }
    return { name, columns, loads };
  });
}

export const streamsArbitrary: fc.Arbitrary<StreamData[]> = fc.tuple(
  ...Object.entries(streamColumns).map(([name, columns]) => streamArbitrary(name, columns)),
);

function placeOf({ time: at, keys }: DriverRow): string {
  return JSON.stringify([at, ...Object.values(keys)]);
}

/** What holds once all is loaded. */
export function driversOf(streams: readonly StreamData[]): Drivers {
  return new Map(
    streams.map(({ name, loads }) => {
      const last = new Map(loads.flat().map((row) => [placeOf(row), row]));
      return [name, [...last.values()].filter((row) => row.units > 0n)];
    }),
  );
}

/** What the control plane knows of the streams. */
export function knownStreams(streams: readonly StreamData[]): Map<string, TelemetryStream> {
  return new Map(
    streams.map(({ name, columns, loads }) => {
      const known: TelemetryLoad[] = [];
      for (const rows of loads) {
        const hours = rows.map((row) => Math.floor(row.time / HOUR_MS) * HOUR_MS);
        known.push({
          id: loadIdOf(name, known.length),
          sequence: 1,
          rows: rows.length,
          units: decimalFromUnits(rows.reduce((sum, row) => sum + row.units, 0n)),
          from: Math.min(...hours),
          to: Math.max(...hours.map((hour) => ceilHour(hour + 1))),
          digest: '',
          file: '',
        });
      }
      return [name, { name, columns, loads: known }];
    }),
  );
}

function loadIdOf(stream: string, place: number): string {
  return telemetryLoadId(Array.from({ length: place }), stream);
}

/** Writes the loads, several files each; a foreign tenant's rows are in every other file. */
export async function writeTelemetry(
  connection: DuckDBConnection,
  folder: string,
  streams: readonly StreamData[],
): Promise<LakeTableState> {
  const files: LakeFile[] = [];
  for (const { name, columns, loads } of streams) {
    for (const [place, rows] of loads.entries()) {
      const sorted = rows.toSorted((a, b) => a.time - b.time);
      for (let at = 0; at < sorted.length; at += ROWS_PER_FILE) {
        const some = sorted.slice(at, at + ROWS_PER_FILE);
        const load = loadIdOf(name, place);
        const own = some.map((row) => lakeRow(row, TENANT, name, columns, load));
        const foreign = some.map((row) => lakeRow({ ...row, units: 7n }, 'other', name, columns, load));
        const written = files.length % 2 === 0 ? own : [...own, ...foreign];
        const file = path.join(folder, `telemetry-${files.length}.parquet`);
        files.push(await writeRows(connection, file, written, { stream: name, load }));
      }
    }
  }
  return { snapshot: '1', files: indexFiles('telemetry', files) };
}

function lakeRow(
  row: DriverRow,
  tenant: string,
  stream: string,
  columns: readonly string[],
  load: string,
): Row {
  const keys = columns.map((key, i) => [keyColumn(i), row.keys[key] ?? '']);
  return { tenant, stream, load, time: BigInt(row.time), units: row.units, ...Object.fromEntries(keys) };
}

async function writeRows(
  connection: DuckDBConnection,
  file: string,
  rows: readonly Row[],
  partition: LakeFile['partition'],
): Promise<LakeFile> {
  const { fields } = lakeTables.telemetry;
  const values = rows.map((row) => {
    const cells = fields.map(({ name }) => cellOf(name, row[name] ?? null));
    return `(${cells.join(', ')})`;
  });
  const names = fields.map(({ name }) => name).join(', ');
  const casts = fields.map(({ name, type }) => `${name}::${sqlTypes[type] ?? 'VARCHAR'} AS ${name}`);
  return writeFile(
    connection,
    file,
    `SELECT ${casts.join(', ')} FROM (VALUES ${values.join(', ')}) AS row(${names})`,
    fields,
    rows.map((row) => ({ ...row, time: BigInt(String(row['time'])) * 1000n })),
    partition,
  );
}

const sqlTypes: Readonly<Record<string, string>> = {
  timestamptz: 'TIMESTAMPTZ',
  'decimal(38,12)': 'DECIMAL(38, 12)',
};

function cellOf(name: string, value: bigint | string | null): string {
  if (name === 'time') return literal(timeText(Number(value)));
  if (name === 'units') return formatDecimal(decimalFromUnits(BigInt(String(value))));
  return value === null ? 'NULL' : literal(String(value));
}

/** Of up to a thousand: what is shared out together times its weights fits 127 bits. */
export function withSmallAmounts(charge: Charge): Charge {
  const amounts = Object.entries(charge.amounts).map(([column, units]) => [column, units % 10n ** 15n]);
  return { ...charge, amounts: Object.fromEntries(amounts) };
}
