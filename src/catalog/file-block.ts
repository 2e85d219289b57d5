/** The files of one manifest, packed. A manifest never changes, so states of a table share the blocks of most. */
import type { PackedTexts } from '../core/packed-texts.ts';
import { packTexts } from '../core/packed-texts.ts';
import type { ColumnFacts, TextPool } from './column-facts.ts';
import { columnNames, packFacts } from './column-facts.ts';
import { inlineColumns } from './charge-columns.ts';
import type { LakeFile } from './lake-file.ts';
import { mayHoldValues } from './lake-file.ts';
import type { LakeTableName } from './lake-tables.ts';

/** Its groups, each the files of one partition. */
export type FileBlock = readonly FileGroup[];

/** Files of one partition, one after another in their block, in the order of their first charges' starts. */
export type FileGroup = {
  readonly files: PackedFiles;
  readonly partition: LakeFile['partition'];
  /** Positions [first, end) in the block. */
  readonly first: number;
  readonly end: number;
  readonly sizeBytes: number;
  /** What the paths of all begin with. */
  readonly prefix: string;
  /** Of each column, what part of the files' bytes is its. */
  readonly shares: Float32Array;
  /** Inline columns that some file may hold values in. */
  readonly inline: readonly string[];
};

/** By position. Where a table has no charges there are no starts. */
export type PackedFiles = {
  readonly sizes: Float64Array;
  readonly records: Float64Array;
  /** What comes after the group's prefix. */
  readonly names: PackedTexts;
  readonly facts: ColumnFacts;
  /** Microseconds; in order within a group. */
  readonly firstStarts: BigInt64Array;
  /** The last start, and the last end, of the file and of all before it in its group. */
  readonly lastStarts: BigInt64Array;
  readonly lastEnds: BigInt64Array;
};

const inlineNames = inlineColumns.map(({ name }) => name);
const UNKNOWN_FIRST = -(2n ** 63n);
const UNKNOWN_LAST = 2n ** 63n - 1n;

/**
 * @param listed in any order; what they say is asked for here, and they are not kept
 * @param pool shared by all blocks of the table
 */
export function packBlock(table: LakeTableName, listed: readonly LakeFile[], pool: TextPool): FileBlock {
  const partitions = Map.groupBy(listed, ({ partition }) => JSON.stringify(Object.entries(partition)));
  const groups = [...partitions.values()].map((members) => inOrder(members));
  const prefixes = groups.map((members) => commonPrefix(members.map(({ path }) => path)));
  const files = groups.flat();
  const facts = packFacts(table, files, pool);
  const packed: PackedFiles = {
    sizes: Float64Array.from(files, ({ sizeBytes }) => sizeBytes),
    records: Float64Array.from(files, ({ records }) => records),
    names: packTexts(groups.flatMap((members, i) => namesIn(members, prefixes[i] ?? ''))),
    facts,
    firstStarts: BigInt64Array.from(files, firstStart),
    lastStarts: BigInt64Array.from(groups.flatMap((members) => lastSoFar(members, 'charge_period_start'))),
    lastEnds: BigInt64Array.from(groups.flatMap((members) => lastSoFar(members, 'charge_period_end'))),
  };
  let first = 0;
  return groups.map((members, i): FileGroup => {
    const group = {
      files: packed,
      partition: members[0]?.partition ?? {},
      first,
      end: first + members.length,
      sizeBytes: members.reduce((sum, file) => sum + file.sizeBytes, 0),
      prefix: prefixes[i] ?? '',
      shares: Float32Array.from(columnNames(facts), (column) => shareOf(column, members)),
      inline: inlineNames.filter((name) => members.some((file) => mayHoldValues(file, name))),
    };
    first = group.end;
    return group;
  });
}

function inOrder(members: readonly LakeFile[]): LakeFile[] {
  return members
    .map((file) => ({ file, start: firstStart(file) }))
    .sort((a, b) => (a.start < b.start ? -1 : Number(a.start > b.start)))
    .map(({ file }) => file);
}

function firstStart(file: LakeFile): bigint {
  const lower = file.bounds('charge_period_start')?.lower;
  return typeof lower === 'bigint' ? lower : UNKNOWN_FIRST;
}

function lastSoFar(members: readonly LakeFile[], column: string): bigint[] {
  let last = UNKNOWN_FIRST;
  return members.map((file) => {
    const upper = file.bounds(column)?.upper;
    const own = typeof upper === 'bigint' ? upper : UNKNOWN_LAST;
    if (own > last) last = own;
    return last;
  });
}

function shareOf(column: string, members: readonly LakeFile[]): number {
  let [own, all] = [0, 0];
  for (const file of members) {
    const bytes = file.columnBytes(column);
    if (bytes === null) continue;
    own += bytes;
    all += file.sizeBytes;
  }
  return all === 0 ? 0 : own / all;
}

function commonPrefix(paths: readonly string[]): string {
  let prefix = paths[0] ?? '';
  for (const path of paths) while (!path.startsWith(prefix)) prefix = prefix.slice(0, -1);
  return prefix.isWellFormed() ? prefix : prefix.slice(0, -1); // Not between the halves of a character.
}

function namesIn(members: readonly LakeFile[], prefix: string): string[] {
  return members.map(({ path }) => path.slice(prefix.length));
}
