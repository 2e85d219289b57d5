import { describe, expect, it } from 'vitest';
import type { TimeRange } from '../../src/core/time-range.ts';
import { formatInstant } from '../../src/core/time-range.ts';
import type { BucketPath, NestedBuckets, Times } from '../../src/execute/nested-buckets.ts';
import { labelsInside, nestBuckets, standsSideBySide } from '../../src/execute/nested-buckets.ts';

const range = (from: string, to: string): TimeRange => ({ from: Date.parse(from), to: Date.parse(to) });
const OCTOBER = range('2024-10-01T00:00:00Z', '2024-11-01T00:00:00Z');
const NOVEMBER = range('2024-11-01T00:00:00Z', '2024-12-01T00:00:00Z');
const times = (change: Partial<Times> = {}): Times => ({
  period: NOVEMBER,
  compare: null,
  timeZone: 'UTC',
  ...change,
});
const labels = (nested: NestedBuckets, path: BucketPath) => labelsInside(nested, path).map(formatInstant);

describe('nested buckets', () => {
  it('count inside the bucket of the level above, as a question about that bucket does', () => {
    const nested = nestBuckets(['WEEK', 'TOTAL', 'DAY'], times());
    expect(nested.paths.slice(0, 5)).toEqual([
      [0, null, 0],
      [0, null, 1],
      [0, null, 2],
      [1, null, 0],
      [1, null, 1],
    ]);
    expect(labels(nested, [0, null])).toEqual([
      '2024-11-01T00:00:00Z',
      '2024-11-02T00:00:00Z',
      '2024-11-03T00:00:00Z',
    ]);
  });

  it('cut a bucket that reaches over the edge of the one it is in', () => {
    const nested = nestBuckets(['MONTH', 'WEEK'], times({ period: { ...NOVEMBER, from: OCTOBER.from } }));
    expect(nested.paths.filter(([month]) => month === 1)).toEqual([0, 1, 2, 3, 4].map((week) => [1, week]));
    expect(labels(nested, [1])[0]).toBe('2024-10-28T00:00:00Z');
  });

  it('stand side by side where both periods are cut into as many, else meet by their numbers', () => {
    const days = times({ compare: OCTOBER });
    expect(standsSideBySide(nestBuckets(['TOTAL', 'DAY'], days))).toBe(true);
    expect(standsSideBySide(nestBuckets(['DAY', 'HOUR'], days))).toBe(true);
    const weeks = nestBuckets(['WEEK', 'DAY'], days);
    expect(standsSideBySide(weeks)).toBe(false);
    // The first week of November has three days, of October six.
    const inWeek = (number: number) => weeks.compared.filter((place) => weeks.paths[place]?.[0] === number);
    expect(inWeek(0).map((place) => weeks.paths[place]?.[1])).toEqual([0, 1, 2, 3, 4, 5]);
    expect(labels(weeks, [0])).toEqual([1, 2, 3, 4, 5, 6].map((day) => `2024-11-0${day}T00:00:00Z`));
  });

  it('have hours of their own on days of a clock change', () => {
    const compare = range('2024-09-30T22:00:00Z', '2024-10-31T23:00:00Z');
    const period = range('2024-10-31T23:00:00Z', '2024-11-30T23:00:00Z');
    const hours = nestBuckets(['DAY', 'HOUR'], { period, compare, timeZone: 'Europe/Berlin' });
    expect(standsSideBySide(hours)).toBe(false);
    expect(labels(hours, [26])).toHaveLength(25);
    expect(labels(hours, [26]).at(-1)).toBe('2024-11-27T23:00:00Z');
  });

  it('go on by the calendar inside a bucket that only the compared period has', () => {
    const hours = nestBuckets(['DAY', 'TOTAL', 'HOUR'], times({ compare: OCTOBER }));
    expect(labels(hours, [30, null])[1]).toBe('2024-12-01T01:00:00Z');
    expect(labels(hours, [30, null])).toHaveLength(24);
  });

  it('are none in a period without a full hour, but for those of the compared one', () => {
    const period = range('2024-11-01T00:10:00Z', '2024-11-01T00:50:00Z');
    const compare = range('2024-10-01T00:00:00Z', '2024-10-02T00:00:00Z');
    const nested = nestBuckets(['TOTAL', 'DAY'], times({ period, compare }));
    expect(nested.paths).toEqual([[null, 0]]);
    expect(labels(nested, [null])).toHaveLength(1);
  });
});
