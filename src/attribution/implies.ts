import type { Instant } from '../core/time-range.ts';
import { compileTest } from './compile-condition.ts';
import type { Condition, ConditionTest, Effective, ValueTest } from './rule-set.ts';

/** Comparisons that may be made; counts down, and at 0 nothing is said to follow any more. */
export type Effort = { left: number };

/** Whether all that meet `given` meet `wanted`, as far as is easily seen: true is proved, false may be either. */
export function implies(given: Condition, wanted: Condition, effort: Effort): boolean {
  effort.left -= 1;
  if (effort.left < 0) return false;
  if (wanted.kind === 'true' || given.kind === 'false') return true;
  if (wanted.kind === 'and') return wanted.parts.every((part) => implies(given, part, effort));
  if (given.kind === 'or') return given.parts.every((part) => implies(part, wanted, effort));
  if (given.kind === 'not' && wanted.kind === 'not' && implies(wanted.part, given.part, effort)) return true;
  if (given.kind === 'test' && wanted.kind === 'test' && testImplies(given, wanted, effort)) return true;
  if (wanted.kind === 'or' && wanted.parts.some((part) => implies(given, part, effort))) return true;
  return given.kind === 'and' && given.parts.some((part) => implies(part, wanted, effort));
}

function testImplies(given: ConditionTest, wanted: ConditionTest, effort: Effort): boolean {
  if (given.key !== wanted.key || (given.orNull && !wanted.orNull)) return false;
  return valueImplies(given.test, wanted.test, effort);
}

/** Of present values. */
function valueImplies(given: ValueTest, wanted: ValueTest, effort: Effort): boolean {
  if (given.op === 'none' || wanted.op === 'any') return true;
  if (!('ignoreCase' in given) || !('ignoreCase' in wanted)) return false;
  effort.left -= sizeOf(given) + sizeOf(wanted);
  if (given.op === 'in') {
    // Where only the given one ignores case, its values stand for others too, which may fail.
    const isAsStrict = !given.ignoreCase || wanted.ignoreCase || given.values.every(isCaseless);
    return isAsStrict && wanted.op !== 'matches' && given.values.every(compileTest(wanted));
  }
  if ('values' in given || 'values' in wanted || given.op === 'matches' || wanted.op === 'matches') {
    return given.op === wanted.op && given.ignoreCase === wanted.ignoreCase && hasAllOf(given, wanted);
  }
  if (given.ignoreCase && !wanted.ignoreCase && !isCaseless(wanted.value)) return false;
  return (wanted.op === given.op || wanted.op === 'contains') && compileTest(wanted)(given.value);
}

type TextTest = Extract<ValueTest, { readonly ignoreCase: boolean }>;

function sizeOf(test: TextTest): number {
  return 'values' in test ? test.values.length : 1;
}

/** Of two that are notIn, or the same expression. */
function hasAllOf(given: TextTest, wanted: TextTest): boolean {
  if ('value' in given || 'value' in wanted) {
    return 'value' in given && 'value' in wanted && given.value === wanted.value;
  }
  return new Set(wanted.values).isSubsetOf(new Set(given.values));
}

/** Nothing else folds like it, and it folds to itself. */
function isCaseless(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- ASCII without letters is meant.
  return /^[\x00-\x40\x5b-\x60\x7b-\x7f]*$/.test(text);
}

/** Whether `wanted` holds at all times that `given` does. */
export function effectiveImplies(given: Effective, wanted: Effective): boolean {
  return given.every((inner) =>
    wanted.some(
      (outer) =>
        (outer.from === null || (inner.from !== null && outer.from <= inner.from)) &&
        (outer.to === null || (inner.to !== null && inner.to <= outer.to)),
    ),
  );
}

/** Whether there is a time that both hold for. */
export function isAtOneTime(a: Effective, b: Effective): boolean {
  return a.some((one) => b.some((other) => isBefore(one.from, other.to) && isBefore(other.from, one.to)));
}

function isBefore(from: Instant | null, to: Instant | null): boolean {
  return from === null || to === null || from < to;
}
