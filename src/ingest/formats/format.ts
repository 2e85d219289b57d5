import {
  metricColumns,
  resourceDimensionNames,
  rowDimensionNames,
  timeColumns,
} from '../../catalog/charge-columns.ts';
import type { BillFile, SourceColumn } from './bill-file.ts';

/** A kind of bill and how it becomes FOCUS charges. */
export type BillFormat = {
  readonly name: FormatName;
  /** Grows when the mapping gets better, so that raw files are mapped anew. */
  readonly mappingVersion: number;
  recognises(columns: readonly SourceColumn[]): Recognition;
  /**
   * A SELECT over the file: one row per charge, in the columns of `mappedColumns`. It streams (no sort, no
   * aggregate), needs no setting of the connection, and fails only where the file cannot be read
   * (`damagedFile` tells): a bad value makes a row with an `error_code`.
   */
  mappedSelect(file: BillFile): string;
};

export type FormatName = 'aws-cur' | 'focus';

export type Recognition = {
  /** How many of the file's columns are of this format. */
  readonly columnsKnown: number;
  /** Why the file cannot be read as this format; null when it can. */
  readonly problem: string | null;
};

/** Why a row is in quarantine. Codes are API: never renamed, never reused. */
export const quarantineCodes = [
  'FIELD_COUNT', // The record has more or fewer fields than the header.
  'MISSING_VALUE',
  'NULL_COST',
  'BAD_NUMBER', // No number, not finite, or at or beyond NUMBER_MAX.
  'BAD_TIME',
  'BAD_PERIOD', // The charge ends before it starts.
  'BAD_CURRENCY',
  'BAD_TAGS',
  'LOSSY_ID', // A spreadsheet has cut the digits of an id.
] as const;
export type QuarantineCode = (typeof quarantineCodes)[number];

/** Fraction digits of `residue`. */
export const RESIDUE_SCALE = 30;

/**
 * What a mapped relation consists of.
 *
 * `row_number`: record of the file from 1 (a CSV header and blank lines do not count). `part`: 0 in the one row
 * that each record has; a row derived from it (the unused part of a commitment) repeats its number under
 * another part. `error_code`, `error_reason`: null in a good
 * row; the other columns of a bad row mean nothing. `charge_key`: the format's own key, unique in its file;
 * null where the format has none. `tags`: JSON text as the bill has it, or null; equal texts are equal tags
 * but not the reverse, so group by the text and then take `tagMapSql` of each distinct one.
 * `residue`: source value - value, summed over the money metrics of the row.
 */
export const mappedColumns: readonly { readonly name: string; readonly type: string }[] = [
  { name: 'row_number', type: 'BIGINT' },
  { name: 'part', type: 'INTEGER' },
  { name: 'error_code', type: 'VARCHAR' },
  { name: 'error_reason', type: 'VARCHAR' },
  { name: 'charge_key', type: 'VARCHAR' },
  { name: 'billing_month', type: 'DATE' },
  ...timeColumns.map(({ name }) => ({ name, type: 'TIMESTAMP WITH TIME ZONE' })),
  ...metricColumns.map(({ name }) => ({ name, type: 'DECIMAL(38,12)' })),
  ...rowDimensionNames.map((name) => ({ name, type: 'VARCHAR' })),
  ...resourceDimensionNames.map((name) => ({ name, type: 'VARCHAR' })),
  { name: 'tags', type: 'VARCHAR' },
  { name: 'residue', type: `DECIMAL(38,${RESIDUE_SCALE})` },
];
