import { INLINE_TAGS, inlineResourceColumn } from '../catalog/charge-columns.ts';
import { placeOf } from '../catalog/dimensions.ts';
import { unreachable } from '../core/unreachable.ts';

/**
 * What a charge must meet. Two-valued: every charge meets a predicate or its negation. A missing value
 * (null) meets a test only through `orNull`.
 */
export type Predicate =
  | { readonly kind: 'true' }
  | { readonly kind: 'false' }
  | { readonly kind: 'and'; readonly parts: readonly Predicate[] }
  | { readonly kind: 'or'; readonly parts: readonly Predicate[] }
  | { readonly kind: 'not'; readonly part: Predicate }
  | Test
  | Member;

/** The value of dimension `key` meets `test`, or is missing and `orNull`. */
export type Test = {
  readonly kind: 'test';
  readonly key: string;
  readonly test: ValueTest;
  readonly orNull: boolean;
};

/**
 * Tests of a present value. Text compares by code point; `ignoreCase` folds both sides by simple lower-case
 * mapping. `values` are sorted by code point and distinct. `none` is met by no value: with orNull it is "is missing".
 */
export type ValueTest =
  | { readonly op: 'any' }
  | { readonly op: 'none' }
  | { readonly op: 'in' | 'notIn'; readonly values: readonly string[]; readonly ignoreCase: boolean }
  | {
      readonly op: 'startsWith' | 'endsWith' | 'contains' | 'matches';
      readonly value: string;
      readonly ignoreCase: boolean;
    };

/**
 * The same as a Test on a dictionary's dimension, asked of the charge's row: its id is one of those whose dictionary
 * entry meets the test, or what it carries inline meets it. Written by the rule dictionary-test-to-id-set.
 */
export type Member = { readonly kind: 'member'; readonly dictionary: Dictionary; readonly test: Test };

export type Dictionary = 'resources' | 'tags';
/** The column of `charges` that holds the dictionary's id. */
export const idColumnOf: Readonly<Record<Dictionary, string>> = {
  resources: 'resource_key',
  tags: 'tag_set',
};

/** The column of `charges` that holds a dictionary's dimension where the dictionary had no room for it. */
export function inlineColumnOf(key: string): string {
  const place = placeOf(key);
  if (place.kind === 'resource') return inlineResourceColumn(place.column);
  if (place.kind === 'tag') return INLINE_TAGS;
  throw new Error(`${key} is in no dictionary`);
}

/**
 * The columns of `charges` that dimensions of a dictionary are found by: the id, and those that hold them inline,
 * which Scans lack where no file has such values.
 */
export function rowColumnsOf(dictionary: Dictionary, keys: readonly string[]): string[] {
  return [...new Set([idColumnOf[dictionary], ...keys.map(inlineColumnOf)])];
}

export const TRUE: Predicate = { kind: 'true' };
export const FALSE: Predicate = { kind: 'false' };

/** Flattens, drops `true`, gives `false` where a part is. One part stands alone. */
export function and(parts: readonly Predicate[]): Predicate {
  return junction('and', parts, 'true', FALSE);
}

/** Flattens, drops `false`, gives `true` where a part is. One part stands alone. */
export function or(parts: readonly Predicate[]): Predicate {
  return junction('or', parts, 'false', TRUE);
}

function junction(
  kind: 'and' | 'or',
  parts: readonly Predicate[],
  neutral: 'true' | 'false',
  absorbing: Predicate,
): Predicate {
  const kept = parts.filter((part) => part.kind !== neutral);
  const [only] = kept;
  if (only === undefined) return { kind: neutral };
  if (kept.length === 1) return only;
  const flat = kept.flatMap((part) => (part.kind === kind ? part.parts : [part]));
  return flat.some((part) => part.kind === absorbing.kind) ? absorbing : { kind, parts: flat };
}

export function not(part: Predicate): Predicate {
  switch (part.kind) {
    case 'true':
      return FALSE;
    case 'false':
      return TRUE;
    case 'not':
      return part.part;
    default:
      return { kind: 'not', part };
  }
}

/** Rebuilds a predicate with every Test and Member passed through `change`; the same object when nothing changed. */
export function mapLeaves(predicate: Predicate, change: (leaf: Test | Member) => Predicate): Predicate {
  switch (predicate.kind) {
    case 'true':
    case 'false':
      return predicate;
    case 'test':
    case 'member':
      return change(predicate);
    case 'not': {
      const part = mapLeaves(predicate.part, change);
      return part === predicate.part ? predicate : not(part);
    }
    case 'and':
    case 'or': {
      const parts = predicate.parts.map((part) => mapLeaves(part, change));
      if (parts.every((part, i) => part === predicate.parts[i])) return predicate;
      return predicate.kind === 'and' ? and(parts) : or(parts);
    }
    default:
      return unreachable(predicate);
  }
}

/** Keys of the dimensions that Tests (not Members) look at, without repeats, in order of appearance. */
export function testedKeys(predicate: Predicate): string[] {
  const keys = new Set<string>();
  mapLeaves(predicate, (leaf) => {
    if (leaf.kind === 'test') keys.add(leaf.key);
    return leaf;
  });
  return [...keys];
}

export function members(predicate: Predicate): Member[] {
  const found: Member[] = [];
  mapLeaves(predicate, (leaf) => {
    if (leaf.kind === 'member') found.push(leaf);
    return leaf;
  });
  return found;
}

/** The tests by a regular expression, those of Members too. */
export function patternTests(
  predicate: Predicate,
): { readonly key: string; readonly pattern: string; readonly ignoreCase: boolean }[] {
  const found: ReturnType<typeof patternTests> = [];
  mapLeaves(predicate, (leaf) => {
    const { key, test } = leaf.kind === 'member' ? leaf.test : leaf;
    if (test.op === 'matches') found.push({ key, pattern: test.value, ignoreCase: test.ignoreCase });
    return leaf;
  });
  return found;
}

const VALUES_SHOWN = 5;

/** `service_name in (A, B) and not (tag:Env is missing)`; long lists are cut. For people, not for parsing. */
export function formatPredicate(predicate: Predicate): string {
  switch (predicate.kind) {
    case 'true':
    case 'false':
      return predicate.kind;
    case 'not':
      return `not (${formatPredicate(predicate.part)})`;
    case 'and':
    case 'or':
      return predicate.parts
        .map((part) =>
          part.kind === 'or' || part.kind === 'and' ? `(${formatPredicate(part)})` : formatPredicate(part),
        )
        .join(` ${predicate.kind} `);
    case 'member':
      return `${idColumnOf[predicate.dictionary]} of ${predicate.dictionary} where ${formatPredicate(predicate.test)}`;
    case 'test':
      return formatTest(predicate);
    default:
      return unreachable(predicate);
  }
}

function formatTest({ key, test, orNull }: Test): string {
  if (test.op === 'none') return orNull ? `${key} is missing` : 'false';
  const missing = orNull ? ' or missing' : '';
  if (test.op === 'any') return orNull ? 'true' : `${key} is present`;
  const fold = test.ignoreCase ? ' ignoring case' : '';
  if ('value' in test) return `${key} ${test.op} ${JSON.stringify(test.value)}${fold}${missing}`;
  const shown = test.values.slice(0, VALUES_SHOWN).map((value) => JSON.stringify(value));
  if (test.values.length > VALUES_SHOWN) shown.push(`… ${test.values.length} values`);
  return `${key} ${test.op === 'in' ? 'in' : 'not in'} (${shown.join(', ')})${fold}${missing}`;
}
