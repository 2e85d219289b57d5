import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sourceProfile } from '../../src/catalog/source-profile.ts';
import type { TenantState } from '../../src/catalog/tenant-state.ts';
import { estimateGroups, estimateRows } from '../../src/planner/estimate.ts';
import { measure } from '../../src/planner/measures.ts';
import type { Plan } from '../../src/planner/plan.ts';
import { TIME } from '../../src/planner/plan.ts';
import { FALSE, TRUE, and, not, or } from '../../src/planner/predicate.ts';
import { predicateArbitrary } from '../support/arbitraries.ts';
import { batchProfile } from '../support/batch-profile.ts';
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
const OCTOBER_HOUR = OCTOBER.from / 3_600_000;
const hoursOf = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => OCTOBER_HOUR + from + i);

/** 20 services in a region each, but for one that is in four; every other one on one day only. */
const profiledState: TenantState = (() => {
  const [october] = fixedState.batches;
  if (october === undefined) throw new Error('the state has batches');
  const tuples = Array.from({ length: 20 }, (_, i) => ({
    values: [`service ${i}`, `region ${i % 4}`, i === 3 ? null : 'account'],
    hours: i % 2 === 0 ? hoursOf(0, 720) : hoursOf(24 * i, 24 * i + 12),
  }));
  const everywhere = [0, 1, 2].map((i) => ({
    values: ['service 3', `region ${i}`, null],
    hours: hoursOf(72, 84),
  }));
  const profile = batchProfile(['service_name', 'region_id', 'sub_account_id'], [...tuples, ...everywhere]);
  const statistics = [{ key: 'resource_id', distinct: 50, nulls: 0 }];
  const measured = [{ batch: { ...october, charges: 7_356 }, statistics, profile }];
  return {
    ...fixedState,
    batches: measured.map(({ batch }) => batch),
    profiles: new Map([['aws', sourceProfile(measured)]]),
  };
})();
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

  it.each([
    ['statistics of columns alone', fixedState],
    ['profiles of batches', profiledState],
  ])('never rise by another predicate, and stay within what there is: %s', (_, state) => {
    const keys = fc.subarray([
      TIME,
      'service_name',
      'region_id',
      'tag_set',
      'resource_key',
      'sub_account_id',
    ]);
    const property = fc.property(predicateArbitrary, predicateArbitrary, keys, (one, other, by) => {
      const both = [and([one, other]), and([other, one])];
      const few = filter(one, charges);
      for (const more of [...both.map((predicate) => filter(predicate, charges)), filter(other, few)]) {
        expect(rows(more, state)).toBeLessThanOrEqual(rows(few, state) * (1 + 1e-9));
        expect(rows(more, state)).toBeGreaterThanOrEqual(0);
        const groups = (input: Plan) => estimateGroups(aggregate(by, [count], input), state);
        expect(groups(more)).toBeLessThanOrEqual(groups(few) * (1 + 1e-9));
        expect(groups(more)).toBeLessThanOrEqual(Math.max(1, rows(more, state)) * (1 + 1e-9));
      }
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  describe('by how values go together', () => {
    const groups = (by: string[], input: Plan) => rows(aggregate(by, [count], input), profiledState);
    const oneService = (name: string) => filter(isIn('service_name', [name]), charges);

    it('counts pairs, not products', () => {
      expect(groups(['service_name'], charges)).toBeCloseTo(20, 0);
      expect(groups(['service_name', 'region_id'], charges)).toBeCloseTo(23, 0);
    });

    it('knows what a frequent value goes with', () => {
      expect(groups(['region_id'], oneService('service 3'))).toBeCloseTo(4, 1);
      expect(groups(['region_id'], oneService('service 4'))).toBeCloseTo(1, 1);
      expect(groups(['region_id'], oneService('no such service'))).toBe(0);
    });

    it('knows how frequent a value is', () => {
      expect(rows(oneService('service 4'), profiledState)).toBeCloseTo(720, 0);
      expect(rows(oneService('service 5'), profiledState)).toBeCloseTo(12, 0);
      const contains = test('service_name', { op: 'contains', value: 'SERVICE 1', ignoreCase: true });
      expect(rows(filter(contains, charges), profiledState)).toBeCloseTo(5 * 720 + 6 * 12, 0);
    });

    it('knows how many days have charges', () => {
      const days = bucket(charges, { buckets: evenBuckets(OCTOBER, 86_400_000) });
      const counted = 10 * 30 + 10;
      expect(groups([TIME, 'service_name'], days) / counted).toBeGreaterThan(0.8);
      expect(groups([TIME, 'service_name'], days) / counted).toBeLessThan(1.25);
    });

    it('takes a resource to be of few other values, where that was not measured', () => {
      expect(groups(['resource_id', 'service_name'], charges)).toBeGreaterThanOrEqual(50);
      expect(groups(['resource_id', 'service_name'], charges)).toBeLessThan(100);
    });

    it('takes a tag that no batch has for missing', () => {
      expect(groups(['tag:Nowhere'], charges)).toBe(1);
      expect(rows(filter(test('tag:Nowhere', { op: 'any' }), charges), profiledState)).toBe(0);
    });
  });
});
