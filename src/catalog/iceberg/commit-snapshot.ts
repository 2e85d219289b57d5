/**
 * One new snapshot: writes manifests and their list, publishes, and after a conflict does it again on the
 * newest state.
 *
 * Everything a commit refers to is synced before it is published. Files of attempts that certainly lost are
 * removed; those of one whose outcome is unknown stay, until clean-up finds that nothing refers to them.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { dirname, join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { costError, isCostError } from '../../core/errors.ts';
import type { Lake, TableState } from './catalog.ts';
import { isConflict, tableName } from './catalog.ts';
import type { DataFile } from './data-file.ts';
import { removeFiles, syncAll, writeDurably } from './durable-files.ts';
import { toFileUri } from './file-uri.ts';
import { readManifestList } from './list-data-files.ts';
import type { ManifestFile } from './manifest-list.ts';
import { encodeManifestList } from './manifest-list.ts';
import type { Operation, Snapshot } from './metadata.ts';
import { NO_SNAPSHOT, partitionColumns } from './metadata.ts';
import type { Dropped, WriteManifest } from './rewrite-manifests.ts';
import { dropFromManifests, mergeSmallManifests, writeManifest } from './rewrite-manifests.ts';
import { summarize } from './snapshot-summary.ts';

/** Far more than contending writers need; each waits longer than the one before. */
const COMMIT_ATTEMPTS_MAX = 50;
const BACKOFF_FIRST_MS = 5;
const BACKOFF_MAX_MS = 1_000;

export type SnapshotChange = {
  readonly operation: Operation;
  /** Kept in the snapshot, beside Iceberg's totals. */
  readonly summary: Readonly<Record<string, string>>;
  readonly add: readonly DataFile[];
  /** Paths of live files of `state` to drop; asked again after each conflict, and may throw to give up. */
  readonly drop: (state: TableState) => Promise<ReadonlySet<string>>;
  /** False: a conflict is the caller's to judge. */
  readonly rebase: boolean;
};

/**
 * The state after the change; the newest state as it is when there is nothing to add or drop.
 * @throws COMMIT_CONFLICT when another commit came first and `rebase` is false, or too many did.
 * @throws COMMIT_UNKNOWN, STORAGE_FULL
 */
export async function commitSnapshot(
  lake: Lake,
  base: TableState,
  change: SnapshotChange,
): Promise<TableState> {
  if ((base.snapshotId ?? NO_SNAPSHOT) !== base.metadata['current-snapshot-id']) {
    throw new Error('a past state cannot be changed');
  }
  const snapshotId = newSnapshotId();
  const unpublished = new Set<string>();
  try {
    await syncDataFiles(base.location, change.add);
    let state = base;
    let added: ManifestFile | null = null; // The same in all attempts.
    for (let attempt = 0; ; attempt++) {
      const dropPaths = await change.drop(state);
      if (change.add.length === 0 && dropPaths.size === 0) return state;
      const write = manifestWriter(lake, state, snapshotId, unpublished);
      if (added === null && change.add.length > 0) {
        const entries = change.add.map((file) => ({ status: 'added', file }) as const);
        added = await write(state.metadata['default-spec-id'], entries);
      }
      const { manifests, dropped } = await manifestsAfter(lake, state, dropPaths, write);
      const all = added === null ? manifests : [added, ...manifests];
      const snapshot = await writeSnapshot(state, snapshotId, all, change, dropped, unpublished);
      const published = await publishSnapshot(lake, state, snapshot);
      if (published !== null) return published;

      const lost = [...unpublished].filter((path) => path !== added?.path);
      await removeFiles(lost);
      for (const path of lost) unpublished.delete(path);
      if (!change.rebase || attempt + 1 >= COMMIT_ATTEMPTS_MAX) throw conflict(state);
      await sleep(Math.random() * Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** attempt));
      state = await reload(lake, state);
    }
  } catch (error) {
    const mayBeIn = isCostError(error) && error.code === 'COMMIT_UNKNOWN';
    if (!mayBeIn) await removeFiles([...unpublished]).catch(() => undefined); // Clean-up takes what is left.
    throw error;
  }
}

/** Positive, 63 bits: two writers never draw the same. */
function newSnapshotId(): bigint {
  return BigInt.asUintN(63, randomBytes(8).readBigUInt64BE());
}

/** The files, and the folders that name them up to the table's. */
async function syncDataFiles(tableFolder: string, files: readonly DataFile[]): Promise<void> {
  const folders = new Set<string>();
  for (const { path } of files) {
    if (!path.startsWith(tableFolder + sep)) throw new Error(`${path} is not in its table's folder`);
    for (let folder = dirname(path); folder.length >= tableFolder.length; folder = dirname(folder)) {
      folders.add(folder);
    }
  }
  await syncAll([...files.map((file) => file.path), ...folders]);
}

function manifestWriter(
  lake: Lake,
  state: TableState,
  snapshotId: bigint,
  unpublished: Set<string>,
): WriteManifest {
  return async (specId, entries) => {
    const path = join(state.location, 'metadata', `${randomUUID()}-m0.avro`);
    const manifest = await writeManifest(lake.manifests, state, path, specId, snapshotId, entries);
    unpublished.add(path);
    return manifest;
  };
}

/** The manifests of the state without the dropped files. */
async function manifestsAfter(
  lake: Lake,
  state: TableState,
  dropPaths: ReadonlySet<string>,
  write: WriteManifest,
): Promise<{ manifests: ManifestFile[]; dropped: Dropped }> {
  const list = await readManifestList(lake.manifests, state);
  const live = list.filter((manifest) => manifest.added.files + manifest.kept.files > 0);
  const { manifests, dropped } = await dropFromManifests(lake.manifests, state, live, dropPaths, write);
  return { manifests: await mergeSmallManifests(lake.manifests, state, manifests, write), dropped };
}

async function writeSnapshot(
  state: TableState,
  id: bigint,
  manifests: readonly ManifestFile[],
  change: SnapshotChange,
  dropped: Dropped,
  unpublished: Set<string>,
): Promise<Snapshot> {
  const { metadata, location } = state;
  const sequenceNumber = metadata['last-sequence-number'] + 1;
  const list = encodeManifestList({ id, parentId: state.snapshotId, sequenceNumber }, manifests, (specId) =>
    partitionColumns(metadata, specId),
  );
  const path = join(location, 'metadata', `snap-${id}-${randomUUID()}.avro`);
  await writeDurably(path, list);
  unpublished.add(path);
  await syncAll([dirname(path)]);
  return {
    'snapshot-id': id,
    ...(state.snapshotId === null ? {} : { 'parent-snapshot-id': state.snapshotId }),
    'sequence-number': sequenceNumber,
    'timestamp-ms': Math.max(Date.now(), metadata['last-updated-ms'] + 1),
    'manifest-list': toFileUri(path),
    summary: summarize(state, change, dropped),
    'schema-id': metadata['current-schema-id'],
  };
}

/** Null when another commit came first. */
async function publishSnapshot(
  lake: Lake,
  state: TableState,
  snapshot: Snapshot,
): Promise<TableState | null> {
  const id = snapshot['snapshot-id'];
  try {
    return await lake.catalog.commit(
      state,
      [
        { type: 'assert-table-uuid', uuid: state.metadata['table-uuid'] },
        { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': state.snapshotId },
      ],
      [
        { action: 'add-snapshot', snapshot },
        { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': id },
      ],
    );
  } catch (error) {
    if (isConflict(error)) return null;
    throw error;
  }
}

async function reload(lake: Lake, state: TableState): Promise<TableState> {
  const newest = await lake.catalog.load(state.ident);
  // A table that was made anew under the name is another table.
  if (newest?.metadata['table-uuid'] !== state.metadata['table-uuid']) throw conflict(state);
  return newest;
}

function conflict(state: TableState): unknown {
  return costError('COMMIT_CONFLICT', { table: tableName(state.ident) });
}
