/** Regular expressions that every store's RE2 takes, and runs fast. */
import { RE2JS } from 're2js';

export const PATTERN_LENGTH_MAX = 1_000;
/** Bounds the work of compiling here, before it is done. */
export const PATTERN_REPEATED_LENGTH_MAX = 10_000;
/**
 * Instructions of a program over the bytes of UTF-8, at most. RE2 by default takes 87,381 and DuckDB's 1.4
 * million; but beyond about 85,000 by this count DuckDB needs 10 µs a value and more instead of 0.1.
 */
export const PATTERN_SIZE_MAX = 80_000;

export type PatternFault =
  /** `what` is long: the expression itself, or with its repetitions counted. */
  | {
      readonly kind: 'long';
      readonly what: 'expression' | 'repetitions';
      readonly actual: number;
      readonly limit: number;
    }
  | { readonly kind: 'bad'; readonly detail: string; readonly hint: string; readonly cause: unknown };

/** The program of an expression, or why no store should get it. */
export function compilePattern(pattern: string, ignoreCase: boolean): RE2JS | PatternFault {
  if (pattern.length > PATTERN_LENGTH_MAX) {
    return { kind: 'long', what: 'expression', actual: pattern.length, limit: PATTERN_LENGTH_MAX };
  }
  const repeated = repeatedLength(pattern);
  if (repeated > PATTERN_REPEATED_LENGTH_MAX) {
    return { kind: 'long', what: 'repetitions', actual: repeated, limit: PATTERN_REPEATED_LENGTH_MAX };
  }
  if (pattern.includes('(?<')) {
    return bad('(?< is not known', 'Write a named group as in (?P<name>…).');
  }
  const program = compile(pattern, ignoreCase);
  if (program instanceof RE2JS && programSize(program) > PATTERN_SIZE_MAX) {
    const detail = `its program has more than ${PATTERN_SIZE_MAX} instructions`;
    return bad(detail, 'Repeat classes of many characters, such as \\pL, less often.');
  }
  return program;
}

function bad(detail: string, hint: string, cause?: unknown): PatternFault {
  return { kind: 'bad', detail, hint, cause };
}

/** A bound of the number of characters: each repetition may repeat all of the expression. */
function repeatedLength(pattern: string): number {
  const counts = [...pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)];
  const repeats = counts.reduce(
    (sum, [, least, most]) => sum + Math.max(Number(least), Number(most ?? 0)),
    0,
  );
  return pattern.length * Math.max(1, repeats);
}

function compile(pattern: string, ignoreCase: boolean): RE2JS | PatternFault {
  try {
    return RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    return bad(detail, 'RE2 has no look-around and no back references.', cause);
  }
}

/** Kinds of instructions of re2js that look at no character; those from RUNE on take one. */
const INSTRUCTION = { alternative: 1, alternativeMatch: 2, match: 6, fail: 5, rune: 8 };

/** Whether some text, anywhere in it, is matched without a character: as by `a*`, `^` or `\\b`. */
export function canMatchNothing(program: RE2JS): boolean {
  const { inst, start }: { readonly inst: readonly Instruction[]; readonly start: number } =
    program.re2().prog;
  const seen = new Set<number>();
  const open = [start];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const instruction = inst[at];
    if (instruction === undefined || seen.has(at)) continue;
    seen.add(at);
    const { op, out, arg } = instruction;
    if (op === INSTRUCTION.match) return true;
    if (op === INSTRUCTION.fail || op >= INSTRUCTION.rune) continue;
    open.push(out);
    if (op === INSTRUCTION.alternative || op === INSTRUCTION.alternativeMatch) open.push(arg);
  }
  return false;
}

type Instruction = {
  readonly op: number;
  readonly out: number;
  readonly arg: number;
  readonly runes: Int32Array;
};

const CODE_POINT_MAX = 0x10ffff;
/** Of a letter that ignores case: up to four characters of three bytes. */
const FOLDED_SIZE = 24;

/**
 * A bound of the instructions of RE2 itself: re2js works by code points, so each range of characters is counted
 * as the sequences of bytes that it is made of. Counts no further than the limit.
 */
function programSize(program: RE2JS): number {
  // `runes`: pairs of first and last character; one alone is a letter; none is no test, or one that all pass.
  // `arg` of a letter: whether its case is ignored.
  const instructions: readonly Instruction[] = program.re2().prog.inst;
  let size = 0;
  for (const { runes, arg } of instructions) {
    size += 1;
    const [first = 0, last = first] = runes;
    if (runes.length === 0) size += rangeSize(0, CODE_POINT_MAX);
    else if (runes.length === 1) size += arg === 0 ? rangeSize(first, last) : FOLDED_SIZE;
    else for (let i = 0; i < runes.length; i += 2) size += rangeSize(runes[i] ?? 0, runes[i + 1] ?? 0);
    if (size > PATTERN_SIZE_MAX) break;
  }
  return size;
}

/** The last code points of one, two and three bytes in UTF-8. */
const LAST_OF_LENGTH = [0x7f, 0x7ff, 0xffff];

/** Two per byte, as alternatives need one more; splits as RE2 does, so that a sequence has a range for each byte. */
function rangeSize(from: number, to: number): number {
  const last = LAST_OF_LENGTH.find((each) => from <= each && each < to);
  if (last !== undefined) return rangeSize(from, last) + rangeSize(last + 1, to);
  const bytes = 1 + LAST_OF_LENGTH.filter((each) => from > each).length;
  for (const bits of [6, 12, 18].slice(0, bytes - 1)) {
    const rest = (1 << bits) - 1;
    if ((from & ~rest) === (to & ~rest)) break;
    const [low, high] = [from | rest, to & ~rest];
    if ((from & rest) !== 0) return rangeSize(from, low) + rangeSize(low + 1, to);
    if ((to & rest) !== rest) return rangeSize(from, high - 1) + rangeSize(high, to);
  }
  return 2 * bytes;
}
