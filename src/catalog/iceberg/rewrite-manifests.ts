/** Manifests are never changed: to drop files, or to have fewer manifests, their live entries are written anew. */
import type { TableState } from './catalog.ts';
import type { LiveDataFile } from './data-file.ts';
import { writeDurably } from './durable-files.ts';
import { readManifest } from './list-data-files.ts';
import type { ManifestCache } from './manifest-cache.ts';
import type { ManifestFile } from './manifest-list.ts';
import { describeManifest } from './manifest-list.ts';
import type { ManifestEntry } from './manifest.ts';
import { encodeManifest } from './manifest.ts';
import { currentSchema, partitionColumns, specById } from './metadata.ts';

/** Above this many small manifests a commit merges them: each is one more file for readers to open. */
export const SMALL_MANIFESTS_MAX = 30;
/** From this size on manifests stay as they are: about a thousand files of `charges`. */
const SMALL_MANIFEST_SIZE_BYTES = 1024 * 1024;

export type Dropped = { readonly files: number; readonly rows: number; readonly bytes: number };
export type WriteManifest = (specId: number, entries: readonly ManifestEntry[]) => Promise<ManifestFile>;

export async function writeManifest(
  cache: ManifestCache,
  state: TableState,
  path: string,
  specId: number,
  snapshotId: bigint,
  entries: readonly ManifestEntry[],
): Promise<ManifestFile> {
  const columns = partitionColumns(state.metadata, specId);
  const bytes = encodeManifest(
    cache.codecOf(columns),
    currentSchema(state.metadata),
    specById(state.metadata, specId),
    snapshotId,
    entries,
  );
  await writeDurably(path, bytes);
  return describeManifest(path, bytes.length, specId, snapshotId, columns, entries);
}

/** Writes those manifests anew that hold a file to drop; the others are passed on as they are. */
export async function dropFromManifests(
  cache: ManifestCache,
  state: TableState,
  manifests: readonly ManifestFile[],
  dropPaths: ReadonlySet<string>,
  write: WriteManifest,
): Promise<{ manifests: ManifestFile[]; dropped: Dropped }> {
  const after: ManifestFile[] = [];
  const dropped: LiveDataFile[] = [];
  if (dropPaths.size === 0) return { manifests: [...manifests], dropped: total(dropped) };
  for (const manifest of manifests) {
    const files = await readManifest(cache, state, manifest);
    const goes = files.filter((file) => dropPaths.has(file.path));
    if (goes.length === 0) {
      after.push(manifest);
      continue;
    }
    dropped.push(...goes);
    // Readers of one snapshot's changes look for what it dropped: the entries stay until the next commit.
    const entries = files.map((file): ManifestEntry => {
      return { status: dropPaths.has(file.path) ? 'dropped' : 'kept', file };
    });
    after.push(await write(manifest.specId, entries));
  }
  return { manifests: after, dropped: total(dropped) };
}

/** Merges neighbours of one partition spec, once there are too many small ones. */
export async function mergeSmallManifests(
  cache: ManifestCache,
  state: TableState,
  manifests: readonly ManifestFile[],
  write: WriteManifest,
): Promise<ManifestFile[]> {
  if (manifests.filter(isSmall).length <= SMALL_MANIFESTS_MAX) return [...manifests];

  const merged: ManifestFile[] = [];
  for (const group of groupsToMerge(manifests.filter(isSmall))) {
    const [first, ...others] = group;
    if (first === undefined) continue;
    if (others.length === 0) {
      merged.push(first);
      continue;
    }
    const entries: ManifestEntry[] = [];
    for (const manifest of group) {
      const files = await readManifest(cache, state, manifest);
      for (const file of files) entries.push({ status: 'kept', file });
    }
    merged.push(await write(first.specId, entries));
  }
  return [...merged, ...manifests.filter((manifest) => !isSmall(manifest))];
}

function isSmall(manifest: ManifestFile): boolean {
  // Without a sequence number it was just written, and says what this commit drops.
  return manifest.sizeBytes < SMALL_MANIFEST_SIZE_BYTES && manifest.sequenceNumber !== null;
}

/** Each group becomes one manifest that is no longer small, except the last of its partition spec. */
function groupsToMerge(manifests: readonly ManifestFile[]): ManifestFile[][] {
  const groups: ManifestFile[][] = [];
  const open = new Map<number, { group: ManifestFile[]; sizeBytes: number }>();
  for (const manifest of manifests) {
    let current = open.get(manifest.specId);
    if (current === undefined || current.sizeBytes >= SMALL_MANIFEST_SIZE_BYTES) {
      current = { group: [], sizeBytes: 0 };
      open.set(manifest.specId, current);
      groups.push(current.group);
    }
    current.group.push(manifest);
    current.sizeBytes += manifest.sizeBytes;
  }
  return groups;
}

function total(files: readonly LiveDataFile[]): Dropped {
  return {
    files: files.length,
    rows: files.reduce((rows, file) => rows + file.records, 0),
    bytes: files.reduce((bytes, file) => bytes + file.sizeBytes, 0),
  };
}
