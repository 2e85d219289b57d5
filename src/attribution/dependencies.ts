import type { Instant } from '../core/time-range.ts';
import type { Effective, RuleDimension, RuleSet } from './rule-set.ts';
import { keysOfValue, testsOf } from './rule-set.ts';

/** Keys that a dimension's rules look at themselves: columns, tags and other dimensions; in order of appearance. */
export function keysOfDimension({ rules }: RuleDimension): ReadonlySet<string> {
  return new Set(
    rules.flatMap(({ when, value }) => [...testsOf(when).map(({ key }) => key), ...keysOfValue(value)]),
  );
}

/**
 * The dimensions, each after those that its rules use, else in the order of the file. Where some use each other in a
 * circle, that circle instead: its keys in order, the first again at the end.
 */
export function sortDimensions(
  dimensions: readonly RuleDimension[],
): { readonly order: readonly RuleDimension[] } | { readonly cycle: readonly string[] } {
  const byKey = new Map(dimensions.map((dimension) => [dimension.key, dimension]));
  const order = new Set<RuleDimension>();
  const path: string[] = [];
  const visit = (dimension: RuleDimension): readonly string[] | null => {
    if (order.has(dimension)) return null;
    const before = path.indexOf(dimension.key);
    if (before >= 0) return [...path.slice(before), dimension.key];
    path.push(dimension.key);
    for (const key of keysOfDimension(dimension)) {
      const used = byKey.get(key);
      const cycle = used ? visit(used) : null;
      if (cycle) return cycle;
    }
    path.pop();
    order.add(dimension);
    return null;
  };
  for (const dimension of dimensions) {
    const cycle = visit(dimension);
    if (cycle) return { cycle };
  }
  return { order: [...order] };
}

/** The dimensions of a parsed rule set, each after those that its rules use. */
export function evaluationOrder({ dimensions }: RuleSet): readonly RuleDimension[] {
  const sorted = sortDimensions(dimensions);
  if ('order' in sorted) return sorted.order;
  throw new Error(`cycle ${sorted.cycle.join(', ')}: parsing refuses them`);
}

/** A dimension and all that its value depends on, each once; none where the rule set has no such dimension. */
function withUsed({ dimensions }: RuleSet, key: string): RuleDimension[] {
  const byKey = new Map(dimensions.map((dimension) => [dimension.key, dimension]));
  const found = new Set<RuleDimension>();
  const visit = (key: string): void => {
    const dimension = byKey.get(key);
    if (dimension === undefined || found.has(dimension)) return;
    found.add(dimension);
    keysOfDimension(dimension).forEach(visit);
  };
  visit(key);
  return [...found];
}

/** The columns and tags that a dimension's value follows from, directly or by other dimensions; splits aside. */
export function inputsOf(ruleSet: RuleSet, key: string): readonly string[] {
  const own = new Set(ruleSet.dimensions.map((dimension) => dimension.key));
  const keys = new Set(withUsed(ruleSet, key).flatMap((dimension) => [...keysOfDimension(dimension)]));
  return [...keys].filter((each) => !own.has(each));
}

/**
 * The instants at which a charge's value may be another for the same inputs, because something becomes or ceases to
 * be effective: ascending, without repeats. Between two of them a value follows from the inputs alone. Splits aside.
 */
export function edgesOf(ruleSet: RuleSet, key: string): readonly Instant[] {
  return edges(ruleSet, withUsed(ruleSet, key));
}

/** The same of all dimensions together. */
export function allEdges(ruleSet: RuleSet): readonly Instant[] {
  return edges(ruleSet, ruleSet.dimensions);
}

function edges({ lookups }: RuleSet, dimensions: readonly RuleDimension[]): Instant[] {
  const rules = dimensions.flatMap((dimension) => dimension.rules);
  const used = new Set(rules.map(({ value }) => (value.kind === 'lookup' ? value.name : null)));
  const found = new Set<Instant>();
  const add = (validities: Effective) => {
    for (const { from, to } of validities) for (const edge of [from, to]) if (edge !== null) found.add(edge);
  };
  for (const { effective } of [...dimensions, ...rules]) add(effective);
  for (const { name, rows } of lookups) if (used.has(name)) add(rows.map(({ effective }) => effective));
  return [...found].sort((a, b) => a - b);
}
