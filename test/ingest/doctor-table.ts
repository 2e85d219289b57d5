import { listDataFiles } from '../../src/catalog/iceberg/list-data-files.ts';
import type { LiveDataFile } from '../../src/catalog/iceberg/data-file.ts';
import type { TableState } from '../../src/catalog/iceberg/catalog.ts';
import { replaceFiles } from '../../src/catalog/iceberg/table-operations.ts';
import type { DataLake } from '../../src/catalog/lake.ts';
import type { LakeTableName } from '../../src/catalog/lake-tables.ts';
import { lakeTables } from '../../src/catalog/lake-tables.ts';
import type { TenantId } from '../../src/core/ids.ts';
import { openIngestSession } from '../../src/ingest/ingest-session.ts';
import { tableRowsSql } from '../../src/ingest/read-table-files.ts';
import { writeTableFiles } from '../../src/ingest/write-table-files.ts';

export async function tableState(lake: DataLake, tenant: TenantId, name: LakeTableName): Promise<TableState> {
  const state = await lake.findTable(tenant, name);
  if (state === null) throw new Error(`${tenant} has no ${name}`);
  return state;
}

export async function liveFiles(
  lake: DataLake,
  tenant: TenantId,
  name: LakeTableName,
): Promise<readonly LiveDataFile[]> {
  return listDataFiles(lake.manifests, await tableState(lake, tenant, name));
}

/**
 * Puts files with other rows in the place of a file, one for each query, as a mistake of a program would: whole,
 * and with a digest of their own.
 *
 * @param selects over the relation `old`, the rows of the file
 */
export async function doctorFile(
  lake: DataLake,
  tenant: TenantId,
  name: LakeTableName,
  file: LiveDataFile,
  selects: readonly string[],
): Promise<void> {
  await using session = await openIngestSession(lake.folders, 1);
  const state = await tableState(lake, tenant, name);
  const table = lakeTables[name];
  await session.rows(`CREATE TABLE old AS SELECT * FROM ${tableRowsSql(table, [file])}`);
  const add = [];
  for (const [index, select] of selects.entries()) {
    const rows = { from: `(${select})`, constants: new Map<string, string>() };
    const label = `doctored-${Date.now()}-${index}`;
    add.push(...(await writeTableFiles(session, state, table, file.partition, rows, label)));
  }
  await replaceFiles(lake, state, { drop: new Set([file.path]), add, summary: {} });
}
