import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareText } from '../../src/core/code-point-order.ts';

const points = fc.constantFrom(
  'a',
  'b',
  'é',
  '\u07ff',
  '\u0800',
  '\ud7ff',
  '\ue000',
  '～',
  '\uffff',
  '😀',
  '\u{10400}',
  '\u{10ffff}',
);
const text = fc.oneof(
  fc.array(points, { maxLength: 4 }).map((some) => some.join('')),
  fc.string({ unit: 'binary' }),
);

describe('the order of text', () => {
  it('is that of UTF-8 bytes', () => {
    const property = fc.property(text, text, (a, b) => {
      expect(Math.sign(compareText(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    });
    fc.assert(property, { numRuns: 2_000 });
  });

  it('puts what is missing last', () => {
    expect([null, 'b', '', null, '😀', '～'].sort(compareText)).toEqual(['', 'b', '～', '😀', null, null]);
  });
});
