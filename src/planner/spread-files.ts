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
  readonly records: number;
  readonly sizeBytes: number;
};

/**
 * Files are sorted by day, so that of a stretch as much is read as it covers of their time.
 *
 * @param edges of the stretches: one more than there are, increasing
 * @param share of the bytes that is read
 */
export function spread(items: readonly Spreadable[], edges: readonly Instant[], share = 1): Spread {
  const stretches = edges.length - 1;
  const sums = {
    files: new Float64Array(stretches),
    rows: new Float64Array(stretches),
    bytes: new Float64Array(stretches),
  };
  let at = 0;
  for (const { from, to, files, records, sizeBytes } of items) {
    at = stretchAt(edges, from, at);
    const length = Math.max(1, to - from);
    for (let i = at; i < stretches && (edges[i] ?? 0) < to; i++) {
      const covered = Math.min(edges[i + 1] ?? 0, to) - Math.max(edges[i] ?? 0, from);
      const part = Math.min(1, Math.max(0, covered) / length);
      sums.files[i] = (sums.files[i] ?? 0) + part * files;
      sums.rows[i] = (sums.rows[i] ?? 0) + part * records;
      sums.bytes[i] = (sums.bytes[i] ?? 0) + part * sizeBytes * share;
    }
  }
  return sums;
}

/** @param sizeBytes of the columns that are read */
export function spreadableFile(
  file: LakeFile,
  sizeBytes: number,
  axis: Scan['axis'],
  edges: readonly Instant[],
): Spreadable {
  const [from, to] = timeOf(file, axis, edges);
  return { from, to, files: 1, records: file.records, sizeBytes };
}

/** A file whose time is not known is taken to fill all of it. */
function timeOf(file: LakeFile, axis: Scan['axis'], edges: readonly Instant[]): [Instant, Instant] {
  const bounds = file.bounds(axis);
  if (typeof bounds?.lower !== 'bigint' || typeof bounds.upper !== 'bigint') {
    return [edges[0] ?? 0, edges.at(-1) ?? 0];
  }
  return [Number(bounds.lower / 1000n), Number(bounds.upper / 1000n) + 1];
}

/** The number of the stretch that holds an instant; the first for earlier ones. Near at hand from one that holds another. */
function stretchAt(edges: readonly Instant[], instant: Instant, near: number): number {
  let at = near;
  while (at > 0 && (edges[at] ?? 0) > instant) at -= 1;
  while (at < edges.length - 2 && (edges[at + 1] ?? Infinity) <= instant) at += 1;
  return at;
}
