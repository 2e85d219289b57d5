import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Candidate, ChosenArm } from '../../src/planner/cheapest-arms.ts';
import { cheapestArms } from '../../src/planner/cheapest-arms.ts';
import { SEED } from '../support/seeded.ts';

const candidate = (startup: number, stretches: (number | null)[], isEdge?: boolean[]): Candidate => ({
  startupMs: startup,
  stretchMs: Float64Array.from(stretches, (each) => each ?? NaN),
  usdPerMs: 1,
  isEdge: isEdge ?? Array.from({ length: stretches.length + 1 }, () => true),
});
const NO_BOUND = Infinity;

describe('the cheapest arms', () => {
  it('change over where that pays for the start', () => {
    const [left, right] = [candidate(2, [1, 9, 9]), candidate(2, [9, 1, 1])];
    expect(cheapestArms([left, right], 3, NO_BOUND)).toEqual({
      arms: [
        { candidate: 0, from: 0, to: 1 },
        { candidate: 1, from: 1, to: 3 },
      ],
      usd: 7,
      slowestMs: 4,
    });
    const dearStart = [candidate(20, [1, 9, 9]), candidate(20, [9, 1, 1])];
    expect(cheapestArms(dearStart, 3, NO_BOUND)?.arms).toEqual([{ candidate: 1, from: 0, to: 3 }]);
  });

  it('go round what a candidate cannot answer; where nobody can, there are none', () => {
    const [gap, all] = [candidate(1, [1, null, 1]), candidate(1, [50, 50, 50])];
    expect(cheapestArms([gap, all], 3, NO_BOUND)?.arms.map(({ candidate: c }) => c)).toEqual([0, 1, 0]);
    expect(cheapestArms([gap], 3, NO_BOUND)).toBeNull();
  });

  it('go by time where an arm would take too long, and by dollars where even that does not help', () => {
    const slow: Candidate = { ...candidate(0, [5_000]), usdPerMs: 0.001 };
    const dear = candidate(0, [50]);
    expect(cheapestArms([slow, dear], 1, 10_000)?.arms[0]?.candidate).toBe(0);
    expect(cheapestArms([slow, dear], 1, 1_000)?.arms[0]?.candidate).toBe(1);
    const slower = candidate(0, [5_000]);
    expect(cheapestArms([slow, slower], 1, 1_000)?.arms[0]?.candidate).toBe(0);
  });

  it('are those that trying all ways finds', () => {
    const drawn = fc.record({
      startup: fc.nat(5),
      prices: fc.array(fc.option(fc.nat(9)), { minLength: 5, maxLength: 5 }),
      inner: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    });
    const property = fc.property(fc.array(drawn, { minLength: 1, maxLength: 3 }), (all) => {
      const candidates = all.map(({ startup, prices, inner }) =>
        candidate(startup, prices, [true, ...inner, true]),
      );
      const found = cheapestArms(candidates, 5, NO_BOUND);
      const totals = everyWay(candidates, 5).flatMap((arms) => totalOf(arms, candidates) ?? []);
      expect(found?.usd ?? null).toBe(totals.length === 0 ? null : Math.min(...totals));
      if (found) expect(totalOf(found.arms, candidates)).toBe(found.usd);
    });
    fc.assert(property, { numRuns: 500, seed: SEED });
  });
});

/** All sequences of candidates, as arms; the same candidate twice in a row is one arm. */
function everyWay(candidates: readonly Candidate[], stretches: number): ChosenArm[][] {
  let ways: ChosenArm[][] = [[]];
  for (let stretch = 0; stretch < stretches; stretch++) {
    ways = ways.flatMap((arms) =>
      candidates.map((_, c) => {
        const last = arms.at(-1);
        return last?.candidate === c
          ? [...arms.slice(0, -1), { ...last, to: stretch + 1 }]
          : [...arms, { candidate: c, from: stretch, to: stretch + 1 }];
      }),
    );
  }
  return ways;
}

function totalOf(arms: readonly ChosenArm[], candidates: readonly Candidate[]): number | null {
  let total = 0;
  for (const { candidate: c, from, to } of arms) {
    const { startupMs, stretchMs, isEdge } = candidates[c] ?? candidate(0, []);
    if (isEdge[from] !== true || isEdge[to] !== true) return null;
    total += startupMs;
    for (const each of stretchMs.slice(from, to)) {
      if (Number.isNaN(each)) return null;
      total += each;
    }
  }
  return total;
}
