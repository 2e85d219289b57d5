/**
 * The files of one state of a table, found by batch and time without a look at the others; about 250 bytes a file.
 * docs/adr/0012-file-index.md says what was measured.
 */
import { textAt } from '../core/packed-texts.ts';
import type { ColumnFacts, TextPool } from './column-facts.ts';
import {
  boundsIn,
  columnNumber,
  factOf,
  isHeld,
  isSized,
  newTextPool,
  nullsIn,
  someFact,
} from './column-facts.ts';
import type { FileBlock, FileGroup } from './file-block.ts';
import { packBlock } from './file-block.ts';
import type { LakeFile } from './lake-file.ts';
import type { LakeTableName } from './lake-tables.ts';

/** Files of a table, or of one rollup in it. */
export type FileSet = {
  readonly count: number;
  readonly sizeBytes: number;
  /** In the table of telemetry, which has no batches, by load. */
  readonly byBatch: ReadonlyMap<string, BatchFiles>;
};

export type FileIndex = FileSet & {
  /** By the path of their manifest: the next state's index takes over those that it still has. */
  readonly blocks: ReadonlyMap<string, FileBlock>;
  /** By id, in the table of rollups; empty in others. */
  readonly byRollup: ReadonlyMap<string, FileSet>;
  readonly pool: TextPool;
  /** Files of all blocks that were ever packed with the pool, those of earlier states too. */
  readonly packedCount: number;
};

/** In all manifests. */
export type BatchFiles = {
  readonly count: number;
  readonly sizeBytes: number;
  readonly groups: readonly FileGroup[];
  /** Inline columns that some file may hold values in. */
  readonly inline: ReadonlySet<string>;
  /** Microseconds: no charge starts before or after these, none ends later. */
  readonly firstStart: bigint;
  readonly lastStart: bigint;
  readonly lastEnd: bigint;
};

/**
 * Rows that begin before `to` and do not end before `from`, in microseconds. By `startColumn` and `endColumn`, which
 * for rows that are looked at by their start alone are the same.
 */
export type TimeWindow = {
  readonly from: bigint;
  readonly to: bigint;
  readonly startColumn: string;
  readonly endColumn: string;
};

/**
 * Costs as much as there are batches in manifests, whatever the number of files.
 *
 * @param pool of all the blocks
 * @param packedCount see `FileIndex`
 */
export function indexBlocks(
  blocks: ReadonlyMap<string, FileBlock>,
  pool: TextPool,
  packedCount: number,
): FileIndex {
  const groups = [...blocks.values()].flat();
  const ofRollups = groups.filter(({ partition }) => typeof partition['rollup'] === 'string');
  const byRollup = Map.groupBy(ofRollups, ({ partition }) => String(partition['rollup']));
  return {
    ...fileSet(groups),
    blocks,
    byRollup: new Map([...byRollup].map(([id, own]) => [id, fileSet(own)])),
    pool,
    packedCount,
  };
}

function fileSet(groups: readonly FileGroup[]): FileSet {
  const byBatch = Map.groupBy(groups, ({ partition }) => String(partition['batch'] ?? partition['load']));
  return {
    ...amountOf(groups),
    byBatch: new Map([...byBatch].map(([batch, own]) => [batch, batchFiles(own)])),
  };
}

function amountOf(groups: readonly FileGroup[]): Pick<BatchFiles, 'count' | 'sizeBytes'> {
  return {
    count: groups.reduce((count, { first, end }) => count + end - first, 0),
    sizeBytes: groups.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}

function batchFiles(groups: readonly FileGroup[]): BatchFiles {
  const least = (values: readonly bigint[]) => values.reduce((a, b) => (b < a ? b : a));
  const greatest = (values: readonly bigint[]) => values.reduce((a, b) => (b > a ? b : a));
  return {
    ...amountOf(groups),
    groups,
    inline: new Set(groups.flatMap(({ inline }) => inline)),
    firstStart: least(groups.map(({ files, first }) => files.firstStarts[first] ?? 0n)),
    lastStart: greatest(groups.map(({ files, end }) => files.lastStarts[end - 1] ?? 0n)),
    lastEnd: greatest(groups.map(({ files, end }) => files.lastEnds[end - 1] ?? 0n)),
  };
}

export const emptyIndex: FileIndex = indexBlocks(new Map(), newTextPool(), 0);

/**
 * What the index of a table's next state may take blocks from: the earlier one, unless most files that its pool was made
 * for are gone, and perhaps their texts with them. Then, an empty one with a pool of its own.
 */
export function baseOf(earlier: FileIndex): FileIndex {
  const isFresh = earlier.count > 0 && earlier.packedCount <= 2 * earlier.count;
  return isFresh ? earlier : { ...emptyIndex, pool: newTextPool() };
}

/** Of files that are in no manifest, as tests have them. */
export function indexFiles(table: LakeTableName, files: readonly LakeFile[]): FileIndex {
  const pool = newTextPool();
  return indexBlocks(new Map([['', packBlock(table, files, pool)]]), pool, files.length);
}

export function everyFile(index: FileIndex): LakeFile[] {
  return [...index.blocks.values()].flat().flatMap(filesOf);
}

export function filesOfRollup(index: FileIndex, id: string): FileSet {
  return index.byRollup.get(id) ?? emptyIndex;
}

/** The files of one batch, those of each manifest in the order of their first starts. */
export function filesOfBatch({ byBatch }: FileSet, batch: string): LakeFile[] {
  return (byBatch.get(batch)?.groups ?? []).flatMap(filesOf);
}

function filesOf(group: FileGroup): LakeFile[] {
  return Array.from({ length: group.end - group.first }, (_, i) => fileAt(group, group.first + i));
}

/** The files of batches whose bounds do not exclude that they have rows in the window; in the order of the batches. */
export function filesInTime(batches: Iterable<BatchFiles>, window: TimeWindow): LakeFile[] {
  const found: LakeFile[] = [];
  for (const batch of batches) {
    if (isOutsideTime(batch, window)) continue;
    for (const group of batch.groups) addFilesInTime(group, window, found);
  }
  return found;
}

/** Whether bounds exclude that any of the files has rows in the window. */
function isOutsideTime(
  { firstStart, lastStart, lastEnd }: BatchFiles,
  { from, to, startColumn, endColumn }: TimeWindow,
): boolean {
  if (from >= to || (startColumn === 'charge_period_start' && firstStart >= to)) return true;
  if (endColumn === 'charge_period_start') return lastStart < from;
  return endColumn === 'charge_period_end' && lastEnd < from;
}

/** Few files are looked at sooner than the facts that many share. */
const FILES_LOOKED_AT = 100;

function addFilesInTime(group: FileGroup, window: TimeWindow, found: LakeFile[]): void {
  const { startColumn, endColumn } = window;
  const { facts } = group.files;
  const { first, end, firstIsInTime } = stretchOf(group, window);
  if (first < end && firstIsInTime) found.push(fileAt(group, first));
  const next = firstIsInTime ? first + 1 : first;
  if (end - next > FILES_LOOKED_AT) {
    const someStarts = someFact(facts, startColumn, (fact) => startsInTime(facts, fact, window));
    if (!someStarts || !someFact(facts, endColumn, (fact) => endsInTime(facts, fact, window))) return;
  }
  for (let position = next; position < end; position++) {
    if (!startsInTime(facts, factOf(facts, position, startColumn), window)) continue;
    if (endsInTime(facts, factOf(facts, position, endColumn), window)) found.push(fileAt(group, position));
  }
}

function startsInTime(facts: ColumnFacts, fact: number, { startColumn, to }: TimeWindow): boolean {
  const lower = boundsIn(facts, fact, startColumn)?.lower;
  return typeof lower !== 'bigint' || lower < to;
}

function endsInTime(facts: ColumnFacts, fact: number, { endColumn, from }: TimeWindow): boolean {
  const upper = boundsIn(facts, fact, endColumn)?.upper;
  return typeof upper !== 'bigint' || upper >= from;
}

/** The files are in the order of their first starts, so those in time are a stretch of them, and few others. */
function stretchOf(
  { files, first, end }: FileGroup,
  { from, to, startColumn, endColumn }: TimeWindow,
): { first: number; end: number; firstIsInTime: boolean } {
  const { firstStarts, lastStarts, lastEnds } = files;
  const lasts = { charge_period_start: lastStarts, charge_period_end: lastEnds }[endColumn];
  const isByStart = startColumn === 'charge_period_start';
  return {
    first: lasts ? firstWhere(first, end, (position) => (lasts[position] ?? from) >= from) : first,
    end: isByStart ? firstWhere(first, end, (position) => (firstStarts[position] ?? to) >= to) : end,
    // None before it lasts as long: what is the last so far is its own.
    firstIsInTime: isByStart && lasts !== undefined,
  };
}

/** The first of the positions from which on the test holds; `end` where it holds of none. */
function firstWhere(first: number, end: number, test: (position: number) => boolean): number {
  let [low, high] = [first, end];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (test(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A view: what it is asked for is unpacked. */
function fileAt({ files, partition, prefix, shares }: FileGroup, position: number): LakeFile {
  const { facts } = files;
  const sizeBytes = files.sizes[position] ?? 0;
  const fact = (column: string) => factOf(facts, position, column);
  return {
    path: prefix + textAt(files.names, position),
    sizeBytes,
    records: files.records[position] ?? 0,
    partition,
    bounds: (column) => boundsIn(facts, fact(column), column),
    nulls: (column) => nullsIn(facts, fact(column)),
    holds: (column) => isHeld(facts, fact(column)),
    columnBytes: (column) =>
      isSized(facts, fact(column))
        ? Math.round((shares[columnNumber(facts, column)] ?? 0) * sizeBytes)
        : null,
  };
}
