import { measure } from '../../src/planner/measures.ts';
import type { Measure } from '../../src/planner/measures.ts';
import type { Predicate } from '../../src/planner/predicate.ts';
import { mapLeaves } from '../../src/planner/predicate.ts';
import type { Question } from '../../src/planner/question.ts';

/** What all of the small lake's wide rollups have. */
const attributes = ['service_name', 'region_id', 'charge_category', 'consumed_unit', 'source', 'sku_meter'];

/** The same question about dimensions that rollups have, so that they get to answer it. */
export function aboutAttributes(question: Question): Question {
  const renamed = (key: string) => (/[a-z]/.test(key[0] ?? '') ? attributeFor(key) : key);
  const groupBy = [...new Set(question.groupBy.map(renamed))];
  const sort = question.sort.map((key) => (key.by === 'key' ? { ...key, column: renamed(key.column) } : key));
  const { rows, totals, excluded } = question.wanted;
  return {
    ...question,
    timing: 'START',
    groupBy,
    filter: about(question.filter),
    top: question.top && { ...question.top, by: [...new Set(question.top.by.map(renamed))] },
    sort: sort.filter(
      (key, i) =>
        key.by !== 'key' ||
        sort.findIndex((other) => other.by === 'key' && other.column === key.column) === i,
    ),
    wanted: {
      rows: rows && { ...rows, measures: measuresAbout(rows.measures) },
      totals: totals && { measures: measuresAbout(totals.measures) },
      excluded: excluded && { measures: measuresAbout(excluded.measures) },
    },
  };
}

function attributeFor(key: string): string {
  if (attributes.includes(key)) return key;
  return attributes[key.length % attributes.length] ?? key;
}

function about(predicate: Predicate): Predicate {
  return mapLeaves(predicate, (leaf) =>
    leaf.kind === 'test' ? { ...leaf, key: attributeFor(leaf.key) } : leaf,
  );
}

function measuresAbout(measures: readonly Measure[]): Measure[] {
  const asked = measures.map(({ fn, column, where }) => {
    const counts = fn.startsWith('count-distinct') || fn === 'min' || fn === 'max';
    return measure(fn, counts && column !== null ? attributeFor(column) : column, about(where));
  });
  return [...new Map(asked.map((each) => [each.name, each])).values()];
}
