/**
 * The parts of rollups by another path: each charge read, put into its bucket and group, and added up here.
 */
import { expect } from 'vitest';

import type { PublishedBatch } from '../../src/catalog/batch.ts';
import { listDataFiles } from '../../src/catalog/iceberg/list-data-files.ts';
import { lakeTables } from '../../src/catalog/lake-tables.ts';
import type { Rollup } from '../../src/catalog/rollups.ts';
import { rollupColumnOf } from '../../src/catalog/rollups.ts';
import { decimalFromUnits, formatDecimal, parseDecimal } from '../../src/core/decimal.ts';
import { DAY_MS, HOUR_MS } from '../../src/core/time-range.ts';
import type { BillRow } from '../support/focus-file.ts';
import { focusRow } from '../support/focus-file.ts';
import type { IngestFolder } from './ingest-folder.ts';
import { acme } from './ingest-folder.ts';

type Row = Readonly<Record<string, unknown>>;

const sums = [
  'billed_cost',
  'effective_cost',
  'list_cost',
  'contracted_cost',
  'consumed_quantity',
  'pricing_quantity',
] as const;
const always = ['source', 'billing_currency', 'billing_period_start', 'billing_period_end'] as const;

export type Part = {
  readonly batch: string;
  readonly rollup: string;
  /** Attributes that its files have. */
  readonly attributes: readonly string[];
  /** A line of JSON a row, sorted. */
  readonly rows: readonly string[];
};

/** The parts of live batches, as they are in the table. */
export async function partsOf(folder: IngestFolder): Promise<Part[]> {
  const state = await folder.lake.ensureTable(acme, 'rollups');
  const files = await listDataFiles(folder.lake.manifests, state);
  const ids = new Map<string, number>(lakeTables.rollups.fields.map(({ name, id }) => [name, id]));
  const parts: Part[] = [];
  for (const rollup of await folder.control.rollups(acme)) {
    for (const batch of await folder.liveBatches()) {
      const own = files.filter(
        ({ partition }) => partition['rollup'] === rollup.id && partition['batch'] === batch.id,
      );
      if (own.length === 0) continue;
      const attributes = rollup.attributes.filter((key) =>
        own.every(({ valueCounts }) => valueCounts.has(ids.get(rollupColumnOf(rollup, key) ?? '') ?? -1)),
      );
      const keys = attributes.map((key) => `${rollupColumnOf(rollup, key)} AS "${key}"`);
      const rows = await folder.query(
        'rollups',
        `SELECT ${[...keys, ...always, ...sums, 'charge_period_start', 'charge_count'].join(', ')}
FROM rows WHERE rollup = '${rollup.id}' AND batch = '${batch.id}'`,
      );
      parts.push({ batch: batch.id, rollup: rollup.name, attributes, rows: rows.map(lineOf).sort() });
    }
  }
  return parts;
}

/** What the part of these attributes must be. */
async function expectedRows(
  folder: IngestFolder,
  batch: PublishedBatch,
  rollup: Rollup,
  attributes: readonly string[],
): Promise<string[]> {
  const tagSets = new Map<unknown, Record<string, unknown>>();
  for (const { id, key, value } of await folder.query('tags', 'SELECT id, key, value FROM rows')) {
    tagSets.set(id, { ...tagSets.get(id), [String(key)]: value });
  }
  const groups = new Map<string, { count: number; totals: Map<string, bigint> }>();
  for (const charge of await folder.query('charges', `SELECT * FROM rows WHERE batch = '${batch.id}'`)) {
    const tags = { ...tagSets.get(charge['tag_set']), ...JSON.parse(String(charge['inline_tags'] ?? '{}')) };
    const start = Date.parse(String(charge['charge_period_start']).replace(' ', 'T').replace('+00', 'Z'));
    const bucket = Math.floor(start / grains[rollup.grain]) * grains[rollup.grain];
    const key = JSON.stringify([
      new Date(bucket).toISOString(),
      ...always.map((name) => charge[name]),
      ...attributes.map((name) => (name.startsWith('tag:') ? (tags[name.slice(4)] ?? null) : charge[name])),
    ]);
    const group = groups.get(key) ?? { count: 0, totals: new Map() };
    group.count += 1;
    for (const name of sums) {
      if (charge[name] === null) continue;
      group.totals.set(name, (group.totals.get(name) ?? 0n) + (parseDecimal(String(charge[name])) ?? 0n));
    }
    groups.set(key, group);
  }
  return [...groups]
    .map(([key, { count, totals }]) => {
      const [bucket, ...values] = JSON.parse(key) as unknown[]; // As written above.
      const named = [...always, ...attributes].map((name, i) => [name, values[i]]);
      const added = sums.map((name) => [name, decimalText(totals.get(name))]);
      return lineOf({
        ...Object.fromEntries([...named, ...added]),
        charge_period_start: bucket,
        charge_count: count,
      });
    })
    .sort();
}

/** Each part of a live batch against what its charges add up to. */
export async function expectPartsAreRight(folder: IngestFolder): Promise<void> {
  const rollups = await folder.control.rollups(acme);
  const batches = await folder.liveBatches();
  for (const part of await partsOf(folder)) {
    const rollup = rollups.find(({ name }) => name === part.rollup);
    const batch = batches.find(({ id }) => id === part.batch);
    if (rollup === undefined || batch === undefined) throw new Error('parts are of rollups and batches');
    expect(part.rows).toEqual(await expectedRows(folder, batch, rollup, part.attributes));
  }
}

/** The same numbers from 0 to 1 for the same seed. */
function draws(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Charges with few values a column, so that they meet in groups; nulls, empty texts, credits, and odd stretches of time. */
export function randomCharges(count: number, seed: number): BillRow[] {
  const draw = draws(seed);
  const pick = <T>(...values: readonly T[]): T | null => values[Math.floor(draw() * values.length)] ?? null;
  return Array.from({ length: count }, (_, i) => {
    const day = String(1 + Math.floor(draw() * 4)).padStart(2, '0');
    const start = `2024-09-${day}T${pick('00', '07', '23')}:${pick('00', '00', '59')}:00Z`;
    const credit = draw() < 0.2;
    return focusRow({
      BillingCurrency: pick('USD', 'USD', 'EUR'),
      BilledCost: `${credit ? '-' : ''}${Math.floor(draw() * 9)}.${i}`,
      EffectiveCost: draw() < 0.1 ? '12345678.000000000001' : `0.00000000000${1 + Math.floor(draw() * 8)}`,
      ListCost: pick('2', null),
      ContractedCost: null,
      ChargePeriodStart: start,
      ChargePeriodEnd: pick(start, '2024-10-01T00:00:00Z', '2024-09-05T00:00:00Z') ?? start,
      ChargeCategory: credit ? 'Credit' : 'Usage',
      ServiceName: pick('EC2', 'S3', 'ec2', ' '),
      RegionId: pick('us-east-1', null),
      RegionName: pick('', 'Nördlich', null),
      ConsumedQuantity: pick('1', '-0.5', null),
      ConsumedUnit: pick('Hours', 'GB', null),
      ResourceId: `i-${i % 7}`,
      Tags: pick('{"team": "a", "env": "prod"}', '{"team": "b", "a/~,\'": "1"}', '{"env": ""}', null),
    });
  });
}

const grains = { hour: HOUR_MS, day: DAY_MS } as const;

function decimalText(units: bigint | undefined): string | null {
  return units === undefined ? null : formatDecimal(decimalFromUnits(units));
}

function lineOf(row: Row): string {
  const start = String(row['charge_period_start']).replace(' ', 'T').replace('+00', 'Z');
  const whole = {
    ...row,
    charge_period_start: new Date(start).toISOString(),
    charge_count: Number(row['charge_count']),
  };
  return JSON.stringify(Object.entries(whole).sort(([a], [b]) => (a < b ? -1 : 1)));
}
