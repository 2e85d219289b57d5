/**
 * Lines that occur more than once. With the format's own key they are duplicates, and the first counts; without
 * one they are legitimate, and are told apart by an ordinal.
 *
 * Hashes are grouped first, eight bytes a row; only rows of hashes that repeat are looked at in full.
 */
import type { DataFile } from '../catalog/iceberg/data-file.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import { readingFiles } from './check-data-file.ts';
import type { IngestSession } from './ingest-session.ts';
import { numberOf } from './ingest-session.ts';
import { tableRowsSql } from './read-table-files.ts';

/**
 * Makes the tables `duplicates (file_index, file_row_number, row_number, reason)` and `ordinals (file_index,
 * file_row_number, ordinal)`, of 2 and up.
 *
 * @param liveFiles charges files of the batches that an increment comes on top of; empty where it replaces them
 * @returns how many duplicates there are
 * @throws TABLE_DAMAGED
 */
export async function findRepeats(session: IngestSession, liveFiles: readonly DataFile[]): Promise<number> {
  await session.rows(
    `CREATE OR REPLACE TABLE repeated_hashes AS
SELECT line_hash FROM staged WHERE error_code IS NULL GROUP BY line_hash HAVING count(*) > 1`,
  );
  await session.rows(
    `CREATE OR REPLACE TABLE repeats AS
SELECT file_index, file_row_number, row_number, charge_key IS NOT NULL AS has_key, ordinal
FROM (SELECT *, row_number() OVER (PARTITION BY billing_month, charge_key, line_hash
    ORDER BY file_index, row_number, file_row_number) AS ordinal
  FROM (SELECT file_index, file_row_number, row_number, billing_month, charge_key, line_hash FROM staged
    SEMI JOIN repeated_hashes USING (line_hash) WHERE error_code IS NULL))
WHERE ordinal > 1`,
  );
  await session.rows(
    `CREATE OR REPLACE TABLE duplicates AS
SELECT file_index, file_row_number, row_number, 'An earlier line of this import has the same key' AS reason
FROM repeats WHERE has_key`,
  );
  if (liveFiles.length > 0) {
    await readingFiles(session, liveFiles, () => addLiveDuplicates(session, liveFiles));
  }
  await session.rows(
    `CREATE OR REPLACE TABLE ordinals AS
SELECT file_index, file_row_number, ordinal FROM repeats WHERE NOT has_key`,
  );
  const [counts = {}] = await session.rows('SELECT count(*) AS duplicates FROM duplicates');
  return numberOf(counts, 'duplicates');
}

async function addLiveDuplicates(session: IngestSession, liveFiles: readonly DataFile[]): Promise<void> {
  await session.rows(
    `INSERT INTO duplicates
SELECT file_index, file_row_number, row_number, 'A charge with the same key is loaded already'
FROM (SELECT file_index, file_row_number, row_number, billing_month, charge_key AS charge_id
  FROM staged WHERE error_code IS NULL AND charge_key IS NOT NULL)
SEMI JOIN ${tableRowsSql(lakeTables.charges, liveFiles)} AS live USING (billing_month, charge_id)
ANTI JOIN duplicates USING (file_index, file_row_number)`,
  );
}
