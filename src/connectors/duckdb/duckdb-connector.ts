import type { DuckDBConnection } from '@duckdb/node-api';
import { DuckDBInstance } from '@duckdb/node-api';
import { costError, isCostError } from '../../core/errors.ts';
import { log } from '../../core/log.ts';
import type { Ask } from '../../planner/plan.ts';
import type { AskResult, Connector } from '../connector.ts';
import { outputColumns } from '../../planner/plan.ts';
import { planToSql } from '../sql/plan-to-sql.ts';
import { controlTotalsStatement, readControlTotals } from './control-totals.ts';
import { duckdbCapabilities, duckdbPrices } from './duckdb-capabilities.ts';
import { duckdbDialect } from './duckdb-dialect.ts';
import { columnName } from '../sql/sql-text.ts';
import { readRows } from './read-rows.ts';

export type DuckdbOptions = {
  readonly threads: number;
  readonly memoryMb: number;
  /** Where queries that outgrow the memory spill to. */
  readonly tempDirectory: string;
};

const CONNECTIONS_IDLE_MAX = 16;
/** An interrupt that comes before the engine has started is lost, so it is repeated until the query ends. */
const INTERRUPT_EVERY_MS = 20;
const LOGGED_CHARACTERS_MAX = 500;

/** DuckDB in this process, over the files that an Ask names. Keeps no data of its own. */
export async function openDuckdb(options: DuckdbOptions): Promise<Connector> {
  const instance = await createInstance(options);
  const idle: DuckDBConnection[] = [];

  const release = (connection: DuckDBConnection): void => {
    if (idle.length < CONNECTIONS_IDLE_MAX) idle.push(connection);
    else connection.closeSync();
  };

  const runStatement = async (text: string, rowsMax: number, signal: AbortSignal): Promise<AskResult> => {
    signal.throwIfAborted();
    const connection = idle.pop() ?? (await instance.connect());
    try {
      return await runOn(connection, text, rowsMax, signal);
    } finally {
      release(connection);
    }
  };

  const statement = (ask: Ask) => planToSql(ask, duckdbDialect);

  return {
    store: 'DUCKDB',
    capabilities: duckdbCapabilities,
    prices: duckdbPrices,
    statement,
    async run(ask, { rowsMax, signal }) {
      const { rows, ms } = await runStatement(statement(ask), rowsMax, signal);
      const columns = outputColumns(ask.fragment).map(
        (column) => [column, rows.columns.get(columnName(column)) ?? []] as const,
      );
      return { rows: { length: rows.length, columns: new Map(columns) }, ms };
    },
    async sumControlTotals(ask, signal) {
      if (ask.files.length === 0) return new Map();
      const { rows } = await runStatement(controlTotalsStatement(ask), 1, signal);
      return readControlTotals(rows);
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
  statement: string,
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
    const result = await connection.stream(statement);
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
