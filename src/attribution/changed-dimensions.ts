import { evaluationOrder, keysOfDimension } from './dependencies.ts';
import type { RuleDimension, RuleSet, Split } from './rule-set.ts';
import { testsOf } from './rule-set.ts';

/**
 * Keys of the dimensions that charges may have other values of under `after` than under `before`: where their rules or
 * lookups differ, or those of what they look at, or splits that give them values. In the order of evaluation, then those
 * that are there no more.
 */
export function changedDimensions(before: RuleSet | null, after: RuleSet): string[] {
  const changed = new Set<string>();
  const looksAtChanged = (keys: Iterable<string>) => [...keys].some((key) => changed.has(key));
  const earlier = new Map(before?.dimensions.map((each) => [each.key, meaningOf(each, before)]));
  for (const dimension of evaluationOrder(after)) {
    const { key } = dimension;
    const isSame = earlier.get(key) === meaningOf(dimension, after);
    if (!isSame || looksAtChanged(keysOfDimension(dimension))) changed.add(key);
  }
  const there = new Set(after.dimensions.map(({ key }) => key));
  for (const key of earlier.keys()) if (!there.has(key)) changed.add(key);
  for (const key of changedTargets(before?.splits ?? [], after.splits, looksAtChanged)) changed.add(key);
  return [...changed];
}

/** What splits share out to, from the first one on that differs: later ones see what it made. */
function changedTargets(
  before: readonly Split[],
  after: readonly Split[],
  looksAtChanged: (keys: Iterable<string>) => boolean,
): string[] {
  const isSame = (split: Split, i: number) =>
    textOf(split) === textOf(before[i]) && !looksAtChanged([...keysOfWhen(split), ...split.to]);
  const first = after.findIndex((split, i) => !isSame(split, i));
  const from = first === -1 ? after.length : first;
  return [...before.slice(from), ...after.slice(from)].flatMap(({ to }) => to);
}

function keysOfWhen({ when, by }: Split): string[] {
  const ofDriver = by.kind === 'cost' ? [by.of] : by.kind === 'telemetry' ? by.within : [];
  return [...testsOf(when).map(({ key }) => key), ...ofDriver];
}

/** A dimension with the lists that its rules look up in. */
function meaningOf(dimension: RuleDimension, { lookups }: RuleSet): string {
  const named = new Set(dimension.rules.flatMap(({ value }) => (value.kind === 'lookup' ? value.name : [])));
  return textOf([dimension, lookups.filter(({ name }) => named.has(name))]);
}

/** Equal where only places in files differ, which are numbers: a lookup's `column` is a name. */
function textOf(part: unknown): string {
  const isPlace = (key: string, value: unknown) =>
    (key === 'line' || key === 'column') && typeof value === 'number';
  return JSON.stringify(part, (key, value: unknown) => (isPlace(key, value) ? undefined : value)) ?? '';
}
