/** Merges the small files of a partition into files of the target size, in the table's order. */
import { randomUUID } from 'node:crypto';

import type { TableState } from '../catalog/iceberg/catalog.ts';
import { isConflict } from '../catalog/iceberg/catalog.ts';
import type { DataFile, LiveDataFile, Partition } from '../catalog/iceberg/data-file.ts';
import { removeFiles } from '../catalog/iceberg/durable-files.ts';
import { listDataFiles } from '../catalog/iceberg/list-data-files.ts';
import { currentSchema } from '../catalog/iceberg/metadata.ts';
import { replaceFiles } from '../catalog/iceberg/table-operations.ts';
import type { DataLake } from '../catalog/lake.ts';
import type { LakeTable } from '../catalog/lake-tables.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import { canonicalJson } from '../core/digest.ts';
import { costError } from '../core/errors.ts';
import { DAY_MS } from '../core/time-range.ts';
import { findDamage, readingFiles } from './check-data-file.ts';
import { sqlName } from './formats/sql-text.ts';
import type { IngestSession } from './ingest-session.ts';
import { requiredText } from './ingest-session.ts';
import { tableRowsSql } from './read-table-files.ts';
import { FILE_BYTES_TARGET, writeTableFiles } from './write-table-files.ts';

/** A smaller file is merged with others. */
export const SMALL_FILE_BYTES = FILE_BYTES_TARGET / 2;
/** Merged at once: bounds the disk that sorting takes, and the work that a conflict undoes. */
export const MERGED_BYTES_MAX = 16 * FILE_BYTES_TARGET;

export type Compacted = {
  readonly filesBefore: number;
  readonly filesAfter: number;
  /** Why small files were left as they are, a line each. */
  readonly skipped: readonly string[];
};

/**
 * One commit for each group of small files. Damaged files are left alone: merged with others, nothing would
 * tell the damage any more.
 *
 * @param isWanted of the partition of a file
 * @throws LOAD_MISMATCH where merged files do not hold the same rows: then they were not replaced; TABLE_DAMAGED,
 *   STORAGE_FULL
 */
export async function compactTable(
  session: IngestSession,
  lake: DataLake,
  state: TableState,
  isWanted: (partition: Partition) => boolean,
  signal: AbortSignal,
): Promise<Compacted> {
  const table = lakeTables[state.ident.name];
  const known = new Set(table.fields.map(({ id }) => id));
  const newer = currentSchema(state.metadata).fields.find(({ id }) => !known.has(id));
  if (newer !== undefined) {
    const reason = `${table.name}: not compacted, a newer version of the program gave it ${newer.name}`;
    return { filesBefore: 0, filesAfter: 0, skipped: [reason] };
  }
  const files = (await listDataFiles(lake.manifests, state)).filter(({ partition }) => isWanted(partition));
  const skipped: string[] = [];
  let [filesBefore, filesAfter] = [0, 0];
  for (const group of smallFileGroups(files)) {
    signal.throwIfAborted();
    const outcome = await mergeGroup(session, lake, state, group, signal);
    if (typeof outcome === 'number') {
      filesBefore += group.length;
      filesAfter += outcome;
    } else skipped.push(`${table.name}: ${group.length} small files stay: ${outcome}`);
  }
  return { filesBefore, filesAfter, skipped };
}

/** Of one partition each; merged, their files are fewer even where none comes out larger than a small one. */
export function smallFileGroups<File extends Pick<DataFile, 'partition' | 'sizeBytes'>>(
  files: readonly File[],
): File[][] {
  const small = files.filter(({ sizeBytes }) => sizeBytes < SMALL_FILE_BYTES);
  const groups: File[][] = [];
  for (const inPartition of Map.groupBy(small, ({ partition }) => canonicalJson(partition)).values()) {
    let room = 0;
    for (const file of inPartition) {
      if (room < file.sizeBytes) {
        groups.push([]);
        room = MERGED_BYTES_MAX;
      }
      groups.at(-1)?.push(file);
      room -= file.sizeBytes;
    }
  }
  return groups.filter((group) => {
    const sizeBytes = group.reduce((sum, file) => sum + file.sizeBytes, 0);
    return group.length > Math.ceil(sizeBytes / SMALL_FILE_BYTES);
  });
}

/** How many files took the place of those of the group, or why none did. */
async function mergeGroup(
  session: IngestSession,
  lake: DataLake,
  state: TableState,
  group: readonly LiveDataFile[],
  signal: AbortSignal,
): Promise<number | string> {
  for (const file of group) {
    const damage = await findDamage(session, file);
    if (damage !== null) return `${file.path} is damaged, "verify" says more`;
  }
  const merged = await readingFiles(session, group, () =>
    writeMerged(session, state, lakeTables[state.ident.name], group),
  );
  const discard = (): Promise<void> => removeFiles(merged.map(({ path }) => path));
  if (merged.length >= group.length || signal.aborted) {
    await discard();
    signal.throwIfAborted();
    return 'merging them gives no fewer files';
  }
  try {
    const drop = new Set(group.map(({ path }) => path));
    const summary = { 'costgraph.compacted': String(group.length) };
    await replaceFiles(lake, state, { drop, add: merged, summary });
    return merged.length;
  } catch (error) {
    if (!isConflict(error)) throw error; // It may be in: clean-up looks whether the files are used.
    await discard();
    return 'others changed them meanwhile';
  }
}

/** @throws LOAD_MISMATCH, after removing what it wrote */
async function writeMerged(
  session: IngestSession,
  state: TableState,
  table: LakeTable,
  group: readonly LiveDataFile[],
): Promise<DataFile[]> {
  const [first] = group;
  if (first === undefined) return [];
  const from = tableRowsSql(table, group);
  const rows = { from, constants: constantsOf(state, table, first.partition, group) };
  const name = `merged-${randomUUID()}`;
  const merged = await writeTableFiles(session, state, table, first.partition, rows, name);
  const expected = await contentOf(session, table, from);
  const actual =
    merged.length === 0 ? 'nothing' : await contentOf(session, table, tableRowsSql(table, merged));
  if (expected === actual) return merged;
  await removeFiles(merged.map(({ path }) => path));
  throw costError('LOAD_MISMATCH', { metric: `${table.name}, merged`, expected, actual });
}

/** By partition and manifests: sorting takes half the time without the columns that hold one value. */
function constantsOf(
  { ident }: TableState,
  table: LakeTable,
  partition: Partition,
  group: readonly DataFile[],
): ReadonlyMap<string, string | null> {
  const constants = new Map<string, string | null>([['tenant', ident.tenant]]);
  for (const { id, name } of table.fields) {
    const isNull = ({ records, valueCounts, nullCounts }: DataFile): boolean =>
      !valueCounts.has(id) || (table.columnsTell !== true && nullCounts.get(id) === records);
    if (group.every(isNull)) constants.set(name, null);
  }
  for (const [name, value] of Object.entries(partition)) {
    const isDay = typeof value === 'number';
    constants.set(name, isDay ? new Date(value * DAY_MS).toISOString().slice(0, 10) : value);
  }
  return constants;
}

/** The number of rows and a sum over all their values: equal for the same rows in any order and files. */
async function contentOf(session: IngestSession, table: LakeTable, from: string): Promise<string> {
  const columns = table.fields.map(({ name }) => sqlName(name)).join(', ');
  const [row = {}] = await session.rows(
    `SELECT concat(count(*), ' rows of content ', sum(CAST(hash(${columns}) AS HUGEINT))) AS content FROM ${from}`,
  );
  return requiredText(row, 'content');
}
