/** Regular expressions of questions: see core/re2.ts for what is taken. */
import { compilePattern } from '../../core/re2.ts';
import type { CostError } from '../../core/errors.ts';
import { costError } from '../../core/errors.ts';
import { patternTests } from '../predicate.ts';
import type { Question } from '../question.ts';
import { checkSize } from './check-size.ts';

/** Each thread of a store compiles all of them, and gives each the memory of its states. */
export const PATTERNS_MAX = 20;

/** @throws BAD_FILTER, TOO_LARGE */
export function checkPattern(key: string, pattern: string, ignoreCase: boolean): void {
  const fault = compilePattern(pattern, ignoreCase);
  if (!('kind' in fault)) return;
  if (fault.kind === 'bad') throw badPattern({ key, pattern }, fault.detail, fault.hint, fault.cause);
  const counted = fault.what === 'repetitions' ? ', repetitions counted,' : '';
  checkSize(`length of the expression on ${key}${counted}`, fault.actual, fault.limit);
}

/** That a store's RE2, or the check before it, does not take an expression. */
export function badPattern(
  { key, pattern }: { readonly key: string; readonly pattern: string },
  detail: string,
  hint: string,
  cause: unknown,
): CostError {
  const reason = `"${pattern}" on ${key} is no RE2 expression: ${detail}`;
  return costError('BAD_FILTER', { reason, hint }, cause);
}

/** Different ones in the filter and in the conditions of amounts. @throws TOO_LARGE */
export function checkPatternCount({ filter, wanted }: Question): void {
  const measures = Object.values(wanted).flatMap((part) => part?.measures ?? []);
  const tests = [filter, ...measures.map(({ where }) => where)].flatMap(patternTests);
  const distinct = new Set(tests.map((test) => JSON.stringify(test)));
  checkSize('regular expressions in the query', distinct.size, PATTERNS_MAX);
}
