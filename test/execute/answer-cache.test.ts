import { describe, expect, it } from 'vitest';
import type { Rows } from '../../src/connectors/connector.ts';
import { createAnswerCache } from '../../src/execute/answer-cache.ts';
import { KEPT_ROWS_MAX } from '../../src/planner/keep-answers.ts';
import { tenant } from '../support/deployment.ts';

const [alpha, beta] = [tenant('alpha'), tenant('beta')];
const never = new AbortController().signal;
const rowsOf = (...values: string[]): Rows => ({
  length: values.length,
  columns: new Map([['key', values]]),
});
const longText = (mark: string) => mark.repeat(1_000);
/** Of one long text: a little more than 2,000 bytes. */
const oneLong = (mark: string) => rowsOf(longText(mark));

describe('kept answers', () => {
  it('are there for later questions of the same tenant, and for no other', () => {
    const cache = createAnswerCache(1e6);
    cache.forQuestion(alpha).keep('k', rowsOf('a', 'b'));
    const later = cache.forQuestion(alpha);
    expect(later.rowsOf('k')).toBe(2);
    expect(later.take('k')).toEqual(rowsOf('a', 'b'));
    expect(cache.forQuestion(beta).rowsOf('k')).toBeNull();
  });

  it('stay at hand for the question that planned with them, whatever comes after', () => {
    const cache = createAnswerCache(30_000);
    const question = cache.forQuestion(alpha);
    question.keep('k', oneLong('a'));
    expect(question.rowsOf('k')).toBe(1);
    for (let i = 0; i < 50; i++) question.keep(`other ${i}`, oneLong('b'));
    expect(cache.forQuestion(alpha).rowsOf('k')).toBeNull();
    expect(question.take('k')).toEqual(oneLong('a'));
    expect(() => question.take('never seen')).toThrow('did not see');
  });

  it('take no more than the bound; what was used last stays', () => {
    const cache = createAnswerCache(30_000);
    const question = cache.forQuestion(alpha);
    for (let i = 0; i < 100; i++) {
      question.keep(`k${i}`, oneLong('a'));
      question.rowsOf('k0');
    }
    expect(cache.bytes()).toBeLessThanOrEqual(30_000);
    expect(cache.bytes()).toBeGreaterThan(25_000);
    expect(question.rowsOf('k0')).toBe(1);
    expect(question.rowsOf('k50')).toBeNull();
  });

  it('give way where one tenant has most: a flood of one leaves what others keep', () => {
    const cache = createAnswerCache(30_000);
    cache.forQuestion(beta).keep('small', oneLong('b'));
    for (let i = 0; i < 100; i++) cache.forQuestion(alpha).keep(`k${i}`, oneLong('a'));
    expect(cache.forQuestion(beta).rowsOf('small')).toBe(1);
  });

  it('are neither larger than a tenth of the whole nor of too many rows', () => {
    const cache = createAnswerCache(20_000);
    const question = cache.forQuestion(alpha);
    question.keep('large', oneLong('a'));
    expect(question.rowsOf('large')).toBeNull();
    const roomy = createAnswerCache(1e9).forQuestion(alpha);
    roomy.keep('long', rowsOf(...Array.from({ length: KEPT_ROWS_MAX + 1 }, () => '')));
    expect(roomy.rowsOf('long')).toBeNull();
  });
});

describe('questions asked at once', () => {
  it('are answered by one run; a later one by another', async () => {
    const cache = createAnswerCache(0);
    let runs = 0;
    const ask = (key: string) =>
      cache.forQuestion(alpha).once(key, never, async () => {
        runs += 1;
        await new Promise(setImmediate);
        return rowsOf(String(runs));
      });
    expect(await Promise.all([ask('k'), ask('k'), ask('k')])).toEqual([
      rowsOf('1'),
      rowsOf('1'),
      rowsOf('1'),
    ]);
    expect(runs).toBe(1);
    await Promise.all([ask('k'), ask('other')]);
    expect(runs).toBe(3);
  });

  it('are of one tenant', async () => {
    const cache = createAnswerCache(0);
    const ask = (who: typeof alpha) =>
      cache.forQuestion(who).once('k', never, async () => {
        await new Promise(setImmediate);
        return rowsOf(who);
      });
    expect(await Promise.all([ask(alpha), ask(beta)])).toEqual([rowsOf('alpha'), rowsOf('beta')]);
  });

  it('go on for those who wait when one leaves, and end when all have left', async () => {
    const cache = createAnswerCache(0);
    const { promise, resolve } = Promise.withResolvers<Rows>();
    let workSignal: AbortSignal | null = null;
    const ask = (signal: AbortSignal) =>
      cache.forQuestion(alpha).once('k', signal, (own) => {
        workSignal = own;
        return promise;
      });
    const [first, second] = [new AbortController(), new AbortController()];
    const [left, stays] = [ask(first.signal), ask(second.signal)];
    first.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    expect(workSignal).toMatchObject({ aborted: false });
    resolve(rowsOf('a'));
    expect(await stays).toEqual(rowsOf('a'));

    const alone = new AbortController();
    const hanging = cache.forQuestion(alpha).once('h', alone.signal, (own) => {
      workSignal = own;
      return new Promise(() => undefined);
    });
    alone.abort(new Error('gone too'));
    await expect(hanging).rejects.toThrow('gone too');
    expect(workSignal).toMatchObject({ aborted: true });
    // Nobody waits any more: who comes now gets a run of its own.
    const again = cache.forQuestion(alpha).once('h', never, async () => rowsOf('new'));
    expect(await again).toEqual(rowsOf('new'));
  });

  it('fail together, and the next one is run anew', async () => {
    const cache = createAnswerCache(0);
    const ask = (work: () => Promise<Rows>) => cache.forQuestion(alpha).once('k', never, work);
    const failing = async () => {
      await new Promise(setImmediate);
      throw new Error('no');
    };
    const both = await Promise.allSettled([ask(failing), ask(failing)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await ask(async () => rowsOf('a'))).toEqual(rowsOf('a'));
  });
});
