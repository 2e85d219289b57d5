import type { Measure } from './measures.ts';
import { isMergeable } from './measures.ts';
import type { Aggregate, Plan } from './plan.ts';
import { TRUE } from './predicate.ts';

/** Over some of the charges, with a group for each value that is to be counted: the final step counts those. */
export function partialOf(aggregate: Aggregate): Aggregate {
  const counted = aggregate.measures.flatMap((each) =>
    isMergeable(each) || each.column === null ? [] : [each.column],
  );
  const groupBy = [...new Set([...aggregate.groupBy, ...counted])];
  return { ...aggregate, step: 'partial', groupBy, measures: aggregate.measures.filter(isMergeable) };
}

/** Whether partial groups tell all measures: estimates do not add up, and values are counted without their conditions. */
export function hasPartials({ measures }: Aggregate): boolean {
  return measures.every(
    (each) => isMergeable(each) || (each.fn === 'count-distinct' && each.where.kind === 'true'),
  );
}

/** The groups of all inputs, which hold partial groups of disjoint sets of charges. */
export function mergeArms(aggregate: Aggregate, inputs: readonly Plan[]): Aggregate {
  return {
    ...aggregate,
    step: 'final',
    measures: aggregate.measures.map(merged),
    input: { kind: 'Union', inputs },
  };
}

/** Merged by name: the condition was applied below. */
export function merged(measure: Measure): Measure {
  return isMergeable(measure) ? { ...measure, where: TRUE } : measure;
}
