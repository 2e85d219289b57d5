/**
 * What an Ask needs of its sources: which dimensions, how fine in time, how much is read for it. Values of filters are
 * looked at by nobody here.
 */
import { CHARGE_IDENTITY, inlineColumns } from '../catalog/charge-columns.ts';
import type { ObservedNeed } from '../catalog/needs.ts';
import { CHARGES } from '../catalog/needs.ts';
import { standingAttributes, summedColumns } from '../catalog/rollups.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import type { Instant, TimeRange } from '../core/time-range.ts';
import { DAY_MS } from '../core/time-range.ts';
import { estimateRows } from './estimate.ts';
import type { Measure } from './measures.ts';
import { unitColumnOf } from './measures.ts';
import type { Aggregate, Ask, ColumnName, GroupingSets, Plan, Scan } from './plan.ts';
import { TIME } from './plan.ts';
import { children } from './plan-tree.ts';
import type { Predicate } from './predicate.ts';
import { idColumnOf, mapLeaves } from './predicate.ts';
import type { TimeBuckets } from './time-buckets.ts';

/** What nodes above a Scan say of it. */
type Above = {
  /** Of the uppermost grouping, which those below only prepare; null above it. */
  readonly sets: readonly (readonly ColumnName[])[] | null;
  /** Of conditions, units and distinct counts. */
  readonly keys: readonly string[];
  readonly buckets: TimeBuckets | null;
  /** Charges are cut, or something is summed that no rollup sums. */
  readonly isBeyondRollups: boolean;
};

const nothing: Above = { sets: null, keys: [], buckets: null, isBeyondRollups: false };

/** In so many days the part of a day at each end is no reason for hours: charges or hours can answer these alone. */
const LONG_DAYS = 3;

const EDGES_LOOKED_AT = 50;

/** Groups by these are those by what their dictionaries say, or tell batches apart. */
const notAttributes = new Set<string>([
  TIME,
  ...standingAttributes,
  ...Object.values(idColumnOf),
  ...inlineColumns.map(({ name }) => name),
  'billing_month',
  ...CHARGE_IDENTITY,
]);

/**
 * A need for each Scan, and for each set of groups over it; what the Ask took is theirs by the bytes that they read, of
 * sets in equal parts.
 */
export function needsOfAsk({ fragment, estimate }: Ask, ms: number, state: TenantState): ObservedNeed[] {
  const scans: { readonly scan: Scan; readonly above: Above }[] = [];
  collect(fragment, nothing, (scan, above) => scans.push({ scan, above }));
  const bytes = scans.map(({ scan }) => scan.files?.columnBytes ?? 0);
  const bytesInAll = bytes.reduce((sum, each) => sum + each, 0);
  return scans.flatMap(({ scan, above }, i) => {
    const sets = above.sets ?? [[]];
    const share = (bytesInAll === 0 ? 1 / scans.length : (bytes[i] ?? 0) / bytesInAll) / sets.length;
    const rows = estimateRows(scan, state);
    const use = {
      times: 1,
      charges: scan.rollup === null ? rows : estimateRows({ ...scan, rollup: null, files: null }, state),
      rows,
      bytes: estimate.bytes * share,
      estimatedMs: estimate.ms * share,
      ms: ms * share,
    };
    const grain = grainOf(scan, above);
    const source = scan.rollup?.id ?? CHARGES;
    return sets.map((set): ObservedNeed => {
      const keys = [...new Set([...set, ...above.keys])];
      const attributes = keys.filter((key) => !notAttributes.has(key)).sort();
      return { need: { attributes, grain, source }, use };
    });
  });
}

function collect(plan: Plan, above: Above, found: (scan: Scan, above: Above) => void): void {
  if (plan.kind === 'Scan') found(plan, above);
  else for (const child of children(plan)) collect(child, withNode(above, plan), found);
}

function withNode(above: Above, plan: Plan): Above {
  switch (plan.kind) {
    case 'Aggregate':
    case 'GroupingSets':
      if (isOverRules(plan.input)) return above; // What rollups could have is what the rules look at.
      return {
        ...above,
        sets: above.sets ?? (plan.kind === 'Aggregate' ? [plan.groupBy] : plan.sets),
        keys: [...above.keys, ...plan.measures.flatMap(keysOfMeasure)],
        isBeyondRollups: above.isBeyondRollups || plan.measures.some(isUnsummed) || tellsCharges(plan),
      };
    case 'Filter':
      if (isOverRules(plan.input)) return above;
      return { ...above, keys: [...above.keys, ...keysOfPredicate(plan.predicate)] };
    case 'Bucket':
      return {
        ...above,
        buckets: plan.buckets,
        isBeyondRollups: above.isBeyondRollups || plan.timing === 'PRORATED',
      };
    default:
      return above;
  }
}

function tellsCharges(plan: Aggregate | GroupingSets): boolean {
  const keys = plan.kind === 'Aggregate' ? plan.groupBy : plan.sets.flat();
  return CHARGE_IDENTITY.some((key) => keys.includes(key));
}

function isOverRules(plan: Plan): boolean {
  return plan.kind === 'Attribute' || (plan.kind === 'Filter' && isOverRules(plan.input));
}

function keysOfMeasure({ fn, column, where }: Measure): string[] {
  const tested = keysOfPredicate(where);
  if (column === null || fn === 'count' || fn === 'sum') return tested;
  if (fn === 'unit-min' || fn === 'unit-max') return [...tested, unitColumnOf[column] ?? column];
  return [...tested, column];
}

function isUnsummed({ fn, column }: Measure): boolean {
  return fn === 'sum' && column !== null && !summedColumns.includes(column);
}

function keysOfPredicate(predicate: Predicate): string[] {
  const keys: string[] = [];
  mapLeaves(predicate, (leaf) => {
    keys.push(leaf.kind === 'member' ? leaf.test.key : leaf.key);
    return leaf;
  });
  return keys;
}

function grainOf({ axis, range, within }: Scan, { buckets, isBeyondRollups }: Above) {
  if (isBeyondRollups || within === 'overlap') return null;
  if (axis === 'billing_period_start') return 'day';
  const { from, to } = range;
  const isLong = to - from > LONG_DAYS * DAY_MS;
  if (!isLong && (cutsDay(from) || cutsDay(to))) return 'hour';
  return someEdgeCutsDay(buckets?.edges ?? [], range) ? 'hour' : 'day';
}

function cutsDay(instant: Instant): boolean {
  return instant % DAY_MS !== 0;
}

/** Of many edges some are looked at: hours show in the first ones, and a time zone is at UTC for half of a year at most. */
function someEdgeCutsDay(edges: readonly Instant[], { from, to }: TimeRange): boolean {
  const step = Math.ceil(edges.length / EDGES_LOOKED_AT);
  for (let i = 0; i < edges.length; i += i < 2 ? 1 : step) {
    const edge = edges[i] ?? from;
    if (edge > from && edge < to && cutsDay(edge)) return true;
  }
  return false;
}
