import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Arm, Facet } from '../../src/planner/time-cover.ts';
import { coverTime, facets } from '../../src/planner/time-cover.ts';
import { SEED } from '../support/seeded.ts';

const HOUR = 3_600_000;
const whole = { from: 0, to: 24 * HOUR };
const arm = (from: number, to: number, ...held: Facet[]): Arm<string> => ({
  range: { from: from * HOUR, to: to * HOUR },
  facets: held.length > 0 ? held : ['bill'],
  source: 'any',
});

describe('a time cover', () => {
  it('is of arms that meet, in any order', () => {
    const arms = [arm(7, 24), arm(0, 7)];
    expect(coverTime(whole, ['bill'], arms)).toBe(arms);
  });

  it('is one for each facet: one arm may hold several', () => {
    const arms = [arm(0, 24, 'bill'), arm(0, 12, 'event/sealed', 'event/late'), arm(12, 24, 'event/late')];
    expect(() => coverTime(whole, ['bill', 'event/sealed', 'event/late'], arms)).toThrow('event/sealed ends');
    const rest = [...arms, arm(12, 24, 'event/sealed')];
    expect(coverTime(whole, ['bill', 'event/sealed', 'event/late'], rest)).toHaveLength(4);
  });

  it.each<[string, Arm<string>[], string]>([
    [
      'an hour is skipped',
      [arm(0, 7), arm(8, 24)],
      'bill is skipped in [1970-01-01T07:00Z, 1970-01-01T08:00Z)',
    ],
    [
      'an hour is doubled',
      [arm(0, 8), arm(7, 24)],
      'bill is doubled in [1970-01-01T07:00Z, 1970-01-01T08:00Z)',
    ],
    ['all is doubled', [arm(0, 24), arm(0, 24)], 'bill is doubled'],
    ['the start is missing', [arm(1, 24)], 'bill is skipped'],
    ['the end is missing', [arm(0, 23)], 'bill ends'],
    ['an arm reaches beyond', [arm(0, 25)], 'bill ends'],
    ['an arm has no time', [arm(0, 7), arm(7, 7), arm(7, 24)], 'has no time'],
    ['there is none', [], 'bill ends'],
    ['a facet was not asked', [arm(0, 24, 'bill', 'event/late')], 'event/late, which is not asked'],
  ])('cannot be built where %s', (_, arms, message) => {
    expect(() => coverTime(whole, ['bill'], arms)).toThrow(message);
  });

  it('is built exactly where every hour of every facet is held once', () => {
    const arms = fc.array(
      fc.tuple(fc.nat(6), fc.integer({ min: 1, max: 6 }), fc.subarray(facets.slice(0, 2), { minLength: 1 })),
      { maxLength: 4 },
    );
    const property = fc.property(arms, (drawn) => {
      const drawnArms = drawn.map(([from, hours, held]) => arm(from, from + hours, ...held));
      const range = { from: 0, to: 6 * HOUR };
      const held = (facet: Facet, hour: number) =>
        drawnArms.filter(
          (each) =>
            each.facets.includes(facet) && each.range.from <= hour * HOUR && hour * HOUR < each.range.to,
        ).length;
      const isExact = facets
        .slice(0, 2)
        .every((facet) =>
          Array.from({ length: 12 }, (_, hour) => held(facet, hour)).every(
            (n, hour) => n === Number(hour < 6),
          ),
        );
      const build = () => coverTime(range, facets.slice(0, 2), drawnArms);
      if (isExact) expect(build()).toBe(drawnArms);
      else expect(build).toThrow();
    });
    fc.assert(property, { numRuns: 2_000, seed: SEED });
  });
});
