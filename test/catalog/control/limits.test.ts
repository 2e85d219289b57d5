import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Control } from '../../../src/catalog/control/control.ts';
import { openControl } from '../../../src/catalog/control/open-control.ts';
import { acme, globex } from './control-steps.ts';

const DAY = '2026-11-22';
const use = (bytes: bigint, usd: bigint, ms: bigint) => ({ bytes, usd, ms });

let folder: string;
let control: Control;
let other: Control;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'costgraph-control-'));
  control = await openControl(join(folder, 'control.sqlite'));
  other = await openControl(join(folder, 'control.sqlite'));
});
afterEach(async () => {
  await control.close();
  await other.close();
  await rm(folder, { recursive: true });
});

describe('own limits', () => {
  it('are those that were set last, per tenant', async () => {
    expect(await control.ownLimits(acme)).toEqual({});
    await control.setOwnLimits(acme, { 'query-bytes': 1n, 'daily-usd': 2n });
    await control.setOwnLimits(globex, { 'query-ms': 3n });
    await control.setOwnLimits(acme, { 'query-bytes': 10n ** 15n });
    expect(await other.ownLimits(acme)).toEqual({ 'query-bytes': 10n ** 15n });
    expect(await other.ownLimits(globex)).toEqual({ 'query-ms': 3n });
    await control.setOwnLimits(acme, {});
    expect(await other.ownLimits(acme)).toEqual({});
  });

  it('are noticed by the counter, here and elsewhere', async () => {
    const before = [await control.changeCounter(), await other.changeCounter()];
    await control.setOwnLimits(acme, { 'query-ms': 1n });
    expect(await control.changeCounter()).not.toBe(before[0]);
    expect(await other.changeCounter()).not.toBe(before[1]);
  });
});

describe('the use of a day', () => {
  it('is added up exactly, per tenant and day, also beyond what a number holds', async () => {
    expect(await control.dayUse(acme, DAY)).toEqual(use(0n, 0n, 0n));
    const large = 2n ** 70n;
    const first = { tenant: acme, day: DAY, use: use(1n, large, 3n) };
    const totals = await control.addDayUses([
      first,
      { ...first, tenant: globex },
      { ...first, day: '2026-11-23' },
      first,
    ]);
    expect(totals.at(-1)).toEqual(use(2n, 2n * large, 6n));
    expect(await other.dayUse(acme, DAY)).toEqual(use(2n, 2n * large, 6n));
    expect(await other.dayUse(globex, DAY)).toEqual(first.use);
    expect(await other.dayUse(acme, '2026-11-23')).toEqual(first.use);
  });

  it('loses nothing where several add at once', async () => {
    const adds = Array.from({ length: 40 }, (_, i) =>
      (i % 2 ? control : other).addDayUses([{ tenant: acme, day: DAY, use: use(1n, 10n, 100n) }]),
    );
    await Promise.all(adds);
    expect(await control.dayUse(acme, DAY)).toEqual(use(40n, 400n, 4_000n));
  });

  it('leaves the own counter as it is: nothing that is kept by it changed', async () => {
    const before = await control.changeCounter();
    await control.addDayUses([{ tenant: acme, day: DAY, use: use(1n, 1n, 1n) }]);
    expect(await control.changeCounter()).toBe(before);
  });
});
