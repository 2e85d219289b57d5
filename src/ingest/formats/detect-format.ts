import type { DuckDBConnection } from '@duckdb/node-api';
import { costError } from '../../core/errors.ts';
import { awsCurFormat } from './aws-cur.ts';
import type { BillFile } from './bill-file.ts';
import { focusFormat } from './focus.ts';
import type { BillFormat, FormatName } from './format.ts';
import { openBillFile } from './open-bill-file.ts';

export const billFormats: Readonly<Record<FormatName, BillFormat>> = {
  'aws-cur': awsCurFormat,
  focus: focusFormat,
};

/** Columns that an error names. */
const COLUMNS_NAMED_MAX = 5;
/** A file with as many columns of a format is meant as one. */
const COLUMNS_ALIKE_MIN = 3;

/**
 * Opens a file and finds its format by its columns, or checks that it is of the one asked for.
 *
 * @throws UNKNOWN_FORMAT, DAMAGED_FILE, EMPTY_FILE
 */
export async function detectFormat(
  connection: DuckDBConnection,
  path: string,
  asked: FormatName | null,
): Promise<{ readonly format: BillFormat; readonly file: BillFile }> {
  const file = await openBillFile(connection, path);
  const candidates = Object.values(billFormats)
    .filter(({ name }) => asked === null || name === asked)
    .map((format) => ({ format, ...format.recognises(file.columns) }))
    .toSorted((a, b) => b.columnsKnown - a.columnsKnown);
  const recognised = candidates.find(({ problem }) => problem === null);
  if (recognised !== undefined) return { format: recognised.format, file };

  const [nearest] = candidates;
  if (nearest !== undefined && (asked !== null || nearest.columnsKnown >= COLUMNS_ALIKE_MIN)) {
    throw costError('UNKNOWN_FORMAT', {
      file: path,
      reason: `as ${nearest.format.name}, ${nearest.problem ?? ''}`,
    });
  }
  const names = file.columns.slice(0, COLUMNS_NAMED_MAX).map(({ name }) => name);
  throw costError('UNKNOWN_FORMAT', {
    file: path,
    reason: `its ${file.columns.length} columns are ${names.join(', ')}${file.columns.length > COLUMNS_NAMED_MAX ? ', …' : ''}`,
  });
}
