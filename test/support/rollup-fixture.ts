import type { DuckDBConnection } from '@duckdb/node-api';
import path from 'node:path';
import { lakeTables } from '../../src/catalog/lake-tables.ts';
import type { Rollup } from '../../src/catalog/rollups.ts';
import { rollupColumnOf, standingAttributes } from '../../src/catalog/rollups.ts';
import type { LakeFile } from '../../src/catalog/lake-file.ts';
import { decimalFromUnits, formatDecimal } from '../../src/core/decimal.ts';
import type { Charge, Row } from './charge.ts';
import { literal } from './flat-table.ts';
import { writeFile } from './lake-files.ts';
import { rollupRows } from './rollup-rows.ts';

const wide = ['service_name', 'region_id', 'charge_category', 'consumed_unit', 'pricing_unit', 'sku_meter'];

/** What a small lake has: rollups of either grain, with units and without, with tags, with hardly anything. */
export const fixtureRollups: readonly Rollup[] = [
  {
    id: 'r-hours',
    name: 'hours',
    grain: 'hour',
    attributes: [...wide, 'sub_account_id', 'tag:Team', 'tag:a:b'],
  },
  { id: 'r-days', name: 'days', grain: 'day', attributes: wide },
  { id: 'r-teams', name: 'teams', grain: 'day', attributes: ['tag:Team', 'tag:team', 'region_id'] },
  { id: 'r-narrow', name: 'narrow', grain: 'hour', attributes: ['charge_category'] },
];

/**
 * Writes parts of all rollups for most batches: every fifth has none, every fourth lacks an attribute. Parts hold a
 * foreign tenant's rows too, as the files of charges do.
 */
export async function writeRollups(
  connection: DuckDBConnection,
  folder: string,
  charges: readonly Charge[],
): Promise<LakeFile[]> {
  const files: LakeFile[] = [];
  for (const { rollup, attributes, batch, members } of partsOf(charges)) {
    const rows = rollupRows({ ...rollup, attributes }, members);
    const half = Math.ceil(rows.length / (1 + (files.length % 2)));
    for (const some of [rows.slice(0, half), rows.slice(half)]) {
      if (some.length === 0) continue;
      const target = path.join(folder, `rollups-${files.length}.parquet`);
      files.push(await writePart(connection, target, rollup, attributes, batch, some));
    }
  }
  return files;
}

/** The same parts, known to the catalogue alone. */
export function catalogueOfRollups(charges: readonly Charge[]): LakeFile[] {
  return partsOf(charges).map(({ rollup, attributes, batch, members }) => {
    const held = new Set([...standingAttributes, ...attributes].map((key) => rollupColumnOf(rollup, key)));
    return {
      path: `${rollup.id}/${batch}`,
      sizeBytes: 0,
      records: members.length,
      partition: { rollup: rollup.id, batch },
      bounds: () => null,
      nulls: () => null,
      holds: (column) => held.has(column),
      columnBytes: () => null,
    };
  });
}

function partsOf(charges: readonly Charge[]) {
  const batches = [...Map.groupBy(charges, (charge) => charge.batch)];
  const all = batches.flatMap(([batch, members]) =>
    fixtureRollups.map((rollup) => ({ rollup, batch, members })),
  );
  return all.flatMap((part, i) => {
    const { attributes } = part.rollup;
    if (i % 5 === 4) return [];
    return [{ ...part, attributes: i % 4 === 3 ? attributes.slice(1) : attributes }];
  });
}

/** As the batches of charges are named: `aws-2018-10-01-1`. */
function batchMonth(batch: string): string {
  return /\d{4}-\d\d-\d\d/.exec(batch)?.[0] ?? '';
}

async function writePart(
  connection: DuckDBConnection,
  target: string,
  rollup: Rollup,
  attributes: readonly string[],
  batch: string,
  rows: readonly Row[],
): Promise<LakeFile> {
  const keyOf = new Map(
    [...standingAttributes, ...attributes].map((key) => [rollupColumnOf(rollup, key), key]),
  );
  const stored = rows.map((row): Row => ({
    ...row,
    rollup: rollup.id,
    billing_month: batchMonth(batch),
  }));
  const fields = lakeTables.rollups.fields.filter(
    ({ name, required, type }) => required || type === 'decimal(38,12)' || keyOf.has(name),
  );
  const read = (row: Row, name: string) => row[keyOf.get(name) ?? name] ?? null;
  const values = stored.map((row) => {
    const cells = fields.map(({ name, type }) => {
      const value = read(row, name);
      return type === 'decimal(38,12)' && typeof value === 'bigint'
        ? formatDecimal(decimalFromUnits(value))
        : literal(value);
    });
    return `(${cells.join(', ')})`;
  });
  const types = {
    string: 'VARCHAR',
    timestamptz: 'TIMESTAMPTZ',
    date: 'DATE',
    long: 'BIGINT',
    'decimal(38,12)': 'DECIMAL(38,12)',
  };
  const casts = fields.map(({ name, type }) => `CAST("${name}" AS ${types[type]}) AS "${name}"`);
  const names = fields.map(({ name }) => `"${name}"`);
  const select = `SELECT ${casts.join(', ')} FROM (VALUES ${values.join(', ')}) AS part(${names.join(', ')})`;
  const statistics = stored.map((row) =>
    Object.fromEntries(
      fields.map(({ name, type }) => {
        const value = read(row, name);
        return [name, type === 'timestamptz' ? BigInt(Date.parse(String(value))) * 1000n : value];
      }),
    ),
  );
  return writeFile(connection, target, select, fields, statistics, { rollup: rollup.id, batch });
}
