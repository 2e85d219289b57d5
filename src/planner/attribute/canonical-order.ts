/**
 * The order that charges of a pool stand in where they are shared out. What a charge's parts are depends on where it
 * stands, so the order is the same for all questions, and fine enough to tell any two kinds of charges apart: the tenant's
 * own dimensions, what most questions group by, what the rules look at, all else. A question that tells charges apart by
 * some keys takes the shortest beginning of the order that holds them: charges that are alike in it stand side by side,
 * and can be shared out as one.
 */
import { providerDimensions } from '../../catalog/dimensions.ts';
import type { RuleSet } from '../../attribution/rule-set.ts';
import { keysOfValue, testsOf } from '../../attribution/rule-set.ts';
import { compareText } from '../../core/code-point-order.ts';
import type { ColumnName } from '../plan.ts';

/** What most questions group by. */
export const USUAL_KEYS: readonly ColumnName[] = [
  'service_name',
  'sub_account_id',
  'region_id',
  'charge_category',
];

export function canonicalOrder({ dimensions, splits }: RuleSet, tagKeys: ReadonlySet<string>): ColumnName[] {
  const own = dimensions.map(({ key }) => key).sort(compareText);
  const looked = dimensions.flatMap(({ rules }) =>
    rules.flatMap(({ when, value }) => [...testsOf(when).map(({ key }) => key), ...keysOfValue(value)]),
  );
  const ofSplits = splits.flatMap(({ when, by }) => [
    ...testsOf(when).map(({ key }) => key),
    ...(by.kind === 'telemetry' ? by.within : by.kind === 'cost' ? [by.of] : []),
  ]);
  const inputs = [...looked, ...ofSplits].sort(compareText);
  const rest = providerDimensions.map(({ key }) => key);
  const tags = [...tagKeys].map((tag) => `tag:${tag}`).sort(compareText);
  return [...new Set([...own, ...USUAL_KEYS, ...inputs, ...rest, ...tags])];
}

/** The shortest beginning of the order that holds all of the keys; those that no charge has stand behind it. */
export function beginningWith(keys: readonly ColumnName[], order: readonly ColumnName[]): ColumnName[] {
  const places = keys.map((key) => order.indexOf(key));
  const unknown = keys.filter((_, i) => places[i] === -1);
  return [...order.slice(0, Math.max(-1, ...places) + 1), ...new Set(unknown)];
}
