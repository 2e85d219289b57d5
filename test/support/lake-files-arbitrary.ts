import * as fc from 'fast-check';
import { lakeTables } from '../../src/catalog/lake-tables.ts';
import type { Bound, LakeFile } from '../../src/catalog/lake-file.ts';
import { nullsFrom } from '../../src/catalog/lake-file.ts';
import { fixedFile } from './fixed-state.ts';

/** Columns that random files say something of; of the others they say the same. */
const textColumns = ['service_name', 'region_id', 'tenant'];
const instantColumns = ['charge_period_start', 'charge_period_end', 'billing_period_start'];
const inlineColumn = 'inline_tags';
const DAY_MS = 86_400_000;
export const batches = ['b1', 'b2', 'b3', 'b4'];

/** Within two weeks of 2018-10-01, on the hour now and then. */
export const instantArbitrary = fc
  .tuple(fc.integer({ min: 0, max: 14 }), fc.constantFrom(0, 0, 1, 3_600_000))
  .map(([days, ms]) => Date.UTC(2018, 9, 1) + days * DAY_MS + ms);

function pairOf<Value>(arbitrary: fc.Arbitrary<Value>, isAbove: (a: Value, b: Value) => boolean) {
  const sorted = fc
    .tuple(arbitrary, arbitrary)
    .map(([a, b]): [Value, Value] => (isAbove(a, b) ? [b, a] : [a, b]));
  return fc.option(sorted, { freq: 6 });
}

const instants = pairOf(
  instantArbitrary.map((instant) => BigInt(instant) * 1000n),
  (a, b) => a > b,
);
const texts = pairOf(fc.constantFrom('', 'A', 'B', 'demo', 'é', '😀'), (a, b) => a > b);
const decimals = pairOf(fc.constantFrom(0n, 10n ** 18n - 1n, 10n ** 18n, -(10n ** 18n)), (a, b) => a > b);

const fileArbitrary = fc.record({
  batch: fc.constantFrom(...batches, null),
  source: fc.constantFrom('aws', 'gcp'),
  sizeBytes: fc.integer({ min: 1, max: 1_000_000 }),
  records: fc.integer({ min: 0, max: 3 }),
  instants: fc.tuple(...instantColumns.map(() => instants)),
  texts: fc.tuple(...textColumns.map(() => texts)),
  decimals,
  nulls: fc.option(fc.integer({ min: 0, max: 3 }), { freq: 8 }),
  isSized: fc.boolean(),
  isLacking: fc.boolean(),
});

type Drawn = typeof fileArbitrary extends fc.Arbitrary<infer Value> ? Value : never;

/** Manifest entries of the table `charges`, whose statistics need not be those of any rows. */
export const lakeFilesArbitrary: fc.Arbitrary<LakeFile[]> = fc
  .array(fileArbitrary, { maxLength: 30 })
  .map((files) => files.map(lakeFile));

function lakeFile(drawn: Drawn, number: number): LakeFile {
  const bounds: Record<string, readonly [Bound, Bound]> = {};
  const add = (column: string, pair: readonly [Bound, Bound] | null) => {
    if (pair) bounds[column] = pair;
  };
  for (const [i, column] of instantColumns.entries()) add(column, drawn.instants[i] ?? null);
  for (const [i, column] of textColumns.entries()) add(column, drawn.texts[i] ?? null);
  add('effective_cost', drawn.decimals);
  const file = fixedFile(`/lake/${drawn.batch}-é${number}.parquet`, { bounds, records: drawn.records });
  const holds = (column: string) =>
    column === inlineColumn
      ? !drawn.isLacking
      : !(drawn.isLacking && column === 'region_id') && file.holds(column);
  const isKnown = (column: string) => lakeTables.charges.fields.some(({ name }) => name === column);
  const nulls = drawn.nulls === null ? null : Math.min(drawn.nulls, drawn.records);
  return {
    ...file,
    sizeBytes: drawn.sizeBytes,
    partition: { source: drawn.source, ...(drawn.batch === null ? {} : { batch: drawn.batch }) },
    holds,
    nulls: (column) => (isKnown(column) ? nullsFrom(nulls, drawn.records) : null),
    columnBytes: (column) => (drawn.isSized && holds(column) ? 100 : null),
  };
}
