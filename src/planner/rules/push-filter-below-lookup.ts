import type { Rule } from '../rewrite.ts';
import { testedKeys } from '../predicate.ts';

/**
 *     Filter p                    Lookup tags (tag:Team)
 *       Lookup tags (tag:Team)  =>  Filter p
 *         ...                         ...
 *
 * Where p does not look at what the lookup adds: only charges that stay are looked up.
 */
export const pushFilterBelowLookup: Rule = {
  name: 'push-filter-below-lookup',
  because: 'a lookup neither adds nor drops charges, so a filter that does not need it may come first',
  scope: 'node',

  apply(node) {
    if (node.kind !== 'Filter' || node.input.kind !== 'Lookup') return null;
    const lookup = node.input;
    if (testedKeys(node.predicate).some((key) => lookup.columns.includes(key))) return null;
    return { ...lookup, input: { ...node, input: lookup.input } };
  },
};
