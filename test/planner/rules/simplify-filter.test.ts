import { describe, expect, it } from 'vitest';
import { formatPlan } from '../../../src/planner/format-plan.ts';
import { measure } from '../../../src/planner/measures.ts';
import { TRUE, and, not } from '../../../src/planner/predicate.ts';
import { simplifyFilter } from '../../../src/planner/rules/simplify-filter.ts';
import { applyRule } from '../../support/apply-rule.ts';
import { dedent } from '../../support/dedent.ts';
import { aggregate, filter, isIn, isMissing, scan, test } from '../../support/plans.ts';

const input = scan(['service_name', 'region_id']);

describe('simplify-filter', () => {
  it('merges tests on one dimension', () => {
    const both = and([
      isIn('service_name', ['a', 'b']),
      isIn('region_id', ['r']),
      not(test('service_name', { op: 'notIn', values: ['b', 'c'], ignoreCase: false }, true)),
    ]);
    expect(formatPlan(applyRule(simplifyFilter, filter(both, input)))).toBe(dedent`
      Filter region_id in ("r") and service_name in ("b")
        Scan charges charge_period_start [1970-01-01T00:00Z, 2200-01-01T00:00Z) (service_name, region_id)
    `);
  });

  it('makes the same plan of filters that mean the same', () => {
    const parts = [isMissing('region_id'), isIn('service_name', ['a'])];
    const one = applyRule(simplifyFilter, filter(and(parts), input));
    expect(applyRule(simplifyFilter, filter(and(parts.toReversed()), input))).toEqual(one);
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

  it('does not fire on a normal form', () => {
    const plan = filter(and([isMissing('region_id'), isIn('service_name', ['a'])]), input);
    expect(applyRule(simplifyFilter, plan)).toBe(plan);
  });

  it('does not fire on what it wrote, nor on ids asked for instead of values', () => {
    const member = { kind: 'member', dictionary: 'tags', test: isIn('tag:Team', ['a']) } as const;
    const once = applyRule(simplifyFilter, filter(and([isIn('service_name', ['b']), member]), input));
    expect(applyRule(simplifyFilter, once)).toBe(once);
  });

  it('does not fire on other nodes, nor on the conditions of measures, which give them their names', () => {
    expect(applyRule(simplifyFilter, input)).toBe(input);
    const where = and([isIn('service_name', ['b']), isIn('region_id', ['r'])]);
    const plan = aggregate([], [measure('count', null, where)], input);
    expect(applyRule(simplifyFilter, plan)).toBe(plan);
  });
});
