/**
 * What is known of a present value, and what follows from it. All that is said here is proved for every text and every
 * store. Case is folded by simple mapping, of which only the fold of ASCII is relied on: each code point folds by
 * itself, an ASCII letter to its lower case, and nothing but letters folds to letters.
 */
import { compareText } from '../../core/code-point-order.ts';
import type { ValueTest } from '../predicate.ts';
import { compareFlags, compareValueTests } from './compare-predicates.ts';

export type ListTest = {
  readonly op: 'in';
  readonly values: readonly string[];
  readonly ignoreCase: boolean;
};
export type TextTest = Extract<ValueTest, { readonly value: string }>;

/** A test of a present value, or its complement. `notIn`, `any` and `none` are lists, with a sign. */
export type Claim = { readonly isMet: boolean; readonly test: ListTest | TextTest };

const EMPTY_LIST: ListTest = { op: 'in', values: [], ignoreCase: false };
/** Holds for no value, and for every value. */
export const NOTHING: Claim = { isMet: true, test: EMPTY_LIST };
export const ANYTHING: Claim = { isMet: false, test: EMPTY_LIST };

/** Values times tests of parts of texts: with more, lists are cut by lists alone, so that planning stays short. */
const CUTS_BY_TEXT_MAX = 1_000_000;

/** Matched by one text, itself: no character means anything else to RE2. */
const PLAIN_PATTERN = /^[\w -]*$/;

/** Tests that are met by the same values become the same claim, as far as is easily seen. */
export function claimOf(test: ValueTest, isMet = true): Claim {
  switch (test.op) {
    case 'any':
    case 'none':
      return { isMet: isMet === (test.op === 'none'), test: EMPTY_LIST };
    case 'in':
    case 'notIn':
      return { isMet: isMet === (test.op === 'in'), test: plainList(test.values, test.ignoreCase) };
    case 'matches':
      if (!test.ignoreCase && PLAIN_PATTERN.test(test.value))
        return { isMet, test: plainList([test.value], false) };
      return { isMet, test };
    default: {
      if (test.value === '') return { isMet: !isMet, test: EMPTY_LIST };
      const { op, value, ignoreCase } = test;
      if (!ignoreCase) return { isMet, test };
      return { isMet, test: { op, value: lowerAscii(value), ignoreCase: !isCaseless(value) } };
    }
  }
}

function plainList(values: readonly string[], ignoreCase: boolean): ListTest {
  if (values.length === 0) return EMPTY_LIST;
  if (!ignoreCase) return { op: 'in', values, ignoreCase };
  const isExact = values.every(isCaseless);
  return { op: 'in', values: isExact ? values : sorted(values.map(lowerAscii)), ignoreCase: !isExact };
}

function sorted(values: Iterable<string>): string[] {
  return [...new Set(values)].sort(compareText);
}

export function complement({ isMet, test }: Claim): Claim {
  return { isMet: !isMet, test };
}

/** Whether what meets `a` is sure to meet `b`. */
export function implies(a: Claim, b: Claim): boolean {
  if (a.isMet) return b.isMet ? isWithin(a.test, b.test) : areApart(a.test, b.test);
  return !b.isMet && isWithin(b.test, a.test);
}

/** Whether nothing meets both. */
export function excludes(a: Claim, b: Claim): boolean {
  return implies(a, complement(b));
}

function isWithin(a: Claim['test'], b: Claim['test']): boolean {
  if (a.op === 'in') {
    const isTooLong = b.op === 'in' && !a.ignoreCase && !b.ignoreCase && a.values.length > b.values.length;
    return !isTooLong && a.values.every((value) => meets(b, value, a.ignoreCase) === true);
  }
  if (b.op === 'in') return false;
  if (a.op === b.op && a.value === b.value && a.ignoreCase === b.ignoreCase) return true;
  if (a.op === 'matches' || b.op === 'matches' || (a.ignoreCase && !b.ignoreCase)) return false;
  const text = b.ignoreCase ? lowerAscii(a.value) : a.value;
  return (a.op === b.op || b.op === 'contains') && holdsFor(b, text);
}

function areApart(a: Claim['test'], b: Claim['test']): boolean {
  if (a.op === 'in' && (b.op !== 'in' || a.values.length <= b.values.length))
    return a.values.every((value) => meets(b, value, a.ignoreCase) === false);
  if (b.op === 'in') return b.values.every((value) => meets(a, value, b.ignoreCase) === false);
  if (a.op !== b.op || (a.op !== 'startsWith' && a.op !== 'endsWith')) return false;
  const folds = a.ignoreCase || b.ignoreCase;
  if (folds && !(isAscii(a.value) && isAscii(b.value))) return false;
  const [x, y] = folds ? [lowerAscii(a.value), lowerAscii(b.value)] : [a.value, b.value];
  return a.op === 'startsWith' ? !x.startsWith(y) && !y.startsWith(x) : !x.endsWith(y) && !y.endsWith(x);
}

/**
 * Whether a value meets a test; with `ignoreCase`, whether every text that folds like it does (true), or none (false).
 * Null where that is not known.
 */
function meets(test: Claim['test'], value: string, ignoreCase: boolean): boolean | null {
  if (test.op === 'matches') return null;
  if (!ignoreCase && !test.ignoreCase) return holdsFor(test, value);
  const folded = lowerAscii(value);
  const isAlike =
    test.op === 'in'
      ? foldedSetOf(test.values).has(folded)
      : holdsFor({ ...test, value: lowerAscii(test.value) }, folded);
  if (isAlike) return test.ignoreCase ? true : null;
  return isAscii(value) && isAsciiTest(test) ? false : null;
}

/** Whether a value can meet a test; true too where only a store could tell. */
export function mayMeet(test: ValueTest, value: string): boolean {
  switch (test.op) {
    case 'any':
      return true;
    case 'none':
      return false;
    case 'notIn':
      return meets({ ...test, op: 'in' }, value, false) !== true;
    case 'in':
      return meets({ ...test, op: 'in' }, value, false) !== false;
    default:
      return meets({ ...test, op: test.op }, value, false) !== false;
  }
}

function holdsFor(test: Claim['test'], text: string): boolean {
  switch (test.op) {
    case 'in':
      return setOf(test.values).has(text);
    case 'startsWith':
      return text.startsWith(test.value);
    case 'endsWith':
      return text.endsWith(test.value);
    case 'contains':
      return text.includes(test.value);
    case 'matches':
      throw new Error('expressions are left to stores');
  }
}

/**
 * The fewest claims that hold together for the same values, in a canonical order; `[NOTHING]` where none does, none at
 * all for every value. Lists are merged and cut by the other claims: in time linear in their values.
 */
export function meetAll(claims: readonly Claim[]): readonly Claim[] {
  let current = mergeLists(claims);
  for (;;) {
    const next = withoutImplied(mergeLists(narrowLists(current)));
    if (next.length === current.length && next.every((claim, i) => claim === current[i])) return next;
    current = next;
  }
}

/** `[NOTHING]` where two claims exclude each other. */
function withoutImplied(claims: readonly Claim[]): readonly Claim[] {
  const isClose = comparable(claims);
  const isVain = claims.some((claim, i) =>
    claims.some((other, j) => j > i && isClose(claim, other) && excludes(claim, other)),
  );
  if (isVain || claims.some(isNothing)) return [NOTHING];
  return claims.reduce((kept, claim) => {
    const others = kept.filter((other) => other !== claim);
    return others.some((other) => isClose(other, claim) && implies(other, claim)) ? others : kept;
  }, claims);
}

/** Whether lists are compared with tests of parts of texts, or that is too much. */
function comparable(claims: readonly Claim[]): (a: Claim, b: Claim) => boolean {
  const lists = claims.flatMap(({ test }) => (test.op === 'in' ? [test.values.length] : []));
  const values = lists.reduce((sum, length) => sum + length, 0);
  const isLittle = values * (claims.length - lists.length) <= CUTS_BY_TEXT_MAX;
  return (a, b) => isLittle || (a.test.op === 'in') === (b.test.op === 'in');
}

function isNothing({ isMet, test }: Claim): boolean {
  return isMet && test.op === 'in' && test.values.length === 0;
}

/** One list of each kind; lists of values whose fold is not known cannot be cut with each other. */
function mergeLists(claims: readonly Claim[]): readonly Claim[] {
  const kinds = Map.groupBy(claims, kindOf);
  const merged = [...kinds].flatMap(([kind, alike]): Claim[] => {
    const [first] = alike;
    if (kind === 'apart' || first === undefined || alike.length === 1) return alike;
    const lists = alike.flatMap(({ test }) => (test.op === 'in' ? [test.values] : []));
    const values = first.isMet ? inAll(lists) : sorted(lists.flat());
    return [{ isMet: first.isMet, test: plainList(values, first.test.ignoreCase) }];
  });
  // What is left of a list that ignores case may have no case, and merge with those that do not.
  if (merged.length < claims.length) return mergeLists(merged);
  return merged
    .filter(({ isMet, test }) => isMet || test.op !== 'in' || test.values.length > 0)
    .sort((a, b) => compareFlags(a.isMet, b.isMet) || compareValueTests(a.test, b.test));
}

function kindOf({ isMet, test }: Claim): string {
  const isApart = test.op !== 'in' || (isMet && test.ignoreCase && !isAsciiTest(test));
  return isApart ? 'apart' : `${isMet} ${test.ignoreCase}`;
}

function inAll(lists: readonly (readonly string[])[]): readonly string[] {
  const [shortest = [], ...others] = lists.toSorted((a, b) => a.length - b.length);
  return others.reduce((values, list) => values.filter((value) => setOf(list).has(value)), shortest);
}

/** Drops values that another claim rules out: they count neither as allowed nor as forbidden. */
function narrowLists(claims: readonly Claim[]): readonly Claim[] {
  const isClose = comparable(claims);
  return claims.reduce((current, claim, i) => {
    const { isMet, test } = claim;
    if (test.op !== 'in') return current;
    const others = current.filter((other, j) => j !== i && mayRuleOut(other) && isClose(claim, other));
    const isPossible = (value: string) =>
      others.every((other) => meets(other.test, value, test.ignoreCase) !== !other.isMet);
    const values = test.values.filter(isPossible);
    if (values.length === test.values.length) return current;
    return current.with(i, { isMet, test: plainList(values, test.ignoreCase) });
  }, claims);
}

/** Not so where all that is seen is who meets it, or nothing: `meets` is never false, or always null. */
function mayRuleOut({ isMet, test }: Claim): boolean {
  return test.op !== 'matches' && !(isMet && test.ignoreCase && !isAsciiTest(test));
}

function lowerAscii(text: string): string {
  if (!/[A-Z]/.test(text)) return text;
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function isAscii(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- All of ASCII is meant.
  return /^[\x00-\x7f]*$/.test(text);
}

/** Nothing else folds like it, and it folds to itself. */
function isCaseless(text: string): boolean {
  return isAscii(text) && !/[A-Za-z]/.test(text);
}

function isAsciiTest(test: Claim['test']): boolean {
  return test.op === 'in' ? isAsciiList(test.values) : isAscii(test.value);
}

const setOf = once((values): ReadonlySet<string> => new Set(values));
const foldedSetOf = once((values): ReadonlySet<string> => new Set(values.map(lowerAscii)));
const isAsciiList = once((values) => values.every(isAscii));

/** Lists are long and looked at again and again. */
function once<T>(make: (values: readonly string[]) => T): (values: readonly string[]) => T {
  const made = new WeakMap<readonly string[], { readonly of: T }>();
  return (values) => {
    const kept = made.get(values) ?? { of: make(values) };
    made.set(values, kept);
    return kept.of;
  };
}
