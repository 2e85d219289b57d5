/**
 * Raw bills are kept by content, so that a better mapping can be replayed: first beside the other temporary
 * files of an import, then, when it is about to be published, under the name of their digest.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { link, rm, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { DataFolders } from '../catalog/lake.ts';
import { isMissing, isTaken, makeFolderDurably, syncAll } from '../catalog/iceberg/durable-files.ts';
import { costError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import { ingestError } from './ingest-error.ts';

const CHUNK_BYTES = 1 << 20;

export type RawFile = {
  /** As the user named it, without its folder. */
  readonly fileName: string;
  /** The copy that is read. */
  readonly path: string;
  readonly sha256: string;
};

/**
 * Copies a file as it is into `folder` and digests it on the way.
 *
 * @throws BAD_REQUEST where it cannot be opened, STORAGE_FULL
 */
export async function copyRawFile(source: string, folder: string, name: string): Promise<RawFile> {
  const path = join(folder, name);
  const hash = createHash('sha256');
  const digesting = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    await pipeline(
      createReadStream(source, { highWaterMark: CHUNK_BYTES }),
      digesting,
      createWriteStream(path),
    );
  } catch (error) {
    throw unreadable(ingestError(error, path), source);
  }
  return { fileName: basename(source), path, sha256: hash.digest('hex') };
}

function unreadable(error: unknown, source: string): unknown {
  if (isMissing(error)) {
    return costError('BAD_REQUEST', { reason: `There is no file ${source}`, hint: 'Check the path.' }, error);
  }
  const isFolder = error instanceof Error && 'code' in error && error.code === 'EISDIR';
  if (!isFolder) return error;
  return costError('BAD_REQUEST', { reason: `${source} is a folder`, hint: 'Name the files in it.' }, error);
}

/** Puts the copy where `rawFilePath` finds it, so that it outlives a power cut. */
export async function keepRawFile(folders: DataFolders, tenant: TenantId, file: RawFile): Promise<void> {
  const kept = rawFilePath(folders, tenant, file.sha256);
  if (kept === file.path) return;
  const folder = join(folders.raw, tenant);
  await makeFolderDurably(folder);
  await syncAll([file.path]);
  try {
    await link(file.path, kept);
  } catch (error) {
    if (!isTaken(error)) throw ingestError(error, kept);
    const now = new Date(); // Clean-up leaves young files alone, in case this import is the first to need it.
    await utimes(kept, now, now);
  }
  await syncAll([folder]);
  await rm(file.path);
}

export function rawFilePath(folders: DataFolders, tenant: TenantId, sha256: string): string {
  return join(folders.raw, tenant, sha256);
}
