import type { TenantId } from '../core/ids.ts';
import type { PublishedBatch } from './batch.ts';
import type { LakeTableName } from './lake-tables.ts';
import type { Rollup } from './rollups.ts';

/** A column's least or greatest value: text, days for dates, microseconds for instants, units of 10^-12 for decimals. */
export type Bound = string | bigint | number;

/** What the manifests say of a data file. Columns by name; all of it may be looked up, none is read from the file. */
export type LakeFile = {
  readonly path: string;
  readonly sizeBytes: number;
  readonly records: number;
  readonly partition: Readonly<Record<string, Bound | null>>;
  /** Bounds of text may be shortened: lower <= every value <= upper still holds. Null where unknown or all values are null. */
  readonly bounds: (column: string) => { readonly lower: Bound; readonly upper: Bound } | null;
  /** Null where unknown. */
  readonly nullCount: (column: string) => number | null;
  /** Whether the file was written with this column. */
  readonly holds: (column: string) => boolean;
  /** Compressed size of the column's chunks; null where unknown. */
  readonly columnBytes: (column: string) => number | null;
};

export type LakeTableState = {
  /** Iceberg snapshot id; `none` for a table without one. */
  readonly snapshot: string;
  readonly files: readonly LakeFile[];
};

/**
 * Everything that planning one question depends on, pinned at once and immutable: the live batches of one
 * knowledge state, and a lake state that holds them.
 */
export type TenantState = {
  readonly tenant: TenantId;
  /** The knowledge sequence that the state is of. */
  readonly sequence: number;
  /** Live at `sequence`. */
  readonly batches: readonly PublishedBatch[];
  /** All ever published: what `version` is derived from. */
  readonly history: readonly PublishedBatch[];
  readonly tables: Readonly<Record<LakeTableName, LakeTableState>>;
  /** Which of their parts there are is in `tables.rollups`. */
  readonly rollups: readonly Rollup[];
  readonly tagKeys: ReadonlySet<string>;
  /** Estimated over the live batches, by dimension key. */
  readonly statistics: ReadonlyMap<string, { readonly distinct: number; readonly nulls: number }>;
};
