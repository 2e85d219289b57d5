/** A column's least or greatest value: text, days for dates, microseconds for instants, units of 10^-12 for decimals. */
export type Bound = string | bigint | number;

/** How many of a column's values are missing. Of no rows, all. */
export type Nulls = 'none' | 'some' | 'all';

/** What the manifests say of a data file. Columns by name; all of it may be looked up, none is read from the file. */
export type LakeFile = {
  readonly path: string;
  readonly sizeBytes: number;
  readonly records: number;
  readonly partition: Readonly<Record<string, string | number | null>>;
  /**
   * Bounds of text may be shortened, those of decimals are as wide as their files' type may be: lower <= every value <=
   * upper still holds. Null where unknown or all values are null.
   */
  readonly bounds: (column: string) => { readonly lower: Bound; readonly upper: Bound } | null;
  /** Null where unknown. */
  readonly nulls: (column: string) => Nulls | null;
  /** Whether the file was written with this column. */
  readonly holds: (column: string) => boolean;
  /**
   * Compressed size of the column's chunks, by the column's part of all files of the same partition and manifest; null
   * where unknown.
   */
  readonly columnBytes: (column: string) => number | null;
};

/** decimal(18,12) holds six digits before the point: files whose values are all below have their decimals so. */
export const NARROW_LIMIT = 10n ** 18n;

/** @param count how many values are missing; null where unknown */
export function nullsFrom(count: number | null, records: number): Nulls | null {
  if (count === null) return null;
  if (count === records) return 'all';
  return count === 0 ? 'none' : 'some';
}

/** Whether some row may have a value in the column. */
export function mayHoldValues(file: LakeFile, column: string): boolean {
  return file.holds(column) && file.nulls(column) !== 'all';
}
