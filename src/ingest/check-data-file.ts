/** Is a data file still what was written? */
import { stat } from 'node:fs/promises';

import type { DataFile } from '../catalog/iceberg/data-file.ts';
import { isCostError } from '../core/errors.ts';
import { sqlPath } from './formats/sql-text.ts';
import type { IngestSession } from './ingest-session.ts';
import { requiredText } from './ingest-session.ts';
import { digestInName, fileDigest } from './write-table-files.ts';

export type Damage = { readonly expected: string; readonly found: string };

/**
 * Null where the file is there, whole and unchanged: by its size and rows in the manifest and the digest in
 * its name (files of other programs have none). Reads all of it.
 */
export async function findDamage(session: IngestSession, file: DataFile): Promise<Damage | null> {
  try {
    const { size } = await stat(file.path);
    if (size !== file.sizeBytes) return { expected: `${file.sizeBytes} bytes`, found: `${size} bytes` };
    const written = digestInName(file.path);
    const digest = await fileDigest(file.path);
    if (written !== null && written !== digest) {
      return { expected: `the digest ${written}`, found: `${digest}: its bytes changed` };
    }
    const [row = {}] = await session.rows(
      `SELECT num_rows AS records FROM parquet_file_metadata(${sqlPath(file.path)})`,
    );
    const records = requiredText(row, 'records');
    if (records === String(file.records)) return null;
    return { expected: `${file.records} rows`, found: `${records} rows` };
  } catch (error) {
    return { expected: 'a data file', found: reasonOf(error) };
  }
}

/** The first line of why something cannot be read. @throws the error itself where it says nothing of the data */
export function reasonOf(error: unknown): string {
  if (isCostError(error) && error.code !== 'TABLE_DAMAGED' && error.code !== 'TABLE_UNSUPPORTED') throw error;
  const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return `it cannot be read: ${reason}`;
}
