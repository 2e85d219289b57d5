import type { Brand } from './brand.ts';

/**
 * An exact decimal with 12 places: money in 10^-12 of a currency unit, and quantities alike.
 * In the process a bigint, in Iceberg and DuckDB decimal(38,12), in JSON a string. Never a float.
 */
export type Decimal = Brand<bigint, 'Decimal'>;

export const DECIMAL_SCALE = 12;
/** In units of 10^-12. */
export const ONE = 10n ** BigInt(DECIMAL_SCALE);
const PATTERN = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/** The only way to make a Decimal from units of 10^-12. */
export function decimalFromUnits(units: bigint): Decimal {
  return units as Decimal;
}

/** Reads `-12.5`, `1e-7` and the like, rounding half-even at the 12th place; null when the text is no number. */
export function parseDecimal(text: string): Decimal | null {
  const match = PATTERN.exec(text.trim());
  if (!match) return null;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  if (whole === '' && fraction === '') return null;
  const digits = BigInt(whole + fraction);
  const shift = DECIMAL_SCALE - fraction.length + Number(exponent);
  const units = shift >= 0 ? digits * 10n ** BigInt(shift) : divideHalfEven(digits, 10n ** BigInt(-shift));
  return decimalFromUnits(sign === '-' ? -units : units);
}

/** Always 12 places: `8368.366922550100`, `-0.000000000001`. */
export function formatDecimal(value: Decimal): string {
  if (value < 0n) return `-${formatDecimal(-value as Decimal)}`;
  const digits = value.toString();
  const cut = digits.length - DECIMAL_SCALE;
  return cut > 0
    ? `${digits.slice(0, cut)}.${digits.slice(cut)}`
    : `0.${digits.padStart(DECIMAL_SCALE, '0')}`;
}

/** numerator / denominator as a Decimal, half-even; null when the denominator is 0. */
export function ratio(numerator: bigint, denominator: bigint): Decimal | null {
  if (denominator === 0n) return null;
  return decimalFromUnits(divideHalfEven(numerator * ONE, denominator));
}

/** Integer division that rounds a tie to the even quotient. */
export function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const negative = numerator < 0n !== denominator < 0n;
  const n = numerator < 0n ? -numerator : numerator;
  const d = denominator < 0n ? -denominator : denominator;
  let quotient = n / d;
  const twice = (n % d) * 2n;
  if (twice > d || (twice === d && quotient % 2n === 1n)) quotient += 1n;
  return negative ? -quotient : quotient;
}
