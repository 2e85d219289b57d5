import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BOUND_CODE_POINTS_MAX,
  decodeBound,
  encodeBound,
  lowerTextBound,
  upperTextBound,
} from '../../../src/catalog/iceberg/bounds.ts';

const codePoints = (text: string): number => Array.from(text).length;
const compareBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

describe('bounds', () => {
  it.each([
    [0n, '00'],
    [1n, '01'],
    [-1n, 'ff'],
    [127n, '7f'],
    [128n, '0080'],
    [-128n, '80'],
    [-129n, 'ff7f'],
    [10n ** 38n - 1n, '4b3b4ca85a86c47a098a223fffffffff'],
  ])('keep the decimal %s in the fewest bytes of two’s complement', (unscaled, hex) => {
    expect(encodeBound('decimal(38,12)', unscaled).toString('hex')).toBe(hex);
    expect(decodeBound('decimal(38,12)', Buffer.from(hex, 'hex'))).toBe(unscaled);
  });

  it('keep dates, longs and times as the specification says', () => {
    expect(encodeBound('date', -1).toString('hex')).toBe('ffffffff');
    expect(encodeBound('long', 34n).toString('hex')).toBe('2200000000000000');
    expect(decodeBound('timestamptz', encodeBound('timestamptz', -500_000n))).toBe(-500_000n);
    expect(decodeBound('date', encodeBound('date', -25_567))).toBe(-25_567);
  });

  it('come back as they went in', () => {
    const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    const decimal = fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n });
    fc.assert(
      fc.property(long, decimal, fc.string({ unit: 'binary' }), (integer, unscaled, text) => {
        expect(decodeBound('long', encodeBound('long', integer))).toBe(integer);
        expect(decodeBound('decimal(38,12)', encodeBound('decimal(38,12)', unscaled))).toBe(unscaled);
        expect(decodeBound('string', encodeBound('string', text))).toBe(text);
      }),
      { numRuns: 50 },
    );
  });
});

describe('bounds of long texts', () => {
  it('are the text itself up to 16 code points', () => {
    expect(lowerTextBound('😀'.repeat(16))).toBe('😀'.repeat(16));
    expect(upperTextBound('😀'.repeat(16))).toBe('😀'.repeat(16));
    expect(upperTextBound('')).toBe('');
  });

  it.each([
    ['a', 'a'.repeat(17), `${'a'.repeat(15)}b`],
    ['a two-byte character', 'ü'.repeat(17), `${'ü'.repeat(15)}ý`],
    ['a four-byte character', '😀'.repeat(17), `${'😀'.repeat(15)}😁`],
    ['the last before the surrogates', `${'a'.repeat(15)}\ud7ffz`, `${'a'.repeat(15)}\ue000`],
    ['the last of the basic plane', `${'a'.repeat(15)}\uffffz`, `${'a'.repeat(15)}\u{10000}`],
    ['the last of all', `${'a'.repeat(15)}\u{10ffff}z`, `${'a'.repeat(14)}b`],
  ])('round up after %s', (_name, text, upper) => {
    expect(upperTextBound(text)).toBe(upper);
  });

  it('have no upper one where nothing is higher', () => {
    expect(upperTextBound('\u{10ffff}'.repeat(17))).toBeNull();
  });

  it('enclose the text by its bytes, whatever it is', () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.constantFrom('\ud7ff', '\uffff', '\u{10ffff}'),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      ),
      maxLength: 24,
    });
    fc.assert(
      fc.property(text, (value) => {
        const lower = lowerTextBound(value);
        const upper = upperTextBound(value);
        expect(compareBytes(lower, value)).toBeLessThanOrEqual(0);
        expect(codePoints(lower)).toBeLessThanOrEqual(BOUND_CODE_POINTS_MAX);
        if (upper === null) return;
        expect(compareBytes(value, upper)).toBeLessThanOrEqual(0);
        expect(codePoints(upper)).toBeLessThanOrEqual(BOUND_CODE_POINTS_MAX);
        expect(upper.isWellFormed()).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
