/**
 * What the manifests of a tenant with very many files say, made in memory: every live day has about as many files in
 * each source, sorted as imports sort, with statistics of all columns about as varied as those of a large bill.
 */
import type { PublishedBatch } from '../../src/catalog/batch.ts';
import type { Bound, LakeFile } from '../../src/catalog/lake-file.ts';
import { nullsFrom } from '../../src/catalog/lake-file.ts';
import { lakeTables } from '../../src/catalog/lake-tables.ts';
import { fixedBatch } from '../../test/support/fixed-state.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MONTHS = 12;
const SOURCES = 4;
const ROWS_PER_FILE = 150_000;
const FILE_SIZE_BYTES = 12_000_000;
const fields = new Map(lakeTables.charges.fields.map((field) => [field.name, field]));
/** Files are sorted by account within a service: each begins and ends with another. */
const accountColumns = new Set(['sub_account_id', 'sub_account_name']);
/** Null throughout in every other file. */
const seldom = new Set(['resource_key', 'tag_set', 'capacity_reservation_id', 'charge_class']);
/**
 * How many values the least of a column has among the files of one service, and the greatest as many; of the other
 * columns all files have the same. Files are of 150,000 charges, so that both seldom change from file to file.
 */
const variety: Readonly<Record<string, number>> = {
  availability_zone: 3,
  charge_description: 4,
  commitment_discount_id: 4,
  commitment_discount_name: 4,
  consumed_unit: 2,
  pricing_category: 2,
  pricing_unit: 2,
  region_id: 3,
  region_name: 3,
  sku_id: 4,
  sku_meter: 4,
  sku_price_details: 4,
  sku_price_id: 4,
};

export const services = Array.from({ length: 200 }, (_, i) => `Service ${String(i).padStart(3, '0')}`);
const accounts = Array.from({ length: 1_000 }, (_, i) => String(210_000_000_000 + i * 7_919_003));
/** Texts of a column by service: made once, as a manifest's many equal bounds are cheap to look up too. */
const texts = new Map(
  Object.entries(variety).map(([column, count]) => [
    column,
    services.map((_, service) =>
      Array.from({ length: 2 * count }, (__, i) => `${column.slice(0, 8)} ${service} ${i}`),
    ),
  ]),
);

/** A live batch per source and month, and of every fourth a superseded one. */
export function simulateBatches(): { live: PublishedBatch[]; superseded: PublishedBatch[] } {
  const batch = (number: number, version: number) =>
    fixedBatch(
      `${String(number).padStart(8, '0')}-${version}d1f-4a52-9c0e-3b6f5a1e2d47`,
      `2025-${String(1 + (number % MONTHS)).padStart(2, '0')}`,
    );
  const numbers = Array.from({ length: MONTHS * SOURCES }, (_, i) => i);
  return {
    live: numbers.map((number) => batch(number, 1)),
    superseded: numbers.filter((number) => number % 4 === 0).map((number) => batch(number, 0)),
  };
}

/** The file of a batch with this number, of `count` files. */
export function simulateFile(batch: PublishedBatch, number: number, count: number): LakeFile {
  const dayFiles = count / 30;
  const day = batch.from + Math.floor(number / dayFiles) * DAY_MS;
  const serviceAt = (file: number) => Math.floor(((file % dayFiles) / dayFiles) * services.length);
  const idOf = (column: string) => fields.get(column)?.id ?? 0;
  const draw = (column: string, side = 0) => drawn(number * 997 + idOf(column) * 2 + side);
  const isMissing = (column: string) => seldom.has(column) && draw(column) < 0.5;
  const holds = (column: string) => !column.startsWith('inline_');
  const records = Math.floor(ROWS_PER_FILE * (0.5 + draw('records')));
  const name = drawn(number).toString(16).slice(2, 18);
  return {
    path: `/var/lib/costgraph/warehouse/demo/charges/data/${batch.id}-${number}-${name}.parquet`,
    sizeBytes: Math.floor(FILE_SIZE_BYTES * (0.5 + draw('charge_id'))),
    records,
    partition: {
      source: batch.source,
      billing_month: Date.parse(batch.billingMonth) / DAY_MS,
      batch: batch.id,
    },
    bounds: (column) =>
      holds(column) && !isMissing(column)
        ? boundsOf(column, batch, day, [serviceAt(number), serviceAt(number + 1)], (side, most) =>
            Math.floor(draw(column, side) * most),
          )
        : null,
    nulls: (column) => {
      if (!holds(column)) return null;
      if (isMissing(column)) return 'all';
      const isFull = fields.get(column)?.required === true || accountColumns.has(column);
      return nullsFrom(isFull ? 0 : Math.floor(draw(column) * 20), records);
    },
    holds,
    columnBytes: (column) => (holds(column) ? Math.floor(draw(column) * 400_000) : null),
  };
}

function boundsOf(
  column: string,
  batch: PublishedBatch,
  day: number,
  [service, nextService]: readonly [number, number],
  draw: (side: number, most: number) => number,
): { lower: Bound; upper: Bound } {
  const instants = (from: number, to: number) => ({ lower: BigInt(from) * 1000n, upper: BigInt(to) * 1000n });
  switch (column) {
    case 'billing_period_start':
      return instants(batch.from, batch.from);
    case 'billing_period_end':
      return instants(batch.to, batch.to);
    case 'charge_period_start':
      return instants(day + draw(0, 6) * HOUR_MS, day + DAY_MS - (1 + draw(1, 6)) * HOUR_MS);
    case 'charge_period_end':
      return instants(day + 6 * HOUR_MS, day + DAY_MS - draw(1, 6) * HOUR_MS);
    case 'tenant':
      return { lower: 'demo', upper: 'demo' };
    case 'service_name':
      return {
        lower: services[service] ?? '',
        upper: services[nextService >= service ? nextService : services.length - 1] ?? '',
      };
  }
  if (fields.get(column)?.type === 'decimal(38,12)') return { lower: 0n, upper: 10n ** 15n };
  if (accountColumns.has(column)) {
    const first = draw(0, accounts.length);
    return { lower: accounts[first] ?? '', upper: accounts[first + draw(1, accounts.length - first)] ?? '' };
  }
  const own = texts.get(column)?.[service];
  if (!own) return { lower: column, upper: column };
  const count = own.length / 2;
  return { lower: own[draw(0, count)] ?? '', upper: own[count + draw(1, count)] ?? '' };
}

/** From 0 to below 1, the same for the same number. */
export function drawn(number: number): number {
  let mixed = Math.imul(number ^ (number >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
}
