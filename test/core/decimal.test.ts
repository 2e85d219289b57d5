import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decimalFromUnits,
  divideHalfEven,
  formatDecimal,
  parseDecimal,
  ratio,
} from '../../src/core/decimal.ts';

const round = (text: string) => {
  const value = parseDecimal(text);
  return value === null ? null : formatDecimal(value);
};

describe('reading a decimal', () => {
  it.each([
    ['0', '0.000000000000'],
    ['-0', '0.000000000000'],
    ['12.5', '12.500000000000'],
    ['-12.5', '-12.500000000000'],
    ['+.5', '0.500000000000'],
    ['5.', '5.000000000000'],
    [' 7 ', '7.000000000000'],
    ['007', '7.000000000000'],
    ['1e3', '1000.000000000000'],
    ['1.5E-3', '0.001500000000'],
    ['1e-12', '0.000000000001'],
    ['-1e-12', '-0.000000000001'],
    ['123456789012345678901234567890.123456789012', '123456789012345678901234567890.123456789012'],
    ['1e-999', '0.000000000000'],
  ])('%s is %s', (text, value) => expect(round(text)).toBe(value));

  it.each([
    ['0.0000000000005', '0.000000000000'], // To the even unit.
    ['0.0000000000015', '0.000000000002'],
    ['0.0000000000025', '0.000000000002'],
    ['-0.0000000000015', '-0.000000000002'],
    ['0.00000000000050000000001', '0.000000000001'],
    ['0.9999999999995', '1.000000000000'],
    ['15e-13', '0.000000000002'],
  ])('%s rounds to %s', (text, value) => expect(round(text)).toBe(value));

  it.each([
    '',
    ' ',
    '.',
    '-',
    'e5',
    '1e',
    '1e1000',
    '1,5',
    '1_000',
    '0x10',
    'NaN',
    'Infinity',
    '1 2',
    '--1',
    '١',
    '1\n2',
  ])('%j is no number', (text) => expect(round(text)).toBe(null));

  it('gives back what was written', () => {
    const units = fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n }).map(decimalFromUnits);
    const property = fc.property(units, (value) => {
      expect(parseDecimal(formatDecimal(value))).toBe(value);
    });
    fc.assert(property);
  });

  it('means the same with an exponent', () => {
    const property = fc.property(
      fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
      fc.nat(12),
      (whole, places) => {
        expect(parseDecimal(`${whole}e-${places}`)).toBe(whole * 10n ** BigInt(12 - places));
      },
    );
    fc.assert(property);
  });
});

describe('dividing', () => {
  it('rounds to the nearest, a tie to the even quotient, whatever the signs', () => {
    const property = fc.property(fc.bigInt(), fc.bigInt(), (numerator, denominator) => {
      fc.pre(denominator !== 0n);
      const quotient = divideHalfEven(numerator, denominator);
      const size = (value: bigint) => (value < 0n ? -value : value);
      const twiceOff = size(numerator - quotient * denominator) * 2n;
      expect(twiceOff <= size(denominator)).toBe(true);
      if (twiceOff === size(denominator)) expect(quotient % 2n).toBe(0n);
      expect(divideHalfEven(-numerator, -denominator)).toBe(quotient);
      expect(divideHalfEven(-numerator, denominator)).toBe(-quotient);
    });
    fc.assert(property);
    const small = fc.bigInt({ min: -20n, max: 20n });
    const denominator = fc.constantFrom(2n, 4n, -2n, 6n);
    const ties = fc.property(small, denominator, (n, d) => {
      expect(Number(divideHalfEven(n, d))).toBeCloseTo(halfEven(Number(n) / Number(d)), 9);
    });
    fc.assert(ties);
  });

  it('a ratio is a decimal, null over nothing', () => {
    expect(ratio(1n, 3n)).toBe(333_333_333_333n);
    expect(ratio(2n, 3n)).toBe(666_666_666_667n);
    expect(ratio(-1n, 8n)).toBe(-125_000_000_000n);
    expect(ratio(1n, 0n)).toBe(null);
  });
});

function halfEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
