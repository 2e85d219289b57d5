import { isDeepStrictEqual } from 'node:util';
import { normalizePredicate } from '../normalize/normalize-predicate.ts';
import { outputColumns } from '../plan-tree.ts';
import type { Rule } from '../rewrite.ts';

/**
 *     Filter a in (2, 1) and not (a notIn (2, 3))    =>    Filter a in (2)
 *     Filter b or true                               =>    (its input)
 *     Filter a in (1) and a startsWith "2"           =>    Empty
 *
 * A filter takes its normal form: a store sees the fewest tests and the narrowest lists, or nothing; and filters that
 * mean the same, written otherwise, make the same plan.
 */
export const simplifyFilter: Rule = {
  name: 'simplify-filter',
  because: 'tests on one dimension fold into one, and a condition that nothing meets needs no store',
  scope: 'node',

  apply(node) {
    if (node.kind !== 'Filter') return null;
    if (node.input.kind === 'Empty') return node.input;
    const predicate = normalizePredicate(node.predicate);
    if (predicate.kind === 'true') return node.input;
    if (predicate.kind === 'false') return { kind: 'Empty', columns: outputColumns(node) };
    return isDeepStrictEqual(predicate, node.predicate) ? null : { ...node, predicate };
  },
};
