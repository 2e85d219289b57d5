import type { PublishedBatch } from '../catalog/batch.ts';
import { CHARGE_COUNT, rollupColumnOf, rollupColumns, standingAttributes } from '../catalog/rollups.ts';
import type { Rollup } from '../catalog/rollups.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import { itemsAround } from '../core/time-order.ts';
import type { Instant, TimeRange } from '../core/time-range.ts';
import { DAY_MS, HOUR_MS, formatInstant } from '../core/time-range.ts';
import type { Measure } from './measures.ts';
import { unitColumnOf } from './measures.ts';
import type { Aggregate, ColumnName, Plan, Scan } from './plan.ts';
import { TIME } from './plan.ts';
import { testedKeys } from './predicate.ts';
import type { Predicate } from './predicate.ts';
import { livePartsOf } from './rollup-parts.ts';
import { timeOf } from './scanned-batches.ts';
import type { TimeBuckets } from './time-buckets.ts';

/** Why a rollup cannot answer: codes are API, what follows is for people. */
export type Rejection = {
  readonly code: 'PRORATED' | 'NO_ATTRIBUTE' | 'NO_COLUMN' | 'GRAIN' | 'NO_PART' | 'LEFT_OUT';
  readonly detail: string;
};
/** A stretch of time that a rollup cannot answer. */
export type Gap = { readonly range: TimeRange; readonly rejection: Rejection };

/** An Aggregate taken apart, as far as its sources need to know. */
export type Asked = {
  readonly aggregate: Aggregate;
  readonly scan: Scan;
  readonly buckets: TimeBuckets | null;
  readonly timing: 'START' | 'PRORATED';
  /** Of everything between the Aggregate and its Scan. */
  readonly predicates: readonly Predicate[];
};

/** Null where the Aggregate is not over one Scan of charges. */
export function askedOf(aggregate: Aggregate): Asked | null {
  const predicates: Predicate[] = [];
  let buckets: TimeBuckets | null = null;
  let timing: Asked['timing'] = 'START';
  for (let plan: Plan = aggregate.input; ;) {
    switch (plan.kind) {
      case 'Scan':
        return { aggregate, scan: plan, buckets, timing, predicates };
      case 'Bucket':
        ({ buckets, timing } = plan);
        plan = plan.input;
        break;
      case 'Filter':
        predicates.push(plan.predicate);
        plan = plan.input;
        break;
      case 'Lookup':
        plan = plan.input;
        break;
      default:
        return null;
    }
  }
}

/** What an Asked wants of rollups, whichever it is. */
export type RollupNeeds = {
  readonly asked: Asked;
  /** Dimensions that it looks at. */
  readonly keys: readonly string[];
  /** A sum that rollups do not have. */
  readonly unsummed: Measure | null;
  /** Days that what is asked cuts: a row for a day cannot answer them. */
  readonly cutDays: readonly Gap[];
};

export function rollupNeeds(asked: Asked): RollupNeeds {
  const { measures } = asked.aggregate;
  return {
    asked,
    keys: neededKeys(asked),
    unsummed: measures.find(({ fn, column }) => fn === 'sum' && !isSummed(column ?? '')) ?? null,
    cutDays: edgesWithinDays(asked).map(dayAround),
  };
}

/** Why a rollup can answer no stretch of what is asked; null where nothing in its definition is against it. */
export function rejectRollup(rollup: Rollup, { asked, keys, unsummed }: RollupNeeds): Rejection | null {
  if (asked.timing === 'PRORATED' || asked.scan.within === 'overlap') {
    return { code: 'PRORATED', detail: 'rows of a rollup have no spans that could be cut' };
  }
  const missing = keys.find((key) => rollupColumnOf(rollup, key) === null);
  if (missing !== undefined) return { code: 'NO_ATTRIBUTE', detail: `it has no ${missing}` };
  return unsummed && { code: 'NO_COLUMN', detail: `it does not sum ${unsummed.column}` };
}

/** Dimensions that groups, conditions, units and distinct counts look at. */
function neededKeys({ aggregate, predicates }: Asked): string[] {
  const conditions = [...predicates, ...aggregate.measures.map(({ where }) => where)];
  const measured = aggregate.measures.flatMap(({ fn, column }) => {
    if (column === null || fn === 'count' || fn === 'sum') return [];
    return fn === 'unit-min' || fn === 'unit-max' ? [unitColumnOf[column] ?? column] : [column];
  });
  const grouped = aggregate.groupBy.filter((column) => column !== TIME);
  return [...new Set([...grouped, ...conditions.flatMap(testedKeys), ...measured])];
}

function isSummed(column: string): boolean {
  return rollupColumns.some(({ name, type }) => name === column && type === 'decimal(38,12)');
}

/**
 * The stretches of the Scan's time that a rollup cannot answer, in order and without overlaps: days that an edge of what
 * is asked cuts, and hours or days in which a live batch has no part, or one without a needed attribute.
 */
export function gapsOf(rollup: Rollup, { asked, keys, cutDays }: RollupNeeds, state: TenantState): Gap[] {
  const { range, axis, batches } = asked.scan;
  const { incomplete } = livePartsOf(state, rollup, axis);
  const days = { from: range.from - DAY_MS, to: range.to + DAY_MS };
  const lacking = itemsAround(incomplete, days).flatMap(({ batch, leftOut }): Gap[] => {
    if (batches?.includes(batch.id) === false) return [];
    const rejection = rejectPart(batch, leftOut, keys, state);
    return rejection === null ? [] : [{ range: stretchOf(batch, rollup, axis), rejection }];
  });
  return disjoint([...(rollup.grain === 'day' ? cutDays : []), ...lacking], range);
}

function rejectPart(
  { id }: PublishedBatch,
  leftOut: readonly string[] | null,
  needed: readonly string[],
  { statistics }: TenantState,
): Rejection | null {
  if (leftOut === null) return { code: 'NO_PART', detail: `batch ${id} has no part of it` };
  const lacking = leftOut.find((key) => needed.includes(key));
  if (lacking === undefined) return null;
  const values = statistics.get(lacking)?.distinct ?? 0;
  const detail = `${lacking} was left out of batch ${id}: its about ${values} values would make it too large`;
  return { code: 'LEFT_OUT', detail };
}

/** Whether no row of the rollup stands for charges on both sides of an instant. */
export function isEdgeOf({ grain }: Rollup, { scan }: Asked, instant: Instant): boolean {
  return scan.axis === 'billing_period_start' || grain === 'hour' || instant % DAY_MS === 0;
}

function dayAround(edge: Instant): Gap {
  const from = floorTo(DAY_MS, edge);
  const detail = `${formatInstant(edge)} is within a day of UTC`;
  return { range: { from, to: from + DAY_MS }, rejection: { code: 'GRAIN', detail } };
}

/** Cut to the range; where gaps overlap or touch, one with the first one's reason. */
function disjoint(gaps: readonly Gap[], within: TimeRange): Gap[] {
  const merged: Gap[] = [];
  for (const { range, rejection } of gaps.toSorted((a, b) => a.range.from - b.range.from)) {
    const from = Math.max(range.from, within.from);
    const to = Math.min(range.to, within.to);
    if (from >= to) continue;
    const last = merged.at(-1);
    if (last && from <= last.range.to) {
      merged[merged.length - 1] = {
        ...last,
        range: { from: last.range.from, to: Math.max(to, last.range.to) },
      };
    } else merged.push({ range: { from, to }, rejection });
  }
  return merged;
}

/** Whole hours or days (months on the other axis) that a batch can have charges in. */
function stretchOf(batch: PublishedBatch, { grain }: Rollup, axis: Scan['axis']): TimeRange {
  return axis === 'billing_period_start' ? timeOf(batch, axis) : spanOf(batch, grain);
}

function spanOf(batch: PublishedBatch, grain: Rollup['grain']): TimeRange {
  const unit = grain === 'day' ? DAY_MS : HOUR_MS;
  // A charge of no length may start at the very end of its batch.
  return { from: floorTo(unit, batch.from), to: floorTo(unit, batch.to) + unit };
}

function floorTo(unit: number, instant: Instant): Instant {
  return Math.floor(instant / unit) * unit;
}

/**
 * Edges of what is asked that fall within a UTC day: the range's own ends and the edges of its buckets. Charges of such
 * a day are on both sides of the edge, and a row of a day rollup stands for all of them.
 */
function edgesWithinDays({ scan, buckets }: Asked): Instant[] {
  if (scan.axis === 'billing_period_start') return [];
  const { from, to } = scan.range;
  const inner = (buckets?.edges ?? []).filter((edge) => edge > from && edge < to);
  return [...new Set([from, ...inner, to])].filter((edge) => edge % DAY_MS !== 0);
}

/** The same groups and measures, over the rows of the rollup in a part of the time. */
export function overRollup(asked: Asked, rollup: Rollup, range: TimeRange): Aggregate {
  const { aggregate } = asked;
  const measures = aggregate.measures.map((each) =>
    each.fn === 'count' ? { ...each, column: CHARGE_COUNT } : each,
  );
  return { ...aggregate, measures, input: rebased(aggregate.input, rollup, range) };
}

function rebased(plan: Plan, rollup: Rollup, range: TimeRange): Plan {
  switch (plan.kind) {
    case 'Scan':
      return { ...plan, rollup, range, columns: scanColumns(rollup) };
    case 'Lookup': // Its dimensions are attributes of the rollup.
      return rebased(plan.input, rollup, range);
    case 'Filter':
    case 'Bucket':
      return { ...plan, input: rebased(plan.input, rollup, range) };
    default:
      throw new Error(`${plan.kind} does not stand under an Aggregate over charges`);
  }
}

/** The keys of its attributes, and the columns that it has of all charges. */
function scanColumns({ attributes }: Rollup): ColumnName[] {
  const own = new Set<string>([...standingAttributes, ...attributes]);
  const sums = rollupColumns.filter(({ type }) => type === 'decimal(38,12)').map(({ name }) => name);
  return ['charge_period_start', ...sums, CHARGE_COUNT, ...own];
}
