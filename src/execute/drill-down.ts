/**
 * Drill-downs: the same question inside rows of an answer. All rows of a level are one question, grouped by the
 * parents' keys as well, whose groups are then dealt out to the parents and cut per parent by the server.
 */
import { bindFilter } from '../planner/bind/bind-filter.ts';
import { bindSort, bindTop, checkGroupBy, keyChecker } from '../planner/bind/bind-query.ts';
import type { Predicate } from '../planner/predicate.ts';
import { and } from '../planner/predicate.ts';
import type { Question } from '../planner/question.ts';
import type { Level, Remainders } from './deal-out.ts';
import { remaindersOf } from './deal-out.ts';
import type { BoundQuery, DrillDownQuery, ParentRow } from './engine.ts';
import type { NestedBuckets } from './nested-buckets.ts';
import { nestBuckets } from './nested-buckets.ts';
import { isIn } from './outside-top.ts';

/** The one question behind all parents of a level, and how its rows are dealt out. */
export type DrillDownPlan = {
  /** Neither grouped, cut nor sorted by what was asked. */
  readonly question: Omit<Question, 'wanted'>;
  /** Groups of which each is in one row of one parent. */
  readonly groups: Grouping;
  /** Groups of which each is in one parent. */
  readonly parents: Grouping;
  /** The levels above the asked one. */
  readonly levels: readonly Level[];
  /** With any, several groups are in one row, and several of the parents' in one parent. */
  readonly remainders: Remainders;
};

/** The child's own question, which is applied per parent. */
export type OwnQuestion = Pick<Question, 'granularity' | 'groupBy' | 'filter' | 'having' | 'top' | 'sort'>;

export type Grouping = { readonly keys: readonly string[]; readonly time: NestedBuckets };

/** @throws BAD_QUERY, UNKNOWN_DIMENSION, TOO_LARGE */
export function ownQuestion(bound: BoundQuery, query: DrillDownQuery): OwnQuestion {
  const { groupBy, granularity, orderBy } = query;
  const { filter, compare } = bound.question;
  checkGroupBy(groupBy, keyChecker(bound.state));
  const sort = bindSort(orderBy, { granularity, groupBy, compare });
  return { granularity, groupBy, filter, having: [], top: bindTop(query), sort };
}

/**
 * @param inside what all parents have in common: not in the first `top` for a remainder row
 * @throws BAD_FILTER, TOO_LARGE
 */
export function planDrillDown(
  bound: BoundQuery,
  path: readonly DrillDownQuery[],
  parents: readonly (readonly ParentRow[])[],
  inside: Predicate,
  rootKeys: readonly string[],
): DrillDownPlan {
  const { question, state } = bound;
  const all: Level[] = [
    { keys: rootKeys, ranked: [] },
    ...path.map(({ groupBy, top }) => ({ keys: groupBy, ranked: top ? (top.by ?? groupBy) : [] })),
  ];
  const levels = all.slice(0, -1);
  const time = nestBuckets([question.granularity, ...path.map((query) => query.granularity)], question);
  if (time.outer === null) throw new Error('a drill-down has a path');
  const checkKey = keyChecker(state);
  const filters = path.flatMap((query) => (query.filter ? [bindFilter(query.filter, checkKey)] : []));
  return {
    question: {
      ...question,
      filter: and([question.filter, inside, ...filters, ...parentFilters(levels, parents)]),
      having: [],
      top: null,
    },
    groups: { keys: keysOf(all), time },
    parents: { keys: keysOf(levels), time: time.outer },
    levels,
    remainders: remaindersOf(parents, levels),
  };
}

function keysOf(levels: readonly Level[]): string[] {
  return [...new Set(levels.flatMap(({ keys }) => keys))];
}

/**
 * Per key the values that any parent has: a superset of the parents' tuples that stays linear. Rows of tuples that no
 * parent has find no parent when dealt out. What a remainder row stands for has any values of the ranked keys.
 */
function parentFilters(levels: readonly Level[], parents: readonly (readonly ParentRow[])[]): Predicate[] {
  return levels.flatMap(({ keys, ranked }, depth) => {
    const hasRemainder = parents.some((path) => path[depth]?.isRemainder);
    return keys.flatMap((key, position): Predicate[] => {
      if (hasRemainder && ranked.includes(key)) return [];
      return [isIn(key, new Set(parents.map((path) => path[depth]?.values[position] ?? null)))];
    });
  });
}
