import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { Compression, CsvDialect, MalformedRow } from './bill-file.ts';

/**
 * Reads a CSV file through once, by bytes, before a database does.
 *
 * DuckDB 1.5.5 loads a file with an unclosed quote as no rows, a gzip without its end or with a wrong
 * checksum as far as it goes, loses rows around a bad one under `ignore_errors`, and aborts the whole
 * database on text that is not UTF-8 under `store_rejects`. Here such a file is told apart, exactly.
 */
export type CsvScan =
  | { readonly sound: true; readonly rows: number; readonly malformed: readonly MalformedRow[] }
  | { readonly sound: false; readonly reason: string };

/** Above this many records of a wrong length the file is refused: its separators or quotes are not understood. */
export const MALFORMED_ROWS_MAX = 10_000;
const CHUNK_BYTES = 1 << 20;

const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;

/** `fieldsExpected`: of the header, which is the first record. */
export async function scanCsv(
  path: string,
  compression: Compression,
  dialect: CsvDialect,
  fieldsExpected: number,
): Promise<CsvScan> {
  const state = startOf(dialect, fieldsExpected);
  const consume = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) {
      checkText(state, chunk);
      readRecords(state, chunk);
      if (state.problem !== null) return;
    }
  };
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  try {
    if (compression === 'none') await pipeline(file, consume);
    else await pipeline(file, decompressor(compression), consume);
  } catch (error) {
    if (state.problem === null) throw error; // Else it says that the rest was not read.
  }
  return resultOf(state);
}

export function decompressor(compression: 'gzip' | 'zstd') {
  return compression === 'gzip'
    ? createGunzip({ chunkSize: CHUNK_BYTES })
    : createZstdDecompress({ chunkSize: CHUNK_BYTES });
}

/** Where the scan is; numbers, as the loop below runs once per byte. */
const RECORD_START = 0;
const FIELD_START = 1;
const PLAIN = 2;
const QUOTED = 3;
const QUOTE_IN_QUOTED = 4;
const CR_AFTER_RECORD = 5;
const CR_AFTER_NOTHING = 6;

type ScanState = {
  readonly dialect: CsvDialect;
  readonly fieldsExpected: number;
  readonly malformed: MalformedRow[];
  place: number;
  /** Fields of the record so far. */
  fields: number;
  /** Of the record being read; 0 is the header. */
  row: number;
  rowOfOpenQuote: number;
  /** Bytes of a character that the end of a chunk has cut. */
  cutCharacter: Buffer;
  /** The first; ends the scan. */
  problem: string | null;
};

function startOf(dialect: CsvDialect, fieldsExpected: number): ScanState {
  const cutCharacter = Buffer.alloc(0);
  return {
    dialect,
    fieldsExpected,
    malformed: [],
    place: RECORD_START,
    fields: 1,
    row: 0,
    rowOfOpenQuote: 0,
    cutCharacter,
    problem: null,
  };
}

function readRecords(state: ScanState, chunk: Buffer): void {
  const delimiter = state.dialect.delimiter.charCodeAt(0);
  const quote = state.dialect.quoted ? QUOTE : -1;
  let place = state.place;
  for (let i = 0; i < chunk.length; i++) {
    const byte = chunk[i] ?? 0;
    if (place === QUOTED) {
      if (byte === quote) place = QUOTE_IN_QUOTED;
    } else if (byte === LF || byte === CR || place >= CR_AFTER_RECORD) {
      place = readLineEnd(state, byte, place);
    } else if (byte === delimiter) {
      state.fields++;
      place = FIELD_START;
    } else if (byte === quote && place !== PLAIN) {
      if (place !== QUOTE_IN_QUOTED) state.rowOfOpenQuote = state.row;
      place = QUOTED;
    } else {
      if (place === QUOTE_IN_QUOTED) {
        state.problem ??= `${recordName(state)} has text after the closing quote of a field`;
      }
      place = PLAIN;
    }
  }
  state.place = place;
}

/** The place after `byte`, which is CR or LF or follows a CR. Blank lines are no records. */
function readLineEnd(state: ScanState, byte: number, place: number): number {
  const { newline } = state.dialect;
  const blank = place === RECORD_START || place === CR_AFTER_NOTHING;
  if (newline === '\r\n' && byte === CR && place < CR_AFTER_RECORD) {
    return blank ? CR_AFTER_NOTHING : CR_AFTER_RECORD;
  }
  const ends = newline === '\r\n' ? byte === LF && place >= CR_AFTER_RECORD : byte === newline.charCodeAt(0);
  if (!ends) state.problem ??= `${recordName(state)} ends its line in another way than the header`;
  if (!blank) endRecord(state);
  return RECORD_START;
}

function endRecord(state: ScanState): void {
  const { malformed, fields, fieldsExpected, row } = state;
  if (row > 0 && fields !== fieldsExpected) malformed.push({ row, fields });
  const first = malformed[0];
  if (first !== undefined && malformed.length > MALFORMED_ROWS_MAX) {
    state.problem ??=
      `more than ${MALFORMED_ROWS_MAX} rows have another number of fields than the header (${fieldsExpected}); ` +
      `the first, row ${first.row}, has ${first.fields}`;
  }
  state.row++;
  state.fields = 1;
}

function resultOf(state: ScanState): CsvScan {
  if (state.place === QUOTED) {
    state.problem ??= `a quote that row ${state.rowOfOpenQuote} opens is never closed`;
  }
  if (state.cutCharacter.length > 0) state.problem ??= 'it ends within a character';
  if (state.place !== RECORD_START && state.place !== CR_AFTER_NOTHING) endRecord(state);
  if (state.problem !== null) return { sound: false, reason: state.problem };
  return { sound: true, rows: Math.max(0, state.row - 1), malformed: state.malformed };
}

function checkText(state: ScanState, chunk: Buffer): void {
  const text = state.cutCharacter.length > 0 ? Buffer.concat([state.cutCharacter, chunk]) : chunk;
  const whole = text.length - cutCharacterBytes(text);
  state.cutCharacter = Buffer.from(text.subarray(whole));
  if (chunk.includes(0)) {
    state.problem ??= `it has NUL bytes after row ${state.row}: no text, or UTF-16, which has to be saved as UTF-8`;
  } else if (!isUtf8(text.subarray(0, whole))) {
    state.problem ??= `it is not UTF-8 after row ${state.row}: save it as UTF-8`;
  }
}

/** Bytes at the end that begin a character of UTF-8 and do not finish it. */
function cutCharacterBytes(text: Buffer): number {
  for (let back = 1; back <= Math.min(3, text.length); back++) {
    const byte = text[text.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue; // A following byte: the first one is further ahead.
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

function recordName(state: ScanState): string {
  return state.row === 0 ? 'the header' : `row ${state.row}`;
}
