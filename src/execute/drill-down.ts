/**
 * Drill-downs: the same question inside rows of an answer. All rows of a level are one question, grouped by the
 * parents' keys as well, whose groups are then dealt out to the parents and cut per parent by the server.
 */
import { compareText } from '../core/code-point-order.ts';
import { costError } from '../core/errors.ts';
import { bindFilter } from '../planner/bind/bind-filter.ts';
import { bindSort, keyChecker } from '../planner/bind/bind-query.ts';
import { makeBuckets } from '../planner/bind/make-buckets.ts';
import { TIME } from '../planner/plan.ts';
import type { Predicate } from '../planner/predicate.ts';
import { and } from '../planner/predicate.ts';
import type { Question } from '../planner/question.ts';
import type { TimeBuckets } from '../planner/time-buckets.ts';
import { bucketIndex } from '../planner/time-buckets.ts';
import type { BoundQuery, DrillDownQuery, ParentRow } from './engine.ts';

/** The one question behind all parents of a level, and how its rows are dealt out. */
export type DrillDownPlan = {
  /** Grouped by everything, neither cut nor sorted by what was asked. */
  readonly question: Omit<Question, 'wanted'>;
  /** Which parent a row belongs to: levels of keys and buckets above the asked one. */
  readonly levels: readonly Level[];
  /** The asked level itself. */
  readonly own: Level;
};

/** The columns that name a row of one level, and the bucket of that level for each bucket of the question. */
export type Level = {
  readonly keys: readonly string[];
  readonly buckets: TimeBuckets | null;
  readonly bucketOf: readonly number[];
};

/** The child's own question, of which top, order and page are applied per parent. */
export function ownQuestion(bound: BoundQuery, query: DrillDownQuery, own: Level): Omit<Question, 'wanted'> {
  const { groupBy, granularity, orderBy, top } = query;
  return {
    ...bound.question,
    granularity,
    groupBy,
    buckets: own.buckets,
    having: [],
    top: top && { count: top.count, by: top.by ?? groupBy, metric: top.metric, remainder: top.remainder },
    sort: bindSort(orderBy, { granularity, groupBy, compare: bound.question.compare }),
  };
}

/**
 * @param inside what all parents have in common: not in the first `top` for a remainder row
 * @throws BAD_QUERY, BAD_FILTER, UNKNOWN_DIMENSION
 */
export function planDrillDown(
  bound: BoundQuery,
  path: readonly DrillDownQuery[],
  parents: readonly (readonly ParentRow[])[],
  inside: Predicate,
  rootKeys: readonly string[],
): DrillDownPlan {
  const { question, state } = bound;
  const checkKey = keyChecker(state.tagKeys);
  for (const query of path) query.groupBy.forEach(checkKey);
  const cuts = [question.buckets, ...path.map((query) => bucketsOf(question, query.granularity))];
  const refined = refine(cuts.filter((cut) => cut !== null));
  if (question.compare && cuts.filter((cut) => cut !== null).length > 1) {
    const reason = 'compare with a granularity both in the table and in its drill-down';
    throw costError('BAD_QUERY', { reason, hint: 'Use granularity TOTAL in one of them.' });
  }
  const keysOf = [rootKeys, ...path.map((query) => query.groupBy)];
  const all = keysOf.map((keys, i) => levelOf(keys, cuts[i] ?? null, refined));
  const own = all.at(-1);
  if (own === undefined) throw new Error('a drill-down has a path');
  const levels = all.slice(0, -1);
  const filters = path.flatMap((query) => (query.filter ? [bindFilter(query.filter, checkKey)] : []));
  const groupBy = [...new Set(keysOf.flat())];
  const compareCut = path.map((query) => query.granularity).find((each) => each !== 'TOTAL');
  return {
    question: {
      ...question,
      buckets: refined,
      granularity: refined?.granularity ?? 'TOTAL',
      compareBuckets: compareBucketsOf(question, compareCut),
      groupBy,
      filter: and([question.filter, inside, ...filters, ...parentFilters(levels, parents)]),
      having: [],
      top: null,
      sort: [...(refined ? [TIME] : []), ...groupBy].map((column) => ({
        by: 'key',
        column,
        direction: 'ASC',
      })),
    },
    levels,
    own,
  };
}

function bucketsOf(
  question: Omit<Question, 'wanted'>,
  granularity: Question['granularity'],
): TimeBuckets | null {
  return granularity === 'TOTAL' ? null : makeBuckets(granularity, question.timeZone, question.period);
}

function compareBucketsOf(
  question: Omit<Question, 'wanted'>,
  granularity: Question['granularity'] | undefined,
): TimeBuckets | null {
  if (!question.compare || question.compareBuckets) return question.compareBuckets;
  if (granularity === undefined || granularity === 'TOTAL') return null;
  return makeBuckets(granularity, question.timeZone, question.compare);
}

/** All edges of all cuts: every bucket of every cut is a run of the refined ones. */
function refine(cuts: readonly TimeBuckets[]): TimeBuckets | null {
  const [first] = cuts;
  if (first === undefined || cuts.length === 1) return first ?? null;
  const edges = [...new Set(cuts.flatMap((cut) => cut.edges))].sort((a, b) => a - b);
  return { ...first, edges, labels: edges.slice(0, -1) };
}

function levelOf(keys: readonly string[], buckets: TimeBuckets | null, refined: TimeBuckets | null): Level {
  if (buckets === null || refined === null) return { keys, buckets, bucketOf: [] };
  return {
    keys,
    buckets,
    bucketOf: refined.labels.map((_, i) => bucketIndex(buckets, refined.edges[i] ?? 0)),
  };
}

/**
 * Per key the values that any parent has: a superset of the parents' tuples that stays linear. Rows of tuples that no
 * parent has find no parent when dealt out.
 */
function parentFilters(levels: readonly Level[], parents: readonly (readonly ParentRow[])[]): Predicate[] {
  return levels.flatMap((level, depth) =>
    level.keys.map((key, position): Predicate => {
      const values = new Set(parents.map((path) => path[depth]?.values[position] ?? null));
      const present = [...values].filter((value) => value !== null).sort(compareText);
      return {
        kind: 'test',
        key,
        test: { op: 'in', values: present, ignoreCase: false },
        orNull: values.has(null),
      };
    }),
  );
}

/** Names a path of parent rows, to find the parent of a row of the question. */
export function parentName(rows: readonly ParentRow[], levels: readonly Level[]): string {
  return JSON.stringify(
    levels.map((level, i) => [level.buckets ? (rows[i]?.bucket ?? null) : null, rows[i]?.values ?? []]),
  );
}
