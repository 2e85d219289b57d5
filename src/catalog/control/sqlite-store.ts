/**
 * The control plane's database as a SQLite file (node:sqlite), shared by the processes of one machine.
 *
 * Durable: WAL with synchronous=FULL, so that what was committed survives a power cut. Writers take the
 * write lock at the start of their transaction (BEGIN IMMEDIATE), so that none fails half-way; while another
 * process holds it they wait in JavaScript, because node:sqlite blocks the event loop.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { SQLInputValue } from 'node:sqlite';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import type { SqliteDatabase } from 'kysely';
import { Kysely, sql, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';

import type { CostError } from '../../core/errors.ts';
import { costError } from '../../core/errors.ts';
import type { ControlStore, ControlTables } from './control-tables.ts';
import { migrations } from './migrations.ts';

/** How long one call into SQLite may block the process on another's lock. */
const BUSY_BLOCK_MS = 50;
/** How long an operation waits for other processes' transactions in all. */
const BUSY_WAIT_MS_MAX = 15_000;
const BUSY_PAUSE_MS = 20;

/** Primary result codes, https://sqlite.org/rescode.html */
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
const SQLITE_CONSTRAINT = 19;

/**
 * Opens the file, making it and its folder where absent, and brings its tables up to date.
 *
 * @throws STORE_FAILED when it is no database, of a newer version, or kept busy; STORAGE_FULL.
 */
export async function openSqliteStore(path: string): Promise<ControlStore> {
  const file = await whileBusy(path, async () => openFile(path));
  const database = new Kysely<ControlTables>({ dialect: new SqliteDialect({ database: adapt(file) }) });
  try {
    await whileBusy(path, () => migrate(database, path));
  } catch (error) {
    file.close();
    throw error;
  }

  // data_version moves with other connections' commits only: our own are counted beside it.
  const dataVersion = file.prepare('PRAGMA data_version');
  let ownCommits = 0;
  return {
    read: (work) => whileBusy(path, () => work(database)),
    write: (work) =>
      whileBusy(path, () =>
        database.transaction().execute(async (transaction) => {
          const result = await work(transaction);
          // Nobody of this process reads before the commit: who sees the change sees the count.
          ownCommits++;
          return result;
        }),
      ),
    writeAside: (work) => whileBusy(path, () => database.transaction().execute(work)),
    changeCounter: () =>
      whileBusy(path, async () => Number(dataVersion.get()?.['data_version']) + ownCommits),
    close: () => database.destroy(),
  };
}

function openFile(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true });
  // It holds the key that signs cursors, so it is its owner's alone; -wal and -shm get the same mode.
  closeSync(openSync(path, 'a', 0o600));
  const file = new DatabaseSync(path, { timeout: BUSY_BLOCK_MS });
  try {
    file.exec('PRAGMA journal_mode = WAL');
    file.exec('PRAGMA synchronous = FULL');
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** What Kysely's SQLite dialect expects of better-sqlite3, by node:sqlite. */
function adapt(file: DatabaseSync): SqliteDatabase {
  return {
    close: () => file.close(),
    prepare: (text) => {
      const statement = file.prepare(text === 'begin' ? 'begin immediate' : text);
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...bindable(parameters)),
        run: (parameters) => {
          // A full disk ends the transaction by itself; a second end would hide the first error.
          if (text === 'rollback' && !file.isTransaction) return { changes: 0, lastInsertRowid: 0 };
          return statement.run(...bindable(parameters));
        },
        iterate: (parameters) => statement.iterate(...bindable(parameters)),
      };
    },
  };
}

/** ControlTables has only types that SQLite takes; Kysely's driver interface says `unknown`. */
function bindable(parameters: readonly unknown[]): SQLInputValue[] {
  return parameters as SQLInputValue[];
}

/** All pending migrations in one transaction: SQLite's DDL is transactional, whatever Kysely assumes. */
async function migrate(database: Kysely<ControlTables>, path: string): Promise<void> {
  await database.connection().execute(async (connection) => {
    await sql`begin immediate`.execute(connection);
    try {
      const migrator = new Migrator({
        db: connection,
        provider: { getMigrations: async () => ({ ...migrations }) },
      });
      const { error } = await migrator.migrateToLatest();
      if (error !== undefined) throw resultCode(error) === null ? notOurs(error, path) : error;
      await sql`commit`.execute(connection);
    } catch (error) {
      await sql`rollback`.execute(connection);
      throw error;
    }
  });
}

/** Kysely found migrations that this program does not have. */
function notOurs(error: unknown, path: string): CostError {
  const reason = `its tables are of another version of the program (${reasonOf(error)})`;
  return costError('STORE_FAILED', { store: `The control plane ${path}`, reason }, error);
}

async function whileBusy<T>(path: string, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + BUSY_WAIT_MS_MAX;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (resultCode(error) !== SQLITE_BUSY || performance.now() >= deadline) throw storeError(error, path);
    }
    await sleep(BUSY_PAUSE_MS * Math.random());
  }
}

/** Errors of the database and its file become ours; all else, broken constraints among it, passes as it is. */
function storeError(error: unknown, path: string): unknown {
  const code = resultCode(error);
  if (code === SQLITE_FULL) return costError('STORAGE_FULL', { path }, error);
  const isFileError = error instanceof Error && 'syscall' in error;
  if (!isFileError && (code === null || code === SQLITE_CONSTRAINT)) return error;
  return costError('STORE_FAILED', { store: `The control plane ${path}`, reason: reasonOf(error) }, error);
}

/** SQLite's primary result code; null where the error is none of SQLite's. */
function resultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null;
  return error.errcode & 0xff;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
