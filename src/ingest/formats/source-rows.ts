import type { BillFile, CsvFile, SourceColumn } from './bill-file.ts';
import { sqlName, sqlPath, sqlText, sqlTexts } from './sql-text.ts';

/** A column that a mapping reads under a name of its own. */
export type ReadColumn = { readonly alias: string; readonly column: SourceColumn };

/** Texts that mean null, in every format read so far. */
const NULL_TEXTS = ['', 'NULL', '\\N'] as const;

/**
 * SELECT of `row_number`, `malformed` (why a record is not one, or null) and each column under its alias.
 * Texts that mean null are null.
 */
export function sourceRows(file: BillFile, columns: readonly ReadColumn[]): string {
  const list = columns
    .map(({ alias, column }) => `${readValue(file, column)} AS ${sqlName(alias)}`)
    .join(',\n  ');
  if (file.container === 'parquet') {
    return `SELECT file_row_number + 1 AS row_number, CAST(NULL AS VARCHAR) AS malformed,
  ${list}
FROM read_parquet(${sqlPath(file.path)}, file_row_number = true, binary_as_string = true)`;
  }
  return `SELECT row_number, ${file.malformed.length === 0 ? 'CAST(NULL AS VARCHAR)' : 'malformed'} AS malformed,
  ${list}
FROM (SELECT row_number() OVER () AS row_number, * FROM ${readCsv(file)})${joinMalformed(file)}`;
}

function readValue(file: BillFile, column: SourceColumn): string {
  // The CSV reader has made the nulls already.
  if (file.container === 'csv' || column.type !== 'VARCHAR') return column.reference;
  const name = column.reference;
  return `CASE WHEN ${NULL_TEXTS.map((text) => `${name} = ${sqlText(text)}`).join(' OR ')} THEN NULL ELSE ${name} END`;
}

/**
 * Sequential, so that row numbers are those of the file. With malformed rows (found by the scan before) the
 * reader pads and cuts them instead of dropping them, which would shift the numbers; they are marked above.
 * The line end is left to DuckDB: told that it is CRLF, strict mode reads no rows at all (1.5.5).
 */
function readCsv(file: CsvFile): string {
  const { delimiter, quoted } = file.dialect;
  const quote = sqlText(quoted ? '"' : '');
  const tolerant = file.malformed.length > 0;
  const options = [
    'auto_detect = false',
    'header = true',
    'parallel = false',
    `delim = ${sqlText(delimiter)}`,
    `quote = ${quote}`,
    `escape = ${quote}`,
    `compression = ${sqlText(file.compression)}`,
    `nullstr = [${sqlTexts(NULL_TEXTS)}]`,
    `strict_mode = ${String(!tolerant)}`,
    `null_padding = ${String(tolerant)}`,
    `columns = {${file.columns.map((column) => `${column.reference}: 'VARCHAR'`).join(', ')}}`,
  ];
  return `read_csv(${sqlPath(file.path)}, ${options.join(', ')})`;
}

function joinMalformed(file: CsvFile): string {
  if (file.malformed.length === 0) return '';
  const expected = file.columns.length;
  const rows = file.malformed.map(
    ({ row, fields }) => `(${row}, '${fields} fields, the header has ${expected}')`,
  );
  return `\nLEFT JOIN (VALUES ${rows.join(', ')}) AS marked(malformed_row, malformed) ON malformed_row = row_number`;
}
