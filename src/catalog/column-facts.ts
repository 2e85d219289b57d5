/**
 * What the manifests say of the columns of many files, packed: per column each distinct fact once, and per file the
 * fact's number in as few bytes as it takes. Where all files say the same, as of most columns, that is none.
 */
import { rowDimensionNames } from './charge-columns.ts';
import type { LakeFile, Nulls } from './lake-file.ts';
import { NARROW_LIMIT } from './lake-file.ts';
import type { LakeField, LakeTable, LakeTableName } from './lake-tables.ts';
import { lakeTables } from './lake-tables.ts';

/**
 * Numbers of one fact: of `lowers` and `uppers` a text, an instant, or for a decimal whether it is narrow. Number 0 is
 * that nothing is known, as of a column that the table does not have.
 */
export type ColumnFacts = {
  readonly layout: Layout;
  /** For each column: where its codes begin, how many bytes one takes, its first fact; at the end how many facts. */
  readonly places: Uint32Array;
  readonly codes: Uint8Array;
  readonly flags: Uint8Array;
  readonly lowers: Uint32Array;
  readonly uppers: Uint32Array;
  readonly pool: TextPool;
  /** Microseconds. */
  readonly instants: BigInt64Array;
};

/**
 * The texts of bounds of all files of a table, each once: a bill has few beside the number of its files. It only grows,
 * so that what refers to it stays as it is.
 */
export type TextPool = { readonly texts: string[]; readonly numbers: Map<string, number> };

export function newTextPool(): TextPool {
  return { texts: [], numbers: new Map() };
}

/** Which bounds are kept: those that questions can ask for; of decimals only whether they fit the narrow type. */
type BoundKind = 'text' | 'instant' | 'decimal' | 'none';
type Layout = {
  readonly numberOf: ReadonlyMap<string, number>;
  readonly columns: readonly { readonly name: string; readonly kind: BoundKind }[];
};

const textsKept: ReadonlySet<string> = new Set([...rowDimensionNames, 'tenant', 'source', 'key']);
const layouts = Object.fromEntries(
  Object.entries(lakeTables).map(([name, table]) => [name, layoutOf(table)]),
) as Readonly<Record<LakeTableName, Layout>>; // Object.fromEntries forgets the record's keys.

const PLACE_NUMBERS = 3;
const NOTHING_KNOWN = 0;
const HELD = 1;
const SIZED = 2;
const BOUNDED = 4;
const NULLS_SHIFT = 3;
const FLAGS_MAX = 2 ** 5;
/** Texts of a pool: flags and two numbers of texts are one exact number together. Bounds beyond are not kept. */
const TEXTS_MAX = 2 ** 24;
const nullsByNumber: readonly (Nulls | null)[] = [null, 'none', 'some', 'all'];
/** decimal(38,12) has no more digits. */
const WIDE_LIMIT = 10n ** 38n;

function layoutOf({ fields }: LakeTable): Layout {
  const columns = fields.map((field) => ({ name: field.name, kind: boundKind(field) }));
  return { columns, numberOf: new Map(columns.map(({ name }, number) => [name, number])) };
}

function boundKind({ name, type }: LakeField): BoundKind {
  switch (type) {
    case 'string':
      return textsKept.has(name) ? 'text' : 'none';
    case 'timestamptz':
      return 'instant';
    case 'decimal(38,12)':
      return 'decimal';
    case 'date':
    case 'long':
      return 'none';
  }
}

/** Files are found again by their position; fewer than 8 million. */
export function packFacts(table: LakeTableName, files: readonly LakeFile[], pool: TextPool): ColumnFacts {
  const layout = layouts[table];
  const places: number[] = [];
  const codes: Uint8Array[] = [];
  const facts: Facts = { flags: [0], lowers: [0], uppers: [0], pool, instants: new Map() };
  let codesEnd = 0;
  for (const { name, kind } of layout.columns) {
    const first = facts.flags.length;
    const numbers = factNumbers(files, name, kind, facts);
    const width = bytesFor(facts.flags.length - first);
    places.push(codesEnd, width, first);
    codes.push(encodeCodes(numbers, first, width));
    codesEnd += width * files.length;
  }
  places.push(codesEnd, 0, facts.flags.length);
  return {
    layout,
    places: Uint32Array.from(places),
    codes: joined(codes, codesEnd),
    flags: Uint8Array.from(facts.flags),
    lowers: Uint32Array.from(facts.lowers),
    uppers: Uint32Array.from(facts.uppers),
    pool,
    instants: BigInt64Array.from(facts.instants.keys()),
  };
}

type Facts = {
  readonly flags: number[];
  readonly lowers: number[];
  readonly uppers: number[];
  readonly pool: TextPool;
  /** Numbered in the order that they are met in. */
  readonly instants: Map<bigint, number>;
};

/** For each file the number of what it says of the column, among all facts. */
function factNumbers(files: readonly LakeFile[], column: string, kind: BoundKind, facts: Facts): Uint32Array {
  const known = new Map<number, number>();
  const numbers = new Uint32Array(files.length);
  for (const [position, file] of files.entries()) {
    const bounds = boundNumbers(file, column, kind, facts);
    const flags =
      (file.holds(column) ? HELD : 0) |
      (file.columnBytes(column) === null ? 0 : SIZED) |
      (bounds === null ? 0 : BOUNDED) |
      (nullsByNumber.indexOf(file.nulls(column)) << NULLS_SHIFT);
    const [lower, upper] = bounds ?? [0, 0];
    const key = (lower * TEXTS_MAX + upper) * FLAGS_MAX + flags;
    let number = known.get(key);
    if (number === undefined) {
      number = facts.flags.push(flags) - 1;
      facts.lowers.push(lower);
      facts.uppers.push(upper);
      known.set(key, number);
    }
    numbers[position] = number;
  }
  return numbers;
}

function boundNumbers(
  file: LakeFile,
  column: string,
  kind: BoundKind,
  { pool, instants }: Facts,
): [number, number] | null {
  if (kind === 'none') return null;
  const { lower, upper } = file.bounds(column) ?? {};
  if (kind === 'text') {
    if (typeof lower !== 'string' || typeof upper !== 'string') return null;
    const [least, greatest] = [textNumber(pool, lower), textNumber(pool, upper)];
    return least === null || greatest === null ? null : [least, greatest];
  }
  if (typeof lower !== 'bigint' || typeof upper !== 'bigint') return null;
  if (kind === 'instant') return [instantNumber(instants, lower), instantNumber(instants, upper)];
  return [lower > -NARROW_LIMIT && upper < NARROW_LIMIT ? 1 : 0, 0];
}

/** Null where the pool is full. */
function textNumber({ texts, numbers }: TextPool, text: string): number | null {
  const known = numbers.get(text);
  if (known !== undefined) return known;
  if (texts.length >= TEXTS_MAX) return null;
  numbers.set(text, texts.length);
  return texts.push(text) - 1;
}

function instantNumber(instants: Map<bigint, number>, instant: bigint): number {
  const number = instants.get(instant) ?? instants.size;
  if (number === instants.size) instants.set(instant, number);
  return number;
}

function bytesFor(count: number): number {
  if (count <= 1) return 0;
  if (count <= 0x1_00) return 1;
  return count <= 0x1_00_00 ? 2 : 4;
}

/** Lowest byte first. */
function encodeCodes(numbers: Uint32Array, first: number, width: number): Uint8Array {
  const bytes = new Uint8Array(numbers.length * width);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = ((numbers[Math.floor(at / width)] ?? 0) - first) >>> (8 * (at % width));
  }
  return bytes;
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The number of what the file at a position says of a column. */
export function factOf({ layout, places, codes }: ColumnFacts, position: number, column: string): number {
  const number = layout.numberOf.get(column);
  if (number === undefined) return NOTHING_KNOWN;
  const [start = 0, width = 0, first = 0] = [
    places[number * PLACE_NUMBERS],
    places[number * PLACE_NUMBERS + 1],
    places[number * PLACE_NUMBERS + 2],
  ];
  let code = 0;
  for (let at = start + position * width + width - 1; at >= start + position * width; at--) {
    code = code * 0x1_00 + (codes[at] ?? 0);
  }
  return first + code;
}

/** Whether what any file says of a column passes a test of its number. */
export function someFact(
  { layout, places }: ColumnFacts,
  column: string,
  test: (fact: number) => boolean,
): boolean {
  const number = layout.numberOf.get(column);
  if (number === undefined) return test(NOTHING_KNOWN);
  const end = places[(number + 1) * PLACE_NUMBERS + 2] ?? 0;
  for (let fact = places[number * PLACE_NUMBERS + 2] ?? 0; fact < end; fact++) if (test(fact)) return true;
  return false;
}

/** Of a column that the table does not have, -1. */
export function columnNumber({ layout }: ColumnFacts, column: string): number {
  return layout.numberOf.get(column) ?? -1;
}

export function columnNames({ layout }: ColumnFacts): readonly string[] {
  return layout.columns.map(({ name }) => name);
}

export function isHeld({ flags }: ColumnFacts, fact: number): boolean {
  return ((flags[fact] ?? 0) & HELD) !== 0;
}

/** Whether the compressed size of the column is known. */
export function isSized({ flags }: ColumnFacts, fact: number): boolean {
  return ((flags[fact] ?? 0) & SIZED) !== 0;
}

export function nullsIn({ flags }: ColumnFacts, fact: number): Nulls | null {
  return nullsByNumber[(flags[fact] ?? 0) >> NULLS_SHIFT] ?? null;
}

export function boundsIn(facts: ColumnFacts, fact: number, column: string): ReturnType<LakeFile['bounds']> {
  const { layout, flags, lowers, uppers, pool, instants } = facts;
  if (((flags[fact] ?? 0) & BOUNDED) === 0) return null;
  const [lower = 0, upper = 0] = [lowers[fact], uppers[fact]];
  switch (layout.columns[layout.numberOf.get(column) ?? -1]?.kind) {
    case 'text':
      return { lower: pool.texts[lower] ?? '', upper: pool.texts[upper] ?? '' };
    case 'instant':
      return { lower: instants[lower] ?? 0n, upper: instants[upper] ?? 0n };
    case 'decimal': {
      const most = (lower === 1 ? NARROW_LIMIT : WIDE_LIMIT) - 1n;
      return { lower: -most, upper: most };
    }
    default:
      return null;
  }
}
