import * as fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import { fromLocal, offsetSegments, toLocal } from '../../src/core/time-zone.ts';

const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Sao_Paulo',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Africa/Casablanca',
];
const range = { from: Date.UTC(2016, 0, 1), to: Date.UTC(2020, 0, 1) };
const segmentsOf = new Map(zones.map((zone) => [zone, offsetSegments(zone, range)]));
const instant = fc
  .integer({ min: range.from / 60_000, max: range.to / 60_000 - 1 })
  .map((minutes) => minutes * 60_000);

describe('wall clocks', () => {
  it('show what Temporal shows', () => {
    const property = fc.property(fc.constantFrom(...zones), instant, (zone, at) => {
      const shown = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone);
      const local = toLocal(segmentsOf.get(zone) ?? [], at);
      expect(local).toBe(at + shown.offsetNanoseconds / 1e6);
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it('are read back: the earlier of two, the end of a gap', () => {
    const property = fc.property(fc.constantFrom(...zones), instant, (zone, at) => {
      const segments = segmentsOf.get(zone) ?? [];
      const local = toLocal(segments, at);
      const back = fromLocal(segments, local);
      expect(back).toBeLessThanOrEqual(at);
      expect(toLocal(segments, back)).toBe(local);
      const clock = Temporal.Instant.fromEpochMilliseconds(local).toZonedDateTimeISO('UTC').toPlainDateTime();
      expect(back).toBe(clock.toZonedDateTime(zone, { disambiguation: 'earlier' }).epochMilliseconds);
    });
    fc.assert(property, { numRuns: 1_000 });
    const berlin = segmentsOf.get('Europe/Berlin') ?? [];
    const change = Date.parse('2018-03-25T01:00:00Z');
    expect(fromLocal(berlin, Date.parse('2018-03-25T02:30:00Z'))).toBe(change);
    expect(fromLocal(berlin, Date.parse('2018-03-25T03:00:00Z'))).toBe(change);
  });
});
