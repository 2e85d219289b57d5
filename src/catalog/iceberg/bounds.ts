/** Iceberg's single-value binary form of column bounds, to and from values of the process. */
import type { ColumnType } from './metadata.ts';

/**
 * string: itself; long: the number; timestamptz: microseconds since 1970; decimal: units of 10^-12, all three
 * bigint; date: days since 1970, a number.
 */
export type BoundValue = string | bigint | number;

/** Long strings are cut to this many code points, as by Iceberg's default metrics mode. */
export const BOUND_CODE_POINTS_MAX = 16;

const CODE_POINT_MAX = 0x10ffff;
const FIRST_SURROGATE = 0xd800;
const AFTER_SURROGATES = 0xe000;

export function encodeBound(type: ColumnType, value: BoundValue): Buffer {
  switch (type) {
    case 'string':
      return Buffer.from(String(value), 'utf8');
    case 'decimal(38,12)':
      return encodeDecimal(BigInt(value));
    case 'date': {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32LE(Number(value));
      return bytes;
    }
    case 'long':
    case 'timestamptz': {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(value));
      return bytes;
    }
  }
}

export function decodeBound(type: ColumnType, bytes: Buffer): BoundValue {
  switch (type) {
    case 'string':
      return bytes.toString('utf8');
    case 'decimal(38,12)':
      return decodeDecimal(bytes);
    case 'date':
      return bytes.readInt32LE();
    case 'long':
    case 'timestamptz':
      return bytes.length === 4 ? BigInt(bytes.readInt32LE()) : bytes.readBigInt64LE(); // 4: once an int column
  }
}

/** Big-endian two's complement of the unscaled value, in as few bytes as hold it. */
function encodeDecimal(unscaled: bigint): Buffer {
  let size = 1;
  while (BigInt.asIntN(8 * size, unscaled) !== unscaled) size += 1;
  const digits = BigInt.asUintN(8 * size, unscaled).toString(16);
  return Buffer.from(digits.padStart(2 * size, '0'), 'hex');
}

function decodeDecimal(bytes: Buffer): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${bytes.toString('hex')}`));
}

/** A text that sorts no higher than `text` (by code point) and is short. */
export function lowerTextBound(text: string): string {
  return firstCodePoints(text).join('');
}

/** A text that sorts no lower than `text` and is short; null where there is none. */
export function upperTextBound(text: string): string | null {
  const kept = firstCodePoints(text);
  if (kept.join('').length === text.length) return text;
  while (kept.length > 0) {
    const next = codePointAfter(kept.pop() ?? '');
    if (next !== null) return [...kept, next].join('');
  }
  return null;
}

function firstCodePoints(text: string): string[] {
  // A code point has at most two units; the text may be megabytes long.
  return Array.from(text.slice(0, 2 * BOUND_CODE_POINTS_MAX)).slice(0, BOUND_CODE_POINTS_MAX);
}

/** Null after the last one; surrogates are no characters of their own. */
function codePointAfter(character: string): string | null {
  const next = (character.codePointAt(0) ?? 0) + 1;
  if (next > CODE_POINT_MAX) return null;
  return String.fromCodePoint(next === FIRST_SURROGATE ? AFTER_SURROGATES : next);
}
