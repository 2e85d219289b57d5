import type { DuckDBConnection } from '@duckdb/node-api';
import path from 'node:path';
import type { PublishedBatch } from '../../src/catalog/batch.ts';
import type { LakeField, LakeTableName } from '../../src/catalog/lake-tables.ts';
import { inlineColumns } from '../../src/catalog/charge-columns.ts';
import { lakeTables } from '../../src/catalog/lake-tables.ts';
import { indexFiles } from '../../src/catalog/file-index.ts';
import type { LakeFile } from '../../src/catalog/lake-file.ts';
import { nullsFrom } from '../../src/catalog/lake-file.ts';
import type { LakeTableState, TenantState } from '../../src/catalog/tenant-state.ts';
import { noFiles } from '../../src/catalog/tenant-state.ts';
import { decimalFromUnits } from '../../src/core/decimal.ts';
import type { SourceName } from '../../src/core/ids.ts';
import { batchId } from '../../src/core/ids.ts';
import { TENANT, askedColumns, isLive, lateColumns } from './arbitraries.ts';
import type { Charge, Row } from './charge.ts';
import { compareValues, tagsOf, valueOf } from './charge.ts';
import { createFlatTable, flatColumns, literal } from './flat-table.ts';
import { writeFile } from './lake-files.ts';
import { catalogueOfRollups, fixtureRollups, writeRollups } from './rollup-fixture.ts';

/** Charges of one file and the next: few, so that a small lake has many files to prune. */
const CHARGES_PER_FILE = [12, 1, 5];
const ENTRIES_PER_FILE = 4;
const NARROW_LIMIT = 10n ** 18n;
/** No charge has it; every other file lacks it. */
const neverSet = ['invoice_id'];
const TAG_PREFIX = 'tag:';
const inlineNames = inlineColumns.map(({ name }) => name);

/**
 * Writes charges as a tenant's lake in `folder`: Parquet files with the columns and field ids of
 * lake-tables.ts, several a batch; every other file is narrow where its amounts fit, files of charges without
 * late columns lack those, files of charges without inline values the inline columns. Superseded batches and a foreign tenant's rows are in the files too, and the
 * dictionaries hold a foreign entry under each id, so that a read that forgets the tenant is found out.
 * Leaves the table `flat` of the live charges in the connection.
 */
export async function writeLake(
  connection: DuckDBConnection,
  folder: string,
  charges: readonly Charge[],
): Promise<TenantState> {
  await createFlatTable(connection, charges);
  const files = [
    ...(await writeCharges(connection, folder, charges)),
    ...(await writeDictionary(connection, folder, 'resources', resourceRows(charges))),
    ...(await writeDictionary(connection, folder, 'tags', tagRows(charges))),
  ];
  const rollups = await writeRollups(connection, folder, charges);
  await createFlatTable(connection, charges.filter(isLive), askedColumns);
  const table = (name: LakeTableName): LakeTableState => ({
    snapshot: '1',
    files: indexFiles(
      name,
      files.filter((file) => file.table === name).map(({ file }) => file),
    ),
  });
  return stateOf(charges, {
    tables: {
      charges: table('charges'),
      resources: table('resources'),
      tags: table('tags'),
      control_totals: table('control_totals'),
      rollups: { snapshot: '1', files: indexFiles('rollups', rollups) },
      telemetry: noFiles,
    },
  });
}

/** Without files on disk: of each batch the catalogue knows which inline columns it holds. */
function tablesOf(charges: readonly Charge[]): TenantState['tables'] {
  const files = [...Map.groupBy(charges, ({ batch }) => batch)].map(([batch, members]): LakeFile => {
    const nulls = (column: string) => members.filter((charge) => valueOf(charge, column) === null).length;
    return {
      path: batch,
      sizeBytes: 0,
      records: members.length,
      partition: { batch },
      bounds: () => null,
      nulls: (column) => nullsFrom(nulls(column), members.length),
      holds: (column) => nulls(column) < members.length,
      columnBytes: () => null,
    };
  });
  const charged = { snapshot: '1', files: indexFiles('charges', files) };
  const rollups = { snapshot: '1', files: indexFiles('rollups', catalogueOfRollups(charges)) };
  const empty = { resources: noFiles, tags: noFiles, control_totals: noFiles, telemetry: noFiles };
  return { charges: charged, rollups, ...empty };
}

/** What the catalogue would say of the charges. `scale` multiplies its counts of charges, to sway estimates. */
export function stateOf(
  charges: readonly Charge[],
  { tables = tablesOf(charges), scale = 1 }: { tables?: TenantState['tables']; scale?: number } = {},
): TenantState {
  const live = charges.filter((charge) => charge.tenant === TENANT && isLive(charge));
  const batches = [...Map.groupBy(live, (charge) => charge.batch)].map(([id, members]) =>
    publishedBatch(id, members, scale),
  );
  const keys = new Set(live.flatMap((charge) => Object.keys(charge.values)));
  const statistics = [...keys].map((key) => {
    const values = live.map((charge) => charge.values[key]).filter((value) => value !== undefined);
    return [key, { distinct: new Set(values).size, nulls: live.length - values.length }] as const;
  });
  return {
    tenant: TENANT,
    sequence: 1,
    batches,
    history: batches,
    tables,
    rollups: fixtureRollups,
    telemetry: new Map(),
    profiles: new Map(),
    rules: null,
    ruled: new Map(),
    tagKeys: new Set(
      [...keys].filter((key) => key.startsWith(TAG_PREFIX)).map((key) => key.slice(TAG_PREFIX.length)),
    ),
    statistics: new Map(statistics),
  };
}

function publishedBatch(id: string, members: readonly Charge[], scale: number): PublishedBatch {
  const total = (column: string) =>
    decimalFromUnits(members.reduce((sum, charge) => sum + (charge.amounts[column] ?? 0n), 0n));
  return {
    id: batchId(id),
    tenant: TENANT,
    source: (members[0]?.source ?? '') as SourceName, // The arbitrary's sources are valid names.
    billingMonth: members[0]?.billingMonth ?? '',
    mode: 'replace',
    format: 'focus',
    mappingVersion: 1,
    charges: members.length * scale,
    quarantined: 0,
    from: Math.min(...members.map((charge) => charge.span.from)),
    to: Math.max(...members.map((charge) => charge.span.to)),
    currencies: [...new Set(members.map((charge) => charge.values['billing_currency'] ?? ''))].sort(),
    billedCost: total('billed_cost'),
    effectiveCost: total('effective_cost'),
    liveFromSequence: 1,
    liveToSequence: null,
    knownFrom: 0,
    knownTo: null,
    droppedAt: null,
  };
}

type Written = { readonly table: LakeTableName; readonly file: LakeFile };

async function writeCharges(
  connection: DuckDBConnection,
  folder: string,
  charges: readonly Charge[],
): Promise<Written[]> {
  const fieldsWritten = lakeTables.charges.fields.filter(
    ({ name, required }) =>
      required || !flatColumns.includes(name) || [...askedColumns, ...inlineNames].includes(name),
  );
  const numbered = charges.map((charge, i) => ({ charge, id: String(i) }));
  const lacksLate = ({ charge }: { charge: Charge }) =>
    lateColumns.every((column) => valueOf(charge, column) === null);
  const partitions = Map.groupBy(numbered, (each) => `${each.charge.batch} ${lacksLate(each)}`);
  const written: Written[] = [];
  for (const members of partitions.values()) {
    members.sort((a, b) => a.charge.span.from - b.charge.span.from);
    for (let at = 0; at < members.length;) {
      const some = members.slice(at, at + (CHARGES_PER_FILE[written.length % CHARGES_PER_FILE.length] ?? 1));
      at += some.length;
      const isOdd = written.length % 2 === 1;
      const isNull = (column: string) => some.every(({ charge }) => valueOf(charge, column) === null);
      const lacking = [
        ...(some.every(lacksLate) ? lateColumns : []),
        ...inlineNames.filter(isNull),
        ...(isOdd ? neverSet : []),
      ];
      const fields = fieldsWritten.filter(({ name }) => !lacking.includes(name));
      const casts = fields.map(({ name, type }) => {
        const fits = some.every(({ charge }) => magnitude(charge.amounts[name] ?? 0n) < NARROW_LIMIT);
        return type === 'decimal(38,12)' && fits && !isOdd ? `${name}::DECIMAL(18, 12) AS ${name}` : name;
      });
      const ids = some.map(({ id }) => literal(id)).join(', ');
      const [first] = some;
      const file = await writeFile(
        connection,
        path.join(folder, `charges-${written.length}.parquet`),
        `SELECT ${casts.join(', ')} FROM flat WHERE charge_id IN (${ids}) ORDER BY charge_period_start`,
        fields,
        some.map(({ charge }) => statisticsRow(charge, fields)),
        {
          source: first?.charge.source ?? null,
          billing_month: daysOf(first?.charge.billingMonth ?? ''),
          batch: first?.charge.batch ?? null,
        },
      );
      written.push({ table: 'charges', file });
    }
  }
  return written;
}

function magnitude(units: bigint): bigint {
  return units < 0n ? -units : units;
}

function daysOf(date: string): number {
  return Date.parse(date) / 86_400_000;
}

/** One row per distinct resource that has a field; and one of the foreign tenant under the same id. */
function resourceRows(charges: readonly Charge[]): Row[] {
  const byId = new Map(charges.map((charge) => [charge.resourceKey, charge]));
  return [...byId].flatMap(([id, charge]): Row[] => {
    const names = ['resource_id', 'resource_name', 'resource_type'];
    if (id === null || names.every((name) => charge.values[name] === undefined)) return [];
    const fields = names.map((name) => [name, charge.values[name] ?? null]);
    const foreign = names.map((name) => [name, 'foreign']);
    return [
      { tenant: TENANT, id, digest: `r${id}`, ...Object.fromEntries(fields) },
      { tenant: 'other', id, digest: `r${id}`, ...Object.fromEntries(foreign) },
    ];
  });
}

/** One row per tag of a distinct set, by key and value; the foreign tenant has each key with another value. */
function tagRows(charges: readonly Charge[]): Row[] {
  const byId = new Map(charges.map((charge) => [charge.tagSet, charge]));
  const rows = [...byId].flatMap(([id, charge]): Row[] => {
    if (id === null) return [];
    return Object.entries(tagsOf(charge)).flatMap(([key, value]) => {
      const tag = { id, digest: `t${id}`, key };
      return [
        { tenant: TENANT, ...tag, value },
        { tenant: 'other', ...tag, value: 'foreign' },
      ];
    });
  });
  return rows.sort((a, b) => compareValues(String(a['key']), String(b['key'])));
}

async function writeDictionary(
  connection: DuckDBConnection,
  folder: string,
  table: 'resources' | 'tags',
  rows: readonly Row[],
): Promise<Written[]> {
  const { fields } = lakeTables[table];
  const written: Written[] = [];
  for (let at = 0; at < rows.length; at += ENTRIES_PER_FILE) {
    const some = rows.slice(at, at + ENTRIES_PER_FILE);
    const values = some.map((row) => `(${fields.map(({ name }) => literal(row[name] ?? null)).join(', ')})`);
    const columns = fields.map(({ name, type }) => `${name}::${sqlType(type)} AS ${name}`);
    const file = await writeFile(
      connection,
      path.join(folder, `${table}-${written.length}.parquet`),
      `SELECT ${columns.join(', ')} FROM (VALUES ${values.join(', ')}) AS entry(${fields.map(({ name }) => name).join(', ')})`,
      fields,
      some,
      {},
    );
    written.push({ table, file });
  }
  return written;
}

function sqlType(type: LakeField['type']): string {
  return type === 'long' ? 'BIGINT' : 'VARCHAR';
}

/** A charge's values as bounds name them: instants in microseconds. Columns that no plan reads are left out. */
function statisticsRow(charge: Charge, fields: readonly LakeField[]): Row {
  const valueIn = ({ name, type }: LakeField) => {
    const value = valueOf(charge, name);
    return type === 'timestamptz' ? BigInt(Date.parse(String(value))) * 1000n : value;
  };
  return Object.fromEntries(fields.map((field) => [field.name, valueIn(field)]));
}
