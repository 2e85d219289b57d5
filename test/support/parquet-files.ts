import type { DuckDBConnection } from '@duckdb/node-api';
import type { LakeTableName } from '../../src/catalog/lake-tables.ts';
import { lakeTables } from '../../src/catalog/lake-tables.ts';

/**
 * Writes the rows of a query as a file of a lake table. Columns are those of the query, by the table's names; they
 * get the table's field ids, as ingest gives them.
 */
export async function writeParquet(
  connection: DuckDBConnection,
  table: LakeTableName,
  path: string,
  query: string,
): Promise<string> {
  const described = await connection.runAndReadAll(`DESCRIBE ${query}`);
  const names = new Set(described.getRowsJson().map(([name]) => String(name)));
  const ids = lakeTables[table].fields
    .filter((field) => names.has(field.name))
    .map((field) => `"${field.name}": ${field.id}`);
  await connection.run(`COPY (${query}) TO '${path}' (FORMAT parquet, FIELD_IDS {${ids.join(', ')}})`);
  return path;
}
