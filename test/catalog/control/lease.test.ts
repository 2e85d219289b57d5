import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, expect, it } from 'vitest';

import type { Control } from '../../../src/catalog/control/control.ts';
import { LEASE_EXPIRY_MS } from '../../../src/catalog/control/lease.ts';
import { openControl } from '../../../src/catalog/control/open-control.ts';

let folder: string;
let path: string;
let control: Control;
let other: Control;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'costgraph-lease-'));
  path = join(folder, 'control.sqlite');
  control = await openControl(path);
  other = await openControl(path);
});
afterEach(async () => {
  await control.close();
  await other.close();
  await rm(folder, { recursive: true });
});

it('lets one holder work at a time, in one process and across openings', async () => {
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await sleep(20);
    inside--;
  };
  await Promise.all([control, other, control, other].map((each) => each.withLease('import', 5_000, work)));
  expect(most).toBe(1);
});

it('holds different names at once', async () => {
  const answer = await control.withLease('a', 0, () => other.withLease('b', 0, async () => 'both'));
  expect(answer).toBe('both');
});

it('is refused with LOCKED when the wait is over', async () => {
  await control.withLease('import', 0, async () => {
    await expect(other.withLease('import', 150, async () => 1)).rejects.toMatchObject({
      code: 'LOCKED',
      message: 'Another process holds "import", for 150 ms and more',
    });
  });
});

it('is free again after work that failed', async () => {
  const failing = control.withLease('import', 0, () => Promise.reject(new Error('work')));
  await expect(failing).rejects.toThrow('work');
  expect(await other.withLease('import', 0, async () => 1)).toBe(1);
});

it('moves the expiry while the work goes on, and tells the work when the lease was lost', async () => {
  const file = new DatabaseSync(path);
  const expiry = file.prepare('SELECT expires_at FROM lease');
  await control.withLease('import', 0, async (signal) => {
    const first = Number(expiry.get()?.['expires_at']);
    expect(first - Date.now()).toBeLessThanOrEqual(LEASE_EXPIRY_MS);
    await sleep(3_300);
    expect(Number(expiry.get()?.['expires_at'])).toBeGreaterThan(first);
    expect(signal.aborted).toBe(false);

    file.exec("UPDATE lease SET owner = 'another'");
    await sleep(3_300);
    expect(signal.aborted).toBe(true);
  });
  // What the other owner holds is not released by us.
  expect(expiry.all()).toHaveLength(1);
  file.close();
}, 15_000);
