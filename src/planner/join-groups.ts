/**
 * Fragments that group the same rows, taken apart and joined into one that reads them once. Two forms:
 *
 *     GroupingSets single (a), (b)            GroupingSets final (a), (tag:Team)
 *       Scan                                    Lookup tags (tag:Team)
 *                                                 Aggregate partial by (a, tag_set)
 *                                                   Scan
 *
 * The first counts each row into a group of each set. The second counts it into one fine group only, which pays where
 * those are few, and is the one way for groups by what an id stands for.
 */
import { digest } from '../core/digest.ts';
import { hasPartials, merged, partialOf } from './merge-arms.ts';
import { isMergeable, unique } from './measures.ts';
import type { Aggregate, Bucket, ColumnName, GroupingSets, Lookup, Plan, Scan } from './plan.ts';
import { children, mapChildren, outputColumns } from './plan-tree.ts';

/** A fragment that is groups of rows, taken apart. */
export type Grouped = {
  /** The groups that are asked for. */
  readonly root: Aggregate;
  /** What the rows are grouped by first, and looked up then; null where the root groups rows. */
  readonly fine: { readonly groups: Aggregate; readonly lookups: readonly Lookup[] } | null;
  readonly lookups: readonly Lookup[];
  readonly bucket: Bucket | null;
  /** Filters over the Scan. */
  readonly rows: Plan;
  /** Equal for those that can be joined, but for their buckets. */
  readonly key: string;
};

/** Null for a fragment that is something else. */
export function takeApart(fragment: Plan): Grouped | null {
  if (fragment.kind !== 'Aggregate') return null;
  const upper = stripped(fragment.input);
  const groups = upper.rows.kind === 'Aggregate' ? upper.rows : null;
  if (groups !== null && upper.bucket !== null) return null;
  const { lookups, bucket, rows } = groups === null ? upper : stripped(groups.input);
  if (!isFilteredScan(rows)) return null;
  const cut = bucket?.timing === 'PRORATED' ? [bucket.buckets?.edges ?? null, bucket.clip] : null;
  const key = digest([withoutColumns(rows), cut]);
  const fine = groups && { groups, lookups: upper.lookups };
  return { root: fragment, fine, lookups, bucket, rows, key };
}

/** A plan without the Lookups and the Bucket at its top, which add columns and drop no row. */
function stripped(plan: Plan): Pick<Grouped, 'lookups' | 'bucket' | 'rows'> {
  const lookups: Lookup[] = [];
  let bucket: Bucket | null = null;
  let rows = plan;
  while (rows.kind === 'Lookup' || (rows.kind === 'Bucket' && bucket === null)) {
    if (rows.kind === 'Lookup') lookups.push(rows);
    else bucket = rows;
    rows = rows.input;
  }
  return { lookups, bucket, rows };
}

function isFilteredScan(plan: Plan): boolean {
  if (plan.kind === 'Scan') return true;
  return (plan.kind === 'Filter' || plan.kind === 'Lookup') && isFilteredScan(plan.input);
}

function withoutColumns(plan: Plan): Plan {
  return plan.kind === 'Scan' ? { ...plan, columns: [], files: null } : mapChildren(plan, withoutColumns);
}

/** Whether their rows are numbered alike: one that is not grouped by time takes any buckets. */
export function haveOneBucket(all: readonly Grouped[]): boolean {
  const buckets = all.flatMap(({ bucket }) => bucket ?? []);
  return new Set(buckets.map(({ timing, axis, buckets: cut }) => digest([timing, axis, cut]))).size <= 1;
}

/** The columns that each fragment groups by, without repeats; and of each fragment the number of its set. */
export function setsOf(all: readonly Grouped[]): { sets: (readonly ColumnName[])[]; numbers: number[] } {
  const sets: (readonly ColumnName[])[] = [];
  const known = new Map<string, number>();
  const numbers = all.map(({ root: { groupBy } }) => {
    const name = groupBy.toSorted().join('\n');
    const number = known.get(name) ?? sets.push(groupBy) - 1;
    known.set(name, number);
    return number;
  });
  return { sets, numbers };
}

/** Each row into a group of each set. Null where not all group rows, or values would be counted for sets that need no such count. */
export function joinOverRows(all: readonly Grouped[]): GroupingSets | null {
  const counts = all.map(({ root }) =>
    root.measures
      .filter((each) => !isMergeable(each))
      .map(({ name }) => name)
      .sort()
      .join(),
  );
  if (all.some(({ fine }) => fine !== null) || new Set(counts).size > 1) return null;
  return {
    kind: 'GroupingSets',
    step: 'single',
    sets: setsOf(all).sets,
    measures: unique(all.flatMap(({ root }) => root.measures)),
    input: joinedRows(all),
  };
}

/** Each row into one fine group, which is counted into a group of each set. Null where fine groups do not tell all. */
export function joinOverGroups(all: readonly Grouped[]): GroupingSets | null {
  if (!all.every(({ root, fine }) => fine !== null || hasPartials(root))) return null;
  const parts = all.map(({ root, fine }) => fine?.groups ?? partialOf(root));
  const lookups = unitedLookups(all.flatMap(({ fine }) => fine?.lookups ?? []));
  const groupBy = [...new Set(parts.flatMap((part) => part.groupBy))];
  // Looked up before grouping for one, after it for the other: there would be two columns of a name.
  if (lookups.some(({ columns }) => columns.some((column) => groupBy.includes(column)))) return null;
  const groups: Aggregate = {
    kind: 'Aggregate',
    step: 'partial',
    groupBy,
    measures: unique(parts.flatMap((part) => part.measures)),
    input: joinedRows(all),
  };
  return {
    kind: 'GroupingSets',
    step: 'final',
    sets: setsOf(all).sets,
    measures: unique(all.flatMap(({ root }) => root.measures.map(merged))),
    input: lookups.reduce<Plan>((input, lookup) => ({ ...lookup, input }), groups),
  };
}

/** The rows, with every column that any of them reads, looks up or numbers. */
function joinedRows(all: readonly Grouped[]): Plan {
  const [first] = all;
  if (first === undefined) throw new Error('there is something to join');
  const columns = [...new Set(all.flatMap(({ rows }) => scanOf(rows).columns))];
  const below = new Set(outputColumns(first.rows));
  const lookups = unitedLookups(all.flatMap((each) => each.lookups)).map((lookup) => ({
    ...lookup,
    columns: lookup.columns.filter((column) => !below.has(column)),
  }));
  const looked = lookups
    .filter((lookup) => lookup.columns.length > 0)
    .reduce<Plan>((input, lookup) => ({ ...lookup, input }), withColumns(first.rows, columns));
  const bucket = all.find((each) => each.bucket !== null)?.bucket ?? null;
  return bucket === null ? looked : { ...bucket, input: looked };
}

function withColumns(plan: Plan, columns: readonly ColumnName[]): Plan {
  return plan.kind === 'Scan'
    ? { ...plan, columns }
    : mapChildren(plan, (child) => withColumns(child, columns));
}

export function scanOf(plan: Plan): Scan {
  if (plan.kind === 'Scan') return plan;
  const [input] = children(plan);
  if (input === undefined) throw new Error('rows are of a Scan');
  return scanOf(input);
}

/** One per dictionary. */
function unitedLookups(lookups: readonly Lookup[]): Lookup[] {
  return [...Map.groupBy(lookups, ({ dictionary }) => dictionary).values()].flatMap(([first, ...others]) =>
    first === undefined
      ? []
      : [{ ...first, columns: [...new Set([first, ...others].flatMap(({ columns }) => columns))] }],
  );
}
