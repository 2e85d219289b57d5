import type { LakeFile } from '../catalog/lake-file.ts';
import type { Instant } from '../core/time-range.ts';
import type { Scan } from './plan.ts';

/** What of some files falls on each stretch of time: parts of files, rows, compressed bytes of the columns that are read. */
export type Spread = {
  readonly files: Float64Array;
  readonly rows: Float64Array;
  readonly bytes: Float64Array;
};

/** Files, or what of a rollup is of one batch, with the time that its rows start in. */
export type Spreadable = {
  readonly from: Instant;
  readonly to: Instant;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
};

/**
 * Files are sorted by day, so that of a stretch as much is read as it covers of their time.
 *
 * @param edges of the stretches: one more than there are, increasing
 */
export function spread(items: readonly Spreadable[], edges: readonly Instant[]): Spread {
  const stretches = edges.length - 1;
  const make = () => new Float64Array(stretches);
  const sums = { files: make(), rows: make(), bytes: make() };
  for (const { from, to, files, rows, bytes } of items) {
    const length = Math.max(1, to - from);
    for (let i = stretchAt(edges, from); i < stretches && (edges[i] ?? 0) < to; i++) {
      const covered = Math.min(edges[i + 1] ?? 0, to) - Math.max(edges[i] ?? 0, from);
      const share = Math.min(1, Math.max(0, covered) / length);
      sums.files[i] = (sums.files[i] ?? 0) + share * files;
      sums.rows[i] = (sums.rows[i] ?? 0) + share * rows;
      sums.bytes[i] = (sums.bytes[i] ?? 0) + share * bytes;
    }
  }
  return sums;
}

/** @param bytes of the columns that are read */
export function spreadableFile(
  file: LakeFile,
  bytes: number,
  axis: Scan['axis'],
  edges: readonly Instant[],
): Spreadable {
  const [from, to] = timeOf(file, axis, edges);
  return { from, to, files: 1, rows: file.records, bytes };
}

/** A file whose time is not known is taken to fill all of it. */
function timeOf(file: LakeFile, axis: Scan['axis'], edges: readonly Instant[]): [Instant, Instant] {
  const bounds = file.bounds(axis);
  if (typeof bounds?.lower !== 'bigint' || typeof bounds.upper !== 'bigint') {
    return [edges[0] ?? 0, edges.at(-1) ?? 0];
  }
  return [Number(bounds.lower / 1000n), Number(bounds.upper / 1000n) + 1];
}

/** The number of the stretch that holds an instant; the first for earlier ones. */
function stretchAt(edges: readonly Instant[], instant: Instant): number {
  let low = 0;
  let high = edges.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((edges[middle] ?? Infinity) <= instant) low = middle;
    else high = middle;
  }
  return low;
}
