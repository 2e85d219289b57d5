import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TenantState } from '../../src/catalog/tenant-state.ts';
import { estimateGroups, estimateRows } from '../../src/planner/estimate.ts';
import { measure } from '../../src/planner/measures.ts';
import type { Plan } from '../../src/planner/plan.ts';
import { TIME } from '../../src/planner/plan.ts';
import { FALSE, TRUE, and, not, or } from '../../src/planner/predicate.ts';
import { predicateArbitrary } from '../support/arbitraries.ts';
import { fixedState } from '../support/fixed-state.ts';
import {
  aggregate,
  bucket,
  compare,
  evenBuckets,
  filter,
  isIn,
  isMissing,
  lookup,
  page,
  scan,
  test,
  top,
} from '../support/plans.ts';

const OCTOBER = { from: Date.parse('2018-10-01'), to: Date.parse('2018-10-31') };
const count = measure('count', null);
const charges = scan([], { range: OCTOBER });
const rows = (plan: Plan, state: TenantState = fixedState) => estimateRows(plan, state);

describe('estimated rows', () => {
  it('of a scan: the charges of live batches, by the part of their span', () => {
    expect(rows(charges)).toBe(120_000);
    expect(rows(scan([], { range: { ...OCTOBER, to: OCTOBER.from + 86_400_000 } }))).toBe(4_000);
    expect(rows(scan([]))).toBe(240_000);
    expect(rows(scan([], { range: { from: 0, to: OCTOBER.from } }))).toBe(0);
    expect(rows(scan([], { range: OCTOBER, axis: 'billing_period_start' }))).toBe(120_000);
    expect(rows(scan([], { batches: ['b-november'] }))).toBe(120_000);
    expect(rows(scan([], { batches: [] }))).toBe(0);
  });

  it('of a filter: by distinct values and missing ones', () => {
    const part = (predicate: Parameters<typeof filter>[0]) =>
      rows(filter(predicate, charges)) / rows(charges);
    expect(part(isIn('service_name', ['a']))).toBeCloseTo(1 / 18, 3);
    expect(part(isIn('service_name', Array.from({ length: 40 }, String)))).toBeCloseTo(1, 2);
    expect(part(isMissing('service_name'))).toBeCloseTo(1_000 / 240_000, 6);
    expect(part(test('service_name', { op: 'any' }, true))).toBe(1);
    expect(part(test('service_name', { op: 'contains', value: 'a', ignoreCase: false }))).toBeCloseTo(
      1 / 3,
      2,
    );
    expect(part(not(isIn('service_name', ['a'])))).toBeCloseTo(17 / 18, 3);
    expect(part(or([isIn('service_name', ['a']), TRUE]))).toBe(1);
    expect(part(FALSE)).toBe(0);
  });

  it('of groups: at most the rows, at most what the values can make, at least one where there are rows', () => {
    const groups = (by: string[], input: Plan) => rows(aggregate(by, [count], input));
    expect(groups([], scan([], { range: { from: 0, to: 1 } }))).toBe(1);
    expect(groups(['service_name'], charges)).toBe(19); // A missing one among them.
    expect(groups(['service_name', 'region_id'], charges)).toBeGreaterThan(19);
    expect(groups(['service_name', 'region_id'], charges)).toBeLessThan(19 * 13);
    expect(groups(['service_name'], filter(isIn('service_name', ['a', 'b']), charges))).toBe(2);
    expect(groups(['service_name'], filter(FALSE, charges))).toBe(0);
    const days = bucket(charges, { buckets: evenBuckets(OCTOBER, 86_400_000) });
    expect(groups([TIME], days)).toBe(30);
    expect(groups(['tag_set'], charges)).toBe(10);
    expect(groups(['resource_key'], charges)).toBe(901);
  });

  it('of the narrowest list, wherever it stands', () => {
    const [wide, narrow] = [isIn('service_name', ['a', 'b', 'c']), isIn('service_name', ['a'])];
    const inputs = [
      filter(and([wide, narrow]), charges),
      filter(and([narrow, wide]), charges),
      filter(wide, lookup('tags', ['tag:Team'], filter(narrow, charges))),
    ];
    for (const input of inputs) expect(rows(aggregate(['service_name'], [count], input))).toBe(1);
  });

  it('of what the server does with groups', () => {
    const groups = aggregate(['service_name'], [count], charges);
    expect(
      rows(top(groups, { count: 3, by: ['service_name'], keys: ['service_name'], measures: [count] })),
    ).toBe(4);
    expect(rows(page(groups, { sort: [], measures: [count], limit: 5 }))).toBe(6);
    expect(rows(compare(['service_name'], [count], groups, groups))).toBe(28.5);
    expect(rows({ kind: 'Having', tests: [], input: groups })).toBeCloseTo(19 / 3, 6);
  });

  it('never rise by another predicate, and stay within what there is', () => {
    const keys = fc.subarray(['service_name', 'region_id', 'tag_set', 'resource_key', 'sub_account_id']);
    const property = fc.property(predicateArbitrary, predicateArbitrary, keys, (one, other, by) => {
      const both = [and([one, other]), and([other, one])];
      const few = filter(one, charges);
      for (const more of [...both.map((predicate) => filter(predicate, charges)), filter(other, few)]) {
        expect(rows(more)).toBeLessThanOrEqual(rows(few) * (1 + 1e-9));
        expect(rows(more)).toBeGreaterThanOrEqual(0);
        const groups = (input: Plan) => estimateGroups(aggregate(by, [count], input), fixedState);
        expect(groups(more)).toBeLessThanOrEqual(groups(few) * (1 + 1e-9));
        expect(groups(more)).toBeLessThanOrEqual(Math.max(1, rows(more)) * (1 + 1e-9));
      }
    });
    fc.assert(property, { numRuns: 1_000 });
  });
});
