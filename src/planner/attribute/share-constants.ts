import type { FixedWeight } from '../../attribution/rule-set.ts';
import { compareText } from '../../core/code-point-order.ts';
import { parseDecimal } from '../../core/decimal.ts';
import type { ConstantShare } from '../plan.ts';

/** Weights as whole numbers without a common divisor, added up in code point order of their values. */
export function shareConstants(weights: readonly FixedWeight[]): ConstantShare[] {
  const units = weights.map(({ value, weight }) => {
    const parsed = parseDecimal(weight);
    if (parsed === null) throw new Error(`${weight} is no decimal: rules are checked when they are read`);
    return { value, units: BigInt(parsed) };
  });
  const positive = units.filter((each) => each.units > 0n);
  const divisor = positive.reduce((gcd, each) => greatestDivisor(gcd, each.units), 0n);
  let sum = 0n;
  return positive
    .toSorted((a, b) => compareText(a.value, b.value))
    .map(({ value, units: own }) => {
      const from = sum;
      sum += own / divisor;
      return { value, from: String(from), to: String(sum) };
    });
}

function greatestDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestDivisor(b, a % b);
}
