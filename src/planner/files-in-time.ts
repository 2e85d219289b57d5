/** Of a Scan the files of its batches and its time: what no filter has a say in. */
import type { BatchFiles, FileSet, TimeWindow } from '../catalog/file-index.ts';
import { filesInTime, filesOfRollup } from '../catalog/file-index.ts';
import type { LakeFile } from '../catalog/lake-file.ts';
import type { LakeTableName } from '../catalog/lake-tables.ts';
import { storedColumn } from '../catalog/rollups.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import type { TimeOrder } from '../core/time-order.ts';
import { itemsAround, timeOrder } from '../core/time-order.ts';
import type { Instant } from '../core/time-range.ts';
import type { Pruning, Scan } from './plan.ts';

export type Skipped = Pruning['skipped'][number];

/** The table that a Scan reads, of a rollup its files alone, and the columns as the table names them. */
export function tableOf(
  { rollup, columns }: Scan,
  { tables }: TenantState,
): {
  readonly table: LakeTableName;
  readonly columns: readonly string[];
  readonly snapshot: string;
  readonly files: FileSet;
} {
  if (rollup === null) return { table: 'charges', columns, ...tables.charges };
  const { snapshot, files } = tables.rollups;
  const stored = columns.map((column) => storedColumn(rollup, column));
  return { table: 'rollups', columns: stored, snapshot, files: filesOfRollup(files, rollup.id) };
}

/** Looks only at the files of batches and of the time that the Scan is of; of the others it knows how many there are. */
export function scannedFiles(
  scan: Scan,
  index: FileSet,
  state: TenantState,
): { readonly files: readonly LakeFile[]; readonly skipped: readonly Skipped[] } {
  const live = liveFiles(index, state);
  const asked = scan.batches && new Set(scan.batches);
  const isAsked = ({ id }: LiveBatch) => asked?.has(id) !== false;
  const around = batchesAround(live, scan).filter(isAsked);
  const files = filesOf(around, scan);
  const ofAsked = asked === null ? live : amountOf(live.byStart.items.filter(isAsked));
  const inTime = amountOf([{ own: { count: files.length, sizeBytes: sizeOf(files) } }]);
  const skipped = [
    less('NOT_ASKED', live, ofAsked),
    less('TIME', ofAsked, inTime),
    less('NOT_LIVE', index, live),
  ].filter(({ files: count }) => count > 0);
  return { files, skipped };
}

/** The inline columns that files of a Scan of charges hold values in. */
export function inlineHolders(scan: Scan, state: TenantState): readonly LakeFile[] {
  const asked = scan.batches && new Set(scan.batches);
  const { inline } = liveFiles(state.tables.charges.files, state);
  return filesOf(
    inline.filter(({ id }) => asked?.has(id) !== false),
    scan,
  );
}

function filesOf(batches: readonly LiveBatch[], scan: Scan): LakeFile[] {
  const all = batches.map(({ own }) => own);
  return filesInTime(all, timeWindow(scan));
}

type Amount = Pick<FileSet, 'count' | 'sizeBytes'>;

export function amountOf(batches: readonly { readonly own: Amount }[]): Amount {
  return {
    count: batches.reduce((sum, { own }) => sum + own.count, 0),
    sizeBytes: batches.reduce((sum, { own }) => sum + own.sizeBytes, 0),
  };
}

export function sizeOf(files: readonly { readonly sizeBytes: number }[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** How many files were left out for a reason. */
export function less(reason: string, all: Amount, left: Amount): Skipped {
  return { reason, files: all.count - left.count, bytes: all.sizeBytes - left.sizeBytes };
}

type LiveBatch = { readonly id: string; readonly own: BatchFiles };

/** Of the batches that are live in a state. */
type LiveFiles = Amount & {
  /** By the starts of their charges, up to the last start, and up to the last end. */
  readonly byStart: TimeOrder<LiveBatch>;
  readonly bySpan: TimeOrder<LiveBatch>;
  /** Those with inline columns. */
  readonly inline: readonly LiveBatch[];
};
const known = new WeakMap<TenantState, WeakMap<FileSet, LiveFiles>>();

/** Found once, though a plan of many arms asks again for each. */
function liveFiles(files: FileSet, state: TenantState): LiveFiles {
  const ofState = known.get(state) ?? new WeakMap<FileSet, LiveFiles>();
  known.set(state, ofState);
  const found = ofState.get(files);
  if (found) return found;
  const batches = state.batches.flatMap(({ id }): LiveBatch[] => {
    const own = files.byBatch.get(id);
    return own ? [{ id, own }] : [];
  });
  const orderTo = (last: 'lastStart' | 'lastEnd') =>
    timeOrder(batches, ({ own }) => ({ from: millis(own.firstStart), to: millis(own[last]) + 1 }));
  const live = {
    ...amountOf(batches),
    byStart: orderTo('lastStart'),
    bySpan: orderTo('lastEnd'),
    inline: batches.filter(({ own }) => own.inline.size > 0),
  };
  ofState.set(files, live);
  return live;
}

/** Those of the Scan's time, and few others. */
function batchesAround({ byStart, bySpan }: LiveFiles, { range, within, axis }: Scan): readonly LiveBatch[] {
  if (within === 'overlap') return itemsAround(bySpan, range);
  return axis === 'charge_period_start' ? itemsAround(byStart, range) : byStart.items;
}

/** A charge of no length counts at its start: its end may be the range's very beginning. */
function timeWindow({ range, within, axis }: Scan): TimeWindow {
  const [startColumn, endColumn] =
    within === 'overlap' ? ['charge_period_start', 'charge_period_end'] : [axis, axis];
  return { from: micros(range.from), to: micros(range.to), startColumn, endColumn };
}

export function micros(instant: Instant): bigint {
  return BigInt(instant) * 1000n;
}

/** Rounded down. */
function millis(microseconds: bigint): Instant {
  return Math.floor(Number(microseconds) / 1000);
}
