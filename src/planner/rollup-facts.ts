/** What there is of a tenant's rollups, and what was left out of them and why. */
import type { ColumnStatistics } from '../catalog/batch.ts';
import type { RollupGrain } from '../catalog/rollups.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import type { BatchId } from '../core/ids.ts';
import { rollupParts } from './rollup-parts.ts';

/** Of live batches; as `rollups list --json` prints it. */
export type RollupFacts = {
  readonly name: string;
  readonly grain: RollupGrain;
  readonly attributes: readonly string[];
  readonly parts: number;
  readonly rows: number;
  readonly bytes: number;
  /** These are answered from charges. */
  readonly batchesWithout: readonly BatchId[];
  /** Attributes that would blow some parts up, with the most distinct values that a batch of such a part has. */
  readonly leftOut: readonly {
    readonly attribute: string;
    readonly distinct: number;
    readonly parts: number;
  }[];
};

/** By batch and key. */
export type BatchStatistics = ReadonlyMap<string, ReadonlyMap<string, ColumnStatistics>>;

export function byBatch(
  statistics: readonly (ColumnStatistics & { readonly batch: BatchId })[],
): BatchStatistics {
  const batches = Map.groupBy(statistics, ({ batch }) => String(batch));
  return new Map([...batches].map(([id, own]) => [id, new Map(own.map((one) => [one.key, one]))]));
}

/** In the order of the tenant's rollups. */
export function rollupFactsOf(state: TenantState, statistics: BatchStatistics): RollupFacts[] {
  const batches = state.batches.filter(({ charges }) => charges > 0).map(({ id }) => id);
  return state.rollups.map((rollup) => {
    const parts = rollupParts(state, rollup);
    const built = batches.flatMap((id) => {
      const part = parts.get(id);
      return part === undefined ? [] : [{ id, ...part }];
    });
    const leftOut = rollup.attributes.flatMap((attribute) => {
      const lacking = built.filter((part) => part.leftOut.includes(attribute));
      if (lacking.length === 0) return [];
      const most = Math.max(...lacking.map(({ id }) => statistics.get(id)?.get(attribute)?.distinct ?? 0));
      return [{ attribute, distinct: most, parts: lacking.length }];
    });
    const { name, grain, attributes } = rollup;
    return {
      name,
      grain,
      attributes,
      parts: built.length,
      rows: built.reduce((sum, { records }) => sum + records, 0),
      bytes: built.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      batchesWithout: batches.filter((id) => !parts.has(id)),
      leftOut,
    };
  });
}
