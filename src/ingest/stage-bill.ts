/**
 * Maps bills once into Parquet files of their own: what follows reads a few columns of them at a time. Their
 * dictionaries make each of these passes several times faster than a table of DuckDB would.
 */
import { join } from 'node:path';

import { damagedFile } from './formats/open-bill-file.ts';
import type { BillFile } from './formats/bill-file.ts';
import type { BillFormat } from './formats/format.ts';
import { sqlText, sqlTexts } from './formats/sql-text.ts';
import { lineHash } from './charge-identity.ts';
import { namedAfter } from './ingest-error.ts';
import type { IngestSession, OnFraction } from './ingest-session.ts';
import { requiredText } from './ingest-session.ts';
import { costError, isCostError } from '../core/errors.ts';

/** Larger ones do not fit the memory limit while both threads fill theirs, and are then three times slower. */
const ROW_GROUP_ROWS = 20_480;
/** Values of a row group beyond which a column is no longer tried to be kept as a dictionary. */
const DICTIONARY_VALUES_MAX = 2_000;

export type Bill = {
  readonly fileName: string;
  readonly sha256: string;
  readonly format: BillFormat;
  readonly file: BillFile;
};

/**
 * Makes the view `staged`: the mapped rows of all bills, with `file_index` (place in `bills`), `line_hash`
 * and `file_row_number`; the two numbers together are unique.
 *
 * @throws DAMAGED_FILE, STORAGE_FULL, LOAD_MISMATCH where a record of a file is not among the rows, or more than once
 */
export async function stageBills(
  session: IngestSession,
  bills: readonly Bill[],
  onFraction: OnFraction,
): Promise<readonly string[]> {
  const paths: string[] = [];
  const rowsTotal = bills.reduce((sum, { file }) => sum + file.rows, 0);
  let rowsDone = 0;
  for (const [fileIndex, bill] of bills.entries()) {
    const path = join(session.folder, `staged-${fileIndex}.parquet`);
    const share = bill.file.rows / rowsTotal;
    const done = rowsDone / rowsTotal;
    await stageBill(session, bill, fileIndex, path, (fraction) => onFraction(done + share * fraction));
    await checkRecords(session, bill, path);
    paths.push(path);
    rowsDone += bill.file.rows;
  }
  await session.rows(
    `CREATE OR REPLACE VIEW staged AS SELECT * FROM read_parquet([${sqlTexts(paths)}], file_row_number = true)`,
  );
  return paths;
}

async function stageBill(
  session: IngestSession,
  { fileName, format, file }: Bill,
  fileIndex: number,
  path: string,
  onFraction: OnFraction,
): Promise<void> {
  try {
    await session.rows(
      `COPY (SELECT *, ${fileIndex} AS file_index, ${lineHash()} AS line_hash FROM (${format.mappedSelect(file)}))
TO ${sqlText(path)} (FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE ${ROW_GROUP_ROWS},
  DICTIONARY_SIZE_LIMIT ${DICTIONARY_VALUES_MAX})`,
      onFraction,
    );
  } catch (error) {
    throw isCostError(error) ? error : namedAfter(damagedFile(file.path, error), file.path, fileName);
  }
}

/**
 * A reader that lost or doubled rows without an error would change money. Summed hashes tell as much as counting
 * distinct numbers and their repetitions would, in a tenth of the time.
 */
async function checkRecords(
  session: IngestSession,
  { fileName, file: { rows } }: Bill,
  path: string,
): Promise<void> {
  const [found = {}] = await session.rows(
    `SELECT count(*) AS records,
  coalesce(sum(hash(row_number)) = (SELECT sum(hash(number)) FROM range(1, ${rows + 1}) AS numbers(number)), false) AS each_once
FROM read_parquet(${sqlText(path)}) WHERE part = 0`,
  );
  if (found['each_once'] === true) return;
  const records = requiredText(found, 'records');
  const actual = records === String(rows) ? `${records}, but not each once,` : records;
  throw costError('LOAD_MISMATCH', { metric: `Records of ${fileName}`, expected: String(rows), actual });
}
