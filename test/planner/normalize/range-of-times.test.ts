import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rangeOfTimes } from '../../../src/planner/normalize/range-of-times.ts';
import type { ValueTest } from '../../../src/planner/predicate.ts';
import { FALSE, TRUE } from '../../../src/planner/predicate.ts';
import { predicateArbitrary } from '../../support/arbitraries.ts';
import { timeText } from '../../support/charge.ts';
import { meets } from '../../support/meaning.ts';
import { test } from '../../support/plans.ts';

const KEY = 'charge_period_start';
const rangeOf = (valueTest: ValueTest) => {
  const range = rangeOfTimes(test(KEY, valueTest), KEY);
  return range && (range.from >= range.to ? 'empty' : [timeText(range.from), timeText(range.to)]);
};
const prefix = (value: string, ignoreCase = false) => rangeOf({ op: 'startsWith', value, ignoreCase });

describe('the range of times that a predicate leaves', () => {
  it.each([
    ['2018', '2018-01-01T00:00:00Z', '2019-01-01T00:00:00Z'],
    ['2018-1', '2018-01-01T00:00:00Z', '2019-01-01T00:00:00Z'],
    ['2018-12-', '2018-12-01T00:00:00Z', '2019-01-01T00:00:00Z'],
    ['2016-02-29', '2016-02-29T00:00:00Z', '2016-03-01T00:00:00Z'],
    ['2018-12-31T23', '2018-12-31T23:00:00Z', '2019-01-01T00:00:00Z'],
    ['2018-12-31T23:59', '2018-12-31T23:59:00Z', '2019-01-01T00:00:00Z'],
    ['2018-10-01T00:00:00', '2018-10-01T00:00:00Z', '2018-10-01T00:00:01Z'],
    ['2018-10-01T00:00:00.500Z', '2018-10-01T00:00:00Z', '2018-10-01T00:00:01Z'],
  ])('of the prefix %s are its whole fields', (text, from, to) => {
    expect(prefix(text)).toEqual([from, to]);
    expect(prefix(text.toLowerCase(), true)).toEqual([from, to]);
  });

  it('is empty where no time has the prefix or the value', () => {
    for (const text of ['2018-13', '2018-02-30', '2018-00', '2018-10-01T24', '10.2018', '2018-10-01t00'])
      expect(prefix(text)).toBe('empty');
    const values = ['2018-10-01', '2018-10-01T00:00:00.000Z', '2018-10-01T02:00:00+02:00', 'a'];
    expect(rangeOf({ op: 'in', values, ignoreCase: false })).toBe('empty');
    expect(rangeOfTimes(FALSE, KEY)).toEqual({ from: 0, to: 0 });
  });

  it('is unknown where nothing is told', () => {
    expect(prefix('201')).toBeNull();
    expect(rangeOf({ op: 'contains', value: '2018', ignoreCase: false })).toBeNull();
    expect(rangeOfTimes(TRUE, KEY)).toBeNull();
  });

  it('holds every time that meets the predicate', () => {
    const time = fc.integer({ min: Date.UTC(2018, 8, 1), max: Date.UTC(2019, 1, 1) });
    const hour = time.map((at) => Math.floor(at / 1_800_000) * 1_800_000);
    const property = fc.property(predicateArbitrary, fc.oneof(hour, time), (predicate, at) => {
      const range = rangeOfTimes(predicate, KEY);
      if (range === null || !meets(predicate, (key) => (key === KEY ? timeText(at) : null))) return;
      expect(at >= range.from && at < range.to).toBe(true);
    });
    fc.assert(property, { numRuns: 2_000 });
  });
});
