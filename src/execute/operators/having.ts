import type { Rows } from '../../connectors/connector.ts';
import { unreachable } from '../../core/unreachable.ts';
import { metricReader } from '../../planner/measures.ts';
import { DECIMAL_SCALE } from '../../core/decimal.ts';
import type { Having, HavingTest } from '../../planner/plan.ts';
import { readRow, takeRows } from '../page-rows.ts';

const ONE = 10n ** BigInt(DECIMAL_SCALE);

/** Rows that meet every test. A null metric meets none. */
export function having({ tests }: Pick<Having, 'tests'>, input: Rows): Rows {
  const checks = tests.map(checkOf);
  const kept: number[] = [];
  for (let i = 0; i < input.length; i++) {
    const read = readRow(input, i);
    if (checks.every((check) => check(read))) kept.push(i);
  }
  return kept.length === input.length ? input : takeRows(input, kept);
}

function checkOf({ metric, op, value }: HavingTest): (read: ReturnType<typeof readRow>) => boolean {
  const valueOf = metricReader(metric);
  // Counts are whole numbers, bounds are in units of 10^-12.
  const unit = metric === 'CHARGE_COUNT' ? ONE : 1n;
  return (read) => {
    const actual = valueOf(read);
    return actual !== null && holds(op, actual * unit, value);
  };
}

function holds(op: HavingTest['op'], actual: bigint, bound: bigint): boolean {
  switch (op) {
    case 'gt':
      return actual > bound;
    case 'gte':
      return actual >= bound;
    case 'lt':
      return actual < bound;
    case 'lte':
      return actual <= bound;
    default:
      return unreachable(op);
  }
}
