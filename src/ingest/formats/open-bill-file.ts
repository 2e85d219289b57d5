import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { costError, isCostError } from '../../core/errors.ts';
import type { CostError } from '../../core/errors.ts';
import type { BillFile, Compression, CsvFile, ParquetFile } from './bill-file.ts';
import { readCsvHeader } from './csv-header.ts';
import { decompressor, scanCsv } from './csv-scan.ts';
import { sqlName, sqlPath } from './sql-text.ts';

/** A header has to fit into this much of the file. */
const HEAD_BYTES_MAX = 1 << 20;
const COMPRESSED_HEAD_BYTES_MAX = 1 << 16;
const MAGIC_BYTES = 4;

/**
 * Finds out what a file is made of, by its bytes and never by its name. A CSV file is read through once.
 *
 * @throws DAMAGED_FILE, EMPTY_FILE, UNKNOWN_FORMAT (no CSV and no Parquet)
 */
export async function openBillFile(connection: DuckDBConnection, path: string): Promise<BillFile> {
  try {
    const magic = await firstBytes(path, MAGIC_BYTES);
    if (magic.length === 0) throw costError('EMPTY_FILE', { file: path });
    if (magic.toString('latin1') === 'PAR1') return await openParquet(connection, path);
    refuseOtherContainers(path, magic);
    return await openCsv(path, compressionOf(magic));
  } catch (error) {
    throw isCostError(error) ? error : damagedFile(path, error);
  }
}

/** What to throw when a file of `openBillFile` turns out to be unreadable later: `error` is DuckDB's or the system's. */
export function damagedFile(path: string, error: unknown): CostError {
  const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return costError('DAMAGED_FILE', { file: path, reason }, error);
}

function compressionOf(magic: Buffer): Compression {
  if (magic[0] === 0x1f && magic[1] === 0x8b) return 'gzip';
  return magic.length === MAGIC_BYTES && magic.readUInt32LE() === 0xfd2fb528 ? 'zstd' : 'none';
}

function refuseOtherContainers(path: string, magic: Buffer): void {
  const [first, second] = magic;
  if (first === 0x50 && second === 0x4b) {
    throw costError('UNKNOWN_FORMAT', { file: path, reason: 'it is a ZIP archive or an Excel workbook' });
  }
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw costError('DAMAGED_FILE', { file: path, reason: 'it is UTF-16: save it as UTF-8' });
  }
}

async function openParquet(connection: DuckDBConnection, path: string): Promise<ParquetFile> {
  const file = sqlPath(path);
  const described = await connection.runAndReadAll(
    `DESCRIBE SELECT * FROM read_parquet(${file}, binary_as_string = true)`,
  );
  const columns = described.getRows().map(([name, type]) => ({
    name: String(name),
    reference: sqlName(String(name)),
    type: String(type),
  }));
  const counted = await connection.runAndReadAll(`SELECT num_rows FROM parquet_file_metadata(${file})`);
  const rows = Number(counted.getRows()[0]?.[0]);
  if (rows === 0) throw costError('EMPTY_FILE', { file: path });
  return { container: 'parquet', path, columns, rows };
}

async function openCsv(path: string, compression: Compression): Promise<CsvFile> {
  const header = readCsvHeader((await readHead(path, compression)).toString('utf8'));
  if (header === null) {
    await readThrough(path, compression);
    throw costError('UNKNOWN_FORMAT', {
      file: path,
      reason: 'it is no Parquet, and its first line is no CSV header',
    });
  }
  const scan = await scanCsv(path, compression, header.dialect, header.names.length);
  if (!scan.sound) throw costError('DAMAGED_FILE', { file: path, reason: scan.reason });
  if (scan.rows === 0) throw costError('EMPTY_FILE', { file: path });
  const columns = header.names.map((name, i) => ({
    name: name.trim(),
    reference: sqlName(`c${i}`),
    type: 'VARCHAR',
  }));
  const { rows, malformed } = scan;
  return { container: 'csv', path, compression, dialect: header.dialect, columns, rows, malformed };
}

async function firstBytes(path: string, bytesMax: number): Promise<Buffer> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytesMax), 0, bytesMax, 0);
  return buffer.subarray(0, bytesRead);
}

/** Fails where a compressed file is damaged, which may be why nothing was found at its beginning. */
async function readThrough(path: string, compression: Compression): Promise<void> {
  if (compression === 'none') return;
  await pipeline(createReadStream(path), decompressor(compression), async (chunks: AsyncIterable<Buffer>) => {
    for await (const _ of chunks);
  });
}

/** The beginning of the text. A stream would fail on a file that is cut; here that is for the scan to say. */
async function readHead(path: string, compression: Compression): Promise<Buffer> {
  if (compression === 'none') return firstBytes(path, HEAD_BYTES_MAX);
  const raw = await firstBytes(path, COMPRESSED_HEAD_BYTES_MAX);
  const chunks: Buffer[] = [];
  const stream = decompressor(compression);
  stream.on('error', () => {}); // Of the cut that was just made.
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise<void>((resolve) => {
    stream.on('close', resolve);
    stream.end(raw);
  });
  return Buffer.concat(chunks);
}
