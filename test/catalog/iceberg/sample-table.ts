/** Makes the sample table, and writes Parquet into it, for one test at a time. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { onTestFinished } from 'vitest';
import type { CopyRow } from '../../../src/catalog/iceberg/data-file-from-copy.ts';
import { dataFileFromCopy, fieldIdsSql } from '../../../src/catalog/iceberg/data-file-from-copy.ts';
import type { DataFile, Partition } from '../../../src/catalog/iceberg/data-file.ts';
import type { Lake, TableState } from '../../../src/catalog/iceberg/catalog.ts';
import { currentSchema } from '../../../src/catalog/iceberg/metadata.ts';
import { createTable, newDataFilePath } from '../../../src/catalog/iceberg/table-operations.ts';
import { openLake, sampleIdent, sampleTable } from './sample-files.ts';

/** A folder of the running test, gone after it. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'iceberg-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function newSampleTable(): Promise<{ lake: Lake; warehouse: string; state: TableState }> {
  const warehouse = await temporaryFolder();
  const lake = openLake(warehouse);
  return { lake, warehouse, state: await createTable(lake.catalog, sampleIdent, sampleTable) };
}

/** The newest state; fails where there is none. */
export async function reload(lake: Lake): Promise<TableState> {
  const state = await lake.catalog.load(sampleIdent);
  if (state === null) throw new Error('the table is missing');
  return state;
}

const duckdb = await DuckDBInstance.create(':memory:', { threads: '1' });

/** One connection per query. */
export async function queryRows(sql: string): Promise<Record<string, unknown>[]> {
  const connection = await duckdb.connect();
  try {
    const reader = await connection.runAndReadAll(sql);
    return reader.getRowObjectsJson();
  } finally {
    connection.closeSync();
  }
}

/** Writes the rows of a SELECT, whose columns are (some of) the table's, to a new data file. */
export async function writeDataFile(
  state: TableState,
  partition: Partition,
  select: string,
): Promise<DataFile> {
  const { fields } = currentSchema(state.metadata);
  const columns = await queryRows(`describe ${select}`);
  const names = new Set(columns.map((column) => column['column_name']));
  const path = newDataFilePath(state);
  const ids = fieldIdsSql(fields.filter((field) => names.has(field.name)));
  const [row] = await queryRows(
    `copy (${select}) to '${path}' (format parquet, compression zstd, field_ids ${ids}, return_stats true)`,
  );
  return dataFileFromCopy(row as CopyRow, fields, partition); // RETURN_STATS gives just this.
}
