/** Rows that are not loaded: bad ones and duplicates, kept with their number, code and reason. */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';

import { makeFolderDurably, syncAll } from '../catalog/iceberg/durable-files.ts';
import type { DataFolders } from '../catalog/lake.ts';
import { costError } from '../core/errors.ts';
import type { SourceName, TenantId } from '../core/ids.ts';
import { sqlText } from './formats/sql-text.ts';
import type { IngestSession } from './ingest-session.ts';
import { numberOf, requiredText } from './ingest-session.ts';
import type { Bill } from './stage-bill.ts';

const SAMPLE_ROWS_MAX = 5;

export type QuarantinedRow = { readonly row: number; readonly code: string; readonly reason: string };

export type Quarantine = {
  /** Bad records of the file. */
  readonly quarantined: number;
  readonly duplicates: number;
  /** The first ones. */
  readonly sample: readonly QuarantinedRow[];
  /** NDJSON; null where nothing was left out. */
  readonly path: string | null;
};

/** @throws NO_VALID_ROWS where a file has bad rows alone */
export async function quarantineRows(
  session: IngestSession,
  bill: Bill,
  fileIndex: number,
  importId: string,
): Promise<Quarantine> {
  const bad = `SELECT row_number AS row, error_code AS code, error_reason AS reason
FROM staged WHERE file_index = ${fileIndex} AND error_code IS NOT NULL`;
  const duplicates = `SELECT row_number, 'DUPLICATE_CHARGE', reason FROM duplicates WHERE file_index = ${fileIndex}`;
  const all = `(${bad} UNION ALL ${duplicates})`;
  const [counts = {}] = await session.rows(
    `SELECT count(DISTINCT row) FILTER (code <> 'DUPLICATE_CHARGE') AS quarantined,
  count(*) FILTER (code = 'DUPLICATE_CHARGE') AS duplicates FROM ${all}`,
  );
  const quarantined = numberOf(counts, 'quarantined');
  const sample = (await session.rows(`SELECT * FROM ${all} ORDER BY row, code LIMIT ${SAMPLE_ROWS_MAX}`)).map(
    (row) => ({
      row: numberOf(row, 'row'),
      code: requiredText(row, 'code'),
      reason: requiredText(row, 'reason'),
    }),
  );
  const [first] = sample;
  if (first === undefined) return { quarantined, duplicates: 0, sample, path: null };
  if (quarantined === bill.file.rows) {
    throw costError('NO_VALID_ROWS', { ...first, file: bill.fileName, rows: bill.file.rows });
  }
  const path = join(session.folder, `${importId}-${fileIndex}.ndjson`);
  await session.rows(`COPY (SELECT * FROM ${all} ORDER BY row, code) TO ${sqlText(path)} (FORMAT json)`);
  return { quarantined, duplicates: numberOf(counts, 'duplicates'), sample, path };
}

/** Puts the file where it stays: `<tenant>/<source>/<import>-<file>.ndjson`. */
export async function keepQuarantine(
  folders: DataFolders,
  tenant: TenantId,
  source: SourceName,
  quarantine: Quarantine,
  name: string,
): Promise<Quarantine> {
  if (quarantine.path === null) return quarantine;
  const folder = join(folders.quarantine, tenant, source);
  await makeFolderDurably(folder);
  const path = join(folder, `${name}.ndjson`);
  await syncAll([quarantine.path]);
  await rename(quarantine.path, path);
  await syncAll([folder]);
  return { ...quarantine, path };
}
