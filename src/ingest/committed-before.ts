import type { LiveDataFile } from '../catalog/iceberg/data-file.ts';
import { listDataFiles } from '../catalog/iceberg/list-data-files.ts';
import type { DataLake } from '../catalog/lake.ts';
import type { LakeTableName } from '../catalog/lake-tables.ts';
import type { TenantId } from '../core/ids.ts';
import type { Instant } from '../core/time-range.ts';

/** Files of a table that were committed before an instant. */
export async function filesCommittedBefore(
  lake: DataLake,
  tenant: TenantId,
  name: LakeTableName,
  before: Instant,
): Promise<LiveDataFile[]> {
  const state = await lake.findTable(tenant, name);
  if (state === null) return [];
  const committedAt = new Map(
    state.metadata.snapshots.map((one) => [one['snapshot-id'], one['timestamp-ms']]),
  );
  const files = await listDataFiles(lake.manifests, state);
  // An expired snapshot is old.
  return files.filter(({ addedSnapshotId }) => (committedAt.get(addedSnapshotId) ?? 0) < before);
}
