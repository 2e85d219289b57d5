import { CostError, costError, isCostError } from '../core/errors.ts';

/** What DuckDB and the system say when there is no room: EFBIG and EDQUOT are a disk's end by rule. */
const FULL = /No space left on device|Disk quota exceeded|File too large|max_temp_directory_size/;
const FULL_CODES = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const OUT_OF_MEMORY = /^Out of Memory Error/;

/** An error of DuckDB or the file system as ours; others as they are. */
export function ingestError(error: unknown, path: string): unknown {
  if (isCostError(error) || !(error instanceof Error)) return error;
  const isFull = ('code' in error && FULL_CODES.has(String(error.code))) || FULL.test(error.message);
  if (isFull) return costError('STORAGE_FULL', { path }, error);
  if (OUT_OF_MEMORY.test(error.message)) {
    const [reason = ''] = error.message.split('\n');
    return costError('STORE_FAILED', { store: 'DuckDB', reason }, error);
  }
  return error;
}

/** The same error, speaking of the file that the user named instead of our copy of it. */
export function namedAfter(error: unknown, copy: string, file: string): unknown {
  if (!isCostError(error)) return error;
  return new CostError(
    error.code,
    error.fault,
    error.message.replaceAll(copy, file),
    error.hint,
    error.cause,
  );
}
