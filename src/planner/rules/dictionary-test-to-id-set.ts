import { placeOf } from '../../catalog/dimensions.ts';
import type { Plan } from '../plan.ts';
import type { Rule } from '../rewrite.ts';
import type { Predicate, Test } from '../predicate.ts';
import { mapLeaves } from '../predicate.ts';

/**
 *     Filter tag:Team in (a)              Filter tag_set of tags where tag:Team in (a)
 *       Lookup tags (tag:Team)     =>       Lookup tags (tag:Team)
 *         ...                                 ...
 *
 * The test is then met once per distinct tag set, not once per charge, and the filter no longer needs the lookup.
 * Conditions of measures are rewritten alike.
 */
export const dictionaryTestToIdSet: Rule = {
  name: 'dictionary-test-to-id-set',
  because: 'a test on a tag or resource holds for all charges with the same id',
  scope: 'node',

  apply(node) {
    if (!readsCharges(node)) return null; // Rows of rollups, and groups, carry the values themselves.
    if (node.kind === 'Filter') {
      const predicate = toMembers(node.predicate);
      return predicate === node.predicate ? null : { ...node, predicate };
    }
    if (node.kind !== 'Aggregate') return null;
    const measures = node.measures.map((each) => {
      const where = toMembers(each.where);
      return where === each.where ? each : { ...each, where };
    });
    return measures.every((each, i) => each === node.measures[i]) ? null : { ...node, measures };
  },
};

/** Whether the node looks at single charges. */
function readsCharges(node: Plan): boolean {
  switch (node.kind) {
    case 'Scan':
      return node.rollup === null;
    case 'Filter':
    case 'Lookup':
    case 'Bucket':
      return readsCharges(node.input);
    case 'Aggregate':
      return node.input.kind !== 'Aggregate' && readsCharges(node.input);
    default:
      return false;
  }
}

function toMembers(predicate: Predicate): Predicate {
  return mapLeaves(predicate, (leaf) => {
    if (leaf.kind !== 'test') return leaf;
    const dictionary = dictionaryOf(leaf);
    return dictionary ? { kind: 'member', dictionary, test: leaf } : leaf;
  });
}

function dictionaryOf(test: Test): 'resources' | 'tags' | null {
  const { kind } = placeOf(test.key);
  if (kind === 'resource') return 'resources';
  return kind === 'tag' ? 'tags' : null;
}
