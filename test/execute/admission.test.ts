import { describe, expect, it } from 'vitest';
import { WAITING_MAX, createAdmission } from '../../src/execute/admission.ts';

const never = new AbortController().signal;

/** Work that is under way until it is told to end. */
function startWork(admission: ReturnType<typeof createAdmission>, estimateMs: number, signal = never) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isRunning = false;
  const done = admission.run(estimateMs, signal, async () => {
    isRunning = true;
    await promise;
    isRunning = false;
  });
  return { done, end: resolve, isRunning: () => isRunning };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('admission', () => {
  it('lets a small query pass running and waiting large ones', async () => {
    const admission = createAdmission();
    const large = Array.from({ length: 5 }, () => startWork(admission, 10_000));
    const small = startWork(admission, 1);
    await settle();
    expect(large.map((work) => work.isRunning())).toEqual([true, true, false, false, false]);
    expect(small.isRunning()).toBe(true);
    for (const work of [small, ...large]) work.end();
    await Promise.all([small, ...large].map((work) => work.done));
  });

  it('lets the next in as one leaves, in order of arrival, also after a failure', async () => {
    const admission = createAdmission();
    const failing = admission.run(10_000, never, () => Promise.reject(new Error('failed')));
    const [first, second, third] = Array.from({ length: 3 }, () => startWork(admission, 10_000));
    await expect(failing).rejects.toThrow('failed');
    await settle();
    expect([first, second, third].map((work) => work?.isRunning())).toEqual([true, true, false]);
    first?.end();
    await first?.done;
    await settle();
    expect(third?.isRunning()).toBe(true);
    for (const work of [second, third]) work?.end();
    await Promise.all([second?.done, third?.done]);
  });

  it('gives up a place in the queue when the caller is gone', async () => {
    const admission = createAdmission();
    const running = Array.from({ length: 2 }, () => startWork(admission, 10_000));
    const controller = new AbortController();
    const gone = startWork(admission, 10_000, controller.signal);
    const next = startWork(admission, 10_000);
    controller.abort(new Error('gone'));
    await expect(gone.done).rejects.toThrow('gone');
    for (const work of running) work.end();
    await settle();
    expect(next.isRunning()).toBe(true);
    expect(gone.isRunning()).toBe(false);
    next.end();
    await next.done;
    await expect(admission.run(1, controller.signal, async () => 1)).rejects.toThrow('gone');
  });

  it('turns queries away when too many wait', async () => {
    const admission = createAdmission();
    const all = Array.from({ length: WAITING_MAX + 2 }, () => startWork(admission, 10_000));
    await expect(admission.run(10_000, never, async () => 1)).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(await admission.run(1, never, async () => 2)).toBe(2);
    for (const work of all) work.end();
    await Promise.all(all.map((work) => work.done));
  });
});
