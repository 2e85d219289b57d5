import { describe, expect, it } from 'vitest';
import { canonicalJson, digest } from '../../src/core/digest.ts';

describe('the digest of a value', () => {
  it('is the same whatever the order of keys, at any depth', () => {
    expect(digest({ a: 1, b: { c: [1, { d: 2, e: null }] } })).toBe(
      digest({ b: { c: [1, { e: null, d: 2 }] }, a: 1 }),
    );
  });

  it('differs with the order of lists, and between numbers, texts and big numbers', () => {
    const values = [[1, 2], [2, 1], 1, '1', 1n, null, [], {}, [[]], 'a', ['a']];
    expect(new Set(values.map(digest)).size).toBe(values.length);
  });

  it('is 22 characters that fit a URL', () => expect(digest('x')).toMatch(/^[\w-]{22}$/));

  it('is of text that any JSON reader reads', () => {
    expect(canonicalJson({ b: 12n, a: [undefined, 'ä'] })).toBe('{"a":[null,"ä"],"b":"12n"}');
  });
});
