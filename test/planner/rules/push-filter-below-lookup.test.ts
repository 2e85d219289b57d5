import { describe, expect, it } from 'vitest';
import { formatPlan } from '../../../src/planner/format-plan.ts';
import { and } from '../../../src/planner/predicate.ts';
import { pushFilterBelowLookup } from '../../../src/planner/rules/push-filter-below-lookup.ts';
import { applyRule } from '../../support/apply-rule.ts';
import { dedent } from '../../support/dedent.ts';
import { filter, isIn, lookup, scan } from '../../support/plans.ts';

const charges = scan(['tag_set', 'resource_key', 'service_name']);
const lookups = lookup('tags', ['tag:Team'], lookup('resources', ['resource_id'], charges));

describe('push-filter-below-lookup', () => {
  it('filters before any lookup that the filter does not need', () => {
    const plan = applyRule(pushFilterBelowLookup, filter(isIn('service_name', ['s']), lookups));
    expect(formatPlan(plan)).toBe(dedent`
      Lookup tags (tag:Team)
        Lookup resources (resource_id)
          Filter service_name in ("s")
            Scan charges charge_period_start [1970-01-01T00:00Z, 2200-01-01T00:00Z) (tag_set, resource_key, service_name)
    `);
  });

  it('does not need the lookup for a set of ids', () => {
    const member = { kind: 'member', dictionary: 'tags', test: isIn('tag:Team', ['a']) } as const;
    const plan = applyRule(pushFilterBelowLookup, filter(member, lookup('tags', ['tag:Team'], charges)));
    expect(formatPlan(plan)).toBe(dedent`
      Lookup tags (tag:Team)
        Filter tag_set of tags where tag:Team in ("a")
          Scan charges charge_period_start [1970-01-01T00:00Z, 2200-01-01T00:00Z) (tag_set, resource_key, service_name)
    `);
  });

  it('stops above the lookup that it needs', () => {
    const plan = applyRule(pushFilterBelowLookup, filter(isIn('resource_id', ['r']), lookups));
    expect(formatPlan(plan)).toBe(dedent`
      Lookup tags (tag:Team)
        Filter resource_id in ("r")
          Lookup resources (resource_id)
            Scan charges charge_period_start [1970-01-01T00:00Z, 2200-01-01T00:00Z) (tag_set, resource_key, service_name)
    `);
  });

  it('does not fire where any part looks at what the lookup adds', () => {
    const plan = filter(and([isIn('service_name', ['s']), isIn('tag:Team', ['a'])]), lookups);
    expect(applyRule(pushFilterBelowLookup, plan)).toBe(plan);
  });

  it('does not fire above a scan', () => {
    const plan = filter(isIn('service_name', ['s']), charges);
    expect(applyRule(pushFilterBelowLookup, plan)).toBe(plan);
  });
});
