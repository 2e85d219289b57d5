import { placeOf } from '../catalog/dimensions.ts';
import type { LakeFile, Nulls } from '../catalog/lake-file.ts';
import { compareText } from '../core/code-point-order.ts';
import { unreachable } from '../core/unreachable.ts';
import type { Member, Predicate, Test, ValueTest } from './predicate.ts';
import { idColumnOf, rowColumnsOf } from './predicate.ts';

/** How many of a file's rows meet a predicate, as far as its statistics prove: `some` means nothing is proved. */
export type Match = 'none' | 'some' | 'all';

const opposite: Readonly<Record<Match, Match>> = { none: 'all', some: 'some', all: 'none' };

/** Sound in both directions: `none` and `all` are proofs. */
export function matchFile(predicate: Predicate, file: LakeFile): Match {
  switch (predicate.kind) {
    case 'true':
      return 'all';
    case 'false':
      return 'none';
    case 'not':
      return opposite[matchFile(predicate.part, file)];
    case 'and': {
      const parts = predicate.parts.map((part) => matchFile(part, file));
      if (parts.includes('none')) return 'none';
      return parts.every((part) => part === 'all') ? 'all' : 'some';
    }
    case 'or': {
      const parts = predicate.parts.map((part) => matchFile(part, file));
      if (parts.includes('all')) return 'all';
      return parts.every((part) => part === 'none') ? 'none' : 'some';
    }
    case 'member':
      return matchMember(predicate, file);
    case 'test':
      return matchTest(predicate, file);
    default:
      return unreachable(predicate);
  }
}

/** The key of the first part that proves `none`, for explain; null where only the parts together do. */
export function provingKey(predicate: Predicate, file: LakeFile): string | null {
  const parts = predicate.kind === 'and' ? predicate.parts : [predicate];
  const proof = parts.find((part) => matchFile(part, file) === 'none');
  if (proof?.kind === 'test') return proof.key;
  return proof?.kind === 'member' ? idColumnOf[proof.dictionary] : null;
}

/** A charge with neither an id nor a value of its own misses the value. */
function matchMember({ dictionary, test }: Member, file: LakeFile): Match {
  const isMissing = rowColumnsOf(dictionary, [test.key]).every((column) => nullsOf(file, column) === 'all');
  if (!isMissing) return 'some';
  return test.orNull ? 'all' : 'none';
}

/** A file that was written without a column has nothing but nulls in it. */
function nullsOf(file: LakeFile, column: string): Nulls | null {
  return file.holds(column) ? file.nulls(column) : 'all';
}

function matchTest({ key, test, orNull }: Test, file: LakeFile): Match {
  const place = placeOf(key);
  if (place.kind !== 'row') return 'some';
  const fixed = file.partition[place.column];
  if (typeof fixed === 'string') return matchPresent(test, { lower: fixed, upper: fixed });
  const nulls = nullsOf(file, place.column);
  const ofNulls: Match = orNull ? 'all' : 'none';
  if (nulls === 'all') return ofNulls;
  const ofPresent = matchPresent(test, textBounds(file, place.column));
  if (nulls === 'none') return ofPresent;
  return ofPresent === ofNulls ? ofPresent : 'some';
}

type TextBounds = { readonly lower: string; readonly upper: string } | null;

function textBounds(file: LakeFile, column: string): TextBounds {
  const bounds = file.bounds(column);
  if (bounds === null || typeof bounds.lower !== 'string' || typeof bounds.upper !== 'string') return null;
  return { lower: bounds.lower, upper: bounds.upper };
}

/** Of the rows that have a value. */
function matchPresent(test: ValueTest, bounds: TextBounds): Match {
  if (test.op === 'any') return 'all';
  if (test.op === 'none') return 'none';
  if (bounds === null || test.ignoreCase) return 'some';
  switch (test.op) {
    case 'in':
      return matchList(test.values, bounds);
    case 'notIn':
      return opposite[matchList(test.values, bounds)];
    case 'startsWith':
      return matchPrefix(test.value, bounds);
    case 'endsWith':
    case 'contains':
    case 'matches':
      return 'some';
    default:
      return unreachable(test);
  }
}

/** `values` are sorted, so the first that is not below the bounds decides. */
function matchList(values: readonly string[], { lower, upper }: { lower: string; upper: string }): Match {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareText(values[middle] ?? '', lower) < 0) low = middle + 1;
    else high = middle;
  }
  const first = values[low];
  if (first === undefined || compareText(first, upper) > 0) return 'none';
  return lower === upper && first === lower ? 'all' : 'some';
}

function matchPrefix(prefix: string, { lower, upper }: { lower: string; upper: string }): Match {
  const head = (text: string) => text.slice(0, prefix.length);
  if (compareText(head(upper), prefix) < 0 || compareText(head(lower), prefix) > 0) return 'none';
  return lower === upper && lower.startsWith(prefix) ? 'all' : 'some';
}
