import { describe, expect, it } from 'vitest';

import { sourceProfile } from '../../src/catalog/source-profile.ts';
import type { TenantState } from '../../src/catalog/tenant-state.ts';
import { sourceName } from '../../src/core/ids.ts';
import { usedStatistics } from '../../src/planner/explain-statistics.ts';
import { measure } from '../../src/planner/measures.ts';
import { TIME } from '../../src/planner/plan.ts';
import { batchProfile } from '../support/batch-profile.ts';
import { fixedBatch, fixedState } from '../support/fixed-state.ts';
import { aggregate, ask, filter, isIn, page, scan } from '../support/plans.ts';

const [JANUARY, MARCH] = [Date.parse('2020-01-05'), Date.parse('2020-03-05')];
const count = measure('count', null);
const charges = scan([], { range: { from: Date.parse('2018-10-01'), to: Date.parse('2018-11-01') } });

/** One source whose services were counted, and one that an earlier version imported, of the same size. */
const state: TenantState = (() => {
  const hours = [0, 1].map((hour) => Date.parse('2018-10-01') / 3_600_000 + hour);
  const tuples = ['a', 'b', null].map((service) => ({ values: [service], hours }));
  const profile = batchProfile(['service_name'], tuples);
  const source = sourceName('old');
  if (source === null) throw new Error('the name is one');
  const counted = fixedBatch('counted', '2018-10', { charges: 6, knownFrom: MARCH });
  const sketched = fixedBatch('sketched', '2018-10', { charges: 6, knownFrom: JANUARY, source });
  const regions = { key: 'region_id', distinct: 9, nulls: 0 };
  const services = { key: 'service_name', distinct: 7, nulls: 0 };
  return {
    ...fixedState,
    batches: [counted, sketched],
    profiles: new Map([
      ['aws', sourceProfile([{ batch: counted, statistics: [regions], profile }])],
      ['old', sourceProfile([{ batch: sketched, statistics: [regions, services], profile: undefined }])],
    ]),
  };
})();

describe('the statistics that a node is estimated by', () => {
  it('are of the columns that it looks at, over all sources that are read', () => {
    const grouped = aggregate([TIME, 'service_name'], [count], filter(isIn('region_id', ['x']), charges));
    const services = {
      key: 'service_name',
      values: 7,
      frequent: 3,
      nullShare: 1 / 6,
      confidence: 'sketched',
    };
    const regions = { key: 'region_id', values: 9, frequent: 0, nullShare: 0, confidence: 'sketched' };
    expect(usedStatistics(grouped, state)).toEqual({
      confidence: 'sketched',
      measuredFrom: JANUARY,
      columns: [services],
    });
    expect(usedStatistics(grouped.input, state)?.columns).toEqual([regions]);
    expect(usedStatistics(ask(grouped), state)?.columns).toEqual([services, regions]);
  });

  it('are as good as the worst, and as old as the oldest', () => {
    const newer = { ...state, batches: state.batches.slice(0, 1) };
    const of = (...keys: string[]) => {
      const { confidence, measuredFrom } = usedStatistics(aggregate(keys, [count], charges), newer) ?? {};
      return { confidence, measuredFrom };
    };
    expect(of('service_name')).toEqual({ confidence: 'counted', measuredFrom: MARCH });
    expect(of('service_name', 'region_id').confidence).toBe('sketched');
    expect(of('service_name', 'tag_set', 'region_id').confidence).toBe('assumed');
  });

  it('are not there where nothing was measured, and are sizes alone for a Scan', () => {
    const unknown = usedStatistics(aggregate(['tag_set'], [count], charges), state);
    const nothing = { key: 'tag_set', values: null, frequent: 0, nullShare: null, confidence: 'assumed' };
    expect(unknown?.columns).toEqual([nothing]);
    expect(usedStatistics(charges, state)).toEqual({
      confidence: 'counted',
      measuredFrom: JANUARY,
      columns: [],
    });
  });

  it('are none of what the server does, and of what reads nothing', () => {
    const grouped = aggregate(['service_name'], [count], charges);
    expect(usedStatistics(page(grouped, { sort: [], measures: [count] }), state)).toBeNull();
    expect(usedStatistics({ kind: 'Empty', columns: [] }, state)).toBeNull();
    expect(usedStatistics(grouped, { ...state, batches: [] })).toBeNull();
  });
});
