import { compareText } from '../../core/code-point-order.ts';
import { costError } from '../../core/errors.ts';
import type { DimensionFilter, FilterInput } from '../cost-query.ts';
import type { Predicate, ValueTest } from '../predicate.ts';
import { FALSE, TRUE, and, not, or } from '../predicate.ts';
import { checkPattern } from './check-pattern.ts';
import { checkSize } from './check-size.ts';

export const FILTER_DEPTH_MAX = 20;
export const FILTER_TESTS_MAX = 1_000;
export const FILTER_VALUES_MAX = 20_000;

/** Says whether a key is known, or throws UNKNOWN_DIMENSION. */
export type CheckKey = (key: string) => void;

/** @throws BAD_FILTER, UNKNOWN_DIMENSION, TOO_LARGE */
export function bindFilter(input: FilterInput, checkKey: CheckKey): Predicate {
  let tests = 0;
  const bind = (part: FilterInput, depth: number): Predicate => {
    checkSize('depth of the filter', depth, FILTER_DEPTH_MAX);
    const { all, any, not: negated, dimension } = part;
    const given = [all, any, negated, dimension].filter((field) => field !== null && field !== undefined);
    if (given.length !== 1) {
      const reason = `A filter has ${given.length} of the fields all, any, not, dimension`;
      throw costError('BAD_FILTER', { reason, hint: 'Give exactly one; nest the others.' });
    }
    if (all) return and(all.map((inner) => bind(inner, depth + 1)));
    if (any) return or(any.map((inner) => bind(inner, depth + 1)));
    if (negated) return not(bind(negated, depth + 1));
    if (!dimension) throw new Error('unreachable: exactly one field is given');
    tests += 1;
    checkSize('tests in the filter', tests, FILTER_TESTS_MAX);
    return bindTest(dimension, checkKey);
  };
  return bind(input, 1);
}

const testNames = ['in', 'notIn', 'startsWith', 'endsWith', 'contains', 'matches', 'isNull'] as const;

function bindTest(filter: DimensionFilter, checkKey: CheckKey): Predicate {
  checkKey(filter.key);
  const given = testNames.filter((name) => (filter[name] ?? null) !== null);
  const [name] = given;
  const orNull = filter.includeNull ?? false;
  // `{key, includeNull: true}` alone asks for nothing that isNull would not say better.
  if (given.length !== 1 || name === undefined) {
    const reason = `The filter on ${filter.key} has ${given.length === 0 ? 'no test' : `the tests ${given.join(' and ')}`}`;
    throw costError('BAD_FILTER', { reason, hint: `Give exactly one of ${testNames.join(', ')}.` });
  }
  if (name === 'isNull') {
    if (filter.isNull) return { kind: 'test', key: filter.key, test: { op: 'none' }, orNull: true };
    return orNull ? TRUE : { kind: 'test', key: filter.key, test: { op: 'any' }, orNull: false };
  }
  const test = valueTest(filter, name);
  if (test.op === 'in' && test.values.length === 0 && !orNull) return FALSE;
  return { kind: 'test', key: filter.key, test, orNull };
}

function valueTest(filter: DimensionFilter, name: Exclude<(typeof testNames)[number], 'isNull'>): ValueTest {
  const ignoreCase = filter.ignoreCase ?? false;
  if (name === 'in' || name === 'notIn') {
    const values = filter[name] ?? [];
    checkSize(`values of the filter on ${filter.key}`, values.length, FILTER_VALUES_MAX);
    for (const value of values) checkText(filter.key, value);
    return { op: name, values: [...new Set(values)].sort(compareText), ignoreCase };
  }
  const value = filter[name] ?? '';
  checkText(filter.key, value);
  if (name === 'matches') checkPattern(filter.key, value, ignoreCase);
  return { op: name, value, ignoreCase };
}

/** Stores refuse NUL and lone surrogates in text; no bill holds them. */
function checkText(key: string, value: string): void {
  if (value.includes('\0') || !value.isWellFormed()) {
    const reason = `The filter on ${key} has a value with a character that no text can hold`;
    throw costError('BAD_FILTER', { reason, hint: 'Leave out NUL and lone surrogates.' });
  }
}
