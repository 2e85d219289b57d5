/** Merges the small files of a partition into files of the target size, in the table's order. */
import { randomUUID } from 'node:crypto';

import { isConflict } from '../catalog/iceberg/catalog.ts';
import type { TableState } from '../catalog/iceberg/catalog.ts';
import type { DataFile, LiveDataFile } from '../catalog/iceberg/data-file.ts';
import { removeFiles } from '../catalog/iceberg/durable-files.ts';
import { listDataFiles } from '../catalog/iceberg/list-data-files.ts';
import { replaceFiles } from '../catalog/iceberg/table-operations.ts';
import type { DataLake } from '../catalog/lake.ts';
import type { LakeTable } from '../catalog/lake-tables.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import { canonicalJson } from '../core/digest.ts';
import { costError } from '../core/errors.ts';
import { sqlName, sqlTexts } from './formats/sql-text.ts';
import type { IngestSession } from './ingest-session.ts';
import { requiredText } from './ingest-session.ts';
import { FILE_BYTES_TARGET, writeTableFiles } from './write-table-files.ts';

/** A smaller file is merged with others. */
const SMALL_BYTES = FILE_BYTES_TARGET / 2;

export type Compacted = { readonly filesBefore: number; readonly filesAfter: number };

/**
 * One commit for each partition with several small files.
 *
 * @throws LOAD_MISMATCH where the merged files do not hold the same rows: then nothing was replaced
 */
export async function compactTable(
  session: IngestSession,
  lake: DataLake,
  state: TableState,
): Promise<Compacted> {
  const table = lakeTables[state.ident.name];
  const small = (await listDataFiles(lake.manifests, state)).filter(
    ({ sizeBytes }) => sizeBytes < SMALL_BYTES,
  );
  const compacted = { filesBefore: 0, filesAfter: 0 };
  for (const files of Map.groupBy(small, ({ partition }) => canonicalJson(partition)).values()) {
    if (files.length < 2) continue;
    const merged = await mergeFiles(session, state, table, files);
    try {
      await replaceFiles(lake, state, {
        drop: new Set(files.map(({ path }) => path)),
        add: merged,
        summary: { 'costgraph.compacted': String(files.length) },
      });
    } catch (error) {
      if (!isConflict(error)) throw error;
      await removeFiles(merged.map(({ path }) => path)); // One of the files was dropped meanwhile.
      continue;
    }
    compacted.filesBefore += files.length;
    compacted.filesAfter += merged.length;
  }
  return compacted;
}

async function mergeFiles(
  session: IngestSession,
  state: TableState,
  table: LakeTable,
  files: readonly LiveDataFile[],
): Promise<DataFile[]> {
  const [first] = files;
  if (first === undefined) return [];
  const from = relationOf(files);
  const rows = { from, constants: new Map<string, string>() };
  const merged = await writeTableFiles(
    session,
    state,
    table,
    first.partition,
    rows,
    `merged-${randomUUID()}`,
  );
  const [before, after] = [
    await contentOf(session, table, from),
    await contentOf(session, table, relationOf(merged)),
  ];
  if (before !== after) {
    await removeFiles(merged.map(({ path }) => path));
    throw costError('LOAD_MISMATCH', {
      metric: `${state.ident.name}, merged`,
      expected: before,
      actual: after,
    });
  }
  return merged;
}

/** By name, so that columns which older files lack are null, and narrow decimals meet wide ones. */
function relationOf(files: readonly DataFile[]): string {
  return `read_parquet([${sqlTexts(files.map(({ path }) => path))}], union_by_name = true)`;
}

/** The same for the same rows in any order, files and width of decimals. */
async function contentOf(session: IngestSession, table: LakeTable, from: string): Promise<string> {
  const columns = table.fields.map(({ name, type }) =>
    type === 'decimal(38,12)' ? `CAST(${sqlName(name)} AS DECIMAL(38,12))` : sqlName(name),
  );
  const [row = {}] = await session.rows(
    `SELECT count(*) || ' rows, content ' || coalesce(sum(CAST(hash(${columns.join(', ')}) AS HUGEINT)), 0) AS content FROM ${from}`,
  );
  return requiredText(row, 'content');
}
