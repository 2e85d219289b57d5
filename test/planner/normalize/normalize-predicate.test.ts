import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chargeColumns } from '../../../src/catalog/charge-columns.ts';
import { normalizePredicate } from '../../../src/planner/normalize/normalize-predicate.ts';
import type { Predicate } from '../../../src/planner/predicate.ts';
import { and, formatPredicate, mapLeaves, not, or } from '../../../src/planner/predicate.ts';
import { closePredicateArbitrary, predicateArbitrary } from '../../support/arbitraries.ts';
import { compareValues } from '../../support/charge.ts';
import { meets } from '../../support/meaning.ts';
import { isIn, isMissing, test } from '../../support/plans.ts';

const required = new Set(chargeColumns.flatMap(({ name, required }) => (required ? [name] : [])));
const present = fc.constantFrom(
  '',
  'a',
  'A',
  'b',
  'ab',
  'aB',
  '1',
  '12',
  'ſ',
  's',
  'S',
  'ß',
  '😀',
  'k',
  'K',
  '\u212a',
  'USD',
  'a\nb',
);
/** A row has one of a few values for each key, and a value for each key that is never missing. */
const rowArbitrary = fc
  .tuple(fc.array(fc.option(present, { nil: null }), { minLength: 5, maxLength: 5 }), present)
  .map(([values, always]) => (key: string) => {
    const value = values[(key.length + (key.codePointAt(key.length - 1) ?? 0)) % values.length] ?? null;
    return value ?? (required.has(key) ? always : null);
  });
const anyPredicate = fc.oneof(predicateArbitrary, closePredicateArbitrary);

/** The same predicate, written otherwise: shuffled, nested, repeated, negated twice. */
function otherwise(predicate: Predicate): fc.Arbitrary<Predicate> {
  return fc.constantFrom('plain', 'plain', 'negated', 'alone', 'repeated').chain((how) => {
    const inner = innerOtherwise(predicate);
    switch (how) {
      case 'negated':
        return inner.map((part): Predicate => ({ kind: 'not', part: { kind: 'not', part } }));
      case 'alone':
        return fc
          .tuple(fc.constantFrom('and' as const, 'or' as const), inner)
          .map(([kind, part]): Predicate => ({ kind, parts: [part] }));
      case 'repeated':
        return fc
          .tuple(fc.constantFrom('and' as const, 'or' as const), inner, innerOtherwise(predicate))
          .map(([kind, ...parts]): Predicate => ({ kind, parts }));
      default:
        return inner;
    }
  });
}

function innerOtherwise(predicate: Predicate): fc.Arbitrary<Predicate> {
  if (predicate.kind === 'not') return otherwise(predicate.part).map((part) => ({ kind: 'not', part }));
  if (!('parts' in predicate)) return fc.constant(predicate);
  const { kind } = predicate;
  const shuffled = fc
    .shuffledSubarray([...predicate.parts], { minLength: predicate.parts.length })
    .chain((parts) => fc.tuple(...parts.map(otherwise)));
  return fc.tuple(shuffled, fc.nat(3), fc.boolean()).map(([parts, cut, byNegation]): Predicate => {
    const grouped: Predicate[] = [{ kind, parts: parts.slice(0, cut) }, ...parts.slice(cut)];
    if (!byNegation) return { kind, parts: grouped };
    const negated = grouped.map((part): Predicate => ({ kind: 'not', part }));
    return { kind: 'not', part: { kind: kind === 'and' ? 'or' : 'and', parts: negated } };
  });
}

const normal = (predicate: Predicate) => formatPredicate(normalizePredicate(predicate));
const list = (op: 'in' | 'notIn', values: string[], { orNull = false, ignoreCase = false } = {}) =>
  test('k', { op, values, ignoreCase }, orNull);
const text = (op: 'startsWith' | 'endsWith' | 'contains' | 'matches', value: string, ignoreCase = false) =>
  test('k', { op, value, ignoreCase });
const other = isIn('m', ['1']);

describe('tests on one dimension', () => {
  it.each<[string, Predicate, string]>([
    ['lists of both', and([list('in', ['a', 'b']), list('in', ['b', 'c'])]), 'k in ("b")'],
    ['lists of either', or([list('in', ['b']), list('in', ['a', 'b'])]), 'k in ("a", "b")'],
    [
      'what is in one list and not in another',
      and([list('in', ['a', 'b']), list('notIn', ['b'])]),
      'k in ("a")',
    ],
    ['what is in neither', and([list('notIn', ['b']), list('notIn', ['a'])]), 'k not in ("a", "b")'],
    ['what either leaves out', or([list('notIn', ['a', 'b']), list('notIn', ['b', 'c'])]), 'k not in ("b")'],
    ['a list by its beginnings', and([list('in', ['ab', 'b']), text('startsWith', 'a')]), 'k in ("ab")'],
    ['a list by its ends', and([list('in', ['ab', 'b']), not(text('endsWith', 'b'))]), 'false'],
    ['a list by what it holds', and([list('in', ['a😀', 'b']), text('contains', '😀')]), 'k in ("a😀")'],
    [
      'values that would not be met',
      and([list('notIn', ['a', 'b']), text('startsWith', 'b')]),
      'k not in ("b") and k startsWith "b"',
    ],
    ['the longer beginning', and([text('startsWith', 'a'), text('startsWith', 'ab')]), 'k startsWith "ab"'],
    ['the shorter of either', or([text('startsWith', 'a'), text('startsWith', 'ab')]), 'k startsWith "a"'],
    ['beginnings that part', and([text('startsWith', 'a'), text('startsWith', 'b')]), 'false'],
    ['what a beginning holds', and([text('startsWith', 'abc'), text('contains', 'b')]), 'k startsWith "abc"'],
    ['a complement', not(list('in', ['a'])), 'k not in ("a") or missing'],
    ['a test and its complement', or([text('contains', 'a'), not(text('contains', 'a'))]), 'true'],
    ['an expression that is a text', and([text('matches', 'a b'), list('in', ['a b', 'c'])]), 'k in ("a b")'],
    ['an expression', and([text('matches', 'a.'), text('matches', 'a.')]), 'k matches "a."'],
    ['the empty beginning', and([text('startsWith', ''), other]), 'k is present and m in ("1")'],
  ])('fold: %s', (_, predicate, expected) => expect(normal(predicate)).toBe(expected));

  it.each<[string, Predicate, string]>([
    [
      'kept by both',
      and([list('in', ['a'], { orNull: true }), list('in', ['b'], { orNull: true })]),
      'k is missing',
    ],
    ['kept by one', and([list('in', ['a'], { orNull: true }), test('k', { op: 'any' })]), 'k in ("a")'],
    [
      'let in by one',
      or([list('in', ['a'], { orNull: true }), list('in', ['b'])]),
      'k in ("a", "b") or missing',
    ],
    ['or present', or([isMissing('k'), test('k', { op: 'any' })]), 'true'],
    ['of a list without values', list('in', [], { orNull: true }), 'k is missing'],
    [
      'kept by one of two tests',
      and([text('startsWith', 'a'), test('k', { op: 'contains', value: 'b', ignoreCase: false }, true)]),
      'k contains "b" and k startsWith "a"',
    ],
    [
      'where all charges have a value',
      isIn('billing_currency', ['USD'], { orNull: true }),
      'billing_currency in ("USD")',
    ],
    ['where none can be missing', isMissing('charge_period_start'), 'false'],
  ])('know missing values: %s', (_, predicate, expected) => expect(normal(predicate)).toBe(expected));

  it.each<[string, Predicate, string]>([
    [
      'lists in ASCII',
      and([list('in', ['A', 'b'], { ignoreCase: true }), list('in', ['a'], { ignoreCase: true })]),
      'k in ("a") ignoring case',
    ],
    ['what has no case', list('in', ['1-2'], { ignoreCase: true }), 'k in ("1-2")'],
    [
      'a list that compares exactly, in ASCII',
      and([list('in', ['Ab', 'c']), text('startsWith', 'aB', true)]),
      'k in ("Ab")',
    ],
    [
      'what an exact test says already',
      and([text('startsWith', 'Ab'), text('contains', 'B', true)]),
      'k startsWith "Ab"',
    ],
  ])('ignore case: %s', (_, predicate, expected) => expect(normal(predicate)).toBe(expected));

  it.each<[string, Predicate]>([
    ['texts beyond ASCII', and([list('in', ['K']), list('in', ['\u212a'], { ignoreCase: true })])],
    [
      'lists beyond ASCII',
      and([list('in', ['s'], { ignoreCase: true }), list('in', ['ſ'], { ignoreCase: true })]),
    ],
    ['expressions', and([text('matches', '[ab]'), text('startsWith', 'c')])],
    ['beginnings and ends', and([text('endsWith', 'b'), text('startsWith', 'a')])],
  ])('do not fold: %s', (_, predicate) => expect(normalizePredicate(predicate)).toEqual(predicate));
});

describe('parts', () => {
  const [p, q, r] = [isIn('a', ['1']), isIn('b', ['1']), isIn('c', ['1'])];

  it.each<[string, Predicate, string]>([
    ['in the order of their keys', and([r, p, q]), 'a in ("1") and b in ("1") and c in ("1")'],
    ['but once', and([p, and([q, p])]), 'a in ("1") and b in ("1")'],
    ['absorbed by one', and([p, or([p, q])]), 'a in ("1")'],
    ['absorbed by several', and([p, q, or([and([p, q]), r])]), 'a in ("1") and b in ("1")'],
    ['absorbed by a shorter or', and([or([p, q]), or([p, q, r])]), 'a in ("1") or b in ("1")'],
    ['absorbed by a wider list', and([p, or([isIn('a', ['1', '2']), q])]), 'a in ("1")'],
    ['that contradict others, inside', and([p, or([isIn('a', ['2']), q])]), 'a in ("1") and b in ("1")'],
    ['that contradict others, wholly', and([p, or([isIn('a', ['2']), and([isIn('a', ['3']), q])])]), 'false'],
    ['that make up for others', or([not(p), and([p, q])]), 'a not in ("1") or missing or b in ("1")'],
    ['with a part in common', or([and([p, q]), and([p, r])]), 'a in ("1") and (b in ("1") or c in ("1"))'],
    ['with a list left', or([and([p, q]), and([p, isIn('b', ['2'])])]), 'a in ("1") and b in ("1", "2")'],
    ['negated as a whole', not(or([p, not(q)])), 'a not in ("1") or missing and b in ("1")'],
  ])('are %s', (_, predicate, expected) => expect(normal(predicate)).toBe(expected));
});

describe('the work', () => {
  /** Looks at values of lists, wherever they are still those that came in. */
  function looksAt(count: number): number {
    let looks = 0;
    const list = (op: 'in' | 'notIn', from: number) => {
      const values = Array.from({ length: count }, (_, i) => `value ${String(i + from).padStart(6, '0')}`);
      const get = (target: string[], name: string | symbol): unknown => {
        if (typeof name === 'string' && /^\d+$/.test(name)) looks += 1;
        return Reflect.get(target, name);
      };
      return test('k', { op, values: new Proxy(values, { get }), ignoreCase: false });
    };
    const lists = [list('in', 0), list('in', count / 2), list('notIn', count / 4)];
    const nested = or([other, list('in', 1), and([list('notIn', 2), text('endsWith', '7')])]);
    normalizePredicate(and([...lists, text('contains', '7'), nested]));
    return looks;
  }

  it('grows with the values of lists as they do', () => {
    const [few, many] = [looksAt(1_000), looksAt(20_000)];
    expect(many).toBeLessThanOrEqual(20 * few);
    expect(many).toBeLessThan(20_000 * 20);
  });

  it('is bounded where lists meet many tests: then only lists are cut by each other', () => {
    const values = Array.from({ length: 20_000 }, (_, i) => String(i).padStart(5, '0'));
    const tests = Array.from({ length: 999 }, (_, i) => not(text('contains', `x${i}y`)));
    expect(normalizePredicate(and([list('in', values), ...tests]))).toMatchObject({ kind: 'and' });
  });

  it('is bounded where each part decides the next', () => {
    const named = (i: number) => isIn(`k${String(i).padStart(3, '0')}`, ['a']);
    const chain = (length: number) =>
      and([...Array.from({ length }, (_, i) => or([not(named(i)), named(i + 1)])).toReversed(), named(0)]);
    expect(normalizePredicate(chain(15))).toEqual(and(Array.from({ length: 16 }, (_, i) => named(i))));
    // Of a longer one the start, and the rest as it is.
    const long = normalizePredicate(chain(199));
    const parts = long.kind === 'and' ? long.parts : [];
    expect(parts).toHaveLength(200);
    expect(parts).toEqual(expect.arrayContaining(Array.from({ length: 16 }, (_, i) => named(i))));
    expect(parts.filter((part) => part.kind === 'or').length).toBeGreaterThan(100);
  });

  it('is bounded where junctions are nested deeply', () => {
    const nested = (depth: number): Predicate => {
      const parts = Array.from({ length: 40 }, (_, i) =>
        test(`k${i}`, { op: 'contains', value: `${depth}`, ignoreCase: false }),
      );
      if (depth === 0) return other;
      return (depth % 2 === 0 ? and : or)([...parts, nested(depth - 1)]);
    };
    const normal = normalizePredicate(nested(20));
    expect(JSON.stringify(normal).length).toBeLessThanOrEqual(JSON.stringify(nested(20)).length);
  });
});

describe('the normal form', () => {
  it('is met by the same charges', () => {
    const property = fc.property(
      anyPredicate,
      fc.array(rowArbitrary, { minLength: 12, maxLength: 12 }),
      (predicate, rows) => {
        const normal = normalizePredicate(predicate);
        for (const read of rows) expect(meets(normal, read)).toBe(meets(predicate, read));
      },
    );
    fc.assert(property, { numRuns: 1_000 });
  });

  it('has nothing left to normalise', () => {
    const property = fc.property(anyPredicate, (predicate) => {
      const normal = normalizePredicate(predicate);
      expect(normalizePredicate(normal)).toEqual(normal);
      expectSortedLists(normal);
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it('is the same data for predicates that differ in order, nesting, repetition and double negation', () => {
    const property = fc.property(
      anyPredicate.chain((predicate) => fc.tuple(fc.constant(predicate), otherwise(predicate))),
      ([predicate, other]) => {
        expect(normalizePredicate(other)).toEqual(normalizePredicate(predicate));
      },
    );
    fc.assert(property, { numRuns: 1_000 });
  });
});

function expectSortedLists(predicate: Predicate): void {
  mapLeaves(predicate, (leaf) => {
    if (leaf.kind === 'test' && 'values' in leaf.test) {
      const sorted = [...new Set(leaf.test.values)].sort(compareValues);
      expect(leaf.test.values).toEqual(sorted);
    }
    return leaf;
  });
}
