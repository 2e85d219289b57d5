import type { Rollup } from '../../src/catalog/rollups.ts';
import { CHARGE_COUNT, standingAttributes } from '../../src/catalog/rollups.ts';
import { metrics } from '../../src/catalog/metrics.ts';
import type { Charge, Row, Value } from './charge.ts';
import { timeText, valueOf } from './charge.ts';

const grainMs = { hour: 3_600_000, day: 86_400_000 };
const summed = Object.values(metrics).flatMap(({ column }) => column ?? []);

/** The rows of a rollup over some charges, by the keys of its attributes: the slow, obvious way. */
export function rollupRows({ grain, attributes }: Rollup, charges: readonly Charge[]): Row[] {
  const unit = grainMs[grain];
  const keyed = charges.map((charge) => {
    const start = timeText(Math.floor(charge.span.from / unit) * unit);
    const names = ['tenant', 'source', 'batch', ...standingAttributes, ...attributes];
    const keys = {
      charge_period_start: start,
      ...Object.fromEntries(names.map((key) => [key, valueOf(charge, key)])),
    };
    return { charge, keys };
  });
  const groups = Map.groupBy(keyed, ({ keys }) => JSON.stringify(keys));
  return [...groups.values()].map((members): Row => {
    const sum = (column: string): Value => {
      const amounts = members.flatMap(({ charge }) => charge.amounts[column] ?? []);
      return amounts.length === 0 ? null : amounts.reduce((total, amount) => total + amount, 0n);
    };
    return {
      ...members[0]?.keys,
      ...Object.fromEntries(summed.map((column) => [column, sum(column)])),
      [CHARGE_COUNT]: BigInt(members.length),
    };
  });
}
