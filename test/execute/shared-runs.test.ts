import { describe, expect, it } from 'vitest';

import type { PlanResult, RunLimits } from '../../src/execute/run-plan.ts';
import { createSharedRuns } from '../../src/execute/shared-runs.ts';
import { aggregate, ask, scan } from '../support/plans.ts';

const shared = ask(aggregate([], [], scan([])));
const result: PlanResult = { rows: { length: 0, columns: new Map() }, asks: [] };
const limits = (signal = new AbortController().signal): RunLimits => ({ signal, rowsMax: 10 });

describe('a shared Ask', () => {
  it('is run once, for those who come later as well', async () => {
    let runs = 0;
    const run = createSharedRuns(async () => {
      runs += 1;
      return result;
    });
    expect(await Promise.all([run(shared, limits()), run(shared, limits())])).toEqual([result, result]);
    expect(await run(shared, limits())).toBe(result);
    expect(runs).toBe(1);
    await run(ask(aggregate([], [], scan([]))), limits());
    expect(runs).toBe(2);
  });

  it('goes on until the last who waits for it has left', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const aborted = Promise.withResolvers<boolean>();
    const run = createSharedRuns((_ask, { signal }) => {
      signal.addEventListener('abort', () => aborted.resolve(true));
      return new Promise(() => undefined);
    });
    const waiting = [run(shared, limits(first.signal)), run(shared, limits(second.signal))];
    const ended = Promise.allSettled(waiting);
    first.abort();
    await expect(waiting[0]).rejects.toThrow();
    expect(await Promise.race([aborted.promise, Promise.resolve(false)])).toBe(false);
    second.abort();
    await ended;
    expect(await aborted.promise).toBe(true);
  });

  it('tells its failure to all who wait, and is tried again for who comes later', async () => {
    let runs = 0;
    const run = createSharedRuns(async () => {
      runs += 1;
      if (runs === 1) throw new Error('it failed');
      return result;
    });
    const both = await Promise.allSettled([run(shared, limits()), run(shared, limits())]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await run(shared, limits())).toBe(result);
  });
});
