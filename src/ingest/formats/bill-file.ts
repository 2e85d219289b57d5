/**
 * A bill as a file: what it is made of, not what it means. Made by `openBillFile`, which has read a CSV
 * file through once (structure, UTF-8, checksums), so that what follows can trust it.
 */
export type BillFile = ParquetFile | CsvFile;

export type ParquetFile = {
  readonly container: 'parquet';
  readonly path: string;
  readonly columns: readonly SourceColumn[];
  /** Records of the file. */
  readonly rows: number;
};

export type CsvFile = {
  readonly container: 'csv';
  readonly path: string;
  readonly compression: Compression;
  readonly dialect: CsvDialect;
  readonly columns: readonly SourceColumn[];
  /** Records after the header, malformed ones among them; blank lines do not count. */
  readonly rows: number;
  readonly malformed: readonly MalformedRow[];
};

export type Compression = 'none' | 'gzip' | 'zstd';

export type CsvDialect = {
  readonly delimiter: string;
  /** RFC 4180 quotes; false for text whose separator never occurs in a value (0x01). */
  readonly quoted: boolean;
  readonly newline: Newline;
};
export type Newline = '\n' | '\r\n' | '\r';

export type SourceColumn = {
  /** As the file writes it. */
  readonly name: string;
  /** How the relation of `sourceRows` calls it. */
  readonly reference: string;
  /** DuckDB type; VARCHAR for every column of a CSV file. */
  readonly type: string;
};

/** A record whose number of fields is not the header's. `row` counts records after the header from 1. */
export type MalformedRow = { readonly row: number; readonly fields: number };

/** `lineItem/UnblendedCost`, `line_item_unblended_cost`, `LineItemUnblendedCost` are one column. */
export function squashName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}
