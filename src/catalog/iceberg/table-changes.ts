/**
 * A commit is a list of requirements and a list of updates, in the words of the Iceberg REST catalog: a
 * REST catalog sends them as they are; the local one checks and applies them here.
 */
import type { Snapshot, SnapshotRef, TableMetadata, TableSchema } from './metadata.ts';
import { METADATA_LOG_MAX } from './metadata.ts';

export type TableRequirement =
  | { readonly type: 'assert-table-uuid'; readonly uuid: string }
  | {
      readonly type: 'assert-ref-snapshot-id';
      readonly ref: string;
      /** Null: the ref does not exist yet. */
      readonly 'snapshot-id': bigint | null;
    }
  | { readonly type: 'assert-current-schema-id'; readonly 'current-schema-id': number };

export type TableUpdate =
  | { readonly action: 'add-snapshot'; readonly snapshot: Snapshot }
  | ({ readonly action: 'set-snapshot-ref'; readonly 'ref-name': string } & SnapshotRef)
  | { readonly action: 'remove-snapshots'; readonly 'snapshot-ids': readonly bigint[] }
  | { readonly action: 'add-schema'; readonly schema: TableSchema }
  | { readonly action: 'set-current-schema'; readonly 'schema-id': number };

/** True when all of them hold of `metadata`. */
export function requirementsHold(
  metadata: TableMetadata,
  requirements: readonly TableRequirement[],
): boolean {
  return requirements.every((requirement) => {
    switch (requirement.type) {
      case 'assert-table-uuid':
        return metadata['table-uuid'] === requirement.uuid;
      case 'assert-ref-snapshot-id':
        return (metadata.refs[requirement.ref]?.['snapshot-id'] ?? null) === requirement['snapshot-id'];
      case 'assert-current-schema-id':
        return metadata['current-schema-id'] === requirement['current-schema-id'];
    }
  });
}

/** The next version of the metadata; `previousFile` (a URI) joins its metadata log. `now` in ms since 1970. */
export function applyUpdates(
  previous: TableMetadata,
  previousFile: string,
  updates: readonly TableUpdate[],
  now: number,
): TableMetadata {
  // Readers refuse logs that run backwards, and clocks do.
  const updatedMs = Math.max(now, previous['last-updated-ms'] + 1);
  const next = updates.reduce((metadata, update) => applyUpdate(metadata, update, updatedMs), previous);
  const entry = { 'metadata-file': previousFile, 'timestamp-ms': previous['last-updated-ms'] };
  return {
    ...next,
    'last-updated-ms': updatedMs,
    'metadata-log': [...previous['metadata-log'], entry].slice(-METADATA_LOG_MAX),
  };
}

function applyUpdate(metadata: TableMetadata, update: TableUpdate, updatedMs: number): TableMetadata {
  switch (update.action) {
    case 'add-snapshot':
      return {
        ...metadata,
        snapshots: [...metadata.snapshots, update.snapshot],
        'last-sequence-number': update.snapshot['sequence-number'],
      };
    case 'set-snapshot-ref': {
      const snapshotId = update['snapshot-id'];
      const ref: SnapshotRef = { 'snapshot-id': snapshotId, type: update.type };
      const moved = { ...metadata, refs: { ...metadata.refs, [update['ref-name']]: ref } };
      if (update['ref-name'] !== 'main') return moved;
      const entry = { 'snapshot-id': snapshotId, 'timestamp-ms': updatedMs };
      return {
        ...moved,
        'current-snapshot-id': snapshotId,
        'snapshot-log': [...metadata['snapshot-log'], entry],
      };
    }
    case 'remove-snapshots': {
      const gone = new Set(update['snapshot-ids']);
      return {
        ...metadata,
        snapshots: metadata.snapshots.filter((snapshot) => !gone.has(snapshot['snapshot-id'])),
        'snapshot-log': metadata['snapshot-log'].filter((entry) => !gone.has(entry['snapshot-id'])),
      };
    }
    case 'add-schema':
      return {
        ...metadata,
        schemas: [...metadata.schemas, update.schema],
        'last-column-id': Math.max(
          metadata['last-column-id'],
          ...update.schema.fields.map((field) => field.id),
        ),
      };
    case 'set-current-schema':
      return { ...metadata, 'current-schema-id': update['schema-id'] };
  }
}
