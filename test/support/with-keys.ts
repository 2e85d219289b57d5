import { measure } from '../../src/planner/measures.ts';
import type { Measure } from '../../src/planner/measures.ts';
import { TIME } from '../../src/planner/plan.ts';
import type { Predicate } from '../../src/planner/predicate.ts';
import { mapLeaves } from '../../src/planner/predicate.ts';
import type { Question } from '../../src/planner/question.ts';

/** The same question about other dimensions. */
export function withKeys(question: Question, rename: (key: string) => string): Question {
  const renamed = (key: string) => (key === TIME ? key : rename(key));
  const groupBy = [...new Set(question.groupBy.map(renamed))];
  const sort = question.sort.map((key) => (key.by === 'key' ? { ...key, column: renamed(key.column) } : key));
  const { rows, totals, excluded } = question.wanted;
  const measured = (measures: readonly Measure[]) => measuresAbout(measures, rename);
  return {
    ...question,
    groupBy,
    filter: about(question.filter, rename),
    top: question.top && { ...question.top, by: [...new Set(question.top.by.map(renamed))] },
    sort: sort.filter(
      (key, i) =>
        key.by !== 'key' ||
        sort.findIndex((other) => other.by === 'key' && other.column === key.column) === i,
    ),
    wanted: {
      rows: rows && { ...rows, measures: measured(rows.measures) },
      totals: totals && { measures: measured(totals.measures) },
      excluded: excluded && { measures: measured(excluded.measures) },
    },
  };
}

function about(predicate: Predicate, rename: (key: string) => string): Predicate {
  return mapLeaves(predicate, (leaf) => (leaf.kind === 'test' ? { ...leaf, key: rename(leaf.key) } : leaf));
}

function measuresAbout(measures: readonly Measure[], rename: (key: string) => string): Measure[] {
  const asked = measures.map(({ fn, column, where }) => {
    const looksAtKey = fn.startsWith('count-distinct') || fn === 'min' || fn === 'max';
    return measure(fn, looksAtKey && column !== null ? rename(column) : column, about(where, rename));
  });
  return [...new Map(asked.map((each) => [each.name, each])).values()];
}
