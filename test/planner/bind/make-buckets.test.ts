import * as fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import type { TimeRange } from '../../../src/core/time-range.ts';
import { DAY_MS, HOUR_MS, ceilHour, formatInstant } from '../../../src/core/time-range.ts';
import {
  BUCKETS_MAX,
  continueLabels,
  isOffTheHour,
  makeBuckets,
} from '../../../src/planner/bind/make-buckets.ts';
import type { TimeBuckets } from '../../../src/planner/time-buckets.ts';
import { bucketIndex, bucketRuns } from '../../../src/planner/time-buckets.ts';

const range = (from: string, to: string): TimeRange => ({ from: Date.parse(from), to: Date.parse(to) });
const labels = (buckets: TimeBuckets) => buckets.labels.map(formatInstant);
const edges = (buckets: TimeBuckets) => buckets.edges.map(formatInstant);

const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'America/Sao_Paulo',
  'America/Havana',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Pacific/Apia',
];
const granularities = ['HOUR', 'DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR'] as const;

/** Where clocks of the zones above change, a day was skipped, or a year begins. */
const anchors = [
  '2011-12-30T10:00:00Z',
  '2017-10-15T03:00:00Z',
  '2018-02-18T02:00:00Z',
  '2018-03-31T15:00:00Z',
  '2018-10-06T15:30:00Z',
  '2018-10-28T01:00:00Z',
  '2018-11-04T06:00:00Z',
  '2018-12-31T23:00:00Z',
  '2020-02-29T00:00:00Z',
].map((text) => Date.parse(text));

const lengthsMs = [1, HOUR_MS / 2, HOUR_MS, 5 * HOUR_MS, DAY_MS, 3.3 * DAY_MS, 45 * DAY_MS, 800 * DAY_MS];
const period = fc
  .record({
    anchor: fc.constantFrom(...anchors),
    hours: fc.integer({ min: -60, max: 60 }),
    ms: fc.constantFrom(0, 0, 0, 1, -1, HOUR_MS / 2),
    length: fc.constantFrom(...lengthsMs),
  })
  .map(({ anchor, hours, ms, length }) => {
    const from = anchor + hours * HOUR_MS + ms;
    return { from, to: from + Math.round(length) };
  });
const cut = fc.record({
  granularity: fc.constantFrom(...granularities),
  zone: fc.constantFrom(...zones),
  period,
});
const capped = (granularity: string, { from, to }: TimeRange) =>
  granularity === 'HOUR' ? { from, to: Math.min(to, from + 10 * DAY_MS) } : { from, to };

/** The start of the calendar unit that an instant is in, by Temporal: the judge. */
function unitStart(granularity: TimeBuckets['granularity'], zone: string, instant: number): number {
  const at = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zone);
  const date = at.toPlainDate();
  switch (granularity) {
    case 'HOUR':
      return instant - (at.minute * 60 + at.second) * 1000 - at.millisecond;
    case 'DAY':
      return at.startOfDay().epochMilliseconds;
    case 'WEEK':
      return date.subtract({ days: date.dayOfWeek - 1 }).toZonedDateTime(zone).epochMilliseconds;
    case 'MONTH':
      return date.with({ day: 1 }).toZonedDateTime(zone).epochMilliseconds;
    case 'QUARTER':
      return date.with({ month: date.month - ((date.month - 1) % 3), day: 1 }).toZonedDateTime(zone)
        .epochMilliseconds;
    case 'YEAR':
      return date.with({ month: 1, day: 1 }).toZonedDateTime(zone).epochMilliseconds;
  }
}

describe('buckets of any period in any zone', () => {
  it('cover exactly the hours that start in the period, edges and labels ascending', () => {
    const property = fc.property(cut, ({ granularity, zone, period }) => {
      const asked = capped(granularity, period);
      const buckets = makeBuckets(granularity, zone, asked);
      expect(buckets.edges).toHaveLength(buckets.labels.length + 1);
      expect(buckets.edges.at(-1)).toBe(ceilHour(asked.to));
      if (ceilHour(asked.from) < ceilHour(asked.to)) expect(buckets.edges[0]).toBe(ceilHour(asked.from));
      else expect(buckets.labels).toEqual([]);
      expectAscending(buckets.edges);
      expectAscending(buckets.labels);
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it('hold each hour by the calendar unit that it starts in, as Temporal has it', () => {
    const property = fc.property(cut, fc.double({ min: 0, max: 1, noNaN: true }), (asked, part) => {
      const { granularity, zone } = asked;
      const { from, to } = capped(granularity, asked.period);
      const buckets = makeBuckets(granularity, zone, { from, to });
      const hours = (ceilHour(to) - ceilHour(from)) / HOUR_MS;
      fc.pre(hours > 0);
      const hour = ceilHour(from) + Math.floor(part * (hours - 1)) * HOUR_MS;
      const label = buckets.labels[bucketIndex(buckets, hour)];
      expect(label === undefined ? null : formatInstant(label)).toBe(
        formatInstant(unitStart(granularity, zone, hour)),
      );
    });
    fc.assert(property, { numRuns: 2_000 });
  });

  it('are found again by their runs', () => {
    const property = fc.property(cut, ({ granularity, zone, period }) => {
      const buckets = makeBuckets(granularity, zone, capped(granularity, period));
      const runs = bucketRuns(buckets);
      const starts = runs.flatMap(({ from, widthMs, count }) =>
        Array.from({ length: count }, (_, i) => from + i * widthMs),
      );
      expect(starts).toEqual(buckets.edges.slice(0, -1));
      expect(runs.map((run) => run.first)).toEqual(
        runs.map((_, i) => runs.slice(0, i).reduce((sum, run) => sum + run.count, 0)),
      );
      const last = runs.at(-1);
      if (last) expect(last.from + last.count * last.widthMs).toBe(buckets.edges.at(-1));
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('go on where the compared period has more of them', () => {
    const property = fc.property(
      cut,
      fc.integer({ min: 1, max: 40 }),
      ({ granularity, zone, period }, more) => {
        const { from, to } = capped(granularity, period);
        const buckets = makeBuckets(granularity, zone, { from, to });
        const longer = continueLabels(buckets, buckets.labels.length + more);
        expect(longer).toHaveLength(buckets.labels.length + more);
        expect(longer.slice(0, buckets.labels.length)).toEqual(buckets.labels);
        expectAscending(longer);
        // The hour in which Lord Howe sets its clocks back by half an hour has no start of its own.
        if (granularity === 'HOUR') return;
        for (const label of longer.slice(1)) expect(label).toBe(unitStart(granularity, zone, label));
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});

function expectAscending(instants: readonly number[]): void {
  expect(instants.every((instant, i) => i === 0 || instant > (instants[i - 1] ?? Infinity))).toBe(true);
}

describe('buckets by example', () => {
  it('the first label may lie before the period, the first edge does not', () => {
    const buckets = makeBuckets('MONTH', 'UTC', range('2018-10-15T12:00Z', '2018-11-10T00:00Z'));
    expect(labels(buckets)).toEqual(['2018-10-01T00:00:00Z', '2018-11-01T00:00:00Z']);
    expect(edges(buckets)).toEqual(['2018-10-15T12:00:00Z', '2018-11-01T00:00:00Z', '2018-11-10T00:00:00Z']);
  });

  it('weeks begin on Monday, quarters in January, April, July and October', () => {
    const asked = range('2018-10-03T00:00Z', '2018-10-16T00:00Z');
    expect(labels(makeBuckets('WEEK', 'UTC', asked))).toEqual([
      '2018-10-01T00:00:00Z',
      '2018-10-08T00:00:00Z',
      '2018-10-15T00:00:00Z',
    ]);
    expect(labels(makeBuckets('QUARTER', 'UTC', range('2018-02-01T00:00Z', '2018-12-01T00:00Z')))).toEqual(
      ['2018-01-01', '2018-04-01', '2018-07-01', '2018-10-01'].map((date) => `${date}T00:00:00Z`),
    );
  });

  it('a day of 25 hours in Berlin is one bucket; a year of days is few runs', () => {
    const days = makeBuckets('DAY', 'Europe/Berlin', range('2018-10-27T22:00Z', '2018-10-29T23:00Z'));
    expect(edges(days)).toEqual(['2018-10-27T22:00:00Z', '2018-10-28T23:00:00Z', '2018-10-29T23:00:00Z']);
    const year = makeBuckets('DAY', 'Europe/Berlin', range('2017-12-31T23:00Z', '2018-12-31T23:00Z'));
    expect(year.labels).toHaveLength(365);
    expect(bucketRuns(year)).toHaveLength(5);
  });

  it('the hour that Berlin repeats is two buckets', () => {
    const hours = makeBuckets('HOUR', 'Europe/Berlin', range('2018-10-28T00:00Z', '2018-10-28T03:00Z'));
    expect(labels(hours)).toEqual(['2018-10-28T00:00:00Z', '2018-10-28T01:00:00Z', '2018-10-28T02:00:00Z']);
  });

  it('a midnight off the hour: the label stays the midnight, the edge is the next full hour', () => {
    const days = makeBuckets('DAY', 'Asia/Kolkata', range('2018-10-01T00:00Z', '2018-10-02T00:00Z'));
    expect(labels(days)).toEqual(['2018-09-30T18:30:00Z', '2018-10-01T18:30:00Z']);
    expect(edges(days)).toEqual(['2018-10-01T00:00:00Z', '2018-10-01T19:00:00Z', '2018-10-02T00:00:00Z']);
  });

  it('a day that begins at one o’clock, and a day that there was not', () => {
    const gap = makeBuckets('DAY', 'America/Sao_Paulo', range('2017-10-14T03:00Z', '2017-10-16T02:00Z'));
    expect(labels(gap)).toEqual(['2017-10-14T03:00:00Z', '2017-10-15T03:00:00Z']);
    const skipped = makeBuckets('DAY', 'Pacific/Apia', range('2011-12-29T10:00Z', '2011-12-31T10:00Z'));
    expect(labels(skipped)).toEqual(['2011-12-29T10:00:00Z', '2011-12-30T10:00:00Z']); // The 29th and the 31st.
  });

  it('a period without the start of an hour has no bucket, yet a label to stand beside another', () => {
    const none = makeBuckets('DAY', 'UTC', range('2018-10-01T10:15Z', '2018-10-01T10:45Z'));
    expect(none.labels).toEqual([]);
    expect(continueLabels(none, 2).map(formatInstant)).toEqual([
      '2018-10-01T00:00:00Z',
      '2018-10-02T00:00:00Z',
    ]);
  });

  it('labels go on over a skipped day and a repeated hour without a repetition', () => {
    const days = makeBuckets('DAY', 'Pacific/Apia', range('2011-12-28T10:00Z', '2011-12-29T10:00Z'));
    expect(continueLabels(days, 3).map(formatInstant)).toEqual([
      '2011-12-28T10:00:00Z',
      '2011-12-29T10:00:00Z',
      '2011-12-30T10:00:00Z',
    ]);
    const hours = makeBuckets('HOUR', 'Europe/Berlin', range('2018-03-25T00:00Z', '2018-03-25T01:00Z'));
    expect(continueLabels(hours, 3).map(formatInstant)).toEqual([
      '2018-03-25T00:00:00Z',
      '2018-03-25T01:00:00Z',
      '2018-03-25T02:00:00Z',
    ]);
    expect(continueLabels(hours, 1)).toBe(hours.labels);
  });

  it('more buckets than anyone reads are refused, before they are made', () => {
    const from = Date.parse('2018-01-01T00:00:00Z');
    const hours = (count: number) => makeBuckets('HOUR', 'UTC', { from, to: from + count * HOUR_MS });
    expect(hours(BUCKETS_MAX).labels).toHaveLength(BUCKETS_MAX);
    expect(() => hours(BUCKETS_MAX + 1)).toThrow(
      expect.objectContaining({
        code: 'TOO_LARGE',
        message: 'time buckets: 90001 is over the limit of 90000',
      }),
    );
  });

  it('a wrong zone is refused', () => {
    expect(() => makeBuckets('DAY', 'Nowhere', range('2018-10-01', '2018-10-02'))).toThrow(
      expect.objectContaining({ code: 'BAD_TIME_ZONE' }),
    );
  });
});

describe('zones off the hour', () => {
  const october = range('2018-10-01T00:00Z', '2018-11-01T00:00Z');
  it.each([
    ['UTC', false],
    ['Europe/Berlin', false],
    ['Asia/Kolkata', true],
    ['Asia/Kathmandu', true],
    ['Australia/Lord_Howe', true],
  ])('%s: %s', (zone, isOff) => expect(isOffTheHour(zone, october)).toBe(isOff));
});

describe('the number of a bucket', () => {
  const buckets = makeBuckets('DAY', 'UTC', range('2018-10-01T00:00Z', '2018-10-04T00:00Z'));
  it.each([
    ['2018-09-30T23:59:59.999Z', -1],
    ['2018-10-01T00:00:00Z', 0],
    ['2018-10-01T23:59:59.999Z', 0],
    ['2018-10-02T00:00:00Z', 1],
    ['2018-10-03T23:00:00Z', 2],
    ['2018-10-04T00:00:00Z', -1],
  ])('%s is in %i', (instant, number) => expect(bucketIndex(buckets, Date.parse(instant))).toBe(number));
});
