import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DuckDBInstance } from '@duckdb/node-api';

import { lineFields, statementColumns, statementHeader } from './format-statement.ts';
import type { Statement } from './make-statement.ts';

const AMOUNTS = 3;

/**
 * Writes a new Parquet file; amounts are decimal(38,12), what the statement says of itself is in the file's metadata
 * under `costgraph.NAME`. The same statement makes the same bytes, as long as DuckDB is the same.
 */
export async function writeParquet(statement: Statement, path: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'costgraph-statement-'));
  // One thread: row groups are in order, and cut at the same rows.
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  try {
    const lines = join(folder, 'lines.json');
    await writeFile(lines, statement.lines.map((line) => `${JSON.stringify(lineFields(line))}\n`).join(''));
    const connection = await instance.connect();
    await connection.run(copyStatement(statement, lines, path));
    connection.closeSync();
  } finally {
    instance.closeSync();
    await rm(folder, { recursive: true });
  }
}

/** Each line of the file is a list of fields. */
function copyStatement(statement: Statement, lines: string, path: string): string {
  const names = statementColumns(statement);
  const columns = names.map((name, i) => {
    const type = i < names.length - AMOUNTS ? 'VARCHAR' : 'DECIMAL(38, 12)';
    return `CAST(line ->> ${i} AS ${type}) AS ${quoted(name, '"')}`;
  });
  const metadata = statementHeader(statement).map(
    ([name, value]) => `${quoted(`costgraph.${name}`, "'")}: ${quoted(value, "'")}`,
  );
  return `COPY (
    SELECT ${columns.join(', ')}
    FROM read_json_objects(${quoted(lines, "'")}, format = 'newline_delimited') AS file(line)
  ) TO ${quoted(path, "'")} (FORMAT parquet, COMPRESSION zstd, KV_METADATA {${metadata.join(', ')}})`;
}

function quoted(text: string, quote: '"' | "'"): string {
  return `${quote}${text.replaceAll(quote, quote + quote)}${quote}`;
}
