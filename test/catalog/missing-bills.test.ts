import { describe, expect, it } from 'vitest';

import type { PublishedBatch } from '../../src/catalog/batch.ts';
import { BILL_EXPECTED_MONTHS, missingBills, monthsOf } from '../../src/catalog/missing-bills.ts';
import { azure, aws, batch } from './control/control-steps.ts';

function bill(month: string, but: Partial<PublishedBatch> = {}): PublishedBatch {
  const life = { liveFromSequence: 1, liveToSequence: null, knownFrom: 0, knownTo: null, droppedAt: null };
  return { ...batch(`b-${month}`, { billingMonth: `${month}-01` }), ...life, ...but };
}
const period = (from: string, to: string) => ({ from: Date.parse(from), to: Date.parse(to) });
const october = period('2018-10-01', '2018-11-01');

describe('the bills that a period waits for', () => {
  it('are of sources that had bills in the months before', () => {
    expect(missingBills([bill('2018-09')], october)).toEqual([{ source: aws, month: '2018-10' }]);
    expect(missingBills([bill('2018-09'), bill('2018-10')], october)).toEqual([]);
    const others = [bill('2018-10'), bill('2018-09', { source: azure })];
    expect(missingBills(others, october)).toEqual([{ source: azure, month: '2018-10' }]);
  });

  it('are of every month that the period touches', () => {
    const wide = period('2018-10-31T23:00Z', '2019-01-01T00:00Z');
    expect(monthsOf(wide).map((month) => new Date(month).toISOString().slice(0, 7))).toEqual([
      '2018-10',
      '2018-11',
      '2018-12',
    ]);
    expect(missingBills([bill('2018-10'), bill('2018-12')], wide)).toEqual([
      { source: aws, month: '2018-11' },
    ]);
    expect(missingBills([bill('2018-10')], wide).map(({ month }) => month)).toEqual(['2018-11', '2018-12']);
  });

  it('are none of a source that is new, or that ended long before', () => {
    expect(missingBills([bill('2018-11')], october)).toEqual([]);
    const monthsBefore = (count: number) => [
      bill(new Date(Date.UTC(2018, 9 - count)).toISOString().slice(0, 7)),
    ];
    expect(missingBills(monthsBefore(BILL_EXPECTED_MONTHS), october)).toHaveLength(1);
    expect(missingBills(monthsBefore(BILL_EXPECTED_MONTHS + 1), october)).toEqual([]);
    // Silent for long, and back again.
    expect(missingBills([bill('2018-01'), bill('2018-12')], october)).toHaveLength(1);
  });

  it('count by what is live', () => {
    const superseded = bill('2018-10', { liveToSequence: 2 });
    expect(missingBills([bill('2018-09'), superseded], october)).toHaveLength(1);
  });
});
