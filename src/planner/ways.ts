import { filesOfBatch } from '../catalog/file-index.ts';
import type { LakeFile } from '../catalog/lake-file.ts';
import type { Rollup } from '../catalog/rollups.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import { itemsAround } from '../core/time-order.ts';
import type { Instant, TimeRange } from '../core/time-range.ts';
import type { Candidate } from './cheapest-arms.ts';
import { dictionaryFiles, filesRead, neededBytes } from './choose-files.ts';
import { tableOf } from './files-in-time.ts';
import { obstacleOf } from './obstacle.ts';
import type { Aggregate, FileSelection, Scan, StoreName } from './plan.ts';
import { and } from './predicate.ts';
import { readMs, usdOf } from './prices.ts';
import type { StoreOffer } from './pushed-to-physical.ts';
import type { Asked, Gap } from './rollup-match.ts';
import { askedOf } from './rollup-match.ts';
import { livePartsOf } from './rollup-parts.ts';
import { pruneColumns } from './rules/prune-columns.ts';
import type { Spread } from './spread-files.ts';
import { spread, spreadableFile } from './spread-files.ts';

/** Something that can answer stretches of an Aggregate's time. */
export type Source = {
  /** `charges`, or `rollup NAME`. */
  readonly name: string;
  /** The same groups and measures over this source, in a part of the time. */
  readonly over: (range: TimeRange) => Aggregate;
  readonly gaps: readonly Gap[];
  /** Whether it can answer up to an instant and leave what follows to others. */
  readonly isEdge: (instant: Instant) => boolean;
};

/** A source asked of a store. */
export type Way = {
  readonly source: Source;
  readonly store: StoreName;
  /** Why the store cannot answer at all; null when it can. */
  readonly obstacle: string | null;
  readonly spread: Spread;
  readonly candidate: Candidate;
};

/** A way for each store, priced for each stretch. Dictionaries are read anew by every arm. */
export function waysOf(
  source: Source,
  whole: TimeRange,
  edges: readonly Instant[],
  state: TenantState,
  offers: readonly StoreOffer[],
  forceStore: StoreName | null,
): Way[] {
  const aggregate = source.over(whole);
  // What will be read, for the price: the rules come to the same once the arms are known.
  const asked = askedOf((pruneColumns.apply(aggregate, { state }) ?? aggregate) as Aggregate); // Its root stays what it is.
  if (asked === null) throw new Error('a source is over one Scan');
  const spread = spreadOf(asked, edges, state);
  const able = ableStretches(source.gaps, edges);
  const fixed = dictionaryRead(Object.values(dictionaryFiles(aggregate, state)));
  const isEdge = edges.map((edge) => source.isEdge(edge));
  return offers.map(({ store, capabilities, prices }): Way => {
    const isAllowed = forceStore === null || forceStore === store;
    const obstacle = isAllowed ? obstacleOf(aggregate, capabilities) : 'not allowed by Costgraph-Force-Store';
    const stretchMs = new Float64Array(able.length).fill(NaN);
    if (obstacle === null) {
      for (let i = 0; i < able.length; i++) {
        if (able[i] === true) stretchMs[i] = readMs(readAt(spread, i), prices);
      }
    }
    const startupMs = prices.startupMs + readMs(fixed, prices);
    const candidate = { startupMs, stretchMs, usdPerMs: usdOf(1, prices), isEdge };
    return { source, store, obstacle, spread, candidate };
  });
}

function spreadOf({ scan, predicates }: Asked, edges: readonly Instant[], state: TenantState): Spread {
  if (scan.rollup !== null) return spreadParts(scan, scan.rollup, edges, state);
  const files = filesRead(scan, and(predicates), state);
  return spread(
    files.map((file) => spreadableFile(file, neededBytes(file, scan.columns), scan.axis, edges)),
    edges,
  );
}

/** Parts of batches, not files: there may be very many rollups, and their files are seldom told apart by a filter. */
function spreadParts(scan: Scan, rollup: Rollup, edges: readonly Instant[], state: TenantState): Spread {
  const { batches } = scan;
  const around = itemsAround(livePartsOf(state, rollup, scan.axis).built, scan.range);
  const parts = batches === null ? around : around.filter(({ batch }) => batches.includes(batch.id));
  const { files, columns } = tableOf(scan, state);
  const [first] = parts;
  const share = first === undefined ? 1 : shareOfColumns(filesOfBatch(files, first.batch.id)[0], columns);
  return spread(parts, edges, share);
}

/** Much the same in all files of a rollup. */
function shareOfColumns(file: LakeFile | undefined, columns: readonly string[]): number {
  return file === undefined ? 1 : neededBytes(file, columns) / Math.max(1, file.sizeBytes);
}

function readAt({ files, rows, bytes }: Spread, stretch: number) {
  return { files: files[stretch] ?? 0, rows: rows[stretch] ?? 0, bytes: bytes[stretch] ?? 0 };
}

function dictionaryRead(selections: readonly FileSelection[]) {
  const read = { files: 0, rows: 0, bytes: 0 };
  for (const { files, columnBytes } of selections) {
    read.files += files.length;
    read.bytes += columnBytes;
    for (const { records } of files) read.rows += records;
  }
  return read;
}

/** @param gaps in order and without overlaps */
function ableStretches(gaps: readonly Gap[], edges: readonly Instant[]): boolean[] {
  let next = 0;
  return edges.slice(0, -1).map((from, i) => {
    while ((gaps[next]?.range.to ?? Infinity) <= from) next += 1;
    return (gaps[next]?.range.from ?? Infinity) >= (edges[i + 1] ?? from);
  });
}
