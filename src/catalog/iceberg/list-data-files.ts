/** From a state of a table to its data files: manifest list, then manifests, each decoded once per process. */
import { readFile } from 'node:fs/promises';
import { costError, isCostError } from '../../core/errors.ts';
import type { TableState } from './catalog.ts';
import { tableName } from './catalog.ts';
import type { LiveDataFile } from './data-file.ts';
import { inBatches } from './durable-files.ts';
import { fromFileUri } from './file-uri.ts';
import type { ManifestCache } from './manifest-cache.ts';
import type { ManifestFile } from './manifest-list.ts';
import { decodeManifestList } from './manifest-list.ts';
import { decodeManifest } from './manifest.ts';
import { partitionColumns, snapshotById } from './metadata.ts';

export const READS_AT_ONCE = 8;

export type ListOptions = {
  /** False for manifests that need not be read; see `manifestMayHold`. */
  readonly manifestFilter?: (manifest: ManifestFile) => boolean;
};

/**
 * The live data files of a state, in the order of the manifests.
 *
 * @throws TABLE_UNSUPPORTED when the table has delete files: reading past them would bring deleted rows back.
 * @throws TABLE_DAMAGED when a manifest is missing or unreadable.
 */
export async function listDataFiles(
  cache: ManifestCache,
  state: TableState,
  options: ListOptions = {},
): Promise<LiveDataFile[]> {
  const all = await readManifestList(cache, state);
  const manifests = options.manifestFilter === undefined ? all : all.filter(options.manifestFilter);
  const files = new Map<ManifestFile, readonly LiveDataFile[]>();
  await inBatches(manifests, READS_AT_ONCE, async (manifest) => {
    files.set(manifest, await readManifest(cache, state, manifest));
  });
  return manifests.flatMap((manifest) => files.get(manifest) ?? []);
}

/** Empty for a table without a snapshot. */
export async function readManifestList(
  cache: ManifestCache,
  state: TableState,
): Promise<readonly ManifestFile[]> {
  if (state.snapshotId === null) return [];
  const snapshot = snapshotById(state.metadata, state.snapshotId);
  if (snapshot === null) {
    const reason = `snapshot ${state.snapshotId} is not retained`;
    throw costError('TABLE_UNSUPPORTED', { table: tableName(state.ident), reason });
  }
  const path = fromFileUri(snapshot['manifest-list']);
  return cache.lists.get(path, async () => {
    const columnsOf = (specId: number) => partitionColumns(state.metadata, specId);
    const list = await decodeFile(path, (bytes) => decodeManifestList(bytes, columnsOf));
    return list ?? refuseDeletes(state);
  });
}

/** The live files of one manifest of the state. */
export async function readManifest(
  cache: ManifestCache,
  state: TableState,
  manifest: ManifestFile,
): Promise<readonly LiveDataFile[]> {
  return cache.manifests.get(manifest.path, () => decodeManifestFile(cache, state, manifest));
}

/** The same, not from the cache and not into it: for who keeps something smaller. */
export async function decodeManifestFile(
  cache: ManifestCache,
  state: TableState,
  manifest: ManifestFile,
): Promise<readonly LiveDataFile[]> {
  const codec = cache.codecOf(partitionColumns(state.metadata, manifest.specId));
  const files = await decodeFile(manifest.path, (bytes) => decodeManifest(codec, bytes, manifest));
  return files ?? refuseDeletes(state);
}

function refuseDeletes(state: TableState): never {
  const reason = 'it has delete files';
  throw costError('TABLE_UNSUPPORTED', { table: tableName(state.ident), reason });
}

async function decodeFile<Value>(path: string, decode: (bytes: Buffer) => Value): Promise<Value> {
  try {
    return decode(await readFile(path));
  } catch (error) {
    if (isCostError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw costError('TABLE_DAMAGED', { file: path, reason }, error);
  }
}
