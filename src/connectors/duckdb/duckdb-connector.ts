import { join } from 'node:path';

import type { DuckDBConnection, DuckDBResult } from '@duckdb/node-api';
import { DuckDBInstance } from '@duckdb/node-api';
import { costError, isCostError } from '../../core/errors.ts';
import { log } from '../../core/log.ts';
import type { Prices } from '../../planner/capabilities.ts';
import type { Ask } from '../../planner/plan.ts';
import type { AskResult, Connector } from '../connector.ts';
import { outputColumns } from '../../planner/plan-tree.ts';
import { planToSql } from '../sql/plan-to-sql.ts';
import { controlTotalsStatement, readControlTotals } from './control-totals.ts';
import { duckdbCapabilities, duckdbPrices } from './duckdb-capabilities.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import { findBadPattern } from './find-bad-pattern.ts';
import { columnName } from '../sql/sql-text.ts';
import { readRows } from './read-rows.ts';
import { sharesTooLarge } from './shares-too-large.ts';

export type DuckdbOptions = {
  readonly threads: number;
  readonly memoryMb: number;
  /** Where queries that outgrow the memory spill to. */
  readonly tempDirectory: string;
  /** By default the built-in ones. */
  readonly prices?: Prices;
};

/**
 * Estimated milliseconds up to which a query runs on one thread. It is done sooner than several threads are woken,
 * and never waits for threads that a large query holds.
 */
const SMALL_MS_MAX = 12;
/** Of the memory, for small queries: many may run at once. */
const SMALL_MEMORY_SHARE = 0.5;
const CONNECTIONS_IDLE_MAX = 16;
/** An interrupt that comes before the engine has started is lost, so it is repeated until the query ends. */
const INTERRUPT_EVERY_MS = 20;
const LOGGED_CHARACTERS_MAX = 500;

/** DuckDB in this process, over the files that an Ask names. Keeps no data of its own. */
export async function openDuckdb({
  threads,
  memoryMb,
  tempDirectory,
  prices = duckdbPrices,
}: DuckdbOptions): Promise<Connector> {
  await using opened = new AsyncDisposableStack();
  const smallMemoryMb = Math.floor(memoryMb * SMALL_MEMORY_SHARE);
  // All at once: a small result is not worth the four further ways to another thread that a stream takes.
  const small = opened.use(
    await openPool(
      { threads: 1, memoryMb: smallMemoryMb, tempDirectory: join(tempDirectory, 'small') },
      (connection, statement) => connection.run(statement),
    ),
  );
  const large = opened.use(
    await openPool(
      { threads, memoryMb: memoryMb - smallMemoryMb, tempDirectory: join(tempDirectory, 'large') },
      (connection, statement) => connection.stream(statement),
    ),
  );
  const statement = (ask: Ask) => planToSql(ask, duckdbDialect);
  const parts = opened.move();

  return {
    store: 'DUCKDB',
    capabilities: duckdbCapabilities,
    prices,
    statement,
    async run(ask, { rowsMax, signal }) {
      const pool = ask.estimate.ms <= SMALL_MS_MAX ? small : large;
      const answer = pool.run(statement(ask), rowsMax, signal);
      const { rows, ms } = await answer.catch(async (error: unknown) => {
        if (!isCostError(error) || error.code !== 'STORE_FAILED') throw error;
        const known =
          sharesTooLarge(error, ask.fragment) ??
          (await findBadPattern((tried) => small.run(tried, 1, signal), ask.fragment));
        throw known ?? error;
      });
      const columns = outputColumns(ask.fragment).map(
        (column) => [column, rows.columns.get(columnName(column)) ?? []] as const,
      );
      return { rows: { length: rows.length, columns: new Map(columns) }, ms };
    },
    async sumControlTotals(ask, signal) {
      if (ask.files.length === 0) return new Map();
      const { rows } = await small.run(controlTotalsStatement(ask), 1, signal);
      return readControlTotals(rows);
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

type Start = (connection: DuckDBConnection, statement: string) => Promise<DuckDBResult>;
type Pool = AsyncDisposable & {
  readonly run: (statement: string, rowsMax: number, signal: AbortSignal) => Promise<AskResult>;
};

/** An engine with connections that are used again. */
async function openPool(options: DuckdbOptions, start: Start): Promise<Pool> {
  const instance = await createInstance(options);
  const idle: DuckDBConnection[] = [];
  const release = (connection: DuckDBConnection): void => {
    if (idle.length < CONNECTIONS_IDLE_MAX) idle.push(connection);
    else connection.closeSync();
  };
  return {
    async run(statement, rowsMax, signal) {
      signal.throwIfAborted();
      const connection = idle.pop() ?? (await instance.connect());
      try {
        return await runOn(connection, () => start(connection, statement), rowsMax, signal);
      } finally {
        release(connection);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const connection of idle.splice(0)) connection.closeSync();
      instance.closeSync();
    },
  };
}

async function createInstance({ threads, memoryMb, tempDirectory }: DuckdbOptions): Promise<DuckDBInstance> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(threads),
    memory_limit: `${memoryMb}MB`,
    temp_directory: tempDirectory,
    preserve_insertion_order: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  // Files never change under their name, so their footers are read once.
  await connection.run('SET GLOBAL parquet_metadata_cache = true');
  await connection.run("SET GLOBAL TimeZone = 'UTC'");
  await connection.run('SET GLOBAL lock_configuration = true');
  connection.closeSync();
  return instance;
}

async function runOn(
  connection: DuckDBConnection,
  start: () => Promise<DuckDBResult>,
  rowsMax: number,
  signal: AbortSignal,
): Promise<AskResult> {
  const started = performance.now();
  let repeat: NodeJS.Timeout | undefined;
  const interrupt = () => {
    connection.interrupt();
    repeat ??= setInterval(interrupt, INTERRUPT_EVERY_MS);
  };
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    signal.throwIfAborted();
    const result = await start();
    const rows = await readRows(result, rowsMax, signal);
    return { rows, ms: performance.now() - started };
  } catch (error) {
    // What is left of a stream would otherwise be computed on.
    connection.interrupt();
    signal.throwIfAborted();
    throw isCostError(error) ? error : storeFailed(error);
  } finally {
    signal.removeEventListener('abort', interrupt);
    clearInterval(repeat);
  }
}

/** The engine's words go to the log alone: they may quote values. */
function storeFailed(error: unknown): Error {
  const text = error instanceof Error ? error.message : String(error);
  log('error', 'duckdb-failed', { message: text.slice(0, LOGGED_CHARACTERS_MAX) });
  const reason = text.startsWith('Out of Memory') ? 'the query needs too much memory' : 'the query failed';
  return costError('STORE_FAILED', { store: 'DUCKDB', reason }, error);
}
