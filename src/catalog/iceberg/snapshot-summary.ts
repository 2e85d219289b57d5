import type { TableState } from './catalog.ts';
import type { SnapshotChange } from './commit-snapshot.ts';
import type { SnapshotSummary } from './metadata.ts';
import { snapshotById } from './metadata.ts';
import type { Dropped } from './rewrite-manifests.ts';

/** Iceberg's totals of a snapshot, and the properties of the change. */
export function summarize(state: TableState, change: SnapshotChange, dropped: Dropped): SnapshotSummary {
  const before = snapshotById(state.metadata, state.snapshotId)?.summary;
  const added = {
    files: change.add.length,
    rows: change.add.reduce((rows, file) => rows + file.records, 0),
    bytes: change.add.reduce((bytes, file) => bytes + file.sizeBytes, 0),
  };
  const counts = {
    'added-data-files': added.files,
    'added-records': added.rows,
    'added-files-size': added.bytes,
    'deleted-data-files': dropped.files,
    'deleted-records': dropped.rows,
    'removed-files-size': dropped.bytes,
  };
  const total = (key: string, difference: number): Record<string, string> => {
    const previous = before === undefined ? '0' : before[key];
    // Unknown for good where another program left it out.
    return previous === undefined ? {} : { [key]: String(BigInt(previous) + BigInt(difference)) };
  };
  return {
    ...change.summary,
    ...Object.fromEntries(
      Object.entries(counts)
        .filter(([, count]) => count > 0)
        .map(([key, count]) => [key, String(count)]),
    ),
    ...total('total-records', added.rows - dropped.rows),
    ...total('total-files-size', added.bytes - dropped.bytes),
    ...total('total-data-files', added.files - dropped.files),
    ...total('total-delete-files', 0),
    ...total('total-position-deletes', 0),
    ...total('total-equality-deletes', 0),
    operation: change.operation,
  };
}
