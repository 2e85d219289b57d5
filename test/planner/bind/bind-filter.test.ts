import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findDimension } from '../../../src/catalog/dimensions.ts';
import { costError } from '../../../src/core/errors.ts';
import {
  FILTER_DEPTH_MAX,
  FILTER_TESTS_MAX,
  FILTER_VALUES_MAX,
  bindFilter,
} from '../../../src/planner/bind/bind-filter.ts';
import { PATTERN_LENGTH_MAX } from '../../../src/core/re2.ts';
import type { DimensionFilter, FilterInput } from '../../../src/planner/cost-query.ts';
import { FALSE, TRUE, formatPredicate } from '../../../src/planner/predicate.ts';
import { meets } from '../../support/meaning.ts';

function checkKey(key: string): void {
  if (!findDimension(key, { tagKeys: new Set(['Team']), ruled: new Map() }))
    throw costError('UNKNOWN_DIMENSION', { key, near: [] });
}
const bind = (input: FilterInput) => bindFilter(input, checkKey);
const on = (test: Partial<DimensionFilter>): FilterInput => ({ dimension: { key: 'region_id', ...test } });
const bound = (test: Partial<DimensionFilter>) => formatPredicate(bind(on(test)));

function failure(input: FilterInput): unknown {
  try {
    return bind(input);
  } catch (error) {
    return error;
  }
}

describe('a filter', () => {
  it('all of nothing is true, any of nothing is false, not turns them round', () => {
    expect(bind({ all: [] })).toEqual(TRUE);
    expect(bind({ any: [] })).toEqual(FALSE);
    expect(bind({ not: { all: [] } })).toEqual(FALSE);
    expect(bind({ not: { not: on({ in: ['a'] }) } })).toEqual(bind(on({ in: ['a'] })));
  });

  it('says each test', () => {
    expect(bound({ in: ['b', 'a', 'b'] })).toBe('region_id in ("a", "b")');
    expect(bound({ notIn: ['a'], includeNull: true })).toBe('region_id not in ("a") or missing');
    expect(bound({ startsWith: 'a', ignoreCase: true })).toBe('region_id startsWith "a" ignoring case');
    expect(bound({ endsWith: '' })).toBe('region_id endsWith ""');
    expect(bound({ contains: 'a', includeNull: false })).toBe('region_id contains "a"');
    expect(bound({ matches: 'us-(east|west)-\\d' })).toBe('region_id matches "us-(east|west)-\\\\d"');
    expect(bound({ isNull: true })).toBe('region_id is missing');
    expect(bound({ isNull: false })).toBe('region_id is present');
    expect(bound({ isNull: false, includeNull: true })).toBe('true');
    expect(bound({ in: [] })).toBe('false');
    expect(bound({ in: [], includeNull: true })).toBe('region_id in () or missing');
  });

  it('takes fields that are null as not given', () => {
    expect(bound({ in: ['a'], notIn: null, isNull: null, ignoreCase: null, includeNull: null })).toBe(
      'region_id in ("a")',
    );
    expect(bind({ all: null, any: undefined, dimension: { key: 'region_id', isNull: true } }).kind).toBe(
      'test',
    );
  });

  it('sorts values by code point', () => {
    const predicate = bind(on({ in: ['😀', '～', 'b', 'B'] }));
    expect(predicate).toMatchObject({ test: { values: ['B', 'b', '～', '😀'] } });
  });

  it('and its negation share out all charges', () => {
    const test = fc.constantFrom<Partial<DimensionFilter>>(
      { in: ['a', 'b'] },
      { notIn: ['a'] },
      { notIn: [], includeNull: true },
      { startsWith: 'a', ignoreCase: true },
      { matches: 'a.*', includeNull: true },
      { isNull: true },
      { isNull: false },
    );
    const input = fc.letrec<{ filter: FilterInput }>((tie) => ({
      filter: fc.oneof(
        { depthSize: 'small' },
        test.map(on),
        fc.array(tie('filter'), { maxLength: 3 }).map((all) => ({ all })),
        fc.array(tie('filter'), { maxLength: 3 }).map((any) => ({ any })),
        tie('filter').map((not) => ({ not })),
      ),
    })).filter;
    const value = fc.constantFrom('a', 'A', 'b', 'abc', '', null);
    const property = fc.property(input, value, (asked, found) => {
      expect(meets(bind({ not: asked }), () => found)).toBe(!meets(bind(asked), () => found));
    });
    fc.assert(property, { numRuns: 500 });
  });
});

describe('a wrong filter', () => {
  it.each<[string, FilterInput, RegExp]>([
    ['no field', {}, /has 0 of the fields/],
    ['two fields', { all: [], not: { all: [] } }, /has 2 of the fields/],
    ['a wrong one inside', { not: { any: [{ all: [{}] }] } }, /has 0 of the fields/],
    ['no test', on({}), /on region_id has no test/],
    ['only includeNull', on({ includeNull: true }), /has no test/],
    ['only ignoreCase', on({ ignoreCase: true }), /has no test/],
    ['two tests', on({ in: ['a'], startsWith: 'a' }), /has the tests in and startsWith/],
    ['isNull beside a test', on({ isNull: false, contains: 'a' }), /has the tests contains and isNull/],
    ['NUL', on({ in: ['a\0'] }), /no text can hold/],
    ['a lone surrogate', on({ contains: '\ud800' }), /no text can hold/],
    ['a broken expression', on({ matches: '(' }), /"\(" on region_id is no RE2 expression/],
    ['look-ahead', on({ matches: 'a(?=b)' }), /no RE2 expression/],
    ['look-behind', on({ matches: '(?<=a)b' }), /no RE2 expression/],
    ['a back reference', on({ matches: '(a)\\1' }), /no RE2 expression/],
    ['a group named as not all RE2 know it', on({ matches: '(?<name>a)' }), /no RE2 expression/],
    ['a repetition of more than 1,000', on({ matches: 'a{1001}' }), /no RE2 expression/],
    [
      'a large class too often',
      on({ matches: '\\pL{1000}' }),
      /"\\pL\{1000\}" on region_id is .* instructions/,
    ],
  ])('%s', (_, input, message) => {
    const error = failure(input);
    expect(error).toMatchObject({ code: 'BAD_FILTER', hint: expect.stringMatching(/./) });
    expect(String(error)).toMatch(message);
  });

  it('an unknown dimension, also where nothing is asked of it', () => {
    expect(failure(on({ key: 'regoin', in: ['a'] }))).toMatchObject({ code: 'UNKNOWN_DIMENSION' });
    expect(failure({ dimension: { key: 'tag:Other', isNull: true } })).toMatchObject({
      code: 'UNKNOWN_DIMENSION',
    });
    expect(failure({ dimension: { key: '__proto__', in: [] } })).toMatchObject({ code: 'UNKNOWN_DIMENSION' });
  });

  it('too many values, too long or too repetitive an expression, too deep, too many tests', () => {
    const values = (count: number) => on({ in: Array.from({ length: count }, String) });
    const nested = (depth: number): FilterInput =>
      depth === 1 ? on({ isNull: true }) : { not: nested(depth - 1) };
    const wide = (count: number): FilterInput => ({
      all: [{ any: Array.from({ length: count - 1 }, () => on({ isNull: true })) }, on({ isNull: true })],
    });
    const limits: readonly (readonly [FilterInput, FilterInput])[] = [
      [values(FILTER_VALUES_MAX), values(FILTER_VALUES_MAX + 1)],
      [nested(FILTER_DEPTH_MAX), nested(FILTER_DEPTH_MAX + 1)],
      [wide(FILTER_TESTS_MAX), wide(FILTER_TESTS_MAX + 1)],
      [on({ matches: 'a'.repeat(PATTERN_LENGTH_MAX) }), on({ matches: 'a'.repeat(PATTERN_LENGTH_MAX + 1) })],
      [on({ matches: '\\d{1000}' }), on({ matches: `(${'a'.repeat(900)}){1000}` })],
      [
        on({ matches: '[0-9a-f]{8}(-[0-9a-f]{4}){3,}-[0-9a-f]{12,14}' }),
        on({ matches: '(a{1000})'.repeat(100) }),
      ],
    ];
    limits.forEach(([within, over]) => {
      expect(failure(within)).toHaveProperty('kind');
      expect(failure(over)).toMatchObject({ code: 'TOO_LARGE' });
    });
  });
});
