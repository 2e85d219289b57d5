/**
 * Goal: what a part of a rollup says is what its batch's charges say.
 * Method: real imports; every charge is put into its group and added up by another path (expected-parts.ts).
 */
import { beforeEach, describe, expect, it } from 'vitest';

import { DAY_MS, HOUR_MS } from '../../src/core/time-range.ts';
import { PART_ROWS_MIN } from '../../src/catalog/rollups.ts';
import { buildPartsOf, rebuildParts } from '../../src/ingest/keep-rollups.ts';
import type { MaintainReport } from '../../src/ingest/maintain.ts';
import { maintainTenant } from '../../src/ingest/maintain.ts';
import { rollupFacts } from '../../src/execute/rollup-facts.ts';
import type { BillRow } from '../support/focus-file.ts';
import { focusRow } from '../support/focus-file.ts';
import { expectPartsAreRight, partsOf, randomCharges } from './expected-parts.ts';
import { acme, IngestFolder } from './ingest-folder.ts';

let bench: IngestFolder;
beforeEach(async () => {
  bench = await IngestFolder.open();
  return () => bench[Symbol.asyncDispose]();
});

describe('parts of default rollups', () => {
  it('add up to their charges, whatever these are', async () => {
    await bench.load(randomCharges(600, 1));
    expect(await partsOf(bench)).toHaveLength(2);
    await expectPartsAreRight(bench);
    expect(await bench.differences()).toEqual([]);
  });

  it('have the columns of their attributes also where all values are null', async () => {
    await bench.load([focusRow({ RegionId: null, ServiceName: null })]);
    for (const { attributes } of await partsOf(bench)) {
      expect(attributes).toEqual(expect.arrayContaining(['region_id', 'service_name', 'charge_class']));
    }
    await expectPartsAreRight(bench);
  });

  it('are of each batch on its own: what is replaced or added brings its own', async () => {
    await bench.load(randomCharges(50, 2));
    await bench.load(randomCharges(60, 3), { force: true });
    await bench.load(randomCharges(40, 4), { mode: 'append' });
    expect(await partsOf(bench)).toHaveLength(4);
    await expectPartsAreRight(bench);
  });

  it('are not built where the budget is 0', async () => {
    bench.rollupRowsMax = 0;
    await bench.load(randomCharges(10, 5));
    expect(await partsOf(bench)).toEqual([]);
    expect(await bench.files('warehouse', acme)).not.toContain('rollups');
  });
});

const BY = ['region_name', 'tag:team', "tag:a/~,'", 'service_name', 'tag:env', 'consumed_unit'];

describe('parts of a rollup by tags', () => {
  it('add up to their charges, also to those that carry their tags inline', async () => {
    bench.dictionaryBudget = { resources: 3, tags: 1 };
    await bench.load(randomCharges(300, 6));
    for (const grain of ['hour', 'day'] as const) {
      const rollup = await bench.control.createRollup(acme, { name: `by-${grain}`, grain, by: BY });
      const context = { ...bench.context, threads: 1 };
      expect(await buildPartsOf(context, acme, rollup, () => undefined)).toEqual({ built: 1, skipped: [] });
    }
    await bench.load(randomCharges(200, 7), { mode: 'append' });
    const parts = await partsOf(bench);
    expect(parts).toHaveLength(8);
    expect(parts.filter(({ attributes }) => attributes.length === BY.length)).toHaveLength(4);
    await expectPartsAreRight(bench);
    expect(await bench.differences()).toEqual([]);
  });
});

describe('the budget of a part', () => {
  /** Each hour of a month, with a new service and region in each, and an account that has one value a charge. */
  function manyValues(count: number): BillRow[] {
    return Array.from({ length: count }, (_, i) => {
      const hour = new Date(Date.UTC(2024, 8, 1) + (i % 720) * HOUR_MS).toISOString();
      return focusRow({
        ChargePeriodStart: hour,
        ChargePeriodEnd: hour,
        ServiceName: `service ${i % 7}`,
        SubAccountId: `account ${i}`,
      });
    });
  }

  it('leaves out what has the most values, and says so', async () => {
    await bench.load(manyValues(PART_ROWS_MIN * 1.5));
    const [hour, day] = await rollupFacts(bench, acme);
    for (const facts of [hour, day]) {
      expect(facts?.leftOut.map(({ attribute, parts }) => ({ attribute, parts }))).toEqual([
        { attribute: 'sub_account_id', parts: 1 },
      ]);
      expect(facts?.leftOut[0]?.distinct).toBeGreaterThan(PART_ROWS_MIN);
    }
    expect(hour?.rows).toBe(720 * 7);
    expect(day?.rows).toBe(30 * 7);
    expect(await bench.differences()).toEqual([]);
  });

  it('keeps all attributes where the charges are few', async () => {
    await bench.load(manyValues(PART_ROWS_MIN * 0.9));
    for (const { leftOut, parts } of await rollupFacts(bench, acme)) {
      expect({ leftOut, parts }).toEqual({ leftOut: [], parts: 1 });
    }
  });
});

describe('the budget of a tenant', () => {
  it('ends where it is reached, newest months first, and what has no room is answered from charges', async () => {
    const month = (name: string): BillRow[] =>
      randomCharges(80, 8).map((row) => ({
        ...row,
        BillingPeriodStart: `2024-${name}-01T00:00:00Z`,
        BillingPeriodEnd: `2024-${name}-28T00:00:00Z`,
      }));
    bench.rollupRowsMax = 0;
    for (const name of ['08', '09', '10']) await bench.load(month(name), { source: `of-${name}` });
    bench.rollupRowsMax = 1_000_000;
    expect((await maintain()).partsBuilt).toBe(6);
    for (const { name } of await bench.control.rollups(acme)) await bench.control.dropRollup(acme, name);
    const rollup = await bench.control.createRollup(acme, {
      name: 'own',
      grain: 'hour',
      by: ['service_name'],
    });
    expect((await maintain()).partsBuilt).toBe(3);
    bench.rollupRowsMax = ((await rollupFacts(bench, acme))[0]?.rows ?? 0) - 1;
    const again = await rebuildParts(bench.context, acme, [rollup], () => undefined);
    expect(again).toEqual({ built: 2, skipped: [expect.stringContaining('COSTGRAPH_ROLLUP_ROWS_MAX')] });
    expect(await batchesWithout()).toEqual([expect.stringContaining('2024-08')]);
    await bench.load(month('11'), { source: 'of-11' });
    expect(await batchesWithout()).toHaveLength(2);
    bench.rollupRowsMax = 1_000_000;
    expect((await maintain()).partsBuilt).toBe(2);
    expect(await batchesWithout()).toEqual([]);
    await expectPartsAreRight(bench);
  });
});

async function batchesWithout(): Promise<readonly string[]> {
  return (await rollupFacts(bench, acme)).flatMap((facts) => facts.batchesWithout);
}

function maintain(): Promise<MaintainReport> {
  return maintainTenant({ ...bench.context, retentionMs: 90 * DAY_MS }, acme, Date.now());
}
