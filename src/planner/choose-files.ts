import { metricColumns } from '../catalog/charge-columns.ts';
import { placeOf } from '../catalog/dimensions.ts';
import type { PublishedBatch } from '../catalog/batch.ts';
import type { BatchFiles, FileSet, TimeWindow } from '../catalog/file-index.ts';
import { everyFile, filesInTime, filesOfRollup, isOutsideTime } from '../catalog/file-index.ts';
import type { LakeFile } from '../catalog/lake-file.ts';
import { NARROW_LIMIT } from '../catalog/lake-file.ts';
import type { LakeTableName } from '../catalog/lake-tables.ts';
import { storedColumn } from '../catalog/rollups.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import { compareText } from '../core/code-point-order.ts';
import type { TenantId } from '../core/ids.ts';
import type { Instant } from '../core/time-range.ts';
import { matchFile, provingKey } from './match-file.ts';
import type { FileSelection, Plan, Proven, Pruning, Scan } from './plan.ts';
import { children, mapChildren } from './plan-tree.ts';
import type { Dictionary, Predicate } from './predicate.ts';
import { TRUE, and, members } from './predicate.ts';
import { scannedBatches } from './scanned-batches.ts';

const decimalColumns = new Set<string>(metricColumns.map((column) => column.name));

/** Gives every Scan the files that can hold its charges: of its live batches, of its time, not excluded by the filters above it. */
export function chooseFiles(plan: Plan, state: TenantState, above: Predicate = TRUE): Plan {
  switch (plan.kind) {
    case 'Scan':
      return { ...plan, files: scanFiles(plan, state, above) };
    case 'Filter':
      return mapChildren(plan, (child) => chooseFiles(child, state, and([above, plan.predicate])));
    case 'Lookup':
    case 'Bucket':
      return mapChildren(plan, (child) => chooseFiles(child, state, above));
    default:
      return mapChildren(plan, (child) => chooseFiles(child, state));
  }
}

function scanFiles(scan: Scan, state: TenantState, predicate: Predicate): FileSelection {
  const { table, columns, snapshot, files } = tableOf(scan, state);
  const { kept, skipped } = pickFiles(scan, predicate, state);
  const proven = {
    tenant: kept.every((file) => isOfTenant(file, scan.tenant)),
    time: kept.every((file) => isInside(scan, file)),
  };
  return selectionOf(table, snapshot, files, columns, kept, skipped, proven);
}

/** The files that can hold rows of a Scan, not excluded by the filters above it. */
export function filesRead(scan: Scan, predicate: Predicate, state: TenantState): readonly LakeFile[] {
  return pickFiles(scan, predicate, state).kept;
}

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
function pickFiles(
  scan: Scan,
  predicate: Predicate,
  state: TenantState,
): { readonly kept: readonly LakeFile[]; readonly skipped: Skipped } {
  const { files } = tableOf(scan, state);
  const live = liveFiles(files, state);
  const scanned = scan.batches === null ? null : new Set(scannedBatches(scan, state));
  const window = timeWindow(scan);
  const skipped: Skipped = new Map();
  const kept: LakeFile[] = [];
  const late = { count: live.count, sizeBytes: live.sizeBytes };
  for (const { batch, own } of live.batches) {
    if (scanned !== null && !scanned.has(batch)) {
      skip(skipped, 'NOT_ASKED', own.count, own.sizeBytes);
      late.count -= own.count;
      late.sizeBytes -= own.sizeBytes;
      continue;
    }
    if (isOutsideTime(own, window)) continue;
    for (const file of filesInTime(own, window)) {
      late.count -= 1;
      late.sizeBytes -= file.sizeBytes;
      if (matchFile(predicate, file) !== 'none') kept.push(file);
      else skip(skipped, `VALUE:${provingKey(predicate, file) ?? 'filter'}`, 1, file.sizeBytes);
    }
  }
  skip(skipped, 'TIME', late.count, late.sizeBytes);
  skip(skipped, 'NOT_LIVE', files.count - live.count, files.sizeBytes - live.sizeBytes);
  return { kept, skipped };
}

type LiveFiles = {
  readonly batches: readonly { readonly batch: PublishedBatch; readonly own: BatchFiles }[];
  readonly count: number;
  readonly sizeBytes: number;
};
const known = new WeakMap<TenantState, WeakMap<FileSet, LiveFiles>>();

/** Of the batches that are live in a state: found once, though a plan of many arms asks again for each. */
function liveFiles(files: FileSet, state: TenantState): LiveFiles {
  const ofState = known.get(state) ?? new WeakMap<FileSet, LiveFiles>();
  known.set(state, ofState);
  const found = ofState.get(files);
  if (found) return found;
  const batches = state.batches.flatMap((batch) => {
    const own = files.byBatch.get(batch.id);
    return own ? [{ batch, own }] : [];
  });
  const live = {
    batches,
    count: batches.reduce((sum, { own }) => sum + own.count, 0),
    sizeBytes: batches.reduce((sum, { own }) => sum + own.sizeBytes, 0),
  };
  ofState.set(files, live);
  return live;
}

function batchOf({ partition }: LakeFile): string | null {
  const batch = partition['batch'];
  return typeof batch === 'string' ? batch : null;
}

function isOfTenant(file: LakeFile, tenant: TenantId): boolean {
  const bounds = file.bounds('tenant');
  return file.nulls('tenant') === 'none' && bounds?.lower === tenant && bounds.upper === tenant;
}

/** Whether all charges of a file are in the range; what a charge touches is looked at row by row. */
function isInside({ range, within, axis }: Scan, file: LakeFile): boolean {
  if (within === 'overlap' || file.nulls(axis) !== 'none') return false;
  const bounds = file.bounds(axis);
  if (typeof bounds?.lower !== 'bigint' || typeof bounds.upper !== 'bigint') return false;
  return bounds.lower >= micros(range.from) && bounds.upper < micros(range.to);
}

function micros(instant: Instant): bigint {
  return BigInt(instant) * 1000n;
}

/** A charge of no length counts at its start: its end may be the range's very beginning. */
export function timeWindow({ range, within, axis }: Scan): TimeWindow {
  const [startColumn, endColumn] =
    within === 'overlap' ? ['charge_period_start', 'charge_period_end'] : [axis, axis];
  return { from: micros(range.from), to: micros(range.to), startColumn, endColumn };
}

/** The files of the dictionaries that Lookups and Members of a fragment read. */
export function dictionaryFiles(
  fragment: Plan,
  state: TenantState,
): Partial<Record<Dictionary, FileSelection>> {
  const selections: Partial<Record<Dictionary, FileSelection>> = {};
  const keys = dictionaryKeys(fragment);
  const tagKeys = keys.flatMap((key) => {
    const place = placeOf(key);
    return place.kind === 'tag' ? [place.tagKey] : [];
  });
  const resourceColumns = keys.filter((key) => placeOf(key).kind === 'resource');
  if (tagKeys.length > 0) {
    const isNeeded = (file: LakeFile) => tagKeys.some((key) => mayHold(file, key));
    selections.tags = dictionarySelection('tags', ['id', 'key', 'value'], isNeeded, state);
  }
  if (resourceColumns.length > 0) {
    const columns = ['id', ...new Set(resourceColumns)];
    selections.resources = dictionarySelection('resources', columns, () => true, state);
  }
  return selections;
}

function dictionarySelection(
  table: Dictionary,
  columns: readonly string[],
  isNeeded: (file: LakeFile) => boolean,
  { tenant, tables }: TenantState,
): FileSelection {
  const { snapshot, files: index } = tables[table];
  const kept = everyFile(index).filter(isNeeded);
  const skipped: Skipped = new Map();
  skip(skipped, 'VALUE:key', index.count - kept.length, index.sizeBytes - bytesOf(kept));
  const proven = { tenant: kept.every((file) => isOfTenant(file, tenant)), time: false };
  return selectionOf(table, snapshot, index, columns, kept, skipped, proven);
}

function mayHold(file: LakeFile, tagKey: string): boolean {
  const bounds = file.bounds('key');
  if (typeof bounds?.lower !== 'string' || typeof bounds.upper !== 'string') return true;
  return compareText(bounds.lower, tagKey) <= 0 && compareText(tagKey, bounds.upper) <= 0;
}

function dictionaryKeys(plan: Plan): string[] {
  const own =
    plan.kind === 'Lookup'
      ? plan.columns
      : plan.kind === 'Filter'
        ? members(plan.predicate).map((member) => member.test.key)
        : plan.kind === 'Aggregate' || plan.kind === 'GroupingSets'
          ? plan.measures.flatMap((measure) => members(measure.where).map((member) => member.test.key))
          : [];
  return [...new Set([...own, ...children(plan).flatMap(dictionaryKeys)])];
}

type Skipped = Map<string, Pruning['skipped'][number]>;

function skip(skipped: Skipped, reason: string, files: number, bytes: number): void {
  if (files === 0) return;
  const before = skipped.get(reason) ?? { files: 0, bytes: 0 };
  skipped.set(reason, { reason, files: before.files + files, bytes: before.bytes + bytes });
}

function bytesOf(files: readonly LakeFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function selectionOf(
  table: LakeTableName,
  snapshot: string,
  files: FileSet,
  columns: readonly string[],
  kept: readonly LakeFile[],
  skipped: Skipped,
  proven: Proven,
): FileSelection {
  return {
    table,
    snapshot,
    files: kept.map((file) => {
      const { path, sizeBytes, records } = file;
      return { path, sizeBytes, records, batch: batchOf(file) };
    }),
    columnBytes: kept.reduce((sum, file) => sum + neededBytes(file, columns), 0),
    lacking: columns.filter((column) => kept.some((file) => !file.holds(column))),
    narrow: columns.filter(
      (column) => decimalColumns.has(column) && kept.every((file) => isNarrow(file, column)),
    ),
    proven,
    pruning: {
      filesTotal: files.count,
      filesRead: kept.length,
      bytesTotal: files.sizeBytes,
      bytesRead: bytesOf(kept),
      skipped: [...skipped.values()],
    },
  };
}

/** Compressed bytes of the columns, as the table names them. */
export function neededBytes(file: LakeFile, columns: readonly string[]): number {
  let bytes = 0;
  for (const column of columns) {
    const size = file.columnBytes(column);
    if (size === null && file.holds(column)) return file.sizeBytes;
    bytes += size ?? 0;
  }
  return bytes;
}

/** The writer stores a decimal narrow exactly where both bounds fit; a column of nulls only fits. */
function isNarrow(file: LakeFile, column: string): boolean {
  const bounds = file.bounds(column);
  if (bounds === null) return file.nulls(column) === 'all';
  const fits = (bound: unknown) => typeof bound === 'bigint' && bound < NARROW_LIMIT && bound > -NARROW_LIMIT;
  return fits(bounds.lower) && fits(bounds.upper);
}
