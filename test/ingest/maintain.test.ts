import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, open, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { LiveDataFile } from '../../src/catalog/iceberg/data-file.ts';
import type { LakeTableName } from '../../src/catalog/lake-tables.ts';
import { controlFile } from '../../src/catalog/lake.ts';
import { runCommand } from '../../src/commands/run-command.ts';
import { parseDecimal } from '../../src/core/decimal.ts';
import type { TenantId } from '../../src/core/ids.ts';
import { batchId, sourceName } from '../../src/core/ids.ts';
import { DAY_MS, HOUR_MS } from '../../src/core/time-range.ts';
import type { BoundQuery } from '../../src/execute/engine.ts';
import { DEADLINE_MAX_MS } from '../../src/execute/run-question.ts';
import { buildBatches } from '../../src/ingest/build-batches.ts';
import { MERGED_BYTES_MAX, SMALL_FILE_BYTES, smallFileGroups } from '../../src/ingest/compact-table.ts';
import { openBill, sourceLease } from '../../src/ingest/import-bills.ts';
import { streamLease } from '../../src/ingest/load-telemetry.ts';
import { openIngestSession } from '../../src/ingest/ingest-session.ts';
import { copyRawFile } from '../../src/ingest/keep-raw-file.ts';
import type { MaintainReport } from '../../src/ingest/maintain.ts';
import { maintainTenant, SNAPSHOT_KEEP_HOURS } from '../../src/ingest/maintain.ts';
import { verifyTenant } from '../../src/ingest/verify.ts';
import type { CostQuery } from '../../src/planner/cost-query.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import type { BillRow } from '../support/focus-file.ts';
import { csvOf, focusRow, writeBill } from '../support/focus-file.ts';
import { costQuery } from '../support/questions.ts';
import { loaded, loadLines } from '../support/telemetry-file.ts';
import { doctorFile, liveFiles } from './doctor-table.ts';

const options = {
  signal: new AbortController().signal,
  deadlineMs: 60_000,
  startedAt: Infinity,
  forceStore: null,
  noCache: false,
  rulesOff: new Set<string>(),
};
const wanted = {
  rows: null,
  totals: { metrics: ['EFFECTIVE_COST', 'CHARGE_COUNT'], amounts: [], distinct: ['resource_id', 'tag:team'] },
  conservation: ['EFFECTIVE_COST'],
} as const;
const NOW = Date.parse('2024-10-15T12:00:00Z');
const RETENTION_MS = 90 * DAY_MS;

let deployment: Deployment;
let who: TenantId;
let tenants = 0;
beforeAll(async () => {
  deployment = await openTestDeployment();
});
afterAll(() => deployment[Symbol.asyncDispose]());
beforeEach(() => {
  tenants += 1;
  who = tenant(`tenant-${tenants}`);
});

function charge(name: string, cost: string, columns: BillRow = {}): BillRow {
  return focusRow({
    BilledCost: cost,
    EffectiveCost: cost,
    ResourceId: `i-${name}`,
    Tags: `{"team": "${name}"}`,
    ...columns,
  });
}

/** An increment each: each adds a file to both dictionaries. */
async function appendMany(count: number, first = 0): Promise<void> {
  for (let i = first; i < first + count; i++) {
    await deployment.load(who, 'aws', [charge(`${i}`, `${i}.5`), charge('all', '1')], 'append');
  }
}

function maintain(now: number, retentionMs = RETENTION_MS): Promise<MaintainReport> {
  return maintainTenant({ ...deployment.context, threads: 1, retentionMs }, who, now);
}

async function differences(): Promise<readonly unknown[]> {
  const context = { ...deployment, threads: 1, onProgress: () => undefined };
  return (await verifyTenant(context, who)).differences;
}

function bind(query: Partial<CostQuery> = {}): Promise<BoundQuery> {
  return deployment.engine.bind(who, costQuery({ period: { month: '2024-09' }, ...query }), wanted, NOW);
}

/** All that an answer says, and its version. */
async function answer(bound: BoundQuery): Promise<unknown> {
  const { totals, currency, conservation } = await deployment.engine.answer(bound, options);
  const names = ['sum(effective_cost)', 'count', 'count-distinct(resource_id)', 'count-distinct(tag:team)'];
  const sums = names.map((name) => String(totals?.(name)));
  return { sums, currency, conservation: [...conservation], version: bound.version };
}

async function filesOf(name: LakeTableName): Promise<readonly LiveDataFile[]> {
  return liveFiles(deployment.lake, who, name);
}

async function pathsIn(name: LakeTableName): Promise<string[]> {
  const folder = join(deployment.lake.folders.warehouse, who, name, 'data');
  return (await readdir(folder)).map((file) => join(folder, file));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

describe('compaction', () => {
  it('changes neither answers nor versions, and readers of before go on', async () => {
    await appendMany(5);
    const before = await bind();
    const said = await answer(before);
    const report = await maintain(Date.now());
    expect(report).toMatchObject({ filesMerged: { before: 10, after: 2 }, filesRemoved: 0, skipped: [] });

    const after = await bind();
    expect(after.state.tables.resources.files.count).toBe(1);
    expect(before.state.tables.resources.files.count).toBe(5);
    expect(await answer(after)).toEqual(said);
    expect(await answer(before)).toEqual(said);
    expect(await bind({ knowledge: { version: before.version } }).then(answer)).toEqual(said);
    expect(await differences()).toEqual([]);
    expect(await maintain(Date.now())).toMatchObject({ filesMerged: { before: 0, after: 0 } });
  });

  it('keeps the order of a table, and decimals narrow exactly where all fit', async () => {
    const rows = ['5', '3', '2000000', '4', '1'].map((cost, i) =>
      charge(`${i}`, cost, { ServiceName: `S${9 - i}`, ListCost: '1', ConsumedQuantity: null }),
    );
    await deployment.load(who, 'aws', rows);
    const [file] = await filesOf('charges');
    if (file === undefined) throw new Error('there is one');
    const parts = [0, 1, 2].map(
      (part) => `SELECT * FROM old WHERE right(service_name, 1)::INT % 3 = ${part}`,
    );
    await doctorFile(deployment.lake, who, 'charges', file, parts);
    const said = await answer(await bind());
    expect(await filesOf('charges')).toHaveLength(3);
    expect((await maintain(Date.now())).filesMerged).toEqual({ before: 3, after: 1 });

    const [merged] = await filesOf('charges');
    await using session = await openIngestSession(deployment.lake.folders, 1);
    const types = await session.rows(
      `SELECT name, precision FROM parquet_schema('${merged?.path}') WHERE precision IS NOT NULL`,
    );
    const precision = new Map(types.map((row) => [row['name'], Number(row['precision'])]));
    expect([precision.get('effective_cost'), precision.get('list_cost')]).toEqual([38, 18]);
    const services = await session.rows(`SELECT service_name AS s FROM read_parquet('${merged?.path}')`);
    expect(services.map((row) => row['s'])).toEqual(['S5', 'S6', 'S7', 'S8', 'S9']);
    expect(merged?.partition).toEqual(file.partition);
    expect(await answer(await bind())).toEqual(said);
    expect(await differences()).toEqual([]);
  });

  it('does not hide damage: a changed file is left as it is, and said', async () => {
    await appendMany(3);
    const [damaged] = await filesOf('tags');
    if (damaged === undefined) throw new Error('there are three');
    const handle = await open(damaged.path, 'r+');
    await handle.write(Buffer.from([0xff]), 0, 1, Math.floor(damaged.sizeBytes / 3));
    await handle.close();
    const report = await maintain(Date.now());
    expect(report.filesMerged).toEqual({ before: 3, after: 1 });
    expect(report.skipped).toEqual([expect.stringContaining(`${damaged.path} is damaged`)]);
    expect(await differences()).toHaveLength(1);
  });

  it('groups small files of one partition, up to a size, and none alone', () => {
    const file = (batch: string, sizeBytes: number) => ({ partition: { batch }, sizeBytes });
    const third = SMALL_FILE_BYTES / 3;
    expect(smallFileGroups([file('a', 1), file('b', 1), file('b', SMALL_FILE_BYTES)])).toEqual([]);
    expect(smallFileGroups([file('a', 1), file('b', 2), file('a', 3)])).toEqual([
      [file('a', 1), file('a', 3)],
    ]);
    expect(smallFileGroups([file('a', 2 * third), file('a', 2 * third)])).toEqual([]);
    const many = Array.from({ length: 200 }, () => file('a', third));
    const groups = smallFileGroups(many);
    expect(groups.flat()).toHaveLength(200);
    for (const group of groups) {
      expect(group.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBeLessThanOrEqual(MERGED_BYTES_MAX);
    }
  });
});

describe('expiry', () => {
  it('keeps snapshots much longer than any question runs', () => {
    expect(SNAPSHOT_KEEP_HOURS * HOUR_MS).toBeGreaterThan(10 * DEADLINE_MAX_MS);
  });

  it('forgets snapshots after hours, and removes their files when they are a day old', async () => {
    await appendMany(4);
    await maintain(Date.now());
    const said = await answer(await bind());
    expect(await pathsIn('tags')).toHaveLength(5);
    const early = await maintain(Date.now() + (SNAPSHOT_KEEP_HOURS - 1) * HOUR_MS);
    expect(early).toMatchObject({ snapshotsExpired: 0, filesRemoved: 0 });
    const later = await maintain(Date.now() + (SNAPSHOT_KEEP_HOURS + 1) * HOUR_MS);
    expect(later.snapshotsExpired).toBeGreaterThan(10);
    expect(later.filesRemoved).toBe(0);
    const muchLater = await maintain(Date.now() + 25 * HOUR_MS);
    expect(muchLater.filesRemoved).toBeGreaterThan(8);
    expect(muchLater.bytesRemoved).toBeGreaterThan(0);
    expect(await pathsIn('tags')).toHaveLength(1);
    expect(await answer(await bind())).toEqual(said);
    expect(await differences()).toEqual([]);
  });
});

describe('retention', () => {
  it('drops a superseded batch after it: its states are expired, all others answer as before', async () => {
    await deployment.load(who, 'aws', [charge('a', '1')]);
    const asOf = new Date().toISOString();
    const first = await bind();
    const said = await answer(first);
    await sleep(5);
    await deployment.load(who, 'aws', [charge('b', '2')]);
    await deployment.load(who, 'azure', [charge('c', '4')]);
    const newest = await answer(await bind());

    expect((await maintain(Date.now() + RETENTION_MS - HOUR_MS)).batchesDropped).toEqual([]);
    expect(await bind({ knowledge: { version: first.version } }).then(answer)).toEqual(said);
    expect(await bind({ knowledge: { asOf } }).then(answer)).toMatchObject({ version: first.version });

    const [superseded] = await deployment.control.publishedBatches(who);
    const due = Date.now() + RETENTION_MS + HOUR_MS;
    expect((await maintain(due)).batchesDropped).toEqual([superseded?.id]);
    await expect(bind({ knowledge: { version: first.version } })).rejects.toMatchObject({
      code: 'VERSION_EXPIRED',
    });
    await expect(bind({ knowledge: { asOf } })).rejects.toMatchObject({ code: 'BAD_KNOWLEDGE' });
    expect(await answer(await bind())).toEqual(newest);
    // Who looked at the control plane just before the mark finds the rows.
    expect(await filesOf('charges')).toHaveLength(3);
    expect(await differences()).toEqual([]);

    expect((await maintain(due + HOUR_MS)).batchesDropped).toEqual([]);
    expect(await filesOf('charges')).toHaveLength(2);
    expect(await filesOf('control_totals')).toHaveLength(2);
    expect(await answer(await bind())).toEqual(newest);
    expect(await differences()).toEqual([]);
    // The raw bill of a dropped batch stays.
    const [load] = await deployment.control.loads(who);
    expect(await exists(join(deployment.lake.folders.raw, who, load?.sha256 ?? ''))).toBe(true);
  });

  it('never drops what is live, however short it is', async () => {
    await appendMany(2);
    expect((await maintain(Date.now() + 400 * DAY_MS, 0)).batchesDropped).toEqual([]);
    expect(await differences()).toEqual([]);
  });
});

describe('leftovers', () => {
  /** As an import that is ended just before its control step. */
  async function buildUnpublished(): Promise<string> {
    const source = sourceName('aws');
    if (source === null) throw new Error('aws is a name');
    const path = await writeBill(join(deployment.folder, 'unpublished.csv'), csvOf([charge('u', '9')]));
    await using session = await openIngestSession(deployment.lake.folders, 1);
    const bill = await openBill(session, await copyRawFile(path, session.folder, 'raw'), null);
    const set = {
      tenant: who,
      source,
      mode: 'append',
      bills: [bill],
      onlyMonths: null,
      liveFiles: [],
      dictionaryBudget: deployment.context.dictionaryBudget,
    } as const;
    const built = await buildBatches(session, deployment.lake, set, () => undefined);
    return String(built.batches[0]?.id);
  }

  it('clears away batches that never became live: a day old, while no import of the source runs', async () => {
    await deployment.load(who, 'aws', [charge('a', '1')]);
    const said = await answer(await bind());
    const id = await buildUnpublished();
    expect(await differences()).toEqual([]);
    expect((await maintain(Date.now() + 23 * HOUR_MS)).batchesDiscarded).toEqual([]);
    const source = sourceName('aws');
    if (source === null) throw new Error('aws is a name');
    await deployment.control.withLease(sourceLease(who, source), 0, async () => {
      const report = await maintain(Date.now() + 25 * HOUR_MS);
      expect(report.batchesDiscarded).toEqual([]);
      expect(report.skipped).toEqual([expect.stringContaining('imports of aws')]);
    });
    expect((await maintain(Date.now() + 25 * HOUR_MS)).batchesDiscarded).toEqual([batchId(id)]);
    expect(await filesOf('charges')).toHaveLength(1);
    expect(await filesOf('control_totals')).toHaveLength(1);
    expect(await answer(await bind())).toEqual(said);
    expect(await differences()).toEqual([]);
  });

  it('clears away loads of driver data that were never published, likewise', async () => {
    const load = (line: string) =>
      loaded(
        loadLines({ ...deployment.context, folder: deployment.folder }, who, 'work', ['time,units', line]),
      );
    await load('2024-09-01,1');
    const { load: id } = await load('2024-09-02,2');
    // As a load that is ended just before its control step.
    const database = new DatabaseSync(controlFile(deployment.lake.folders));
    database.prepare('DELETE FROM telemetry_load WHERE id = ?').run(id);
    database.close();
    expect((await maintain(Date.now() + 23 * HOUR_MS)).telemetryDiscarded).toEqual([]);
    await deployment.control.withLease(streamLease(who, 'work'), 0, async () => {
      const report = await maintain(Date.now() + 25 * HOUR_MS);
      expect(report.telemetryDiscarded).toEqual([]);
      expect(report.skipped).toEqual([expect.stringContaining('the stream work')]);
    });
    expect((await maintain(Date.now() + 25 * HOUR_MS)).telemetryDiscarded).toEqual([id]);
    expect(await filesOf('telemetry')).toHaveLength(1);
    expect(await differences()).toEqual([]);
  });

  it('removes raw files of no load, and old folders of dead processes', async () => {
    await deployment.load(who, 'aws', [charge('a', '1'), charge('b', 'NaN')]);
    const { raw, tmp, quarantine } = deployment.lake.folders;
    const old = new Date(Date.now() - 25 * HOUR_MS);
    const dead = 2 ** 22 + 1; // Above the highest process id of Linux.
    const stale = [join(tmp, 'work-1'), join(tmp, `spill-${dead}-x`)];
    const kept = [join(tmp, `spill-${process.pid}-x`), join(tmp, 'work-2')];
    for (const folder of [...stale, ...kept]) {
      await mkdir(folder);
      await writeFile(join(folder, 'file'), 'text');
      await utimes(join(folder, 'file'), old, old);
      await utimes(folder, old, old);
    }
    await writeFile(join(tmp, 'work-2', 'young'), 'text');
    const orphans = [
      join(raw, who, 'f'.repeat(64)),
      join(quarantine, who, 'aws', '20200101T000000Z-0-0.ndjson'),
    ];
    const young = join(raw, who, 'e'.repeat(64));
    for (const path of [...orphans, young]) await writeFile(path, 'text');
    const loaded = (await readdir(join(raw, who))).filter((name) => !/^[ef]{64}$/.test(name));
    const inQuarantine = (await readdir(join(quarantine, who, 'aws'))).length;
    for (const path of [...orphans, ...loaded.map((name) => join(raw, who, name))])
      await utimes(path, old, old);

    expect(await maintain(Date.now())).toMatchObject({ filesRemoved: 4, bytesRemoved: 16 });
    expect((await readdir(join(raw, who))).sort()).toEqual([...loaded, 'e'.repeat(64)].sort());
    expect(await readdir(join(quarantine, who, 'aws'))).toHaveLength(inQuarantine - 1);
    expect(await Promise.all(stale.map(exists))).toEqual([false, false]);
    expect(await Promise.all(kept.map(exists))).toEqual([true, true]);
  });
});

describe('maintenance beside others', () => {
  it('takes turns with another maintenance of the tenant', async () => {
    await appendMany(3);
    const reports = await Promise.all([maintain(Date.now()), maintain(Date.now())]);
    expect(reports.map(({ filesMerged }) => filesMerged.before).sort()).toEqual([0, 6]);
    expect(await differences()).toEqual([]);
  });

  it('goes together with imports', async () => {
    await appendMany(1);
    const done = new AbortController();
    const imports = Promise.all(
      ['azure', 'gcp'].map(async (source) => {
        for (let i = 0; i < 6; i++) {
          await deployment.load(
            who,
            source,
            [charge(`${source}-${i}`, '1'), charge(`both-${i}`, '1')],
            'append',
          );
        }
      }),
    ).finally(() => done.abort());
    let merged = 0;
    while (!done.signal.aborted) merged += (await maintain(Date.now() + 7 * HOUR_MS)).filesMerged.before;
    await imports;
    expect(merged).toBeGreaterThan(0);
    expect(await differences()).toEqual([]);
    const { sums } = (await answer(await bind())) as { sums: string[] };
    expect(sums).toEqual([String(parseDecimal('25.5')), '26', '20', '20']);
  });

  it('leaves sound tables when it is killed at any moment', async () => {
    await deployment.load(who, 'aws', [charge('old', '1')]);
    for (let round = 0; round < 6; round++) {
      await appendMany(3, round * 3);
      await deployment.load(who, 'azure', [charge(`${round}`, '1')]);
      const said = await answer(await bind());
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, 'maintain-forever.ts'), deployment.folder, who],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      const exit = once(child, 'exit');
      await once(child.stdout, 'data'); // It has begun.
      const delayMs = Math.random() * 600;
      await sleep(delayMs);
      child.kill('SIGKILL');
      await exit;
      expect(await differences(), `killed after ${delayMs} ms`).toEqual([]);
      expect(await answer(await bind())).toEqual(said);
      expireLeases();
    }
    await maintain(Date.now());
    await maintain(Date.now() + 25 * HOUR_MS);
    expect(await differences()).toEqual([]);
    for (const name of ['resources', 'tags'] as const) expect(await pathsIn(name)).toHaveLength(1);
  });

  /** What 15 seconds do to those of a dead process. */
  function expireLeases(): void {
    const database = new DatabaseSync(controlFile(deployment.lake.folders));
    database.exec('UPDATE lease SET expires_at = 0');
    database.close();
  }
});

describe('the command maintain', () => {
  async function run(...args: string[]): Promise<string> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const environment = { COSTGRAPH_DATA: join(deployment.folder, 'data') };
    const status = await runCommand(['maintain', '--tenant', who, ...args], { stdout, stderr, environment });
    expect([status, await text(stderr.end())]).toEqual([0, '']);
    return text(stdout.end());
  }

  it('says what it did, and that a server sees it', async () => {
    await appendMany(2);
    await bind();
    expect(await run()).toBe(`${who}: merged 4 files into 2\n`);
    expect((await bind()).state.tables.tags.files.count).toBe(1);
    expect(await run()).toBe(`${who}: nothing was due\n`);
    expect(JSON.parse(await run('--json'))).toMatchObject({ tenant: who, batchesDropped: [], skipped: [] });
  });
});
