import type { Prices } from './capabilities.ts';
import type { Read } from './plan.ts';
import { askMs } from './prices.ts';

/** Runs of Asks alike: what they read and gave, on the average, and how long they took. */
export type Observation = {
  readonly read: Read;
  readonly rowsOut: number;
  readonly ms: number;
  /** How many runs. */
  readonly runs: number;
};

/** What calibration finds out; what an hour costs is told, not measured. */
export type Coefficients = Omit<Prices, 'usdPerHour'>;

/** Shorter times are mostly noise: an error of so much counts as one of all of it. */
const MS_MIN = 1;
/** Runs alike count at most like so many: a dashboard asks the same all day. */
const RUNS_MAX = 20;

/**
 * The coefficients with the least sum of squared relative errors, none of them negative. Of few unknowns every choice of
 * those that are zero is tried.
 */
export function fitPrices(observations: readonly Observation[]): Coefficients {
  const rows = observations.map((one) => {
    const weight = Math.sqrt(Math.min(one.runs, RUNS_MAX)) / Math.max(MS_MIN, one.ms);
    return { x: featuresOf(one).map((feature) => feature * weight), y: one.ms * weight };
  });
  const count = featuresOf({ read: { files: 0, bytes: 0, rows: 0 }, rowsOut: 0, ms: 0, runs: 1 }).length;
  let best = { error: Infinity, solution: Array.from({ length: count }, () => 0) };
  for (let chosen = 1; chosen < 1 << count; chosen++) {
    const columns = Array.from({ length: count }, (_, i) => i).filter((i) => (chosen & (1 << i)) !== 0);
    const part = solve(
      rows.map(({ x, y }) => ({ x: columns.map((i) => x[i] ?? 0), y })),
      columns.length,
    );
    if (part === null || part.some((value) => value < 0)) continue;
    const solution = Array.from({ length: count }, () => 0);
    for (const [at, column] of columns.entries()) solution[column] = part[at] ?? 0;
    const error = rows.reduce((sum, { x, y }) => sum + (dot(x, solution) - y) ** 2, 0);
    if (error < best.error) best = { error, solution };
  }
  const [startupMs = 0, msPerFile = 0, msPerMegabyte = 0, msPerMillionRows = 0, msPerMillionGroups = 0] =
    best.solution;
  return { startupMs, msPerFile, msPerMegabyte, msPerMillionRows, msPerMillionGroups };
}

/** How many times the estimated time is off in the middle of all observations; 1 is exact. */
export function medianError(observations: readonly Observation[], coefficients: Coefficients): number {
  const prices = { ...coefficients, usdPerHour: 0 };
  const errors = observations
    .map(({ read, rowsOut, ms }) => {
      const [estimate, actual] = [askMs(read, rowsOut, prices), ms].map((each) => Math.max(MS_MIN, each));
      return Math.max((estimate ?? 1) / (actual ?? 1), (actual ?? 1) / (estimate ?? 1));
    })
    .sort((a, b) => a - b);
  return errors[Math.floor(errors.length / 2)] ?? 1;
}

/** In the order of the coefficients. */
function featuresOf({ read, rowsOut }: Observation): number[] {
  return [1, read.files, read.bytes / 1e6, read.rows / 1e6, rowsOut / 1e6];
}

/** Least squares by the normal equations, with Gauss and pivots; null where they do not settle all unknowns. */
function solve(
  rows: readonly { readonly x: readonly number[]; readonly y: number }[],
  count: number,
): number[] | null {
  const matrix = Array.from({ length: count }, (_, i) => [
    ...Array.from({ length: count }, (__, j) => sum(rows, ({ x }) => (x[i] ?? 0) * (x[j] ?? 0))),
    sum(rows, ({ x, y }) => (x[i] ?? 0) * y),
  ]);
  // Columns differ by many powers of ten: what is small is told by what stood on the diagonal.
  const scale = matrix.map((row, i) => row[i] ?? 0);
  for (let i = 0; i < count; i++) {
    const pivot = matrix[i] ?? [];
    const head = pivot[i] ?? 0;
    if (head <= (scale[i] ?? 0) * 1e-10) return null;
    for (const [j, row] of matrix.entries()) {
      if (j === i) continue;
      const factor = (row[i] ?? 0) / head;
      for (let k = i; k <= count; k++) row[k] = (row[k] ?? 0) - factor * (pivot[k] ?? 0);
    }
  }
  return matrix.map((row, i) => (row[count] ?? 0) / (row[i] ?? 1));
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((total, value, i) => total + value * (b[i] ?? 0), 0);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
