import { describe, expect, it } from 'vitest';
import { boundedCache } from '../../../src/catalog/iceberg/bounded-cache.ts';

describe('boundedCache', () => {
  const counting = (): { computed: string[]; compute: (key: string) => () => Promise<string> } => {
    const computed: string[] = [];
    return { computed, compute: (key) => async () => (computed.push(key), key) };
  };

  it('keeps what was used last, by weight', async () => {
    const { computed, compute } = counting();
    const cache = boundedCache<string>(6, (value) => value.length);
    for (const key of ['aa', 'bb', 'cc', 'aa', 'dd', 'aa', 'cc', 'bb']) {
      expect(await cache.get(key, compute(key))).toBe(key);
    }
    expect(computed).toEqual(['aa', 'bb', 'cc', 'dd', 'bb']);
  });

  it('hands out what is too heavy, and does not keep it', async () => {
    const { computed, compute } = counting();
    const cache = boundedCache<string>(3, (value) => value.length);
    for (const key of ['heavy', 'heavy']) expect(await cache.get(key, compute(key))).toBe(key);
    expect(computed).toHaveLength(2);
  });

  it('computes once for all who ask at once', async () => {
    const { computed, compute } = counting();
    const cache = boundedCache<string>(6, (value) => value.length);
    await Promise.all([1, 2, 3].map(() => cache.get('a', compute('a'))));
    expect(computed).toEqual(['a']);
  });

  it('asks again after a failure', async () => {
    const cache = boundedCache<string>(6, (value) => value.length);
    const failing = cache.get('a', async () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await cache.get('a', async () => 'yes')).toBe('yes');
  });
});
