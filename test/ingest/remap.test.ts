import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { controlFile } from '../../src/catalog/lake.ts';
import { remapTenant } from '../../src/ingest/remap.ts';
import type { BillRow } from '../support/focus-file.ts';
import { focusRow } from '../support/focus-file.ts';
import { acme, codeOf, IngestFolder } from './ingest-folder.ts';

const october = { BillingPeriodStart: '2024-10-01T00:00:00Z', BillingPeriodEnd: '2024-11-01T00:00:00Z' };
function charge(cost: string, columns: BillRow = {}): BillRow {
  return focusRow({ BilledCost: cost, EffectiveCost: cost, ...columns });
}

let bench: IngestFolder;
beforeEach(async () => {
  bench = await IngestFolder.open();
});
afterEach(() => bench[Symbol.asyncDispose]());

/** As if an older version of the program had loaded what is there. */
function age(): void {
  const database = new DatabaseSync(controlFile(bench.lake.folders));
  database.exec('UPDATE batch SET mapping_version = 0');
  database.close();
}

async function live(): Promise<unknown[]> {
  return (await bench.liveBatches())
    .map(({ source, billingMonth, mode, mappingVersion, charges }) => [
      source,
      billingMonth.slice(0, 7),
      mode,
      mappingVersion,
      charges,
    ])
    .sort();
}

describe('remap', () => {
  it('leaves alone what the newest mapping has made', async () => {
    await bench.load([charge('1')]);
    expect(await remapTenant(bench.context, acme, false)).toEqual([]);
    expect(await bench.batches()).toHaveLength(1);
  });

  it('replays older loads into new batches of the same sets of files, in one step', async () => {
    const [first = '', second = ''] = await bench.write([charge('1'), charge('2', october)], [charge('4')]);
    await bench.reports([first, second]);
    const [third = ''] = await bench.write([charge('8', { ResourceId: 'i-1' })]);
    await bench.reports([third], { mode: 'append' });
    age();
    const before = await bench.control.currentSequence(acme);
    const remapped = await remapTenant(bench.context, acme, false);
    expect(
      remapped.map(({ source, report }) => [source, report.file, report.loaded, report.replaced]),
    ).toEqual([
      ['aws', 'bill-1.csv', 2, 4],
      ['aws', 'bill-2.csv', 1, 0],
      ['aws', 'bill-3.csv', 1, 0],
    ]);
    expect(await bench.control.currentSequence(acme)).toBe(before + 1);
    expect(await live()).toEqual([
      ['aws', '2024-09', 'append', 1, 1],
      ['aws', '2024-09', 'replace', 1, 2],
      ['aws', '2024-10', 'replace', 1, 1],
    ]);
    expect(await bench.query('charges', 'SELECT sum(billed_cost) AS cost FROM rows')).toEqual([
      { cost: '15.000000000000' },
    ]);
    expect(await bench.differences()).toEqual([]);
    // And what was loaded is known as loaded.
    expect(await bench.reports([third], { mode: 'append' })).toMatchObject([{ loaded: 0 }]);
  });

  it('replays only the months in which a load is still live', async () => {
    await bench.load([charge('1'), charge('2', october)]);
    await bench.load([charge('16', october)]);
    await bench.load([charge('32')], { source: 'azure' });
    age();
    await remapTenant(bench.context, acme, false);
    expect(await live()).toEqual([
      ['aws', '2024-09', 'replace', 1, 1],
      ['aws', '2024-10', 'replace', 1, 1],
      ['azure', '2024-09', 'replace', 1, 1],
    ]);
    expect(await bench.query('charges', 'SELECT sum(billed_cost) AS cost FROM rows')).toEqual([
      { cost: '49.000000000000' },
    ]);
  });

  it('replays everything when asked to', async () => {
    await bench.load([charge('1')]);
    expect(await remapTenant(bench.context, acme, true)).toHaveLength(1);
    expect(await bench.batches()).toHaveLength(2);
  });

  it('says which raw file is missing, and changes nothing', async () => {
    await bench.load([charge('1')]);
    const [name = ''] = await bench.files('raw');
    await rm(join(bench.lake.folders.raw, acme, name));
    expect(await codeOf(remapTenant(bench.context, acme, true))).toBe('STORE_FAILED');
    expect(await bench.batches()).toHaveLength(1);
  });
});
