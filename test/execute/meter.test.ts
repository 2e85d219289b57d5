import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import type { AskResult } from '../../src/connectors/connector.ts';
import { costError } from '../../src/core/errors.ts';
import type { DayUse } from '../../src/core/limits.ts';
import { ACTUAL_MS_FACTOR, createMeter } from '../../src/execute/meter.ts';
import type { RunLimits } from '../../src/execute/run-plan.ts';
import type { Cap } from '../../src/planner/too-expensive.ts';
import { aggregate, ask, scan } from '../support/plans.ts';

const asked = ask(aggregate([], [], scan([])), {}, { rows: 1, bytes: 100, ms: 10, usd: 0.5 });
const cap = (name: Cap['name'], max: bigint): Cap => ({ name, max, budget: null });
const limits = (): RunLimits => ({ signal: new AbortController().signal, rowsMax: 1_000 });
const rows = (length: number): AskResult => ({ rows: { length, columns: new Map() }, ms: 1 });

/** A store that runs until it is told to stop. */
const forever = async ({ signal }: RunLimits): Promise<AskResult> => {
  await sleep(60_000, undefined, { signal }).catch(() => signal.throwIfAborted());
  return rows(0);
};
/** A store that has so many rows, and refuses to give more than it may. */
const store =
  (length: number) =>
  async ({ rowsMax }: RunLimits): Promise<AskResult> => {
    if (length <= rowsMax) return rows(length);
    throw costError('TOO_LARGE', { what: 'Rows', actual: length, limit: rowsMax });
  };

function meterOf(...caps: Cap[]) {
  const counted: DayUse[] = [];
  const meter = createMeter(
    () => caps,
    (use) => counted.push(use),
  );
  return { meter, counted };
}

describe('groups', () => {
  it('may be as many as the limit, over all Asks of the question', async () => {
    const { meter } = meterOf(cap('groups', 10n));
    expect((await meter.run(asked, limits(), store(6))).rows.length).toBe(6);
    expect((await meter.run(asked, limits(), store(4))).rows.length).toBe(4);
    await expect(meter.run(asked, limits(), store(1))).rejects.toMatchObject({
      code: 'QUERY_TOO_EXPENSIVE',
      message: 'The query was ended at 11 groups, over the limit of 10 groups',
      facts: { measure: 'groups', actual: '11', limit: '10' },
    });
  });

  it('of parts that run at once are added up', async () => {
    const { meter } = meterOf(cap('groups', 10n));
    const runs = [6, 6].map((length) => meter.run(asked, limits(), store(length)));
    const settled = await Promise.allSettled(runs);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  it('keep the error of the server where its own limit is the lower one', async () => {
    const { meter } = meterOf(cap('groups', 5_000n));
    await expect(meter.run(asked, limits(), store(2_000))).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });
});

describe('milliseconds', () => {
  it('may be some times the limit, then the store is told to stop', async () => {
    const { meter, counted } = meterOf(cap('ms', 5n));
    await expect(meter.run(asked, limits(), forever)).rejects.toMatchObject({
      code: 'QUERY_TOO_EXPENSIVE',
      message: expect.stringMatching(/^The query was ended at \d+ ms, over 10 times the limit of 5 ms$/),
    });
    expect(Number(counted[0]?.ms)).toBeGreaterThanOrEqual(5 * ACTUAL_MS_FACTOR - 1);
    await expect(meter.run(asked, limits(), store(1))).rejects.toMatchObject({ code: 'QUERY_TOO_EXPENSIVE' });
  });

  it('leave to the asker and the deadline what they end', async () => {
    const { meter } = meterOf(cap('ms', 60_000n));
    const asker = { ...limits(), signal: AbortSignal.timeout(10) };
    await expect(meter.run(asked, asker, forever)).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});

describe('the day', () => {
  it('is charged with what ran: bytes by the files, time and dollars as they were, failed or not', async () => {
    const { meter, counted } = meterOf();
    await meter.run(asked, limits(), store(1));
    await expect(meter.run(asked, limits(), () => Promise.reject(new Error('broken')))).rejects.toThrow(
      'broken',
    );
    expect(counted).toHaveLength(2);
    for (const { bytes, usd, ms } of counted) {
      expect(bytes).toBe(100n);
      expect(ms).toBeGreaterThan(0n);
      // 0.05 dollars a millisecond, of which the last is counted whole.
      expect(usd).toBeGreaterThan((ms - 1n) * 50_000_000_000n);
      expect(usd).toBeLessThanOrEqual(ms * 50_000_000_000n);
    }
  });

  it('ends a question between its Asks when it is used up', async () => {
    const budget = { max: 5n, used: 0n, until: 0 };
    let left: Cap = { name: 'ms', max: 5n, budget };
    const meter = createMeter(
      () => [left],
      () => {
        left = { name: 'ms', max: 0n, budget: { ...budget, used: 7n } };
      },
    );
    await meter.run(asked, limits(), store(1));
    await expect(meter.run(asked, limits(), store(1))).rejects.toMatchObject({
      code: 'QUERY_TOO_EXPENSIVE',
      message: 'The daily budget of 5 ms is used up: 7 were used',
    });
  });
});
