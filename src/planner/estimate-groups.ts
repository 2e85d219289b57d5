/**
 * How many groups an Aggregate has, by how values go together in each source that it reads: a region and its name are as
 * many groups as regions; a service has charges in some regions, on some days.
 */
import type { SourceProfile } from '../catalog/source-profile.ts';
import { columnOf } from '../catalog/source-profile.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import { DAY_MS, HOUR_MS } from '../core/time-range.ts';
import { inlineColumns, resourceDimensionNames } from '../catalog/charge-columns.ts';
import type { ColumnName, Plan } from './plan.ts';
import { and } from './predicate.ts';
import { TIME } from './plan.ts';
import type { Leaf, ScannedSource } from './scanned-sources.ts';
import { leavesOf, mergeSources, scannedSources } from './scanned-sources.ts';
import type { Left } from './selectivity.ts';
import { UNKNOWN_VALUES, leftBy, requiredTests, selectivity } from './selectivity.ts';
import type { TimeBuckets } from './time-buckets.ts';

/** Part of a column's values that count where nothing is known of how it goes with others: columns of bills go together. */
const CORRELATION = 0.7;
/** Values of another column that a resource has charges of, where that was not measured. */
const VALUES_OF_A_RESOURCE = 1.2;
const resourceColumns: ReadonlySet<string> = new Set(['resource_key', ...resourceDimensionNames]);
const isInline: ReadonlySet<string> = new Set(inlineColumns.map(({ name }) => name));

/** Null where the input says nothing of where its rows come from. */
export function estimateCombinations(
  groupBy: readonly ColumnName[],
  input: Plan,
  state: TenantState,
): number | null {
  const leaves = leavesOf(input);
  const [leaf] = leaves;
  if (leaf === undefined) return null;
  const sources = mergeSources(leaves.map(({ scan }) => scannedSources(scan, state)));
  const groups = sources.map((source) => groupsOfSource(groupBy, source, leaf, state));
  const most = Math.max(0, ...groups);
  const others = groups.reduce((sum, each) => sum + each, 0) - most;
  return others === 0 ? most : most + others * (1 - sharedPart(groupBy, sources, leaf.buckets));
}

/** A Filter's test, and what it leaves of the source. */
type Narrowing = Left & { readonly key: ColumnName };

function groupsOfSource(
  groupBy: readonly ColumnName[],
  source: ScannedSource,
  { predicates, buckets }: Leaf,
  state: TenantState,
): number {
  const { profile } = source;
  const narrowings = predicates.flatMap(requiredTests).map((test): Narrowing => ({
    ...leftBy(test, profile),
    key: test.key,
  }));
  const columns = groupBy
    .filter((key) => key !== TIME && key !== 'source' && !isInline.has(key))
    .map((key) => groupColumn(key, source, narrowings, state))
    .sort((a, b) => b.of - a.of);
  const combined = combinations(columns, profile);
  const timed = groupBy.includes(TIME) ? combined * bucketsOf(columns, combined, source, buckets) : combined;
  const charges = source.charges * selectivity(and(predicates), profile);
  return spreadOver(timed, charges);
}

/** Of so many possible groups those that have a charge, if charges fell on them by chance. */
function spreadOver(groups: number, charges: number): number {
  return groups <= 0 ? 0 : groups * -Math.expm1(-charges / groups);
}

type GroupColumn = {
  readonly key: ColumnName;
  /** All its values, and those that filters and the scanned time leave. */
  readonly of: number;
  readonly left: number;
  /** Of a resource it is not measured, and taken to be as of any combination of values. */
  readonly dayDensity: number | null;
  readonly hourDensity: number | null;
  readonly isSomeMissing: boolean;
};

function groupColumn(
  key: ColumnName,
  source: ScannedSource,
  narrowings: readonly Narrowing[],
  state: TenantState,
): GroupColumn {
  const { profile } = source;
  const column = columnOf(profile, key === 'resource_key' ? 'resource_id' : key);
  const of = key.startsWith('billing_period_')
    ? source.months
    : (column?.values ?? unknownValues(key, state));
  const isResource = resourceColumns.has(key);
  const assumed = isResource ? profile.tupleDayDensity : null;
  const dayDensity = column?.dayDensity ?? assumed;
  const hourDensity = column?.hourDensity ?? assumed;
  let left = of * presentPart(dayDensity, hourDensity, source);
  for (const narrowing of narrowings) {
    // Resources are spread over what is left about as charges are.
    const spread = isResource ? of * narrowing.charges : of;
    const met = narrowing.meets(key);
    if (narrowing.key === key) left = Math.min(left, narrowing.values);
    else left = Math.min(left, met === null ? spread : of * met);
  }
  return { key, of, left, dayDensity, hourDensity, isSomeMissing: (column?.nullShare ?? 1) > 0 };
}

/** The part of a column's values that have charges in the scanned part of the time. */
function presentPart(
  dayDensity: number | null,
  hourDensity: number | null,
  { coveredPart, stretches }: ScannedSource,
): number {
  if (coveredPart >= 1 || dayDensity === null || hourDensity === null) return 1;
  const ms = stretches.reduce((sum, { from, to }) => sum + to - from, 0);
  return partWithin(ms, dayDensity, hourDensity);
}

/** How likely something is there in some stretch of time that is there on such a part of the days, and of the hours. */
function partWithin(ms: number, dayDensity: number, hourDensity: number): number {
  if (ms >= DAY_MS) return 1 - (1 - dayDensity) ** (ms / DAY_MS);
  return Math.min(dayDensity, 1 - (1 - hourDensity) ** Math.max(1, ms / HOUR_MS));
}

/** Distinct tag sets may not be counted apart: at least as many as values of the richest tag, at most what all could make. */
function unknownValues(key: ColumnName, { tagKeys, statistics }: TenantState): number {
  if (key !== 'tag_set') return UNKNOWN_VALUES;
  let most = 1;
  for (const tag of tagKeys) most = Math.max(most, statistics.get(`tag:${tag}`)?.distinct ?? 1);
  return most * Math.max(1, tagKeys.size);
}

/**
 * The column of most values in full; of each further one as many as go with a value of the column, of those before,
 * that it goes together with most.
 *
 * @param columns those of most values first: an order that no filter changes, so that none makes more groups
 */
function combinations(columns: readonly GroupColumn[], profile: SourceProfile): number {
  let product = 1;
  let isProfiled = true;
  for (const [i, column] of columns.entries()) {
    const factors = columns.slice(0, i).map((before) => valuesWith(before, column, profile) ?? Infinity);
    const measured = Math.min(...factors);
    product *=
      i === 0 ? column.left : isFinite(measured) ? measured : Math.max(1, column.left) ** (CORRELATION ** i);
    isProfiled &&= column.dayDensity !== null && !resourceColumns.has(column.key);
  }
  const most = Math.max(0, ...columns.map(({ left }) => left));
  return Math.min(Math.max(product, most), isProfiled ? profile.tuples : Infinity);
}

/** How many values of a column go with one of another; null: not known. */
function valuesWith(one: GroupColumn, column: GroupColumn, profile: SourceProfile): number | null {
  const density = profile.pairDensity(one.key, column.key) ?? assumedDensity(one, column);
  return density === null ? null : Math.max(1, density * column.left);
}

/** A resource goes with few values of other columns; charges of no resource with all. */
function assumedDensity(a: GroupColumn, b: GroupColumn): number | null {
  const [resource, other] = resourceColumns.has(a.key) ? [a, b] : [b, a];
  if (!resourceColumns.has(resource.key)) return null;
  const pairs = resource.of * VALUES_OF_A_RESOURCE + (resource.isSomeMissing ? other.of : 0);
  return Math.min(1, pairs / Math.max(1, resource.of * other.of));
}

/** Buckets that a combination has charges in. */
function bucketsOf(
  columns: readonly GroupColumn[],
  combined: number,
  source: ScannedSource,
  buckets: TimeBuckets | null,
): number {
  const { profile } = source;
  if (buckets === null) return 1;
  const { touched, lengthMs } = touchedBuckets(source, buckets);
  const known = columns.flatMap(({ dayDensity, hourDensity, of }) =>
    dayDensity === null || hourDensity === null ? [] : [{ dayDensity, hourDensity, of }],
  );
  const whole = { dayDensity: profile.dayDensity, hourDensity: profile.hourDensity, of: 1 };
  const rarest = known.reduce((a, b) => (b.dayDensity < a.dayDensity ? b : a), whole);
  const thinning = rarefied(rarest, combined, profile);
  const part = partWithin(lengthMs, rarest.dayDensity * thinning, rarest.hourDensity * thinning);
  return Math.max(Math.min(1, touched), touched * part);
}

/** Combinations of several columns are there on fewer days than a value of any: how many fewer, by how many there are. */
function rarefied(
  { dayDensity, of }: { readonly dayDensity: number; readonly of: number },
  combined: number,
  { tuples, tupleDayDensity }: SourceProfile,
): number {
  if (dayDensity <= tupleDayDensity || tuples <= of || !isFinite(tuples)) return 1;
  const depth = Math.log(Math.max(1, combined / of)) / Math.log(tuples / of);
  return (tupleDayDensity / dayDensity) ** Math.min(1, depth);
}

/** How many buckets a source has charges in, and how long one is. */
function touchedBuckets({ stretches }: Pick<ScannedSource, 'stretches'>, { edges }: TimeBuckets) {
  let touched = 0;
  let last = -1;
  for (const { from, to } of stretches) {
    const first = Math.max(last + 1, bucketAt(edges, from));
    const end = bucketAt(edges, to - 1);
    touched += Math.max(0, end - first + 1);
    last = Math.max(last, end);
  }
  const lengthMs = ((edges.at(-1) ?? 0) - (edges[0] ?? 0)) / Math.max(1, edges.length - 1);
  return { touched, lengthMs };
}

function bucketAt(edges: readonly number[], instant: number): number {
  let low = 0;
  let high = Math.max(0, edges.length - 2);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((edges[middle] ?? Infinity) <= instant) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The part of the groups of the smaller sources that the largest has as well: where all columns have the same values. */
function sharedPart(
  groupBy: readonly ColumnName[],
  sources: readonly ScannedSource[],
  buckets: TimeBuckets | null,
): number {
  return groupBy.reduce((product, key) => {
    if (product === 0 || key === 'source') return 0;
    if (isInline.has(key)) return product;
    if (key !== TIME) return product * sharedValues(key, sources);
    if (buckets === null) return product;
    const own = sources.map((source) => touchedBuckets(source, buckets).touched);
    const all = { stretches: sources.flatMap(({ stretches }) => stretches).sort((a, b) => a.from - b.from) };
    const union = touchedBuckets(all, buckets).touched;
    return product * sharedOf(own, union);
  }, 1);
}

function sharedValues(key: ColumnName, sources: readonly ScannedSource[]): number {
  const columns = sources.flatMap(({ profile }) => columnOf(profile, key) ?? []);
  const seen = new Set<string | null>();
  let repeated = 0;
  for (const { common } of columns) {
    for (const value of common.keys()) {
      if (seen.has(value)) repeated += 1;
      seen.add(value);
    }
  }
  const own = columns.map(({ values }) => values);
  return sharedOf(own, own.reduce((sum, each) => sum + each, 0) - repeated);
}

/** 1 where a union is as large as the largest of its sets, 0 where it is as large as all together. */
function sharedOf(own: readonly number[], union: number): number {
  const all = own.reduce((sum, each) => sum + each, 0);
  const most = Math.max(0, ...own);
  return all <= most ? 1 : Math.min(1, Math.max(0, (all - union) / (all - most)));
}
