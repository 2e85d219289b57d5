/** Files outside the tables that crashed or failed imports left behind. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { Control } from '../catalog/control/control.ts';
import type { Removed } from '../catalog/iceberg/expire-snapshots.ts';
import { isMissing } from '../catalog/iceberg/durable-files.ts';
import type { DataFolders } from '../catalog/lake.ts';
import type { TenantId } from '../core/ids.ts';
import type { Instant } from '../core/time-range.ts';

/**
 * Removes raw files that no load refers to, quarantine of imports that were not published, and temporary
 * folders, where nothing in them was written since `olderThan`.
 */
export async function removeLeftovers(
  folders: DataFolders,
  control: Control,
  tenant: TenantId,
  olderThan: Instant,
): Promise<Removed> {
  const loads = await control.loads(tenant);
  const raw = new Set(loads.map(({ sha256 }) => sha256));
  const imports = new Set(loads.flatMap(({ batches }) => batches.map(importOf)));
  const candidates = [
    ...(await pathsIn(join(folders.raw, tenant))).filter(({ name }) => !raw.has(name)),
    ...(await pathsIn(join(folders.quarantine, tenant))).filter(
      ({ name }) => name.endsWith('.ndjson') && !imports.has(importOf(name)),
    ),
  ].map(({ path }) => path);
  const removed = { files: 0, bytes: 0 };
  for (const path of candidates) await removeFile(path, olderThan, removed);
  for (const { path } of await pathsIn(folders.tmp, false)) await removeFolder(path, olderThan, removed);
  return removed;
}

/** Ids of batches and names of quarantine files start with that of their import: time and random part. */
function importOf(name: string): string {
  return name.split('-').slice(0, 2).join('-');
}

async function pathsIn(folder: string, recursive: boolean = true): Promise<{ name: string; path: string }[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true, recursive });
    return entries
      .filter((entry) => entry.isFile() || !recursive)
      .map(({ name, parentPath }) => ({ name, path: join(parentPath, name) }));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

type Count = { files: number; bytes: number };

async function removeFile(path: string, olderThan: Instant, removed: Count): Promise<void> {
  const facts = await statIfThere(path);
  if (facts === null || facts.mtimeMs >= olderThan) return;
  await rm(path, { force: true });
  removed.files += 1;
  removed.bytes += facts.size;
}

/** A long import keeps writing into its folder. */
async function removeFolder(path: string, olderThan: Instant, removed: Count): Promise<void> {
  const files = await pathsIn(path).catch(() => []); // A file, or gone meanwhile.
  const facts = await Promise.all([path, ...files.map((file) => file.path)].map(statIfThere));
  if (facts.some((one) => one !== null && one.mtimeMs >= olderThan)) return;
  await rm(path, { recursive: true, force: true });
  removed.files += files.length;
  removed.bytes += facts.slice(1).reduce((bytes, one) => bytes + (one?.size ?? 0), 0);
}

async function statIfThere(path: string): Promise<{ mtimeMs: number; size: number } | null> {
  return stat(path).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
}
