import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { itemsAround, timeOrder } from '../../src/core/time-order.ts';
import { SEED } from '../support/seeded.ts';

const order = (...times: readonly (readonly [number, number])[]) =>
  timeOrder(
    times.map(([from, to]) => ({ from, to })),
    (time) => time,
  );

describe('things in the order of time', () => {
  it('are found by a range that they touch', () => {
    const days = order([20, 30], [0, 10], [10, 20]);
    expect(itemsAround(days, { from: 11, to: 20 })).toEqual([{ from: 10, to: 20 }]);
  });

  it('are found where an earlier one lasts longer', () => {
    const nested = order([0, 100], [10, 20], [30, 40]);
    expect(itemsAround(nested, { from: 50, to: 60 })).toEqual([
      { from: 0, to: 100 },
      { from: 10, to: 20 },
      { from: 30, to: 40 },
    ]);
  });

  it('are none before all, after all, or in a range that is the wrong way round', () => {
    const days = order([0, 10], [10, 20]);
    for (const [from, to] of [
      [-5, 0],
      [21, 30],
      [15, 5],
    ] as const) {
      expect(itemsAround(days, { from, to })).toEqual([]);
    }
  });

  it('are never missed', () => {
    const time = fc.record({
      from: fc.integer({ min: 0, max: 50 }),
      length: fc.integer({ min: 0, max: 20 }),
    });
    const property = fc.property(fc.array(time), time, (times, { from, length }) => {
      const items = times.map((each) => ({ from: each.from, to: each.from + each.length }));
      const range = { from, to: from + length };
      const found = itemsAround(
        timeOrder(items, (item) => item),
        range,
      );
      const touching = items.filter((item) => item.from < range.to && item.to >= range.from);
      expect(found).toEqual(expect.arrayContaining(touching));
    });
    fc.assert(property, { seed: SEED });
  });
});
