import { compareText } from '../../core/code-point-order.ts';
import type { Member, Predicate, Test, ValueTest } from '../predicate.ts';

/**
 * A total order of the parts of a normal form: tests before what is nested, tests by key, operator and values. Equal
 * only for equal data.
 */
export function comparePredicates(a: Predicate, b: Predicate): number {
  const [x, y] = [leafOf(a), leafOf(b)];
  if (x !== null && y !== null)
    return compareLeaves(x, y) || compareFlags(a.kind === 'not', b.kind === 'not');
  if (x !== null || y !== null) return x === null ? 1 : -1;
  if ('parts' in a && 'parts' in b)
    return compareText(a.kind, b.kind) || compareLists(a.parts, b.parts, comparePredicates);
  return compareText(a.kind, b.kind);
}

/** The test that a predicate is, or is the complement of; null for all else. */
export function leafOf(predicate: Predicate): Test | Member | null {
  const leaf = predicate.kind === 'not' ? predicate.part : predicate;
  return leaf.kind === 'test' || leaf.kind === 'member' ? leaf : null;
}

function compareLeaves(a: Test | Member, b: Test | Member): number {
  const [x, y] = [a.kind === 'member' ? a.test : a, b.kind === 'member' ? b.test : b];
  return (
    compareText(x.key, y.key) ||
    compareValueTests(x.test, y.test) ||
    compareFlags(x.orNull, y.orNull) ||
    compareText(a.kind, b.kind)
  );
}

/** By operator, then values. */
export function compareValueTests(a: ValueTest, b: ValueTest): number {
  return (
    compareText(a.op, b.op) ||
    compareFlags('ignoreCase' in a && a.ignoreCase, 'ignoreCase' in b && b.ignoreCase) ||
    compareLists(valuesOf(a), valuesOf(b), compareText)
  );
}

function valuesOf(test: ValueTest): readonly string[] {
  if ('values' in test) return test.values;
  return 'value' in test ? [test.value] : [];
}

export function compareFlags(a: boolean, b: boolean): number {
  return Number(a) - Number(b);
}

function compareLists<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): number {
  for (const [i, left] of a.entries()) {
    const right = b[i];
    if (right === undefined) return 1;
    const order = compare(left, right);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
