/**
 * Goal: whenever an import ends, by kill -9 or on a full disk, all of it is visible or nothing; the next one succeeds.
 * Method: the real command in a process of its own, ended at random moments and right behind each commit.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { DAY_MS } from '../../src/core/time-range.ts';
import { LEASE_EXPIRY_MS } from '../../src/catalog/control/lease.ts';
import { maintainTenant } from '../../src/ingest/maintain.ts';
import { acme, IngestFolder, sample } from './ingest-folder.ts';

const PROGRAM = resolve(import.meta.dirname, '../../src/main.ts');
const BILL = sample('ordering-2019-11-26/cur-2019-11-26.0x01.gz');
const CHARGES = 7850;
const RANDOM_KILLS = 8;
const POLL_MS = 1;

let bench: IngestFolder;
beforeAll(async () => {
  bench = await IngestFolder.open();
});
afterAll(() => bench[Symbol.asyncDispose]());

function startImport(source: string, path: string = BILL) {
  const child = spawn(
    process.execPath,
    [PROGRAM, 'import', '--tenant', acme, '--source', source, '--json', path],
    {
      env: { ...process.env, COSTGRAPH_DATA: join(bench.folder, 'data') },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const ended = once(child, 'exit');
  return { child, ended };
}

async function importToEnd(source: string, path: string = BILL): Promise<unknown> {
  const [status] = await startImport(source, path).ended;
  return status;
}

async function expectAllOrNothing(source: string): Promise<void> {
  const batches = (await bench.batches()).filter((batch) => batch.source === source);
  expect(batches.length).toBeLessThanOrEqual(1);
  const [row] = await bench.query(
    'charges',
    `SELECT count(*) AS charges FROM rows WHERE source = '${source}'`,
  );
  expect(Number(row?.['charges'] ?? 0)).toBe(batches.length * CHARGES);
}

async function waitForFile(path: string): Promise<void> {
  for (;;) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    await sleep(POLL_MS);
  }
}

describe('kill -9', () => {
  it.each(['resources', 'tags', 'charges', 'control_totals', 'rollups'])(
    'right behind the commit to %s leaves all or nothing',
    async (table) => {
      const state = await bench.lake.findTable(acme, table as 'charges'); // One of the names above.
      const version = Number(/v(\d+)\.metadata/.exec(state?.metadataLocation ?? 'v1.metadata')?.[1]) + 1;
      const folder = join(bench.lake.folders.warehouse, acme, table, 'metadata');
      const source = `behind-${table.replace('_', '-')}`;
      // Another resource or tag set for each: else the dictionaries have nothing to commit.
      const path = table === 'resources' || table === 'tags' ? await otherBill(table) : BILL;
      const { child, ended } = startImport(source, path);
      await Promise.race([waitForFile(join(folder, `v${version}.metadata.json`)), ended]);
      child.kill('SIGKILL');
      await ended;
      expect(await bench.differences()).toEqual([]);
      if (path === BILL) await expectAllOrNothing(source);
      else expect((await bench.batches()).some((batch) => batch.source === source)).toBe(false);
    },
  );

  it('at random moments leaves all or nothing', async () => {
    const began = performance.now();
    expect(await importToEnd('whole')).toBe(0);
    const wholeMs = performance.now() - began;
    for (let i = 0; i < RANDOM_KILLS; i++) {
      const source = `random-${i}`;
      const afterMs = Math.random() * wholeMs;
      const { child, ended } = startImport(source);
      await Promise.race([sleep(afterMs), ended]);
      child.kill('SIGKILL');
      await ended;
      await expectAllOrNothing(source).catch((error: unknown) => {
        throw new Error(`killed after ${afterMs} ms`, { cause: error });
      });
    }
    expect(await bench.differences()).toEqual([]);
  });

  it('does not keep the same import from succeeding, and leaves nothing that maintain does not clear away', async () => {
    expect(await importToEnd('behind-charges')).toBe(0);
    await expectAllOrNothing('behind-charges');
    const published = new Set<string>((await bench.batches()).map(({ id }) => id));
    await sleep(LEASE_EXPIRY_MS + 1000); // Those of the killed ones have run out.
    const later = Date.now() + 2 * DAY_MS; // Over every time of grace.
    const report = await maintainTenant({ ...bench.context, retentionMs: 90 * DAY_MS }, acme, later);
    expect(report.batchesDiscarded.length).toBeGreaterThan(0);
    expect(await bench.differences()).toEqual([]);
    expect(await bench.files('tmp')).toEqual([]);
    const files = await bench.files('warehouse', acme, 'charges', 'data');
    expect(files.filter((name) => ![...published].some((id) => name.startsWith(id)))).toEqual([]);
    expect(files).toHaveLength(published.size);
  });
});

async function otherBill(name: string): Promise<string> {
  const { focusRow } = await import('../support/focus-file.ts');
  const [path = ''] = await bench.write([
    focusRow({ ResourceId: `only-${name}`, Tags: `{"only": "${name}"}` }),
  ]);
  return path;
}

describe('two imports at once', () => {
  it('of the same file into the same source load it once', async () => {
    expect(await Promise.all([importToEnd('same'), importToEnd('same')])).toEqual([0, 0]);
    await expectAllOrNothing('same');
  });

  it('of different sources with the same resources share the dictionaries', async () => {
    const sources = ['left', 'right'];
    const paths = await bench.write(
      ...sources.map(() => Array.from({ length: 200 }, (_, i) => ({ ...row(i), SkuId: `${Math.random()}` }))),
    );
    const statuses = await Promise.all(sources.map((source, i) => importToEnd(source, paths[i])));
    expect(statuses).toEqual([0, 0]);
    const [counts] = await bench.query(
      'resources',
      `SELECT count(*) AS rows, count(DISTINCT id) AS ids FROM rows WHERE starts_with(resource_id, 'shared-')`,
    );
    expect(counts).toEqual({ rows: '200', ids: '200' });
    expect(await bench.differences()).toEqual([]);
  });

  function row(i: number) {
    return {
      BilledCost: '1',
      EffectiveCost: '1',
      BillingCurrency: 'USD',
      BillingPeriodStart: '2024-09-01',
      BillingPeriodEnd: '2024-10-01',
      ChargePeriodStart: '2024-09-02',
      ChargePeriodEnd: '2024-09-03',
      ChargeCategory: 'Usage',
      ResourceId: `shared-${i}`,
      Tags: `{"owner": "shared-${i}"}`,
    };
  }
});
