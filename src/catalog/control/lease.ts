/**
 * A named lock across processes: a row with an owner and an expiry that the holder keeps moving. A holder
 * that crashed, or hung for longer than the expiry, loses it; then its signal tells the work, if that still runs.
 */
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { costError } from '../../core/errors.ts';
import { log } from '../../core/log.ts';
import type { ControlStore } from './control-tables.ts';

/** A lease not renewed for this long is free again. */
export const LEASE_EXPIRY_MS = 15_000;
const HEARTBEAT_MS = 3_000;
const POLL_MS = 100;

/** @throws LOCKED when others hold the lease for all of `waitMs`. */
export async function withLease<T>(
  store: ControlStore,
  name: string,
  waitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const owner = randomUUID();
  await acquire(store, name, owner, waitMs);
  const lost = new AbortController();
  const done = new AbortController();
  const heartbeat = keepAlive(store, name, owner, lost, done.signal);
  try {
    return await work(lost.signal);
  } finally {
    done.abort();
    await heartbeat;
    await release(store, name, owner);
  }
}

async function acquire(store: ControlStore, name: string, owner: string, waitMs: number): Promise<void> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    // Looking first keeps waiting processes from taking the write lock ten times a second.
    if ((await isFree(store, name)) && (await take(store, name, owner))) return;
    const remainingMs = deadline - performance.now();
    if (remainingMs <= 0) throw costError('LOCKED', { name, waitMs });
    await sleep(Math.min(POLL_MS, remainingMs));
  }
}

function isFree(store: ControlStore, name: string): Promise<boolean> {
  return store.read(async (database) => {
    const row = await database
      .selectFrom('lease')
      .select('expires_at')
      .where('name', '=', name)
      .executeTakeFirst();
    return row === undefined || row.expires_at <= Date.now();
  });
}

/** True where the lease was still free in the transaction that took it. */
function take(store: ControlStore, name: string, owner: string): Promise<boolean> {
  return store.write(async (transaction) => {
    const now = Date.now();
    await transaction.deleteFrom('lease').where('name', '=', name).where('expires_at', '<=', now).execute();
    const taken = await transaction
      .insertInto('lease')
      .values({ name, owner, expires_at: now + LEASE_EXPIRY_MS })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .executeTakeFirst();
    return taken.numInsertedOrUpdatedRows === 1n;
  });
}

/** Renews until `done`; aborts `lost` once another may hold the lease. Never rejects. */
async function keepAlive(
  store: ControlStore,
  name: string,
  owner: string,
  lost: AbortController,
  done: AbortSignal,
): Promise<void> {
  let heldUntil = performance.now() + LEASE_EXPIRY_MS;
  while (!done.aborted && !lost.signal.aborted) {
    await sleep(HEARTBEAT_MS, undefined, { signal: done }).catch(() => undefined);
    if (done.aborted) return;
    const asked = performance.now();
    const renewal = await renew(store, name, owner).catch(() => 'failed' as const);
    if (renewal === 'renewed') heldUntil = asked + LEASE_EXPIRY_MS;
    else if (renewal === 'taken' || performance.now() >= heldUntil)
      lost.abort(costError('LOCKED', { name, waitMs: 0 }));
  }
}

function renew(store: ControlStore, name: string, owner: string): Promise<'renewed' | 'taken'> {
  return store.write(async (transaction) => {
    const { numUpdatedRows } = await transaction
      .updateTable('lease')
      .set({ expires_at: Date.now() + LEASE_EXPIRY_MS })
      .where('name', '=', name)
      .where('owner', '=', owner)
      .executeTakeFirst();
    return numUpdatedRows === 1n ? 'renewed' : 'taken';
  });
}

/** The work is done, well or not: that a lease has to run out by itself does not change its result. */
async function release(store: ControlStore, name: string, owner: string): Promise<void> {
  try {
    await store.write((transaction) =>
      transaction.deleteFrom('lease').where('name', '=', name).where('owner', '=', owner).execute(),
    );
  } catch (error) {
    log('warn', 'lease.not_released', { name, reason: String(error) });
  }
}
