/**
 * A DuckDB of its own for one piece of work on the lake, with a temporary folder beside it: memory stays
 * within a limit and spills to that folder, which goes when the work ends.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { DuckDBConnection, Json } from '@duckdb/node-api';
import { DuckDBInstance } from '@duckdb/node-api';

import type { DataFolders } from '../catalog/lake.ts';
import { ingestError } from './ingest-error.ts';

/**
 * What DuckDB may take; the process itself and buffers that DuckDB does not count come on top: with this the
 * process stays below 1 GB (bench/import.ts, 2026-11). With less, sorting spills too often.
 */
const MEMORY_MB = 300;
/** Each thread holds row groups of its own, so more of them need more memory. */
export const INGEST_THREADS_MAX = 4;
const PROGRESS_POLL_MS = 200;

export type SqlRow = Readonly<Record<string, Json>>;
/** Of one statement, from 0 to 1. */
export type OnFraction = (fraction: number) => void;

export type IngestSession = AsyncDisposable & {
  readonly connection: DuckDBConnection;
  /** Absolute; removed when the session ends. */
  readonly folder: string;
  /** @throws STORAGE_FULL, STORE_FAILED out of memory; other errors as DuckDB gives them */
  readonly rows: (sql: string, onFraction?: OnFraction) => Promise<SqlRow[]>;
};

export async function openIngestSession(folders: DataFolders, threads: number): Promise<IngestSession> {
  const folder = join(folders.tmp, `work-${randomUUID()}`);
  await mkdir(folder);
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(Math.min(threads, INGEST_THREADS_MAX)),
    memory_limit: `${MEMORY_MB}MB`,
    temp_directory: join(folder, 'spill'),
    // What must be in order has an ORDER BY. Keeping the order of files as well takes three times the CPU.
    preserve_insertion_order: 'false',
  });
  const connection = await instance.connect();
  await connection.run(
    "SET TimeZone = 'UTC'; SET enable_progress_bar = true; SET enable_progress_bar_print = false",
  );
  const running = new Set<Promise<unknown>>();
  const run = async (sql: string): Promise<SqlRow[]> => (await connection.run(sql)).getRowObjectsJson();
  return {
    connection,
    folder,
    rows: async (sql, onFraction) => {
      const timer = onFraction && setInterval(() => onFraction(fractionOf(connection)), PROGRESS_POLL_MS);
      const answer = run(sql);
      running.add(answer);
      try {
        return await answer;
      } catch (error) {
        throw ingestError(error, folder);
      } finally {
        running.delete(answer);
        clearInterval(timer);
      }
    },
    [Symbol.asyncDispose]: async () => {
      // Closing under a running statement ends the process.
      if (running.size > 0) connection.interrupt();
      await Promise.allSettled(running);
      connection.closeSync();
      instance.closeSync();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** DuckDB says -1 while it does not know. */
function fractionOf(connection: DuckDBConnection): number {
  return Math.max(0, connection.progress.percentage / 100);
}

/** A column of an answer that is text or a number of any size; null stays null. */
export function textOf(row: SqlRow, column: string): string | null {
  const value = row[column];
  if (value === null) return null;
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new Error(`${column} is no text`);
}

export function requiredText(row: SqlRow, column: string): string {
  const text = textOf(row, column);
  if (text === null) throw new Error(`${column} is null`);
  return text;
}

export function numberOf(row: SqlRow, column: string): number {
  return Number(requiredText(row, column));
}
