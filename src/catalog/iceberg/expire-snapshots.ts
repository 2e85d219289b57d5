/** Forgetting past states, and then deleting the files that only they held. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instant } from '../../core/time-range.ts';
import type { Lake, TableIdent, TableState } from './catalog.ts';
import { DRAFT_PREFIX } from './local-catalog.ts';
import { inBatches, isMissing, removeFiles } from './durable-files.ts';
import { fromFileUri } from './file-uri.ts';
import { readManifest, readManifestList } from './list-data-files.ts';
import type { ManifestFile } from './manifest-list.ts';
import type { TableMetadata } from './metadata.ts';

const STATS_AT_ONCE = 8;

/**
 * Forgets the snapshots that were no longer current at `olderThan`, except the last `keepLast` (>= 1). So a
 * reader that loaded the table since then finds its files, however old its snapshot is. Tags keep theirs.
 */
export async function expireSnapshots(
  lake: Lake,
  state: TableState,
  options: { readonly olderThan: Instant; readonly keepLast: number },
): Promise<TableState> {
  const expired = expiredSnapshots(state.metadata, options.olderThan, options.keepLast);
  if (expired.length === 0) return state;
  return lake.catalog.commit(
    state,
    [{ type: 'assert-table-uuid', uuid: state.metadata['table-uuid'] }],
    [{ action: 'remove-snapshots', 'snapshot-ids': expired }],
  );
}

function expiredSnapshots(metadata: TableMetadata, olderThan: Instant, keepLast: number): bigint[] {
  const referenced = new Set(Object.values(metadata.refs).map((ref) => ref['snapshot-id']));
  const snapshots = metadata.snapshots.toSorted((a, b) => a['sequence-number'] - b['sequence-number']);
  return snapshots
    .filter((snapshot, i) => {
      const successor = snapshots[i + 1];
      if (successor === undefined || referenced.has(snapshot['snapshot-id'])) return false;
      return successor['timestamp-ms'] < olderThan && i < snapshots.length - keepLast;
    })
    .map((snapshot) => snapshot['snapshot-id']);
}

export type Removed = { readonly files: number; readonly bytes: number };

/**
 * Deletes data files, manifests and lists that no retained snapshot refers to and that were last written
 * before `olderThan`: those of expired snapshots and those of writers that crashed. Of a commit under way
 * nothing is deleted, if less than this time passes between its first file and its publication.
 */
export async function removeUnreferenced(
  lake: Lake,
  ident: TableIdent,
  options: { readonly olderThan: Instant },
): Promise<Removed> {
  const known = await lake.catalog.load(ident);
  if (known === null) return { files: 0, bytes: 0 };
  // Files first, references after: what is committed in between is then among the references.
  const candidates = await filesOlderThan(known.location, options.olderThan);
  const newest = await lake.catalog.load(ident, known);
  if (newest === null) return { files: 0, bytes: 0 };
  const referenced = await referencedFiles(lake, newest);
  const orphans = candidates.filter((file) => !referenced.has(file.path));
  await removeFiles(orphans.map((file) => file.path));
  return { files: orphans.length, bytes: orphans.reduce((bytes, file) => bytes + file.sizeBytes, 0) };
}

/** Of all retained snapshots. */
async function referencedFiles(lake: Lake, state: TableState): Promise<Set<string>> {
  const referenced = new Set<string>();
  const manifests = new Map<string, ManifestFile>();
  for (const snapshot of state.metadata.snapshots) {
    referenced.add(fromFileUri(snapshot['manifest-list']));
    const past = { ...state, snapshotId: snapshot['snapshot-id'] };
    for (const manifest of await readManifestList(lake.manifests, past)) {
      manifests.set(manifest.path, manifest);
    }
  }
  for (const manifest of manifests.values()) {
    referenced.add(manifest.path);
    for (const file of await readManifest(lake.manifests, state, manifest)) referenced.add(file.path);
  }
  return referenced;
}

type FoundFile = { readonly path: string; readonly sizeBytes: number };

/** Only what we write: metadata versions are the catalog's to delete, and what others left is theirs. */
async function filesOlderThan(folder: string, olderThan: Instant): Promise<FoundFile[]> {
  const data = await readdir(join(folder, 'data'), { recursive: true });
  const metadata = await readdir(join(folder, 'metadata'));
  const paths = [
    ...data.filter((name) => name.endsWith('.parquet')).map((name) => join(folder, 'data', name)),
    ...metadata
      .filter((name) => name.endsWith('.avro') || name.startsWith(DRAFT_PREFIX))
      .map((name) => join(folder, 'metadata', name)),
  ];
  const found: FoundFile[] = [];
  await inBatches(paths, STATS_AT_ONCE, async (path) => {
    const facts = await stat(path).catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    });
    if (facts !== null && facts.mtimeMs < olderThan) found.push({ path, sizeBytes: facts.size });
  });
  return found;
}
