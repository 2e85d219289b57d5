import type { DuckDBDataChunk, DuckDBResult, DuckDBVector } from '@duckdb/node-api';
import {
  DuckDBDecimal128Vector,
  DuckDBDecimal16Vector,
  DuckDBDecimal32Vector,
  DuckDBDecimal64Vector,
  DuckDBMaterializedResult,
  DuckDBVarCharVector,
} from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { DECIMAL_SCALE } from '../../core/decimal.ts';
import { costError } from '../../core/errors.ts';
import type { Rows } from '../connector.ts';
import { readText } from './read-text.ts';

type Value = bigint | string | null;

/**
 * Reads a result vector by vector as it comes: decimals as bigint in units of 10^-12 whatever their scale in the
 * store, integers of any width as bigint, text as it is.
 *
 * @throws TOO_LARGE at the first chunk that goes over `rowsMax`; the signal's reason once it aborts
 */
export async function readRows(result: DuckDBResult, rowsMax: number, signal: AbortSignal): Promise<Rows> {
  const names = result.columnNames();
  const columns = names.map((): Value[] => []);
  let length = 0;
  for await (const chunk of chunksOf(result)) {
    signal.throwIfAborted();
    const count = chunk.rowCount;
    if (count === 0) break;
    length += count;
    if (length > rowsMax) {
      throw costError('TOO_LARGE', {
        what: 'Rows of a result',
        actual: `more than ${rowsMax}`,
        limit: rowsMax,
      });
    }
    for (const [i, column] of columns.entries()) column.push(...readColumn(chunk, i, count));
  }
  return { length, columns: new Map(names.map((name, i) => [name, columns[i] ?? []])) };
}

/** A stream is waited for; of a result that is there, nothing is: each wait is a way to another thread and back. */
async function* chunksOf(result: DuckDBResult): AsyncGenerator<DuckDBDataChunk> {
  if (result instanceof DuckDBMaterializedResult) {
    for (let i = 0; i < result.chunkCount; i++) yield result.getChunk(i);
    return;
  }
  for (let chunk = await result.fetchChunk(); chunk !== null; chunk = await result.fetchChunk()) yield chunk;
}

function readColumn(chunk: DuckDBDataChunk, index: number, count: number): Value[] {
  const vector = chunk.getColumnVector(index);
  if (vector instanceof DuckDBVarCharVector) {
    return readText(duckdb.data_chunk_get_vector(chunk.chunk, index), count);
  }
  const values: Value[] = [];
  if (isDecimal(vector)) {
    const factor = 10n ** BigInt(DECIMAL_SCALE - vector.type.scale);
    for (let i = 0; i < count; i++) {
      const units = vector.getScaledValue(i);
      values.push(units === null ? null : BigInt(units) * factor);
    }
  } else {
    for (let i = 0; i < count; i++) values.push(toValue(vector.getItem(i)));
  }
  return values;
}

type DecimalVector =
  | DuckDBDecimal128Vector
  | DuckDBDecimal64Vector
  | DuckDBDecimal32Vector
  | DuckDBDecimal16Vector;

function isDecimal(vector: DuckDBVector): vector is DecimalVector {
  return (
    vector instanceof DuckDBDecimal128Vector ||
    vector instanceof DuckDBDecimal64Vector ||
    vector instanceof DuckDBDecimal32Vector ||
    vector instanceof DuckDBDecimal16Vector
  );
}

function toValue(item: unknown): Value {
  switch (typeof item) {
    case 'string':
    case 'bigint':
      return item;
    case 'number':
      return BigInt(item);
    default:
      if (item === null) return null;
      throw new Error(`a result holds ${typeof item}, which no column of a plan is`);
  }
}
