import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import { formatInstant } from '../../../src/core/time-range.ts';
import { resolveCompare, resolvePeriod } from '../../../src/planner/bind/resolve-period.ts';
import type { CalendarUnit, PeriodInput } from '../../../src/planner/cost-query.ts';

const NOW = '2018-11-22T17:00:00Z';
const at = (text: string) => Date.parse(text);
const text = ({ from, to }: { from: number; to: number }) => [formatInstant(from), formatInstant(to)];

function period(input: PeriodInput, zone = 'UTC', now = NOW): string[] {
  return text(resolvePeriod(input, zone, at(now)).range);
}

function failure(input: PeriodInput, zone = 'UTC', now = NOW): unknown {
  try {
    return resolvePeriod(input, zone, at(now));
  } catch (error) {
    return error;
  }
}

describe('a period', () => {
  it('from and to: as given, in any offset', () => {
    const given = { from: '2018-10-01T00:00:00Z', to: '2018-10-02T00:00:00+02:00' };
    expect(period(given)).toEqual(['2018-10-01T00:00:00Z', '2018-10-01T22:00:00Z']);
    expect(period({ from: '1970-01-01T00:00:00Z', to: '2200-01-01T00:00:00Z' })).toHaveLength(2);
  });

  it('last: counted back from now, days and months by the calendar of the zone', () => {
    expect(period({ last: 'PT6H' })).toEqual(['2018-11-22T11:00:00Z', NOW]);
    expect(period({ last: 'P30D' })).toEqual(['2018-10-23T17:00:00Z', NOW]);
    expect(period({ last: 'P30D' }, 'Europe/Berlin')).toEqual(['2018-10-23T16:00:00Z', NOW]); // Summer time then.
    expect(period({ last: 'P1M' }, 'UTC', '2018-03-31T12:00:00Z')[0]).toBe('2018-02-28T12:00:00Z');
    expect(period({ last: 'P1M' }, 'UTC', '2020-03-31T12:00:00Z')[0]).toBe('2020-02-29T12:00:00Z');
    expect(period({ last: 'P1Y' }, 'UTC', '2020-02-29T12:00:00Z')[0]).toBe('2019-02-28T12:00:00Z');
  });

  it('month: cut in the zone, with its daylight-saving time', () => {
    expect(period({ month: '2018-10' })).toEqual(['2018-10-01T00:00:00Z', '2018-11-01T00:00:00Z']);
    expect(period({ month: '2018-10' }, 'Europe/Berlin')).toEqual([
      '2018-09-30T22:00:00Z',
      '2018-10-31T23:00:00Z',
    ]);
    expect(period({ month: '2018-11' }, 'America/New_York')).toEqual([
      '2018-11-01T04:00:00Z',
      '2018-12-01T05:00:00Z',
    ]);
    expect(period({ month: '2018-12' }, 'Asia/Kolkata')).toEqual([
      '2018-11-30T18:30:00Z',
      '2018-12-31T18:30:00Z',
    ]);
    expect(period({ month: '2020-02' })).toEqual(['2020-02-01T00:00:00Z', '2020-03-01T00:00:00Z']);
    expect(period({ month: '1970-01' })[0]).toBe('1970-01-01T00:00:00Z');
    expect(period({ month: '2199-12' })[1]).toBe('2200-01-01T00:00:00Z');
  });

  it('toDate: the unit so far', () => {
    const starts: Record<CalendarUnit, string> = {
      DAY: '2018-11-22',
      WEEK: '2018-11-19',
      MONTH: '2018-11-01',
      QUARTER: '2018-10-01',
      YEAR: '2018-01-01',
    };
    for (const [unit, start] of Object.entries(starts)) {
      const toDate = unit as CalendarUnit; // The keys of the record above.
      expect(period({ toDate })).toEqual([`${start}T00:00:00Z`, NOW]);
    }
    expect(period({ toDate: 'DAY' }, 'Asia/Tokyo')).toEqual(['2018-11-22T15:00:00Z', NOW]);
  });

  it('toDate at the very edge: nothing so far, which is no error', () => {
    const midnight = '2018-12-01T00:00:00Z';
    expect(period({ toDate: 'MONTH' }, 'UTC', midnight)).toEqual([midnight, midnight]);
    expect(period({ toDate: 'WEEK' }, 'UTC', midnight)).toEqual(['2018-11-26T00:00:00Z', midnight]);
    const before = '2018-11-30T23:59:59.999Z';
    expect(period({ toDate: 'MONTH' }, 'UTC', before)).toEqual(['2018-11-01T00:00:00Z', before]);
  });

  it('previous: the whole unit before, across the year', () => {
    expect(period({ previous: 'DAY' })).toEqual(['2018-11-21T00:00:00Z', '2018-11-22T00:00:00Z']);
    expect(period({ previous: 'WEEK' })).toEqual(['2018-11-12T00:00:00Z', '2018-11-19T00:00:00Z']);
    expect(period({ previous: 'QUARTER' })).toEqual(['2018-07-01T00:00:00Z', '2018-10-01T00:00:00Z']);
    const january = '2019-01-01T00:00:00Z';
    expect(period({ previous: 'DAY' }, 'UTC', january)).toEqual(['2018-12-31T00:00:00Z', january]);
    expect(period({ previous: 'MONTH' }, 'UTC', january)).toEqual(['2018-12-01T00:00:00Z', january]);
    expect(period({ previous: 'QUARTER' }, 'UTC', january)).toEqual(['2018-10-01T00:00:00Z', january]);
    expect(period({ previous: 'YEAR' }, 'UTC', january)).toEqual(['2018-01-01T00:00:00Z', january]);
    expect(period({ previous: 'MONTH' }, 'America/New_York', january)).toEqual([
      '2018-11-01T04:00:00Z',
      '2018-12-01T05:00:00Z',
    ]);
  });

  it('a day that begins at one o’clock, one that is repeated, one that was skipped', () => {
    const gap = period({ previous: 'DAY' }, 'America/Sao_Paulo', '2017-10-16T12:00:00Z');
    expect(gap).toEqual(['2017-10-15T03:00:00Z', '2017-10-16T02:00:00Z']); // 23 hours, from 01:00.
    const fold = period({ previous: 'DAY' }, 'America/Sao_Paulo', '2018-02-18T12:00:00Z');
    expect(fold).toEqual(['2018-02-17T02:00:00Z', '2018-02-18T03:00:00Z']); // 25 hours.
    const skipped = period({ previous: 'DAY' }, 'Pacific/Apia', '2011-12-30T12:00:00Z');
    expect(skipped).toEqual(['2011-12-30T10:00:00Z', '2011-12-30T10:00:00Z']); // There was no 30 December.
  });

  it.each(['Europe/Berlin', 'America/Sao_Paulo', 'Australia/Lord_Howe', 'Asia/Kolkata'])(
    'calendar units in %s are what Temporal makes of them',
    (zone) => {
      for (const now of daysAroundTransitions(zone)) {
        const today = now.toPlainDate();
        const start = (date: Temporal.PlainDate) =>
          formatInstant(date.toZonedDateTime(zone).epochMilliseconds);
        const clock = formatInstant(now.epochMilliseconds);
        expect(period({ toDate: 'DAY' }, zone, clock)).toEqual([start(today), clock]);
        expect(period({ previous: 'DAY' }, zone, clock)).toEqual([
          start(today.subtract({ days: 1 })),
          start(today),
        ]);
        const first = today.with({ day: 1 });
        const month = first.toString().slice(0, 7);
        expect(period({ month }, zone)).toEqual([start(first), start(first.add({ months: 1 }))]);
      }
    },
  );
});

function daysAroundTransitions(zone: string): Temporal.ZonedDateTime[] {
  const days: Temporal.ZonedDateTime[] = [];
  let at = Temporal.Instant.from('2016-12-31T05:15:00Z').toZonedDateTimeISO(zone);
  while (days.length < 40) {
    days.push(...[-30, -3, 0, 1, 20, 24, 48].map((hours) => at.add({ hours })));
    at = at.getTimeZoneTransition('next') ?? at.add({ days: 97 });
  }
  return days;
}

describe('a wrong period', () => {
  const bad: readonly (readonly [string, PeriodInput, RegExp])[] = [
    ['no form', {}, /one form is needed, given: none/],
    [
      'two forms',
      { from: '2018-10-01T00:00:00Z', to: '2018-10-02T00:00:00Z', month: '2018-10' },
      /given: from\/to and month/,
    ],
    ['three forms', { last: 'P1D', toDate: 'DAY', previous: 'DAY' }, /given: last and toDate and previous/],
    ['from alone', { from: '2018-10-01T00:00:00Z' }, /to is missing/],
    ['to alone', { to: '2018-10-01T00:00:00Z' }, /from is missing/],
    [
      'empty',
      { from: '2018-10-01T00:00:00Z', to: '2018-10-01T00:00:00Z' },
      /is empty: from 2018-10-01T00:00:00Z/,
    ],
    [
      'reversed',
      { from: '2018-10-02T00:00:00Z', to: '2018-10-01T00:00:00Z' },
      /is reversed: from 2018-10-02/,
    ],
    [
      'no instant',
      { from: 'yesterday', to: '2018-10-01T00:00:00Z' },
      /period.from: "yesterday" is no RFC 3339/,
    ],
    ['an instant without offset', { from: '2018-10-01T00:00:00', to: '2018-10-02T00:00:00Z' }, /no RFC 3339/],
    ['a date', { from: '2018-10-01', to: '2018-10-02' }, /no RFC 3339/],
    ['30 February', { from: '2018-02-30T00:00:00Z', to: '2018-10-01T00:00:00Z' }, /no RFC 3339/],
    ['no duration', { last: '30 days' }, /period.last: "30 days" is no ISO 8601 duration/],
    ['an empty duration', { last: '' }, /"" is no ISO 8601 duration/],
    ['a negative duration', { last: '-P1D' }, /is not positive/],
    ['no time at all', { last: 'PT0S' }, /is not positive/],
    ['a duration beyond all time', { last: 'P100Y' }, /reaches outside 1970-01-01T00:00:00Z to 2200/],
    ['a duration beyond the calendar', { last: 'P999999999Y' }, /is no ISO 8601 duration/],
    ['no month', { month: '2018-13' }, /period.month: "2018-13" is no month/],
    ['an empty month', { month: '' }, /"" is no month/],
    ['a day', { month: '2018-10-01' }, /is no month/],
    ['a month of the first century', { month: '0099-05' }, /"0099-05" is no month/],
    ['a month before all bills', { month: '1969-12' }, /is no month/],
    ['a month after all time', { month: '2200-01' }, /reaches outside/],
    ['before all time', { from: '1969-12-31T23:59:59Z', to: '2018-01-01T00:00:00Z' }, /reaches outside/],
    ['after all time', { from: '2018-01-01T00:00:00Z', to: '2200-01-01T00:00:01Z' }, /reaches outside/],
  ];
  it.each(bad)('%s', (_, input, message) => {
    const error = failure(input);
    expect(error).toMatchObject({ code: 'BAD_PERIOD', hint: expect.stringMatching(/./) });
    expect(String(error)).toMatch(message);
  });

  it.each<PeriodInput>([
    { from: '2018-10-01T00:00:00Z', to: '2018-10-02T00:00:00Z' },
    { last: 'P1D' },
    { last: 'PT1H' },
    { month: '2018-10' },
    { toDate: 'DAY' },
    { previous: 'DAY' },
  ])('a wrong zone is found whatever the form is: %j', (input) => {
    expect(failure(input, 'Europe/Berlon')).toMatchObject({
      code: 'BAD_TIME_ZONE',
      hint: 'Did you mean Europe/Berlin?',
    });
    for (const zone of ['', '+02:00', 'Z', '2020-01-01T00:00Z', 'T10:00+01:00', 'CET+1']) {
      expect(failure(input, zone)).toMatchObject({ code: 'BAD_TIME_ZONE' });
    }
  });
});

describe('the compared period', () => {
  const compared = (input: PeriodInput, against: PeriodInput, now: string, zone = 'UTC') =>
    text(resolveCompare(against, resolvePeriod(input, zone, at(now)), zone, at(now)));

  it('ends after the same elapsed part', () => {
    expect(compared({ toDate: 'MONTH' }, { previous: 'MONTH' }, NOW)).toEqual([
      '2018-10-01T00:00:00Z',
      '2018-10-22T17:00:00Z',
    ]);
    expect(compared({ toDate: 'DAY' }, { previous: 'DAY' }, NOW)).toEqual([
      '2018-11-21T00:00:00Z',
      '2018-11-21T17:00:00Z',
    ]);
    expect(compared({ toDate: 'WEEK' }, { previous: 'WEEK' }, NOW)).toEqual([
      '2018-11-12T00:00:00Z',
      '2018-11-15T17:00:00Z',
    ]);
    expect(compared({ toDate: 'QUARTER' }, { previous: 'QUARTER' }, NOW)).toEqual([
      '2018-07-01T00:00:00Z',
      '2018-08-22T17:00:00Z',
    ]);
    expect(compared({ toDate: 'YEAR' }, { previous: 'YEAR' }, NOW)).toEqual([
      '2017-01-01T00:00:00Z',
      '2017-11-22T17:00:00Z',
    ]);
  });

  it('ends so beside a running month that is named outright, and is whole beside one that is over', () => {
    const october = { month: '2018-10' };
    expect(compared({ month: '2018-11' }, october, NOW)[1]).toBe('2018-10-22T17:00:00Z');
    expect(compared({ month: '2018-11' }, october, '2018-12-01T00:00:00Z')[1]).toBe('2018-11-01T00:00:00Z');
    expect(compared({ month: '2018-12' }, october, NOW)[1]).toBe('2018-11-01T00:00:00Z');
    expect(compared({ previous: 'MONTH' }, { month: '2018-03' }, '2018-03-01T00:00:00Z')[1]).toBe(
      '2018-04-01T00:00:00Z',
    );
  });

  it('ends with its month: 31 March stands beside the end of February', () => {
    const february = (now: string) => compared({ toDate: 'MONTH' }, { previous: 'MONTH' }, now)[1];
    expect(february('2018-03-28T10:00:00Z')).toBe('2018-02-28T10:00:00Z');
    expect(february('2018-03-29T10:00:00Z')).toBe('2018-03-01T00:00:00Z');
    expect(february('2018-03-31T23:00:00Z')).toBe('2018-03-01T00:00:00Z');
    expect(february('2020-03-29T10:00:00Z')).toBe('2020-02-29T10:00:00Z');
    expect(compared({ toDate: 'QUARTER' }, { previous: 'QUARTER' }, '2018-07-31T12:00:00Z')[1]).toBe(
      '2018-05-01T00:00:00Z',
    );
    expect(compared({ toDate: 'QUARTER' }, { previous: 'QUARTER' }, '2018-05-31T12:00:00Z')[1]).toBe(
      '2018-03-01T00:00:00Z',
    );
  });

  it('keeps to the date over a leap day', () => {
    const yearBefore = (now: string) => compared({ toDate: 'YEAR' }, { previous: 'YEAR' }, now)[1];
    expect(yearBefore('2020-02-29T12:00:00Z')).toBe('2019-03-01T00:00:00Z');
    expect(yearBefore('2020-03-01T00:00:00Z')).toBe('2019-03-01T00:00:00Z');
    expect(yearBefore('2020-12-01T06:00:00Z')).toBe('2019-12-01T06:00:00Z');
    expect(yearBefore('2021-12-01T06:00:00Z')).toBe('2020-12-01T06:00:00Z');
  });

  it('goes by the wall clock of the zone', () => {
    const berlin = compared(
      { toDate: 'MONTH' },
      { previous: 'MONTH' },
      '2018-11-10T11:00:00Z',
      'Europe/Berlin',
    );
    expect(berlin).toEqual(['2018-09-30T22:00:00Z', '2018-10-10T10:00:00Z']); // 12:00 by either clock.
  });

  it('is never longer than it is: a week beside a year', () => {
    expect(compared({ toDate: 'YEAR' }, { previous: 'WEEK' }, NOW)).toEqual([
      '2018-11-12T00:00:00Z',
      '2018-11-19T00:00:00Z',
    ]);
    expect(compared({ toDate: 'WEEK' }, { previous: 'YEAR' }, NOW)).toEqual([
      '2017-01-01T00:00:00Z',
      '2017-01-04T17:00:00Z',
    ]);
  });

  it('is as given where either is not of the calendar', () => {
    const days = { from: '2018-09-01T00:00:00Z', to: '2018-10-01T00:00:00Z' };
    expect(compared({ toDate: 'MONTH' }, days, NOW)).toEqual([days.from, days.to]);
    expect(compared(days, { month: '2018-08' }, NOW)).toEqual(['2018-08-01T00:00:00Z', days.from]);
    expect(compared({ last: 'P7D' }, { previous: 'MONTH' }, NOW)).toEqual([
      '2018-10-01T00:00:00Z',
      '2018-11-01T00:00:00Z',
    ]);
  });

  it('is named in its errors', () => {
    expect(() => compared({ toDate: 'MONTH' }, {}, NOW)).toThrow(/^compare: one form is needed/);
    expect(() => compared({ toDate: 'MONTH' }, { from: 'x', to: 'y' }, NOW)).toThrow(/^compare.from: "x"/);
  });
});
