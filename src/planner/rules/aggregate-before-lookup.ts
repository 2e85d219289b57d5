import { isMergeable } from '../measures.ts';
import type { Measure } from '../measures.ts';
import type { Aggregate, Lookup, Plan } from '../plan.ts';
import { TIME } from '../plan.ts';
import { outputColumns } from '../plan-tree.ts';
import { merged } from '../merge-arms.ts';
import type { Rule } from '../rewrite.ts';
import { estimateGroups, estimateRows } from '../estimate.ts';
import { rowColumnsOf, testedKeys } from '../predicate.ts';

/** Summing twice pays only where the first pass leaves much fewer rows than it reads. */
const GAIN_MIN = 4;

/**
 *     Aggregate single by (tag:Team)        Aggregate final by (tag:Team)
 *       Lookup tags (tag:Team)        =>      Lookup tags (tag:Team)
 *         ...                                   Aggregate partial by (tag_set)
 *                                                 ...
 *
 * The dictionary is then looked up once per distinct id, and charges are grouped by a number instead of a text; those
 * that carry the value inline have no id, and are grouped by what they carry beside it.
 */
export const aggregateBeforeLookup: Rule = {
  name: 'aggregate-before-lookup',
  because: 'sums by id add up to the sums by what the id stands for',
  scope: 'node',

  apply(node, { state }) {
    if (node.kind !== 'Aggregate' || node.step === 'final') return null;
    const { lookups, below } = lookupChain(node.input);
    if (lookups.length === 0) return null;
    const added = new Set(lookups.flatMap((lookup) => lookup.columns));
    if (node.measures.some((each) => !canSplit(each, added))) return null;
    const partial: Aggregate = {
      ...node,
      step: 'partial',
      groupBy: idGroups(node, lookups, added, below),
      measures: node.measures.filter(isMergeable),
      input: below,
    };
    if (estimateGroups(partial, state) * GAIN_MIN > estimateRows(below, state)) return null;
    const lookedUp = lookups.reduceRight<Plan>((input, lookup) => ({ ...lookup, input }), partial);
    return { ...node, step: 'final', measures: node.measures.map(merged), input: lookedUp };
  },
};

/** The Lookups under the Aggregate, through a Bucket (which only adds `$time`), outermost first. */
function lookupChain(plan: Plan): { lookups: Lookup[]; below: Plan } {
  if (plan.kind === 'Lookup') {
    const inner = lookupChain(plan.input);
    return { lookups: [plan, ...inner.lookups], below: inner.below };
  }
  if (plan.kind === 'Bucket') {
    const inner = lookupChain(plan.input);
    return inner.lookups.length === 0
      ? { lookups: [], below: plan }
      : { lookups: inner.lookups, below: { ...plan, input: inner.below } };
  }
  return { lookups: [], below: plan };
}

/** Conditions must be decided per charge; distinct counts see values, not charges, so they need no condition. */
function canSplit(measure: Measure, added: ReadonlySet<string>): boolean {
  if (testedKeys(measure.where).some((key) => added.has(key))) return false;
  return isMergeable(measure) || measure.where.kind === 'true';
}

/** What the final step groups by or counts, with ids (or inline values) in place of what they stand for. */
function idGroups(
  node: Aggregate,
  lookups: readonly Lookup[],
  added: ReadonlySet<string>,
  below: Plan,
): string[] {
  const counted = node.measures.flatMap((each) =>
    isMergeable(each) || each.column === null ? [] : [each.column],
  );
  const kept = [...node.groupBy, ...counted].filter((column) => !added.has(column));
  const time = kept.filter((column) => column === TIME);
  const rest = kept.filter((column) => column !== TIME);
  const read = outputColumns(below);
  const ids = lookups.flatMap(({ dictionary, columns }) => rowColumnsOf(dictionary, columns));
  return [...new Set([...time, ...rest, ...ids.filter((column) => read.includes(column))])];
}
