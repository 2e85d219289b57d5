/**
 * The catalog of a warehouse on local disk: `<warehouse>/<tenant>/<table>/metadata/vN.metadata.json`.
 *
 * A commit publishes version N+1 with link(2), which fails where the name is taken: that is the compare-and-swap.
 * `version-hint.text` only says where to start looking; it may lag.
 *
 * Old versions are deleted, lowest first. So a version that still exists proves that none above it was ever
 * deleted, and both sides rely on it: a reader trusts a walk upward only if the version below its start is
 * still there, and a writer that its number was not one used before. Else a writer that slept through a
 * hundred commits could take a number anew, and its commit, or theirs, would be lost.
 */
import { randomUUID } from 'node:crypto';
import { access, link, readFile, readdir, rename, unlink, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { costError } from '../../core/errors.ts';
import type { LakeTable } from '../lake-tables.ts';
import type { IcebergCatalog, TableIdent, TableState } from './catalog.ts';
import { tableName } from './catalog.ts';
import {
  isMissing,
  isTaken,
  makeFolderDurably,
  storageError,
  syncAll,
  writeDurably,
} from './durable-files.ts';
import { formatExactJson } from './exact-json.ts';
import { fromFileUri, toFileUri } from './file-uri.ts';
import type { TableMetadata } from './metadata.ts';
import { METADATA_LOG_MAX, NO_SNAPSHOT, newTableMetadata, parseTableMetadata } from './metadata.ts';
import type { TableRequirement, TableUpdate } from './table-changes.ts';
import { applyUpdates, requirementsHold } from './table-changes.ts';

/** Names of unfinished files; clean-up knows them by this. */
export const DRAFT_PREFIX = '.draft-';
const HINT = 'version-hint.text';
const VERSION_FILE = /^v([1-9]\d*)\.metadata\.json$/;
/** Each attempt loses against a commit of another that got through; more than this is no contention. */
const PUBLISH_ATTEMPTS_MAX = 100;
/** Reading starts anew when the version found was deleted before it could be read. */
const LOAD_ATTEMPTS_MAX = 10;

export function localCatalog(warehouse: string): IcebergCatalog {
  const root = resolve(warehouse);
  const folderOf = (ident: TableIdent): string => join(root, ident.tenant, ident.name);
  return {
    create: (ident, table) => createTableFolder(ident, folderOf(ident), table),
    load: (ident, known) => loadNewest(ident, folderOf(ident), known),
    commit,
  };
}

async function createTableFolder(
  ident: TableIdent,
  folder: string,
  table: LakeTable,
): Promise<TableState | null> {
  await makeFolderDurably(join(folder, 'metadata'));
  await makeFolderDurably(join(folder, 'data'));
  if ((await versionsOf(folder)).length > 0) return null;
  const metadata = newTableMetadata(toFileUri(folder), table, Date.now());
  if (!(await publish(ident, folder, 1, metadata))) return null;
  return stateOf(ident, folder, 1, metadata);
}

async function loadNewest(ident: TableIdent, folder: string, known?: TableState): Promise<TableState | null> {
  for (let attempt = 0; attempt < LOAD_ATTEMPTS_MAX; attempt++) {
    const start = known === undefined ? await readHint(folder) : versionOf(known);
    const version = await newestVersion(folder, start);
    if (version === null) return null;
    if (known !== undefined && version === versionOf(known)) return known;
    const file = versionFile(folder, version);
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    });
    if (text !== null) return stateOf(ident, folder, version, parseTableMetadata(text, file));
  }
  throw costError('STORE_FAILED', { store: tableName(ident), reason: 'it changes faster than it is read' });
}

async function commit(
  base: TableState,
  requirements: readonly TableRequirement[],
  updates: readonly TableUpdate[],
): Promise<TableState> {
  const { ident, location } = base;
  for (let attempt = 0; attempt < PUBLISH_ATTEMPTS_MAX; attempt++) {
    // Read anew: another table of that name may have got to the version of `base`.
    const newest = await loadNewest(ident, location);
    if (newest === null || !requirementsHold(newest.metadata, requirements)) break;
    const version = versionOf(newest) + 1;
    const metadata = applyUpdates(newest.metadata, newest.metadataLocation, updates, Date.now());
    if (await publish(ident, location, version, metadata)) return stateOf(ident, location, version, metadata);
  }
  throw costError('COMMIT_CONFLICT', { table: tableName(ident) });
}

/** False when another writer has taken the version. */
async function publish(
  ident: TableIdent,
  folder: string,
  version: number,
  metadata: TableMetadata,
): Promise<boolean> {
  const metadataFolder = join(folder, 'metadata');
  const draft = join(metadataFolder, `${DRAFT_PREFIX}${randomUUID()}`);
  await writeDurably(draft, formatExactJson(metadata));
  try {
    await link(draft, versionFile(folder, version)); // rename(2) would silently replace the other writer's file.
  } catch (error) {
    if (isTaken(error)) return false;
    throw storageError(error, metadataFolder);
  } finally {
    await unlink(draft).catch(() => undefined); // Clean-up takes what is left.
  }
  // From here on others may have seen the commit and built on it.
  try {
    await syncAll([metadataFolder]);
    if (!(await isNumberNew(folder, version))) {
      await unlink(versionFile(folder, version)); // At best it is a hundred versions old.
      throw new Error(`the number ${version} was used before`);
    }
  } catch (error) {
    throw costError('COMMIT_UNKNOWN', { table: tableName(ident) }, error);
  }
  await writeHint(metadataFolder, version).catch(() => undefined); // Readers walk upward from an older one.
  await deleteOldVersions(folder, version).catch(() => undefined); // The next commit tries again.
  return true;
}

/** Of a version that was just published. */
async function isNumberNew(folder: string, version: number): Promise<boolean> {
  if (version === 1 || (await isAboveAllDeleted(folder, version - 1))) return true;
  // The version below is gone. Where a number was used before there are others above it; else, by hand, there are none.
  return (await versionsOf(folder)).at(-1) === version;
}

/** Null where there is none. `start` is a version that existed once. */
async function newestVersion(folder: string, start: number): Promise<number | null> {
  let version = start;
  while (await exists(versionFile(folder, version + 1))) version += 1;
  if (await isAboveAllDeleted(folder, start)) return version;
  return (await versionsOf(folder)).at(-1) ?? null;
}

/** True when no version from this one on has ever been deleted. */
async function isAboveAllDeleted(folder: string, version: number): Promise<boolean> {
  return exists(versionFile(folder, Math.max(1, version - 1)));
}

/** Lowest first, all below, and never past a failure: see the top of this file. */
async function deleteOldVersions(folder: string, version: number): Promise<void> {
  const lowestKept = version - METADATA_LOG_MAX;
  if (lowestKept <= 1) return;
  for (const old of await versionsOf(folder)) {
    if (old >= lowestKept) return;
    await unlink(versionFile(folder, old)).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
  }
}

/** Ascending. */
async function versionsOf(folder: string): Promise<number[]> {
  const names = await readdir(join(folder, 'metadata')).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return names
    .flatMap((name) => VERSION_FILE.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

async function readHint(folder: string): Promise<number> {
  const text = await readFile(join(folder, 'metadata', HINT), 'utf8').catch(() => '');
  return /^[1-9]\d*$/.test(text.trim()) ? Number(text) : 1;
}

/** Renamed into place: one that is written in place is seen empty by readers. */
async function writeHint(metadataFolder: string, version: number): Promise<void> {
  const draft = join(metadataFolder, `${DRAFT_PREFIX}${randomUUID()}`);
  await writeFile(draft, String(version), { flag: 'wx' });
  await rename(draft, join(metadataFolder, HINT));
}

function versionFile(folder: string, version: number): string {
  return join(folder, 'metadata', `v${version}.metadata.json`);
}

function versionOf(state: TableState): number {
  const name = basename(fromFileUri(state.metadataLocation));
  const version = VERSION_FILE.exec(name)?.[1];
  if (version === undefined) throw new Error(`${name} is not of a local catalog`);
  return Number(version);
}

function stateOf(ident: TableIdent, folder: string, version: number, metadata: TableMetadata): TableState {
  const current = metadata['current-snapshot-id'];
  return {
    ident,
    location: folder,
    metadataLocation: toFileUri(versionFile(folder, version)),
    metadata,
    snapshotId: current === NO_SNAPSHOT ? null : current,
  };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    (error: unknown) => {
      if (isMissing(error)) return false;
      throw error;
    },
  );
}
