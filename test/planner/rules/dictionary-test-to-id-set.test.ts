import { describe, expect, it } from 'vitest';
import { formatPlan } from '../../../src/planner/format-plan.ts';
import { measure } from '../../../src/planner/measures.ts';
import { and, not } from '../../../src/planner/predicate.ts';
import { dictionaryTestToIdSet } from '../../../src/planner/rules/dictionary-test-to-id-set.ts';
import { applyRule } from '../../support/apply-rule.ts';
import { dedent } from '../../support/dedent.ts';
import { aggregate, filter, isIn, isMissing, lookup, scan } from '../../support/plans.ts';

const charges = scan(['tag_set', 'resource_key', 'service_name', 'effective_cost']);
const withTags = lookup('tags', ['tag:Team'], charges);

describe('dictionary-test-to-id-set', () => {
  it('asks for the id instead of the value, at any depth', () => {
    const predicate = and([
      isIn('service_name', ['s']),
      not(isIn('tag:Team', ['a'])),
      isMissing('resource_id'),
    ]);
    expect(formatPlan(applyRule(dictionaryTestToIdSet, filter(predicate, withTags)))).toBe(dedent`
      Filter service_name in ("s") and not (tag_set of tags where tag:Team in ("a")) and resource_key of resources where resource_id is missing
        Lookup tags (tag:Team)
          Scan charges charge_period_start [1970-01-01T00:00Z, 2200-01-01T00:00Z) (tag_set, resource_key, service_name, effective_cost)
    `);
  });

  it('rewrites the conditions of measures and keeps their names', () => {
    const measures = [measure('count', null), measure('sum', 'effective_cost', isIn('tag:Team', ['a']))];
    const plan = applyRule(dictionaryTestToIdSet, aggregate(['service_name'], measures, withTags));
    const [count, sum] = plan.kind === 'Aggregate' ? plan.measures : [];
    expect(count).toBe(measures[0]);
    expect(sum?.name).toBe(measures[1]?.name);
    expect(sum?.where).toEqual({ kind: 'member', dictionary: 'tags', test: isIn('tag:Team', ['a']) });
  });

  it('does not fire on columns of the charge itself', () => {
    const plan = aggregate([], [measure('count', null)], filter(isIn('service_name', ['s']), charges));
    expect(applyRule(dictionaryTestToIdSet, plan)).toBe(plan);
  });

  it('does not fire on what it wrote', () => {
    const once = applyRule(dictionaryTestToIdSet, filter(isIn('tag:Team', ['a']), withTags));
    expect(applyRule(dictionaryTestToIdSet, once)).toBe(once);
  });
});
