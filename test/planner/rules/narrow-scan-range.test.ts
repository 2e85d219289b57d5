import { describe, expect, it } from 'vitest';
import { formatPlan } from '../../../src/planner/format-plan.ts';
import type { Scan } from '../../../src/planner/plan.ts';
import type { Predicate } from '../../../src/planner/predicate.ts';
import { and, not, or } from '../../../src/planner/predicate.ts';
import { narrowScanRange } from '../../../src/planner/rules/narrow-scan-range.ts';
import { applyRule } from '../../support/apply-rule.ts';
import { dedent } from '../../support/dedent.ts';
import { filter, isIn, lookup, scan, test, union } from '../../support/plans.ts';

const START = 'charge_period_start';
const range = { from: Date.parse('2018-10-01T00:00:00Z'), to: Date.parse('2018-11-01T00:00:00Z') };
const october = (options: Partial<Scan> = {}) => scan([START, 'region_id'], { range, ...options });
const startsWith = (value: string, key = START) => test(key, { op: 'startsWith', value, ignoreCase: false });
const apply = (predicate: Predicate, input = october()) =>
  applyRule(narrowScanRange, filter(predicate, input));
const scanned = (predicate: Predicate, input = october()) =>
  /\[.*\)/.exec(formatPlan(apply(predicate, input)))?.[0];

describe('narrow-scan-range', () => {
  it('reads the time that the filter leaves; the filter stays', () => {
    const predicate = and([startsWith('2018-10-03'), isIn('region_id', ['r'])]);
    expect(formatPlan(apply(predicate))).toBe(dedent`
      Filter charge_period_start startsWith "2018-10-03" and region_id in ("r")
        Scan charges charge_period_start [2018-10-03T00:00Z, 2018-10-04T00:00Z) (charge_period_start, region_id)
    `);
  });

  it('takes whole hours around single times', () => {
    const times = isIn(START, ['2018-10-02T05:30:00Z', '2018-10-02T07:00:00Z']);
    expect(scanned(times)).toMatch('[2018-10-02T05:00Z, 2018-10-02T08:00Z)');
  });

  it('takes what parts leave together, and either of them', () => {
    const [third, fifth] = [startsWith('2018-10-03'), startsWith('2018-10-05')];
    expect(scanned(or([third, fifth]))).toMatch('[2018-10-03T00:00Z, 2018-10-06T00:00Z)');
    expect(scanned(and([or([third, fifth]), startsWith('2018-10-05T1')]))).toMatch(
      '[2018-10-05T00:00Z, 2018-10-06T00:00Z)',
    );
  });

  it('narrows charges that touch the time by their start, and billing periods by theirs', () => {
    expect(scanned(startsWith('2018-10-31'), october({ within: 'overlap' }))).toMatch(
      '[2018-10-31T00:00Z, 2018-11-01T00:00Z)',
    );
    const billed = october({ axis: 'billing_period_start' });
    const year = { from: Date.parse('2018-01-01T00:00:00Z'), to: Date.parse('2019-01-01T00:00:00Z') };
    expect(scanned(startsWith('2018-10', 'billing_period_start'), { ...billed, range: year })).toMatch(
      '[2018-10-01T00:00Z, 2018-11-01T00:00Z)',
    );
  });

  it('reads nothing where no time is left', () => {
    for (const predicate of [startsWith('2018-11'), isIn(START, ['2018-10-01'])])
      expect(formatPlan(apply(predicate))).toBe('Empty (charge_period_start, region_id)');
  });

  it('does not fire where the filter leaves all of the range', () => {
    for (const predicate of [startsWith('2018'), startsWith('2018-10'), startsWith('20')]) {
      const plan = filter(predicate, october());
      expect(applyRule(narrowScanRange, plan)).toBe(plan);
    }
  });

  it.each<[string, Predicate]>([
    ['another time', startsWith('2018-10-03', 'charge_period_end')],
    ['the start of the other axis', startsWith('2018-10-03', 'billing_period_start')],
    ['a complement', not(startsWith('2018-10-03'))],
    ['one part of an or alone', or([startsWith('2018-10-03'), isIn('region_id', ['r'])])],
    ['the end of the text', test(START, { op: 'endsWith', value: '03T00:00:00Z', ignoreCase: false })],
  ])('does not fire on %s', (_, predicate) => {
    const plan = filter(predicate, october());
    expect(applyRule(narrowScanRange, plan)).toBe(plan);
  });

  it('looks through lookups', () => {
    const plan = filter(startsWith('2018-10-03'), lookup('tags', ['tag:Team'], october()));
    expect(formatPlan(applyRule(narrowScanRange, plan))).toContain('[2018-10-03T00:00Z, 2018-10-04T00:00Z)');
  });

  it('does not fire above other nodes', () => {
    const plan = filter(startsWith('2018-10-03'), union(october(), october()));
    expect(applyRule(narrowScanRange, plan)).toBe(plan);
  });

  it('does not fire on what it wrote', () => {
    const once = apply(startsWith('2018-10-03'));
    expect(applyRule(narrowScanRange, once)).toBe(once);
  });
});
