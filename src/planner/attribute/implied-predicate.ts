/**
 * Rules turned around: what charges must be like for a rule's dimension to have a value that a filter lets through. The
 * filter still stands over what the rules say, so this may let through more, never less; files are pruned by it, and
 * charges that cannot meet the filter are not grouped.
 */
import { mayMeet } from '../normalize/value-claims.ts';
import type { CaseValue, RuleCase, RuledDimension } from '../plan.ts';
import type { Predicate, Test, ValueTest } from '../predicate.ts';
import { FALSE, TRUE, and, mapLeaves, or, testedKeys } from '../predicate.ts';

/** Beyond this many tests what is implied costs more than it saves. */
const TESTS_MAX = 1_000;

export function impliedBy(predicate: Predicate, dimensions: readonly RuledDimension[]): Predicate {
  const byKey = new Map(dimensions.map((dimension) => [dimension.key, dimension]));
  const implied = implication(predicate, byKey);
  let tests = 0;
  mapLeaves(implied, (leaf) => {
    tests++;
    return leaf;
  });
  return tests > TESTS_MAX ? TRUE : implied;
}

type Dimensions = ReadonlyMap<string, RuledDimension>;

/** Whatever meets `predicate` meets this, which looks at no rule's dimension. */
function implication(predicate: Predicate, dimensions: Dimensions): Predicate {
  switch (predicate.kind) {
    case 'and':
      return and(predicate.parts.map((part) => implication(part, dimensions)));
    case 'or':
      return or(predicate.parts.map((part) => implication(part, dimensions)));
    case 'test': {
      const dimension = dimensions.get(predicate.key);
      return dimension === undefined ? predicate : impliedByTest(predicate, dimension, dimensions);
    }
    default: // Negations are over tests of present values, which say little of where values come from.
      return testedKeys(predicate).some((key) => dimensions.has(key)) ? TRUE : predicate;
  }
}

/** Some case gives a value that meets the test; a missing value can come of no case at all. */
function impliedByTest({ test, orNull }: Test, { cases }: RuledDimension, dimensions: Dimensions): Predicate {
  if (orNull) return TRUE;
  return or(cases.map((each) => impliedByCase(each, test, dimensions)));
}

function impliedByCase({ when, value }: RuleCase, test: ValueTest, dimensions: Dimensions): Predicate {
  const gives = givenBy(value, test);
  return gives.kind === 'false' ? FALSE : implication(and([when, gives]), dimensions);
}

/** What a case's value comes from, as far as it can be said in tests. */
function givenBy(value: CaseValue, test: ValueTest): Predicate {
  switch (value.kind) {
    case 'value':
      return mayMeet(test, value.value) ? TRUE : FALSE;
    case 'valueOf': {
      const isAsItIs = value.normalize.length === 0 && value.replace.length === 0;
      return { kind: 'test', key: value.key, test: isAsItIs ? test : { op: 'any' }, orNull: false };
    }
    case 'coalesce':
      return or(value.keys.map((key): Predicate => ({ kind: 'test', key, test, orNull: false })));
    case 'lookup':
      return and(
        value.on.map((key): Predicate => ({ kind: 'test', key, test: { op: 'any' }, orNull: false })),
      );
  }
}
