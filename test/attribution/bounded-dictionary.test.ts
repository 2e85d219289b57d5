import { describe, expect, it } from 'vitest';

import { boundedDictionary } from '../../src/attribution/bounded-dictionary.ts';

describe('a bounded dictionary', () => {
  it('keeps what is asked, and never more entries than it may', () => {
    const dictionary = boundedDictionary<number>(100, 1_000_000);
    for (let i = 0; i < 10_000; i++) {
      dictionary.set(`${i}`, i);
      dictionary.get('7'); // Asked again and again.
    }
    const kept = Array.from({ length: 10_000 }, (_, i) => dictionary.get(`${i}`) !== undefined);
    expect(dictionary.get('7')).toBe(7);
    expect(kept.filter(Boolean).length).toBeLessThanOrEqual(100);
    expect(dictionary.get('9999')).toBe(9_999);
  });

  it('keeps no more characters than it may, and no key that is too long alone', () => {
    const dictionary = boundedDictionary<number>(1_000, 100);
    for (let i = 0; i < 50; i++) dictionary.set(`key ${i}`.padEnd(10), i);
    const kept = Array.from({ length: 50 }, (_, i) => dictionary.get(`key ${i}`.padEnd(10)) !== undefined);
    expect(kept.filter(Boolean).length).toBeLessThanOrEqual(10);
    dictionary.set('x'.repeat(51), 1);
    expect(dictionary.get('x'.repeat(51))).toBeUndefined();
  });
});
