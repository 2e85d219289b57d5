/** A real file system that is full: a small tmpfs, which only root may mount. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { codeOf, IngestFolder, sample } from './ingest-folder.ts';

const BILL = sample('ordering-2019-11-26/cur-2019-11-26.0x01.gz');
/** From too small for the copy of the bill to nearly enough; step by step each part of the import meets the end. */
const SIZES_KB = [0, 300, 700, ...Array.from({ length: 12 }, (_, i) => 1130 + 30 * i)];

const probe = mkdtempSync(join(tmpdir(), 'costgraph-mount-'));
const canMount =
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe]).status === 0 &&
  spawnSync('umount', [probe]).status === 0;
rmSync(probe, { recursive: true });

describe.skipIf(!canMount)('an import on a full disk (skipped where tmpfs cannot be mounted)', () => {
  let folder: string;
  let bench: IngestFolder;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'costgraph-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder]);
    bench = await IngestFolder.over(folder);
    await bench.reports([sample('focus-official/focus_sample_1000.csv')], { source: 'focus' });
  });
  afterAll(async () => {
    await bench.control.close();
    execFileSync('umount', [folder]);
    rmSync(folder, { recursive: true });
  });

  /** Room beyond what is used now. */
  function resize(roomKb: number): void {
    const used = Number(execFileSync('df', ['--output=used', folder], { encoding: 'utf8' }).split('\n')[1]);
    execFileSync('mount', ['-o', `remount,size=${used + roomKb}k`, folder]);
  }

  it.each(SIZES_KB)('with %i kB left is refused by its code, or is whole', async (roomKb) => {
    resize(roomKb);
    const source = `room-${roomKb}`;
    const code = await codeOf(bench.reports([BILL], { source }));
    expect(['STORAGE_FULL', 'none']).toContain(code);
    const loaded = (await bench.batches()).filter((batch) => batch.source === source).length;
    expect(loaded).toBe(code === 'none' ? 1 : 0);
    expect(await bench.files('tmp')).toEqual([]);
    resize(64_000);
    expect(await bench.differences()).toEqual([]);
  });

  it('succeeds when there is room again', async () => {
    resize(64_000);
    const [report] = await bench.reports([BILL], { source: 'room-600' });
    expect(report).toMatchObject({ loaded: 7850, billedCost: '89.170632878000' });
    expect(await bench.differences()).toEqual([]);
  });
});
