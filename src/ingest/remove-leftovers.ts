/** Files outside the tables that crashed or failed commands left behind. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { Control } from '../catalog/control/control.ts';
import { isMissing } from '../catalog/iceberg/durable-files.ts';
import type { Removed } from '../catalog/iceberg/expire-snapshots.ts';
import type { DataFolders } from '../catalog/lake.ts';
import type { TenantId } from '../core/ids.ts';
import type { Instant } from '../core/time-range.ts';

/**
 * Removes raw files that no load refers to, quarantine of imports that made nothing live, and temporary folders
 * of dead processes, where nothing in them was written since `olderThan`.
 */
export async function removeLeftovers(
  folders: DataFolders,
  control: Control,
  tenant: TenantId,
  olderThan: Instant,
): Promise<Removed> {
  const removed = { files: 0, bytes: 0 };
  // The files first, the loads after: what is published in between is then among the loads.
  const raw = await filesOlderThan(join(folders.raw, tenant), olderThan);
  const quarantine = await filesOlderThan(join(folders.quarantine, tenant), olderThan);
  const loads = await control.loads(tenant);
  const contents = new Set(loads.map(({ sha256 }) => sha256));
  const imports = new Set(loads.flatMap(({ batches }) => batches.map(importOf)));
  const orphans = [
    ...raw.filter(({ name }) => !contents.has(name)),
    ...quarantine.filter(({ name }) => !imports.has(importOf(name))),
  ];
  for (const { path, sizeBytes } of orphans) {
    await rm(path, { force: true });
    removed.files += 1;
    removed.bytes += sizeBytes;
  }
  for (const name of await readdir(folders.tmp)) {
    if (isOfLivingProcess(name)) continue;
    const freed = await removeFolder(join(folders.tmp, name), olderThan);
    removed.files += freed.files;
    removed.bytes += freed.bytes;
  }
  return removed;
}

/** Ids of batches and names of quarantine files start with that of their import: time and random part. */
function importOf(name: string): string {
  return name.split('-').slice(0, 2).join('-');
}

/** `spill-PID-…`, of a server: it may not write there for days, and needs it all the same. */
function isOfLivingProcess(name: string): boolean {
  const processId = /^spill-(\d+)-/.exec(name)?.[1];
  if (processId === undefined) return false;
  try {
    process.kill(Number(processId), 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'; // Another user's.
  }
}

/** A long import keeps writing into its folder. */
async function removeFolder(path: string, olderThan: Instant): Promise<Removed> {
  const files = await filesIn(path);
  const isStale = [await statOf(path), ...files].every(
    (facts) => facts === null || facts.mtimeMs < olderThan,
  );
  if (!isStale) return { files: 0, bytes: 0 };
  await rm(path, { recursive: true, force: true });
  return { files: files.length, bytes: files.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0) };
}

type FoundFile = {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly mtimeMs: Instant;
};

async function filesOlderThan(folder: string, olderThan: Instant): Promise<FoundFile[]> {
  return (await filesIn(folder)).filter(({ mtimeMs }) => mtimeMs < olderThan);
}

/** At any depth; none where the folder is missing. */
async function filesIn(folder: string): Promise<FoundFile[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const found: FoundFile[] = [];
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const facts = await statOf(path);
    if (facts !== null) found.push({ name: entry.name, path, sizeBytes: facts.size, mtimeMs: facts.mtimeMs });
  }
  return found;
}

/** Null where it is gone. */
async function statOf(path: string): Promise<{ mtimeMs: number; size: number } | null> {
  return stat(path).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
}
