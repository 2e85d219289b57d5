/** Is a data file still what was written? */
import { stat } from 'node:fs/promises';

import type { DataFile } from '../catalog/iceberg/data-file.ts';
import { costError, isCostError } from '../core/errors.ts';
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

/** @throws TABLE_DAMAGED for the first file that is not what was written. Reads all of them. */
export async function refuseDamaged(session: IngestSession, files: readonly DataFile[]): Promise<void> {
  for (const file of files) {
    const damage = await findDamage(session, file);
    if (damage === null) continue;
    const reason = `expected ${damage.expected}, found ${damage.found}`;
    throw costError('TABLE_DAMAGED', { file: file.path, reason });
  }
}

/**
 * Work that reads files of a table. Where it fails, and one of them is not what was written, that is why: what
 * DuckDB says of damage depends on where it lies.
 *
 * @throws TABLE_DAMAGED
 */
export async function readingFiles<T>(
  session: IngestSession,
  files: readonly DataFile[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isCostError(error)) await refuseDamaged(session, files);
    throw error;
  }
}

/** The first line of why something cannot be read. @throws the error itself where it says nothing of the data */
export function reasonOf(error: unknown): string {
  if (isCostError(error) && error.code !== 'TABLE_DAMAGED' && error.code !== 'TABLE_UNSUPPORTED') throw error;
  const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return reason;
}
