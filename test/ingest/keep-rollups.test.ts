import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { beforeEach, describe, expect, it } from 'vitest';

import type { DataFile } from '../../src/catalog/iceberg/data-file.ts';
import { putPartitions } from '../../src/catalog/iceberg/table-operations.ts';
import { lakeTables } from '../../src/catalog/lake-tables.ts';
import { DAY_MS, HOUR_MS } from '../../src/core/time-range.ts';
import { compactTable } from '../../src/ingest/compact-table.ts';
import { openIngestSession } from '../../src/ingest/ingest-session.ts';
import type { MaintainReport } from '../../src/ingest/maintain.ts';
import { maintainTenant } from '../../src/ingest/maintain.ts';
import { tableRowsSql } from '../../src/ingest/read-table-files.ts';
import { filesOf } from '../../src/ingest/rollup-parts.ts';
import { writeTableFiles } from '../../src/ingest/write-table-files.ts';
import { focusRow } from '../support/focus-file.ts';
import { expectPartsAreRight, partsOf, randomCharges } from './expected-parts.ts';
import { acme, codeOf, IngestFolder } from './ingest-folder.ts';

const BUILDER = join(import.meta.dirname, 'build-forever.ts');
const KILLS = 3;

let bench: IngestFolder;
beforeEach(async () => {
  bench = await IngestFolder.open();
  return () => bench[Symbol.asyncDispose]();
});

function maintain(now = Date.now(), retentionMs = 90 * DAY_MS): Promise<MaintainReport> {
  return maintainTenant({ ...bench.context, retentionMs }, acme, now);
}

/** Of how many batches there are parts, also of such that are not live. */
async function batchesWithParts(): Promise<number> {
  const files = await filesOf(bench.lake, acme, 'rollups');
  return new Set(files.map(({ partition }) => partition['batch'])).size;
}

function startBuilder() {
  const child = spawn(process.execPath, [BUILDER, bench.folder, acme], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  return { child, ended };
}

describe('a part', () => {
  it('is there once, however many build it at once and wherever they are ended', async () => {
    await bench.load(randomCharges(100, 1));
    await bench.load(randomCharges(50, 2), { mode: 'append' });
    const whole = await partsOf(bench);
    expect(whole).toHaveLength(4);
    for (let i = 0; i < KILLS; i++) {
      const builders = [startBuilder(), startBuilder()];
      for (const { child } of builders) await once(child.stdout, 'data');
      await sleep(Math.random() * 300);
      for (const { child } of builders) child.kill('SIGKILL');
      await Promise.all(builders.map(({ ended }) => ended));
      expect(await partsOf(bench)).toEqual(whole);
    }
    const later = Date.now() + 2 * DAY_MS;
    await maintain(later);
    expect(await bench.files('warehouse', acme, 'rollups', 'data')).toHaveLength(4);
    expect(await partsOf(bench)).toEqual(whole);
    expect(await bench.differences()).toEqual([]);
  });

  it('stays as long as its batch can be asked for, and goes with it', async () => {
    await bench.load(randomCharges(30, 3));
    await bench.load(randomCharges(30, 4), { force: true });
    expect(await batchesWithParts()).toBe(2);
    await maintain(Date.now(), DAY_MS);
    expect(await batchesWithParts()).toBe(2);
    await maintain(Date.now() + HOUR_MS, 0);
    await maintain(Date.now() + 2 * HOUR_MS, 0);
    expect(await batchesWithParts()).toBe(1);
    await expectPartsAreRight(bench);
  });

  it('of an import that is refused in the end is discarded', async () => {
    const late = { ChargePeriodStart: '2024-09-20T00:00:00Z', ChargePeriodEnd: '2024-09-20T01:00:00Z' };
    await bench.load([focusRow()]);
    expect(await codeOf(bench.load([focusRow(late)]))).toBe('COVERS_LESS');
    expect(await batchesWithParts()).toBe(1);
  });

  it('keeps its rows and its empty columns when its files are merged', async () => {
    await bench.load(randomCharges(100, 5).map((row) => ({ ...row, RegionName: null })));
    const whole = await partsOf(bench);
    await splitParts();
    expect(await filesOf(bench.lake, acme, 'rollups')).toHaveLength(4);
    expect(await partsOf(bench)).toEqual(whole);
    const state = await bench.lake.ensureTable(acme, 'rollups');
    await using session = await openIngestSession(bench.lake.folders, 1);
    const { signal } = new AbortController();
    const merged = await compactTable(session, bench.lake, state, () => true, signal);
    expect(merged).toEqual({ filesBefore: 4, filesAfter: 2, skipped: [] });
    expect(await partsOf(bench)).toEqual(whole);
    expect(whole.every(({ attributes }) => attributes.includes('region_name'))).toBe(true);
  });
});

/** Each file becomes two. */
async function splitParts(): Promise<void> {
  const table = lakeTables.rollups;
  const state = await bench.lake.ensureTable(acme, 'rollups');
  await using session = await openIngestSession(bench.lake.folders, 1);
  const halves: DataFile[] = [];
  const files = await filesOf(bench.lake, acme, 'rollups');
  for (const file of files) {
    const lacking = table.fields.filter(({ id }) => !file.valueCounts.has(id));
    const constants = new Map(lacking.map(({ name }) => [name, null] as const));
    for (const half of [0, 1]) {
      const from = `(SELECT * FROM ${tableRowsSql(table, [file])} WHERE charge_count % 2 = ${half})`;
      const name = `half-${half}-${halves.length}`;
      halves.push(
        ...(await writeTableFiles(session, state, table, file.partition, { from, constants }, name)),
      );
    }
  }
  await putPartitions(
    bench.lake,
    state,
    files.map(({ partition }) => partition),
    halves,
    {},
  );
}

describe('maintain', () => {
  it('builds the parts of a folder that has none, and then has nothing to do', async () => {
    bench.rollupRowsMax = 0;
    await bench.load(randomCharges(40, 6));
    await bench.load(randomCharges(40, 7), { mode: 'append' });
    bench.rollupRowsMax = 1_000_000;
    expect(await maintain()).toMatchObject({ partsBuilt: 4, skipped: [] });
    expect(await maintain()).toMatchObject({ partsBuilt: 0, skipped: [] });
    await expectPartsAreRight(bench);
  });

  it('takes out the parts of rollups that are no more', async () => {
    await bench.load(randomCharges(40, 8));
    await bench.control.dropRollup(acme, 'hour');
    await maintain();
    expect((await partsOf(bench)).map(({ rollup }) => rollup)).toEqual(['day']);
    expect(await filesOf(bench.lake, acme, 'rollups')).toHaveLength(1);
  });

  it('leaves parts to another process that builds them', async () => {
    bench.rollupRowsMax = 0;
    await bench.load(randomCharges(10, 9));
    bench.rollupRowsMax = 1_000_000;
    await bench.control.withLease(`rollups/${acme}`, 0, async () => {
      expect((await maintain()).skipped).toEqual([expect.stringContaining('another process')]);
    });
  });
});

describe('verify', () => {
  it('finds a part that does not say what its charges say', async () => {
    await bench.load(randomCharges(40, 10));
    const table = lakeTables.rollups;
    const state = await bench.lake.ensureTable(acme, 'rollups');
    await using session = await openIngestSession(bench.lake.folders, 1);
    const [file] = await filesOf(bench.lake, acme, 'rollups');
    if (file === undefined) throw new Error('there are parts');
    const constants = new Map(
      table.fields.filter(({ id }) => !file.valueCounts.has(id)).map(({ name }) => [name, null] as const),
    );
    for (const changed of ["'x' || service_name AS service_name", 'billed_cost + 1e-12 AS billed_cost']) {
      const from = `(SELECT * REPLACE (${changed}) FROM ${tableRowsSql(table, [file])})`;
      const name = `wrong-${changed.length}`;
      const wrong = await writeTableFiles(session, state, table, file.partition, { from, constants }, name);
      const now = await bench.lake.ensureTable(acme, 'rollups');
      await putPartitions(bench.lake, now, [file.partition], wrong, {});
      const differences = await bench.differences();
      expect(differences.length).toBeGreaterThan(0);
      expect(differences[0]).toMatchObject({ at: expect.stringMatching(/^rollup (hour|day), batch /) });
    }
  });
});
