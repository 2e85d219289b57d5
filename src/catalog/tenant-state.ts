import type { TenantId } from '../core/ids.ts';
import type { PublishedBatch } from './batch.ts';
import type { Dimension } from './dimensions.ts';
import type { FileIndex } from './file-index.ts';
import { emptyIndex } from './file-index.ts';
import type { LakeTableName } from './lake-tables.ts';
import type { PublishedRules } from './published-rules.ts';
import type { Rollup } from './rollups.ts';
import type { SourceProfile } from './source-profile.ts';
import type { TelemetryStream } from './telemetry.ts';

export type LakeTableState = {
  /** Iceberg snapshot id; `none` for a table without one. */
  readonly snapshot: string;
  readonly files: FileIndex;
};
/** Of a table that is not there yet. */
export const noFiles: LakeTableState = { snapshot: 'none', files: emptyIndex };

/**
 * Everything that planning one question depends on, pinned at once and immutable: the live batches and the rules of one
 * knowledge state, and a lake state that holds them.
 */
export type TenantState = {
  readonly tenant: TenantId;
  /** The knowledge sequence that the state is of. */
  readonly sequence: number;
  /** Live at `sequence`; of a past state some may be dropped by now. */
  readonly batches: readonly PublishedBatch[];
  /** All ever published: what `version` is derived from. */
  readonly history: readonly PublishedBatch[];
  readonly tables: Readonly<Record<LakeTableName, LakeTableState>>;
  /** Which of their parts there are is in `tables.rollups`. */
  readonly rollups: readonly Rollup[];
  /** By name: the streams that are known at `sequence`, with the loads up to then. */
  readonly telemetry: ReadonlyMap<string, TelemetryStream>;
  readonly tagKeys: ReadonlySet<string>;
  /** The newest that were published by then, or those that were asked for. */
  readonly rules: PublishedRules | null;
  /** The dimensions that they define, by key. */
  readonly ruled: ReadonlyMap<string, Dimension>;
  /** What the bills of each source with live batches look like. */
  readonly profiles: ReadonlyMap<string, SourceProfile>;
  /** Estimated over the live batches, by dimension key. */
  readonly statistics: ReadonlyMap<string, { readonly distinct: number; readonly nulls: number }>;
};
