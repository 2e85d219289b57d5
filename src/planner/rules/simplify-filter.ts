import { compareText } from '../../core/code-point-order.ts';
import type { Rule } from '../rewrite.ts';
import { outputColumns } from '../plan.ts';
import type { Predicate, Test } from '../predicate.ts';
import { FALSE, TRUE, and, not, or } from '../predicate.ts';

/**
 *     Filter a in (1, 2) and a in (2, 3)    =>    Filter a in (2)
 *     Filter true                           =>    (its input)
 *     Filter a in (1) and a in (2)          =>    Empty
 *
 * Lists on one key are merged, contradictions found: a store then sees the narrowest list, or nothing.
 */
export const simplifyFilter: Rule = {
  name: 'simplify-filter',
  because: 'lists on one dimension merge, and a condition that nothing meets needs no store',
  scope: 'node',

  apply(node) {
    if (node.kind !== 'Filter') return null;
    if (node.input.kind === 'Empty') return node.input;
    const predicate = simplify(node.predicate);
    if (predicate.kind === 'true') return node.input;
    if (predicate.kind === 'false') return { kind: 'Empty', columns: outputColumns(node) };
    return predicate === node.predicate ? null : { ...node, predicate };
  },
};

/** The same object when there is nothing to simplify. */
export function simplify(predicate: Predicate): Predicate {
  switch (predicate.kind) {
    case 'true':
    case 'false':
    case 'member':
      return predicate;
    case 'test':
      return simplifyTest(predicate);
    case 'not': {
      const part = simplify(predicate.part);
      return part === predicate.part ? predicate : not(part);
    }
    default:
      return simplifyJunction(predicate);
  }
}

function simplifyTest(test: Test): Predicate {
  if (test.test.op === 'none' && !test.orNull) return FALSE;
  if (test.test.op === 'any' && test.orNull) return TRUE;
  if (test.test.op === 'in' && test.test.values.length === 0) {
    return test.orNull ? { ...test, test: { op: 'none' } } : FALSE;
  }
  if (test.test.op === 'notIn' && test.test.values.length === 0)
    return simplifyTest({ ...test, test: { op: 'any' } });
  return test;
}

function simplifyJunction(junction: Extract<Predicate, { kind: 'and' | 'or' }>): Predicate {
  const parts = junction.parts.map(simplify);
  const merged = mergeLists(parts, junction.kind);
  const same =
    merged.length === junction.parts.length && merged.every((part, i) => part === junction.parts[i]);
  if (same) return junction;
  const joined = junction.kind === 'and' ? and(merged) : or(merged);
  return simplify(joined);
}

/** Exact `in` lists on one key: an `and` keeps what is in both, an `or` what is in either. Linear in the values. */
function mergeLists(parts: readonly Predicate[], kind: 'and' | 'or'): Predicate[] {
  const merged: Predicate[] = [];
  const placeOfKey = new Map<string, number>();
  for (const part of parts) {
    const values = exactList(part);
    const place = values && part.kind === 'test' ? placeOfKey.get(part.key) : undefined;
    const earlier = place === undefined ? undefined : merged[place];
    if (values === null || part.kind !== 'test') merged.push(part);
    else if (place === undefined || earlier?.kind !== 'test') {
      placeOfKey.set(part.key, merged.length);
      merged.push(part);
    } else merged[place] = mergeTwo(earlier, part, kind);
  }
  return merged;
}

function mergeTwo(a: Test, b: Test, kind: 'and' | 'or'): Test {
  const left = exactList(a) ?? [];
  const right = new Set(exactList(b));
  const values =
    kind === 'and'
      ? left.filter((value) => right.has(value))
      : [...new Set([...left, ...right])].sort(compareText);
  const orNull = kind === 'and' ? a.orNull && b.orNull : a.orNull || b.orNull;
  return { kind: 'test', key: a.key, test: { op: 'in', values, ignoreCase: false }, orNull };
}

function exactList(part: Predicate): readonly string[] | null {
  return part.kind === 'test' && part.test.op === 'in' && !part.test.ignoreCase ? part.test.values : null;
}
