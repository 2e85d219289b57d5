import { describe, expect, it } from 'vitest';
import { formatPlan } from '../../../src/planner/format-plan.ts';
import { measure } from '../../../src/planner/measures.ts';
import { TIME } from '../../../src/planner/plan.ts';
import { aggregateBeforeLookup } from '../../../src/planner/rules/aggregate-before-lookup.ts';
import { applyRule } from '../../support/apply-rule.ts';
import { fixedState } from '../../support/fixed-state.ts';
import { aggregate, bucket, filter, isIn, lookup, scan } from '../../support/plans.ts';

const charges = scan(['tag_set', 'resource_key', 'charge_period_start', 'region_id', 'effective_cost']);
const withTags = lookup('tags', ['tag:CostCenter'], charges);
const count = measure('count', null);
const sum = measure('sum', 'effective_cost');
const apply = (plan: Parameters<typeof applyRule>[1]) => applyRule(aggregateBeforeLookup, plan);
const SCAN =
  'Scan charges charge_period_start [1970-01-01T00:00Z, 2200-01-01T00:00Z) (tag_set, resource_key, charge_period_start, region_id, effective_cost)';

describe('aggregate-before-lookup', () => {
  it('sums by id, then by what the id stands for', () => {
    expect(formatPlan(apply(aggregate(['tag:CostCenter', 'region_id'], [count, sum], withTags)))).toBe(
      [
        'Aggregate final by (tag:CostCenter, region_id): count, sum(effective_cost)',
        '  Lookup tags (tag:CostCenter)',
        '    Aggregate partial by (region_id, tag_set): count, sum(effective_cost)',
        `      ${SCAN}`,
      ].join('\n'),
    );
  });

  it('goes through a bucket, and looks two dictionaries up after it', () => {
    const looked = lookup('tags', ['tag:CostCenter'], lookup('resources', ['resource_type'], charges));
    const state = { ...fixedState, statistics: new Map([['resource_id', { distinct: 3, nulls: 0 }]]) };
    const plan = aggregate([TIME, 'tag:CostCenter', 'resource_type'], [sum], bucket(looked));
    expect(formatPlan(applyRule(aggregateBeforeLookup, plan, state))).toBe(
      [
        'Aggregate final by ($time, tag:CostCenter, resource_type): sum(effective_cost)',
        '  Lookup tags (tag:CostCenter)',
        '    Lookup resources (resource_type)',
        '      Aggregate partial by ($time, tag_set, resource_key): sum(effective_cost)',
        '        Bucket whole period',
        `          ${SCAN}`,
      ].join('\n'),
    );
  });

  it('groups by what charges carry inline, too', () => {
    const columns = ['tag_set', 'effective_cost', 'inline_tags', 'inline_resource_id'];
    const plan = aggregate(['tag:CostCenter'], [sum], lookup('tags', ['tag:CostCenter'], scan(columns)));
    expect(formatPlan(apply(plan)).split('\n').slice(0, 3)).toEqual([
      'Aggregate final by (tag:CostCenter): sum(effective_cost)',
      '  Lookup tags (tag:CostCenter), or inline',
      '    Aggregate partial by (tag_set, inline_tags): sum(effective_cost)',
    ]);
  });

  it('keeps the values that are counted apart: distinct values are counted at the end', () => {
    const measures = [
      count,
      measure('count-distinct', 'region_id'),
      measure('count-distinct', 'tag:CostCenter'),
    ];
    expect(formatPlan(apply(aggregate([], measures, withTags)))).toBe(
      [
        'Aggregate final by (): count, count-distinct(region_id), count-distinct(tag:CostCenter)',
        '  Lookup tags (tag:CostCenter)',
        '    Aggregate partial by (region_id, tag_set): count',
        `      ${SCAN}`,
      ].join('\n'),
    );
  });

  it('decides conditions per charge, below: the merge above has none', () => {
    const where = { kind: 'member', dictionary: 'tags', test: isIn('tag:CostCenter', ['a']) } as const;
    const plan = apply(aggregate(['tag:CostCenter'], [measure('sum', 'effective_cost', where)], withTags));
    expect(plan).toMatchObject({ step: 'final', measures: [{ where: { kind: 'true' } }] });
    expect(plan).toMatchObject({ input: { input: { step: 'partial', measures: [{ where }] } } });
  });

  it('does not fire on a condition that needs what is looked up', () => {
    const tested = measure('sum', 'effective_cost', isIn('tag:CostCenter', ['a']));
    const plan = aggregate(['tag:CostCenter'], [tested], withTags);
    expect(apply(plan)).toBe(plan);
  });

  it('does not fire on a distinct count with a condition: the partials no longer know which charges met it', () => {
    const plan = aggregate(
      ['tag:CostCenter'],
      [measure('count-distinct', 'region_id', isIn('region_id', ['a']))],
      withTags,
    );
    expect(apply(plan)).toBe(plan);
  });

  it('does not fire where the first pass leaves almost as many rows', () => {
    const few = { ...fixedState, batches: fixedState.batches.map((batch) => ({ ...batch, charges: 10 })) };
    const plan = aggregate(['tag:CostCenter'], [sum], withTags);
    expect(applyRule(aggregateBeforeLookup, plan, few)).toBe(plan);
  });

  it('does not fire without a lookup, or with a filter above it', () => {
    for (const input of [charges, filter(isIn('tag:CostCenter', ['a']), withTags)]) {
      const plan = aggregate(['region_id'], [sum], input);
      expect(apply(plan)).toBe(plan);
    }
  });

  it('does not fire on what it wrote', () => {
    const once = apply(aggregate(['tag:CostCenter'], [sum], withTags));
    expect(apply(once)).toBe(once);
  });
});
