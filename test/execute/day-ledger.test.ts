import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import type { Control } from '../../src/catalog/control/control.ts';
import { openControl } from '../../src/catalog/control/open-control.ts';
import type { DayLedger } from '../../src/execute/day-ledger.ts';
import {
  USE_WRITTEN_EVERY_MS,
  nextUtcMidnight,
  openDayLedger,
  utcDay,
} from '../../src/execute/day-ledger.ts';
import { tenant } from '../support/deployment.ts';

const acme = tenant('acme');
const globex = tenant('globex');
const DAY = '2026-11-22';
const use = (ms: bigint) => ({ bytes: 10n * ms, usd: 100n * ms, ms });

let folder: string;
let control: Control;
let now: number;
const clock = () => now;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'costgraph-ledger-'));
  control = await openControl(join(folder, 'control.sqlite'));
  now = Date.parse(`${DAY}T23:59:50Z`);
});
afterEach(async () => {
  await control.close();
  await rm(folder, { recursive: true });
});

async function used(ledger: DayLedger, who = acme): Promise<bigint> {
  await ledger.refresh(who);
  return ledger.used(who).ms;
}

it('counts at once, and per tenant', async () => {
  await using ledger = openDayLedger(control, clock);
  ledger.add(acme, use(2n));
  ledger.add(acme, use(3n));
  expect(ledger.used(acme)).toEqual(use(5n));
  expect(ledger.used(globex)).toEqual(use(0n));
  expect(await control.dayUse(acme, DAY)).toEqual(use(0n));
});

it('is written when it is closed, and goes on from there', async () => {
  const ledger = openDayLedger(control, clock);
  ledger.add(acme, use(2n));
  ledger.add(globex, use(7n));
  await ledger[Symbol.asyncDispose]();
  expect(await control.dayUse(acme, DAY)).toEqual(use(2n));
  await using next = openDayLedger(control, clock);
  expect(await used(next)).toBe(2n);
  expect(await used(next, globex)).toBe(7n);
});

it('is written in the background, once in a while', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    await using ledger = openDayLedger(control, clock);
    ledger.add(acme, use(2n));
    ledger.add(acme, use(3n));
    await vi.advanceTimersByTimeAsync(USE_WRITTEN_EVERY_MS - 1);
    expect(await control.dayUse(acme, DAY)).toEqual(use(0n));
    vi.advanceTimersByTime(1);
    await vi.waitUntil(async () => (await control.dayUse(acme, DAY)).ms === 5n);
    expect(await used(ledger)).toBe(5n);
  } finally {
    vi.useRealTimers();
  }
});

it('knows what other processes used, some seconds later', async () => {
  await using mine = openDayLedger(control, clock);
  const other = openDayLedger(control, clock);
  mine.add(acme, use(1n));
  expect(await used(mine)).toBe(1n);
  other.add(acme, use(10n));
  await other[Symbol.asyncDispose]();
  expect(await used(mine)).toBe(1n);
  now += USE_WRITTEN_EVERY_MS;
  expect(await used(mine)).toBe(11n);
});

it('begins anew at midnight UTC; what was used before goes to its own day', async () => {
  const ledger = openDayLedger(control, clock);
  ledger.add(acme, use(2n));
  expect(new Date(nextUtcMidnight(now)).toISOString()).toBe('2026-11-23T00:00:00.000Z');
  now += 10_000;
  expect(utcDay(now)).toBe('2026-11-23');
  expect(nextUtcMidnight(now) - now).toBe(86_400_000);
  expect(await used(ledger)).toBe(0n);
  ledger.add(acme, use(3n));
  await ledger[Symbol.asyncDispose]();
  expect(await control.dayUse(acme, DAY)).toEqual(use(2n));
  expect(await control.dayUse(acme, '2026-11-23')).toEqual(use(3n));
});

it('keeps what could not be written', async () => {
  const log = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  let isBroken = true;
  const flaky: Control = {
    ...control,
    addDayUses: (uses) => (isBroken ? Promise.reject(new Error('disk')) : control.addDayUses(uses)),
  };
  const ledger = openDayLedger(flaky, clock);
  ledger.add(acme, use(2n));
  await ledger[Symbol.asyncDispose]();
  expect(log).toHaveBeenCalledOnce();
  log.mockRestore();
  expect(ledger.used(acme)).toEqual(use(2n));
  isBroken = false;
  await ledger[Symbol.asyncDispose]();
  expect(await control.dayUse(acme, DAY)).toEqual(use(2n));
  expect(ledger.used(acme)).toEqual(use(2n));
});
