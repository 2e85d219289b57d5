import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { openControl } from '../../../src/catalog/control/open-control.ts';
import { acme, batch, step } from './control-steps.ts';

let folder: string;
let path: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'costgraph-control-'));
  path = join(folder, 'control.sqlite');
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

function run(script: string, ...args: string[]): ChildProcess {
  const file = join(import.meta.dirname, script);
  const child = spawn(process.execPath, [file, path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

/** Each step is there with all of its parts, and the steps are numbered without a gap. */
async function wholeSteps(): Promise<number> {
  const control = await openControl(path);
  const sequence = await control.currentSequence(acme);
  const batches = await control.publishedBatches(acme);
  const statistics = await control.statistics(
    acme,
    batches.map((batch) => batch.id),
  );
  const loads = await control.loads(acme);
  await control.close();

  expect([...Map.groupBy(batches, (batch) => batch.liveFromSequence).keys()]).toEqual(
    Array.from({ length: sequence }, (_, i) => i + 1),
  );
  const instants = new Set(batches.map((batch) => batch.knownFrom));
  expect(instants.size).toBe(sequence);
  expect(batches).toHaveLength(3 * sequence);
  expect(loads).toHaveLength(3 * sequence);
  expect(statistics).toHaveLength(600 * sequence);
  expect(batches.filter((batch) => batch.liveToSequence === null)).toHaveLength(sequence > 0 ? 3 : 0);
  return sequence;
}

it('keeps the sequence strict when processes make the file and publish at once', async () => {
  const publishers = ['a', 'b', 'c'].map((name) => run('publish-forever.ts', name, '15'));
  const codes = await Promise.all(publishers.map(async (child) => (await once(child, 'exit'))[0]));
  expect(codes).toEqual([0, 0, 0]);
  expect(await wholeSteps()).toBe(45);
});

it('holds all or nothing of a step after kill -9', async () => {
  let before = 0;
  for (const [round, delayMs] of [3, 11, 17].entries()) {
    const child = run('publish-forever.ts', `round${round}`, '100000');
    const exit = once(child, 'exit');
    if (child.stdout !== null) await once(child.stdout, 'data');
    await sleep(delayMs);
    child.kill('SIGKILL');
    await exit;
    const after = await wholeSteps();
    expect(after).toBeGreaterThan(before);
    before = after;
  }
});

it('notices what another process committed', async () => {
  const control = await openControl(path);
  const before = await control.changeCounter();
  await once(run('publish-forever.ts', 'a', '1'), 'exit');
  expect(await control.changeCounter()).not.toBe(before);
  await control.close();
});

it('waits for another process’s transaction without blocking the event loop', async () => {
  const control = await openControl(path);
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  const published = control.publish(step([batch('b1')]));
  let ticks = 0;
  const clock = setInterval(() => ticks++, 10);
  await sleep(400);
  clearInterval(clock);
  other.exec('COMMIT');
  other.close();
  expect(await published).toEqual({ sequence: 1, replaced: [] });
  expect(ticks).toBeGreaterThan(2);
  await control.close();
});

it('takes over the lease of a process that was killed, when it has run out', async () => {
  const control = await openControl(path);
  const holder = run('hold-lease.ts');
  if (holder.stdout !== null) await once(holder.stdout, 'data');
  await expect(control.withLease('import', 200, async () => 1)).rejects.toMatchObject({ code: 'LOCKED' });
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await expect(control.withLease('import', 200, async () => 1)).rejects.toMatchObject({ code: 'LOCKED' });

  // The clock is moved by moving the expiry, so that the test need not wait for it.
  const file = new DatabaseSync(path);
  file.exec('UPDATE lease SET expires_at = expires_at - 15000');
  file.close();
  expect(await control.withLease('import', 200, async () => 1)).toBe(1);
  await control.close();
});

it('is refused when a newer version of the program has made its tables', async () => {
  await (await openControl(path)).close();
  const file = new DatabaseSync(path);
  file.exec("INSERT INTO kysely_migration VALUES ('9999-later', '2030-01-01T00:00:00.000Z')");
  file.close();
  await expect(openControl(path)).rejects.toMatchObject({
    code: 'STORE_FAILED',
    message: expect.stringContaining('another version of the program'),
  });
});

it('fails with a code and keeps whole steps when a write is refused in the middle', async () => {
  // The process may write files of at most 1,000 blocks of 512 bytes: some steps fit, then a write is refused.
  const script = join(import.meta.dirname, 'publish-forever.ts');
  const limited = `ulimit -f 1000; exec "$0" "$1" "$2" full 100000`;
  const child = spawn('sh', ['-c', limited, process.execPath, script, path], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  children.push(child);
  let said = '';
  child.stderr.on('data', (part: Buffer) => (said += part.toString()));
  await once(child, 'exit');
  expect(said).toMatch(/STORAGE_FULL|STORE_FAILED/);

  expect(await wholeSteps()).toBeGreaterThan(0);
});
