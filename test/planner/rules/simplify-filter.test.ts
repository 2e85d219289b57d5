import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPlan } from '../../../src/planner/format-plan.ts';
import type { Predicate } from '../../../src/planner/predicate.ts';
import { FALSE, TRUE, and, formatPredicate, not, or } from '../../../src/planner/predicate.ts';
import { simplify, simplifyFilter } from '../../../src/planner/rules/simplify-filter.ts';
import { applyRule } from '../../support/apply-rule.ts';
import { predicateArbitrary } from '../../support/arbitraries.ts';
import { compareValues } from '../../support/charge.ts';
import { dedent } from '../../support/dedent.ts';
import { meets } from '../../support/meaning.ts';
import { filter, isIn, isMissing, scan, test } from '../../support/plans.ts';

const input = scan(['service_name', 'region_id']);
const simplified = (predicate: Predicate) => formatPredicate(simplify(predicate));

describe('simplify-filter', () => {
  it('merges lists on one dimension', () => {
    const both = and([
      isIn('service_name', ['a', 'b']),
      isIn('region_id', ['r']),
      isIn('service_name', ['b', 'c']),
    ]);
    expect(formatPlan(applyRule(simplifyFilter, filter(both, input)))).toBe(dedent`
      Filter service_name in ("b") and region_id in ("r")
        Scan charges charge_period_start [1970-01-01T00:00Z, 2200-01-01T00:00Z) (service_name, region_id)
    `);
  });

  it('finds a contradiction: no store is needed', () => {
    const both = and([isIn('service_name', ['a']), isIn('service_name', ['b'])]);
    expect(formatPlan(applyRule(simplifyFilter, filter(both, input)))).toBe(
      'Empty (service_name, region_id)',
    );
  });

  it('drops a filter that every charge meets', () => {
    expect(applyRule(simplifyFilter, filter(TRUE, input))).toBe(input);
    expect(applyRule(simplifyFilter, filter(test('service_name', { op: 'any' }, true), input))).toBe(input);
  });

  it('filters nothing above nothing', () => {
    const empty = { kind: 'Empty', columns: ['service_name'] } as const;
    expect(applyRule(simplifyFilter, filter(isIn('service_name', ['a']), empty))).toBe(empty);
  });

  it('does not fire where nothing merges', () => {
    const plan = filter(and([isIn('service_name', ['a']), isMissing('region_id')]), input);
    expect(applyRule(simplifyFilter, plan)).toBe(plan);
  });

  it('does not merge lists that ignore case: they compare by other rules', () => {
    const folded = test('service_name', { op: 'in', values: ['A'], ignoreCase: true });
    const plan = filter(and([isIn('service_name', ['a']), folded]), input);
    expect(applyRule(simplifyFilter, plan)).toBe(plan);
  });

  it('does not fire on other nodes', () => expect(applyRule(simplifyFilter, input)).toBe(input));
});

describe('simplify', () => {
  it('keeps a missing value where both lists let it in', () => {
    const [left, right] = [
      isIn('region_id', ['a'], { orNull: true }),
      isIn('region_id', ['b'], { orNull: true }),
    ];
    expect(simplified(and([left, right]))).toBe('region_id is missing');
    expect(simplified(and([left, isIn('region_id', ['a', 'b'])]))).toBe('region_id in ("a")');
    expect(simplified(or([left, isIn('region_id', ['0'])]))).toBe('region_id in ("0", "a") or missing');
  });

  it('knows the lists without values', () => {
    expect(simplify(isIn('region_id', []))).toEqual(FALSE);
    expect(simplify(test('region_id', { op: 'notIn', values: [], ignoreCase: false }, true))).toEqual(TRUE);
    expect(simplified(test('region_id', { op: 'notIn', values: [], ignoreCase: true }))).toBe(
      'region_id is present',
    );
  });

  it('sees through not', () => {
    expect(simplify(not(isIn('region_id', [])))).toEqual(TRUE);
  });

  it('keeps the meaning, and has nothing left to do the second time', () => {
    const value = fc.option(fc.constantFrom('a', 'A', 'b', 'ab', 'ß', '😀', ''), { nil: null });
    const property = fc.property(predicateArbitrary, fc.func(value), (predicate, read) => {
      const simpler = simplify(predicate);
      expect(meets(simpler, read)).toBe(meets(predicate, read));
      expect(simplify(simpler)).toBe(simpler);
      expectSortedLists(simpler);
    });
    fc.assert(property, { numRuns: 500 });
  });
});

function expectSortedLists(predicate: Predicate): void {
  if (predicate.kind === 'and' || predicate.kind === 'or') predicate.parts.forEach(expectSortedLists);
  if (predicate.kind === 'not') expectSortedLists(predicate.part);
  if (predicate.kind !== 'test' || !('values' in predicate.test)) return;
  expect(predicate.test.values).toEqual([...predicate.test.values].sort(compareValues));
}
