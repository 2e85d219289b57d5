import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Coefficients, Observation } from '../../src/planner/fit-prices.ts';
import { fitPrices, medianError } from '../../src/planner/fit-prices.ts';
import { askMs } from '../../src/planner/prices.ts';

const truth: Coefficients = {
  startupMs: 2,
  msPerFile: 0.3,
  msPerMegabyte: 0.5,
  msPerMillionRows: 40,
  msPerMillionGroups: 2_000,
};

function observation(
  files: number,
  bytes: number,
  rows: number,
  rowsOut: number,
  ms: number | null = null,
): Observation {
  const read = { files, bytes, rows };
  return { read, rowsOut, ms: ms ?? askMs(read, rowsOut, { ...truth, usdPerHour: 0 }), runs: 1 };
}

const varied = [1, 5, 40].flatMap((files) =>
  [1e4, 1e7].flatMap((bytes) =>
    [1e3, 2e6].flatMap((rows) => [1, 5_000].map((out) => observation(files, bytes, rows, out))),
  ),
);

describe('fitted prices', () => {
  it('are found again in times that follow them', () => {
    const fitted = fitPrices(varied);
    for (const [name, value] of Object.entries(truth)) {
      expect(fitted[name as keyof Coefficients]).toBeCloseTo(value, 3); // Object.entries forgets the keys.
    }
    expect(medianError(varied, fitted)).toBeCloseTo(1, 6);
  });

  it('are zero where more work takes less time, or where nothing tells them apart', () => {
    const odd = [1, 2, 3].map((files) => observation(files, 0, 0, 0, 10 - files));
    expect(fitPrices(odd)).toMatchObject({ msPerFile: 0, msPerMillionRows: 0 });
    expect(fitPrices([])).toMatchObject({ startupMs: 0, msPerFile: 0 });
  });

  it('are never negative, whatever took how long', () => {
    const number = fc.double({ min: 0, max: 1e7, noNaN: true });
    const any = fc
      .tuple(number, number, number, number, number)
      .map(([files, bytes, rows, out, ms]) => observation(files, bytes, rows, out, ms));
    const property = fc.property(fc.array(any, { maxLength: 20 }), (observations) => {
      for (const value of Object.values(fitPrices(observations))) expect(value).toBeGreaterThanOrEqual(0);
    });
    fc.assert(property, { numRuns: 200 });
  });
});
