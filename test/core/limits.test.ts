import { describe, expect, it } from 'vitest';

import { formatLimit, limitNames, parseLimit } from '../../src/core/limits.ts';

describe('a limit', () => {
  it.each([
    ['query-bytes', '0', 0n],
    ['query-ms', '999999999999999', 999_999_999_999_999n],
    ['query-usd', '0.5', 500_000_000_000n],
    ['daily-usd', '25', 25_000_000_000_000n],
    ['daily-usd', '0.000000000001', 1n],
  ] as const)('%s is read from %s', (name, text, value) => {
    expect(parseLimit(name, text)).toBe(value);
    expect(formatLimit(name, value)).toBe(text);
  });

  it.each(['', ' ', '-1', '+1', '1e3', '1,000', '0x1', '1000000000000000', 'none'])('is not "%s"', (text) => {
    for (const name of limitNames) {
      // As dollars a number with that many digits is refused, too.
      expect(parseLimit(name, text)).toBeNull();
    }
  });

  it('of dollars has 12 places at most, any other none', () => {
    expect(parseLimit('query-usd', '0.0000000000001')).toBeNull();
    expect(parseLimit('query-usd', '1.')).toBeNull();
    expect(parseLimit('query-ms', '1.5')).toBeNull();
  });

  it('is written without zeros that say nothing', () => {
    expect(formatLimit('usd', 10n ** 13n)).toBe('10');
    expect(formatLimit('usd', 0n)).toBe('0');
    expect(formatLimit('usd', 1_050_000_000_000n)).toBe('1.05');
    expect(formatLimit('bytes', 100n)).toBe('100');
  });
});
