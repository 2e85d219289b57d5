/**
 * Goal: what a part of a rollup says is what its batch's charges say.
 * Method: real imports; every charge is put into its group and added up by another path (expected-parts.ts).
 */
import { beforeEach, describe, expect, it } from 'vitest';

import type { BillRow } from '../support/focus-file.ts';
import { focusRow } from '../support/focus-file.ts';
import { expectedRows, partsOf } from './expected-parts.ts';
import { acme, IngestFolder } from './ingest-folder.ts';

let bench: IngestFolder;
beforeEach(async () => {
  bench = await IngestFolder.open();
  return () => bench[Symbol.asyncDispose]();
});

async function expectPartsAreRight(): Promise<void> {
  const rollups = await bench.control.rollups(acme);
  const batches = await bench.liveBatches();
  for (const part of await partsOf(bench)) {
    const rollup = rollups.find(({ name }) => name === part.rollup);
    const batch = batches.find(({ id }) => id === part.batch);
    if (rollup === undefined || batch === undefined) throw new Error('parts are of rollups and batches');
    expect(part.rows).toEqual(await expectedRows(bench, batch, rollup, part.attributes));
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
function randomCharges(count: number, seed: number): BillRow[] {
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
      Tags: pick('{"team": "a", "env": "prod"}', '{"team": "b"}', '{"env": ""}', null),
    });
  });
}

describe('parts of default rollups', () => {
  it('add up to their charges, whatever these are', async () => {
    await bench.load(randomCharges(600, 1));
    expect(await partsOf(bench)).toHaveLength(2);
    await expectPartsAreRight();
    expect(await bench.differences()).toEqual([]);
  });

  it('have the columns of their attributes also where all values are null', async () => {
    await bench.load([focusRow({ RegionId: null, ServiceName: null })]);
    for (const { attributes } of await partsOf(bench)) {
      expect(attributes).toEqual(expect.arrayContaining(['region_id', 'service_name', 'charge_class']));
    }
    await expectPartsAreRight();
  });

  it('are of each batch on its own: what is replaced or added brings its own', async () => {
    await bench.load(randomCharges(50, 2));
    await bench.load(randomCharges(60, 3), { force: true });
    await bench.load(randomCharges(40, 4), { mode: 'append' });
    expect(await partsOf(bench)).toHaveLength(4);
    await expectPartsAreRight();
  });

  it('are not built where the budget is 0', async () => {
    bench.rollupRowsMax = 0;
    await bench.load(randomCharges(10, 5));
    expect(await partsOf(bench)).toEqual([]);
    expect(await bench.files('warehouse', acme)).not.toContain('rollups');
  });
});
