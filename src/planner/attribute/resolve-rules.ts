/** Rules as the algebra has them: the cases of each dimension that hold at an instant, or in a stretch of time. */
import type { RuleDimension, RuleSet, RuleValue } from '../../attribution/rule-set.ts';
import { isEffective, keysOfValue, testsOf } from '../../attribution/rule-set.ts';
import type { Effective, Validity } from '../../attribution/rule-set.ts';
import type { PublishedRules } from '../../catalog/published-rules.ts';
import type { Instant, TimeRange } from '../../core/time-range.ts';
import { ceilHour } from '../../core/time-range.ts';
import type { CaseValue, ColumnName, RuleCase, RuledDimension } from '../plan.ts';
import { TRUE, testedKeys } from '../predicate.ts';

/** Rules that are the same throughout: what a charge is attributed by whose hour is in `range`. */
export type Era = { readonly range: TimeRange; readonly dimensions: readonly RuledDimension[] };

/** The keys that are dimensions of the rules. */
export function ruledKeys(keys: readonly ColumnName[], rules: PublishedRules | null): ColumnName[] {
  const known = new Set(rules?.ruleSet.dimensions.map(({ key }) => key));
  return [...new Set(keys)].filter((key) => known.has(key));
}

/**
 * The stretches of a time in which rules stay as they are, in order; never none. Charges are attributed by the hour that
 * they start in, so that every edge is on the hour.
 *
 * @param others instants at which something else changes
 */
export function erasOf(
  keys: readonly ColumnName[],
  rules: PublishedRules,
  range: TimeRange,
  others: readonly Instant[] = [],
): Era[] {
  const dimensions = neededDimensions(keys, rules.ruleSet);
  const inner = [...edgesOf(dimensions, rules.ruleSet), ...others]
    .map(ceilHour)
    .filter((edge) => edge > range.from && edge < range.to);
  const edges = [...new Set([range.from, ...inner])].sort((a, b) => a - b);
  return edges.map((from, i) => ({
    range: { from, to: edges[i + 1] ?? range.to },
    dimensions: dimensions.map((dimension) => resolve(dimension, from, rules)),
  }));
}

/** One list of cases for all eras, each of which says when it holds. */
export function mergeEras(eras: readonly Era[]): readonly RuledDimension[] {
  const [first, ...others] = eras;
  if (first === undefined || others.length === 0) return first?.dimensions ?? [];
  const last = eras.length - 1;
  return first.dimensions.map(({ key }, place) => ({
    key,
    cases: eras.flatMap(({ range, dimensions }, i) => {
      const during = { from: i === 0 ? null : range.from, to: i === last ? null : range.to };
      return (dimensions[place]?.cases ?? []).map((each): RuleCase => ({ ...each, during }));
    }),
  }));
}

/** What dimensions look at that is not of the rules: columns and tags, without repeats. */
export function inputsOf(dimensions: readonly RuledDimension[]): ColumnName[] {
  const own = new Set(dimensions.map(({ key }) => key));
  const looked = dimensions.flatMap(({ cases }) =>
    cases.flatMap(({ when, value }) => [...testedKeys(when), ...keysOfCase(value)]),
  );
  return [...new Set(looked)].filter((key) => !own.has(key));
}

export function keysOfCase(value: CaseValue): readonly ColumnName[] {
  return value.kind === 'lookup' ? value.on : keysOfValue(value);
}

/** The named ones and all that they look at, those that are looked at first. */
export function neededDimensions(keys: readonly ColumnName[], { dimensions }: RuleSet): RuleDimension[] {
  const byKey = new Map(dimensions.map((dimension) => [dimension.key, dimension]));
  const ordered = new Map<string, RuleDimension>();
  const need = (key: ColumnName): void => {
    const dimension = byKey.get(key);
    if (dimension === undefined || ordered.has(key)) return;
    for (const { when, value } of dimension.rules) {
      for (const each of [...testsOf(when).map((test) => test.key), ...keysOfValue(value)]) need(each);
    }
    ordered.set(key, dimension);
  };
  keys.forEach(need);
  return [...ordered.values()];
}

function edgesOf(dimensions: readonly RuleDimension[], { lookups }: RuleSet): Instant[] {
  const used = new Set(
    dimensions.flatMap(({ rules }) =>
      rules.flatMap(({ value }) => (value.kind === 'lookup' ? value.name : [])),
    ),
  );
  const rows = lookups.filter(({ name }) => used.has(name)).flatMap((lookup) => lookup.rows);
  const ofRules = dimensions.flatMap(({ effective, rules }) => [
    effective,
    ...rules.map((rule) => rule.effective),
  ]);
  return [...ofRules.flat(), ...rows.map(({ effective }) => effective)].flatMap(boundsOf);
}

export function boundsOf({ from, to }: Validity): Instant[] {
  return [from, to].filter((bound) => bound !== null);
}

function resolve(dimension: RuleDimension, at: Instant, rules: PublishedRules): RuledDimension {
  const { key, effective, otherwise } = dimension;
  if (!isEffectiveHour(effective, at)) return { key, cases: [] };
  const cases = dimension.rules
    .filter((rule) => isEffectiveHour(rule.effective, at))
    .map(({ when, value }): RuleCase => ({ when, during: null, value: caseValue(value, at, rules) }));
  const last: RuleCase[] =
    otherwise === null ? [] : [{ when: TRUE, during: null, value: { kind: 'value', value: otherwise } }];
  return { key, cases: [...cases, ...last] };
}

/** Bounds within an hour hold from the next one on. */
export function isEffectiveHour(effective: Effective, hour: Instant): boolean {
  const onTheHour = effective.map(({ from, to }) => ({
    from: from === null ? null : ceilHour(from),
    to: to === null ? null : ceilHour(to),
  }));
  return isEffective(onTheHour, hour);
}

function caseValue(value: RuleValue, at: Instant, { version }: PublishedRules): CaseValue {
  return value.kind === 'lookup' ? { ...value, rules: version, at } : value;
}
