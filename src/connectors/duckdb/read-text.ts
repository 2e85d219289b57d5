import duckdb from '@duckdb/node-bindings';

/** A string of the engine: its length, then up to 12 bytes of text, or 4 bytes of it and where it all lies. */
const ENTRY_BYTES = 16;
const TEXT_AT = 4;
const POINTER_AT = 8;
const INLINE_BYTES_MAX = 12;

/** Strings whose bytes lie one behind the other: where each belongs, and its length. */
type Run = { readonly indexes: number[]; readonly lengths: number[] };

/**
 * The text of a VARCHAR vector; null where it is not valid.
 *
 * Long strings lie outside the vector, mostly one behind the other: those are fetched and decoded together, because
 * a call for each takes ten times as long. Only bytes that belong to a string are ever read. Short ones are put
 * together first, for the same reason.
 */
export function readText(vector: duckdb.Vector, count: number): (string | null)[] {
  const data = duckdb.vector_get_data(vector, count * ENTRY_BYTES);
  const entries = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const isValid = validityOf(vector, count);
  const texts: (string | null)[] = Array.from({ length: count }, () => null);
  const short = startRun();
  const shortBytes = Buffer.allocUnsafe(count * INLINE_BYTES_MAX);
  let shortEnd = 0;
  let long = startRun();
  let longEnd = 0n;
  const endLongRun = (): void => {
    const [first] = long.indexes;
    if (first === undefined) return;
    const bytes = long.lengths.reduce((sum, length) => sum + length, 0);
    decodeRun(fetchBytes(data, first, bytes), long, texts);
    long = startRun();
  };
  for (let index = 0; index < count; index++) {
    if (!isValid(index)) continue;
    const at = index * ENTRY_BYTES;
    const length = entries.getUint32(at, true);
    if (length <= INLINE_BYTES_MAX) {
      for (let i = 0; i < length; i++) shortBytes[shortEnd++] = data[at + TEXT_AT + i] ?? 0;
      push(short, index, length);
    } else {
      const pointer = entries.getBigUint64(at + POINTER_AT, true);
      if (pointer !== longEnd) endLongRun();
      push(long, index, length);
      longEnd = pointer + BigInt(length);
    }
  }
  endLongRun();
  decodeRun(shortBytes.subarray(0, shortEnd), short, texts);
  return texts;
}

function startRun(): Run {
  return { indexes: [], lengths: [] };
}

function push(run: Run, index: number, length: number): void {
  run.indexes.push(index);
  run.lengths.push(length);
}

/** The bytes from where the string at `index` begins. */
function fetchBytes(data: Uint8Array, index: number, bytes: number): Buffer {
  const at = data.byteOffset + index * ENTRY_BYTES + POINTER_AT;
  // The engine's memory is never a SharedArrayBuffer.
  const found = duckdb.get_data_from_pointer(data.buffer as ArrayBuffer, at, bytes);
  return Buffer.from(found.buffer, found.byteOffset, found.byteLength);
}

function validityOf(vector: duckdb.Vector, count: number): (index: number) => boolean {
  // Null where all are valid, which the types do not say.
  const mask = duckdb.vector_get_validity(vector, Math.ceil(count / 64) * 8) as Uint8Array | null;
  if (mask === null) return () => true;
  return (index) => ((mask[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
}

/** Decodes all at once; ASCII, where bytes are characters, is then only cut. */
function decodeRun(bytes: Buffer, { indexes, lengths }: Run, texts: (string | null)[]): void {
  const whole = bytes.toString('utf8');
  const isAscii = whole.length === bytes.length;
  let from = 0;
  for (let i = 0; i < indexes.length; i++) {
    const to = from + (lengths[i] ?? 0);
    texts[indexes[i] ?? 0] = isAscii ? whole.slice(from, to) : bytes.toString('utf8', from, to);
    from = to;
  }
}
