import type { PublishedBatch } from '../catalog/batch.ts';
import type { ColumnProfile, SourceProfile } from '../catalog/source-profile.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import type { TimeRange } from '../core/time-range.ts';
import { overlaps } from '../core/time-range.ts';
import type { Plan, Scan } from './plan.ts';
import { children } from './plan-tree.ts';
import type { Predicate } from './predicate.ts';
import { rollupParts } from './rollup-parts.ts';
import { scannedBatches } from './scanned-batches.ts';
import type { TimeBuckets } from './time-buckets.ts';

/** What of one source a plan reads, by estimate. */
export type ScannedSource = {
  readonly profile: SourceProfile;
  /** Charges of the scanned time. */
  readonly charges: number;
  /** Rows that are read: of rollups fewer than charges. */
  readonly rows: number;
  /** Of its batches, cut to the scanned time: in order, without overlaps. */
  readonly stretches: readonly TimeRange[];
  /** How much of its batches' time is scanned. */
  readonly coveredPart: number;
  readonly months: number;
};

/** A Scan, and all that charges must meet on the way up from it. */
export type Leaf = {
  readonly scan: Scan;
  readonly predicates: readonly Predicate[];
  readonly buckets: TimeBuckets | null;
};

/** Of a plan below an Aggregate; what the server keeps of earlier answers is no leaf. */
export function leavesOf(plan: Plan): Leaf[] {
  const leaves: Leaf[] = [];
  addLeaves(plan, noPredicates, null, leaves);
  return leaves;
}

const noPredicates: readonly Predicate[] = [];

function addLeaves(
  plan: Plan,
  above: readonly Predicate[],
  buckets: TimeBuckets | null,
  leaves: Leaf[],
): void {
  switch (plan.kind) {
    case 'Scan':
      leaves.push({ scan: plan, predicates: above, buckets });
      break;
    case 'Filter':
      addLeaves(plan.input, [plan.predicate, ...above], buckets, leaves);
      break;
    case 'Bucket':
      addLeaves(plan.input, above, buckets ?? plan.buckets, leaves);
      break;
    default:
      for (const child of children(plan)) addLeaves(child, above, buckets, leaves);
  }
}

const known = new WeakMap<TenantState, WeakMap<Scan, readonly ScannedSource[]>>();

/** Those that have charges in the scanned time. Of a state without profiles all is taken for one source. */
export function scannedSources(scan: Scan, state: TenantState): readonly ScannedSource[] {
  let ofState = known.get(state);
  if (ofState === undefined) known.set(state, (ofState = new WeakMap()));
  let sources = ofState.get(scan);
  if (sources === undefined) ofState.set(scan, (sources = readSources(scan, state)));
  return sources;
}

/** The same sources in several Scans, of different times, are one. */
export function mergeSources(parts: readonly (readonly ScannedSource[])[]): readonly ScannedSource[] {
  const [only = []] = parts;
  if (parts.length <= 1) return only;
  return [...Map.groupBy(parts.flat(), ({ profile }) => profile)].map(([profile, own]) => ({
    profile,
    charges: own.reduce((sum, { charges }) => sum + charges, 0),
    rows: own.reduce((sum, { rows }) => sum + rows, 0),
    stretches: joined(own.flatMap(({ stretches }) => stretches)),
    coveredPart: Math.min(
      1,
      own.reduce((sum, { coveredPart }) => sum + coveredPart, 0),
    ),
    months: Math.max(...own.map(({ months }) => months)),
  }));
}

function readSources(scan: Scan, state: TenantState): ScannedSource[] {
  const parts = scan.rollup && rollupParts(state, scan.rollup);
  const rowsOf = ({ id, charges }: PublishedBatch) => (parts ? (parts.get(id)?.records ?? 0) : charges);
  const sources = new Map<SourceProfile, Reading>();
  for (const batch of scannedBatches(scan, state)) {
    const span = spanOf(batch, scan.axis);
    if (!overlaps(span, scan.range)) continue;
    const profile = profileOf(batch.source, state);
    let source = sources.get(profile);
    if (source === undefined) sources.set(profile, (source = newReading()));
    const from = Math.max(span.from, scan.range.from);
    const to = Math.min(span.to, scan.range.to);
    const part = (to - from) / Math.max(1, span.to - span.from);
    source.charges += batch.charges * part;
    source.rows += rowsOf(batch) * part;
    source.coveredMs += to - from;
    source.months.add(batch.billingMonth);
    join(source.stretches, { from, to });
  }
  const allMs = msOfSources(scan, state);
  return [...sources].map(([profile, { charges, rows, coveredMs, stretches, months }]) => ({
    profile,
    charges,
    rows,
    stretches,
    coveredPart: Math.min(1, coveredMs / Math.max(1, allMs.get(profile) ?? 0)),
    months: months.size,
  }));
}

type Reading = {
  charges: number;
  rows: number;
  coveredMs: number;
  readonly stretches: TimeRange[];
  readonly months: Set<string>;
};

function newReading(): Reading {
  return { charges: 0, rows: 0, coveredMs: 0, stretches: [], months: new Set() };
}

type Times = ReadonlyMap<SourceProfile, number>;
const knownTimes = new WeakMap<TenantState, Map<Scan['axis'], Times>>();

/** How long all live batches of a source are, those together that a Scan leaves out of time too. */
function msOfSources({ batches, axis }: Scan, state: TenantState): Times {
  const asked = batches && new Set(batches);
  const ofState = knownTimes.get(state) ?? new Map<Scan['axis'], Times>();
  knownTimes.set(state, ofState);
  const all = asked === null ? ofState.get(axis) : undefined;
  if (all !== undefined) return all;
  const times = new Map<SourceProfile, number>();
  for (const batch of state.batches) {
    if (asked?.has(batch.id) === false) continue;
    const { from, to } = spanOf(batch, axis);
    const profile = profileOf(batch.source, state);
    times.set(profile, (times.get(profile) ?? 0) + to - from);
  }
  if (asked === null) ofState.set(axis, times);
  return times;
}

/** A billing period is at its first instant, whole or not at all. */
function spanOf(batch: PublishedBatch, axis: Scan['axis']): TimeRange {
  if (axis === 'charge_period_start') return batch;
  const from = Date.parse(`${batch.billingMonth}T00:00:00Z`);
  return { from, to: from + 1 };
}

function joined(stretches: readonly TimeRange[]): TimeRange[] {
  const all: TimeRange[] = [];
  for (const stretch of stretches.toSorted((a, b) => a.from - b.from)) join(all, stretch);
  return all;
}

/** @param all changed: in order, without overlaps, and none begins after the stretch */
function join(all: TimeRange[], stretch: TimeRange): void {
  const last = all.at(-1);
  if (last && stretch.from <= last.to) {
    all[all.length - 1] = { from: last.from, to: Math.max(last.to, stretch.to) };
  } else all.push(stretch);
}

const assumed = new WeakMap<TenantState['statistics'], SourceProfile>();

function profileOf(source: string, { profiles, statistics, batches }: TenantState): SourceProfile {
  const own = profiles.get(source);
  if (own) return own;
  let whole = assumed.get(statistics);
  if (whole === undefined) {
    const charges = batches.reduce((sum, batch) => sum + batch.charges, 0);
    const columns = [...statistics].map(([key, { distinct, nulls }]): [string, ColumnProfile] => [
      key,
      {
        values: distinct + (nulls > 0 ? 1 : 0),
        common: new Map(),
        isComplete: false,
        nullShare: charges > 0 ? Math.min(1, nulls / charges) : 0,
        dayDensity: null,
        hourDensity: null,
        confidence: 'sketched',
      },
    ]);
    whole = {
      charges,
      columns: new Map(columns),
      isMeasured: false,
      pairDensity: () => null,
      tuples: Infinity,
      tupleDayDensity: 1,
      dayDensity: 1,
      hourDensity: 1,
      measuredFrom: 0,
    };
    assumed.set(statistics, whole);
  }
  return whole;
}
