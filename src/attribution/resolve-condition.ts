import { compareText } from '../core/code-point-order.ts';
import { compilePattern } from '../core/re2.ts';
import type { Condition, Position, ValueTest } from './rule-set.ts';
import type { Report } from './read-tree.ts';
import type { RawCondition, RawTest } from './rules-grammar.ts';
import type { Placed } from './shape.ts';

/** What may be named, and where problems go. */
export type Scope = {
  readonly report: Report;
  /** Reports a key that there is not. */
  readonly checkKey: (key: Placed<string>) => void;
  /** Expressions so far, each once with its flags. */
  readonly patterns: Set<string>;
};

export const CONDITION_DEPTH_MAX = 20;
export const CONDITION_TESTS_MAX = 1_000;
/** Different ones in all rules: each thread of a store compiles all of them. */
export const RULE_PATTERNS_MAX = 100;

const NEVER: Condition = { kind: 'false' };

/** What could not be read is false, and reported. */
export function resolveCondition(raw: RawCondition | null, scope: Scope): Condition {
  if (raw === null) return { kind: 'true' };
  let tests = 0;
  const resolve = (part: RawCondition, depth: number): Condition => {
    if (depth > CONDITION_DEPTH_MAX) {
      scope.report(part, `The condition is nested more than ${CONDITION_DEPTH_MAX} deep`, 'Nest less.');
      return NEVER;
    }
    switch (part.kind) {
      case 'all':
      case 'any': {
        const parts = part.parts.map((inner) => resolve(inner, depth + 1));
        if (parts.length === 0) return { kind: part.kind === 'all' ? 'true' : 'false' };
        return { kind: part.kind === 'all' ? 'and' : 'or', parts };
      }
      case 'not':
        return { kind: 'not', part: resolve(part.part, depth + 1) };
      case 'test':
        tests += 1;
        if (tests === CONDITION_TESTS_MAX + 1) {
          const message = `The condition has more than ${CONDITION_TESTS_MAX} tests`;
          scope.report(part, message, 'List values in one test, or use a lookup.');
        }
        return resolveTest(part.test, scope);
    }
  };
  return resolve(raw, 1);
}

function resolveTest(raw: RawTest, scope: Scope): Condition {
  scope.checkKey(raw.key);
  const key = raw.key.value;
  const orNull = raw.includeNull?.value ?? false;
  if (raw.isNull) {
    if (raw.isNull.value) return { kind: 'test', key, test: { op: 'none' }, orNull: true };
    return orNull ? { kind: 'true' } : { kind: 'test', key, test: { op: 'any' }, orNull: false };
  }
  return { kind: 'test', key, test: valueTest(raw, scope), orNull };
}

function valueTest(raw: RawTest, scope: Scope): ValueTest {
  const ignoreCase = raw.ignoreCase?.value ?? false;
  for (const op of ['in', 'notIn'] as const) {
    const values = raw[op]?.map(({ value }) => value);
    if (values) return { op, values: [...new Set(values)].sort(compareText), ignoreCase };
  }
  for (const op of ['startsWith', 'endsWith', 'contains', 'matches'] as const) {
    const given = raw[op];
    if (!given) continue;
    if (op === 'matches') checkPattern(given, ignoreCase, scope);
    return { op, value: given.value, ignoreCase };
  }
  throw new Error('a test has exactly one of its alternatives');
}

/** The program, or null where the expression is not taken, which is reported; beyond the limit none is looked at. */
export function checkPattern(
  { value, ...at }: Placed<string>,
  ignoreCase: boolean,
  { report, patterns }: Scope,
): ReturnType<typeof programOf> {
  if (patterns.size > RULE_PATTERNS_MAX) return null;
  patterns.add(`${ignoreCase} ${value}`);
  if (patterns.size <= RULE_PATTERNS_MAX) return programOf(value, ignoreCase, at, report);
  const message = `There are more than ${RULE_PATTERNS_MAX} different regular expressions`;
  report(at, message, 'Use in, startsWith, endsWith, contains or a lookup.');
  return null;
}

function programOf(pattern: string, ignoreCase: boolean, at: Position, report: Report) {
  const compiled = compilePattern(pattern, ignoreCase);
  if (!('kind' in compiled)) return compiled;
  if (compiled.kind === 'bad') {
    report(at, `"${pattern}" is no RE2 expression: ${compiled.detail}`, compiled.hint);
  } else {
    const what = compiled.what === 'repetitions' ? 'with its repetitions counted ' : '';
    const message = `The expression has ${what}${compiled.actual} characters, the limit is ${compiled.limit}`;
    report(at, message, 'Shorten it, or repeat less.');
  }
  return null;
}
