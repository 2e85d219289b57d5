/** Files that outlive a power cut: written, then synced, with the folders that name them. */
import { mkdir, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { costError } from '../../core/errors.ts';

/** Bounds open file handles and leaves threads of the pool to others. */
const SYNCS_AT_ONCE = 4;

/**
 * Writes a file that does not exist yet and syncs its contents; its folder is not synced.
 * A file that could not be finished is removed again.
 * @throws STORAGE_FULL
 */
export async function writeDurably(path: string, contents: string | Buffer): Promise<void> {
  const handle = await open(path, 'wx').catch((error: unknown) => {
    throw storageError(error, path);
  });
  try {
    await handle.writeFile(contents);
    await handle.sync();
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw storageError(error, path);
  } finally {
    await handle.close();
  }
}

/** Syncs the contents of files, and of folders: the names in them. They exist. */
export async function syncAll(paths: readonly string[]): Promise<void> {
  // There folders cannot be opened, nor files synced that are open for reading: a power cut may take the last writes.
  if (process.platform === 'win32') return;
  await inBatches(paths, SYNCS_AT_ONCE, async (path) => {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } catch (error) {
      throw storageError(error, path);
    } finally {
      await handle.close();
    }
  });
}

/** Makes a folder with its parents, so that it is still there after a power cut. */
export async function makeFolderDurably(folder: string): Promise<void> {
  const topmostNew = await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw storageError(error, folder);
  });
  if (topmostNew === undefined) return;
  const changed: string[] = [];
  for (let at = folder; at.length >= topmostNew.length; at = dirname(at)) changed.push(dirname(at));
  await syncAll(changed);
}

/** Removes files that may be gone already. */
export async function removeFiles(paths: readonly string[]): Promise<void> {
  await inBatches(paths, SYNCS_AT_ONCE, async (path) => {
    await unlink(path).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
  });
}

export async function inBatches<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}

export function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT');
}

export function isTaken(error: unknown): boolean {
  return hasCode(error, 'EEXIST');
}

/** STORAGE_FULL for a full disk or quota; any other error as it is. */
export function storageError(error: unknown, path: string): unknown {
  if (hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT')) return costError('STORAGE_FULL', { path }, error);
  return error;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
