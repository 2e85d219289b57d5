import { CHARGE_IDENTITY } from '../catalog/charge-columns.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import type { TimeRange } from '../core/time-range.ts';
import { DAY_MS, HOUR_MS } from '../core/time-range.ts';
import { unreachable } from '../core/unreachable.ts';
import { estimateCombinations } from './estimate-groups.ts';
import type { Plan, Scan } from './plan.ts';
import { aggregateOf, children, scansOf } from './plan-tree.ts';
import type { Predicate } from './predicate.ts';
import { and } from './predicate.ts';
import type { ScannedSource } from './scanned-sources.ts';
import { scannedSources } from './scanned-sources.ts';
import { UNKNOWN_SELECTIVITY, selectivity } from './selectivity.ts';

/** Rows out of a node, estimated from counts and statistics of the catalogue. Never below 0. */
export function estimateRows(plan: Plan, state: TenantState): number {
  switch (plan.kind) {
    case 'Scan':
      return scanRows(plan, state);
    case 'Empty':
      return 0;
    case 'Filter':
      return filteredRows(plan, state);
    case 'Lookup':
    case 'Attribute':
    case 'Rebucket':
    case 'Bucket':
      return estimateRows(plan.input, state);
    case 'Allocate':
      return allocatedRows(plan, state);
    case 'Telemetry':
      return telemetryRows(plan, state);
    case 'Aggregate':
      return estimateGroups(plan, state);
    case 'GroupingSets':
      return plan.sets.reduce((sum, _, i) => sum + estimateGroups(aggregateOf(plan, i), state), 0);
    case 'OneSet': {
      const { fragment } = plan.input;
      const sets = fragment.kind === 'GroupingSets' ? aggregateOf(fragment, plan.set) : fragment;
      return estimateRows(sets, state);
    }
    case 'Union':
      return plan.inputs.reduce((sum, input) => sum + estimateRows(input, state), 0);
    case 'Compare':
      return estimateRows(plan.current, state) + estimateRows(plan.earlier, state) / 2;
    case 'Having':
      return estimateRows(plan.input, state) * UNKNOWN_SELECTIVITY;
    case 'Top':
      return Math.min(estimateRows(plan.input, state), plan.by.length === 0 ? 1 : plan.count + 1);
    case 'Page':
      return Math.min(estimateRows(plan.input, state), plan.limit) + 1;
    case 'Ask':
      return plan.estimate.rows;
    case 'Kept':
      return plan.rows;
    case 'Keep':
      return estimateRows(plan.input, state);
    default:
      return unreachable(plan);
  }
}

/** Groups of an Aggregate: at most its input rows, at least one where there are rows. */
export function estimateGroups(plan: Extract<Plan, { kind: 'Aggregate' }>, state: TenantState): number {
  if (plan.groupBy.length === 0) return 1;
  const rows = estimateRows(plan.input, state);
  const tellsCharges = CHARGE_IDENTITY.every((key) => plan.groupBy.includes(key));
  const groups = tellsCharges ? rows : (estimateCombinations(plan.groupBy, plan.input, state) ?? rows);
  return Math.max(Math.min(groups, rows), Math.min(rows, 1));
}

function scanRows(scan: Scan, state: TenantState): number {
  return rowsOf(scan, scannedSources(scan, state), () => 1);
}

/** Rows of the sources as far as they meet something; of files that pruning has chosen at most what is in them. */
function rowsOf(
  { files }: Scan,
  sources: readonly ScannedSource[],
  partOf: (source: ScannedSource) => number,
): number {
  let [all, left] = [0, 0];
  for (const source of sources) {
    all += source.rows;
    left += source.rows * partOf(source);
  }
  if (files === null) return left;
  const records = files.files.reduce((sum, file) => sum + file.records, 0);
  return Math.min(left, records);
}

/** All Filters over one Scan at once: each source has values of its own. */
function filteredRows(plan: Extract<Plan, { kind: 'Filter' }>, state: TenantState): number {
  const predicates: Predicate[] = [];
  let below: Plan = plan;
  while (below.kind === 'Filter' || below.kind === 'Lookup' || below.kind === 'Bucket') {
    if (below.kind === 'Filter') predicates.push(below.predicate);
    below = below.input;
  }
  if (below.kind !== 'Scan') return estimateRows(plan.input, state) * UNKNOWN_SELECTIVITY;
  return rowsOf(below, scannedSources(below, state), ({ profile }) => selectivity(and(predicates), profile));
}

type Allocated = Extract<Plan, { kind: 'Allocate' }>;

function allocatedRows(plan: Allocated, state: TenantState): number {
  const { whole, made } = sharedRows(plan, state);
  return Math.max(whole, sumOf(made));
}

/** Parts that the splits of a plan make, all together: what sharing out costs. */
export function estimateParts(plan: Plan, state: TenantState): number {
  if (plan.kind === 'Ask') return estimateParts(plan.fragment, state);
  if (plan.kind === 'Allocate') return sumOf(sharedRows(plan, state).made);
  return children(plan).reduce((sum, child) => sum + estimateParts(child, state), 0);
}

type Made = { readonly to: readonly string[]; readonly rows: number };

/** Every row may have a part for each key of its hour or day; parts of earlier splits too, where they are shared again. */
function sharedRows(plan: Plan, state: TenantState): { whole: number; made: readonly Made[] } {
  if (plan.kind !== 'Allocate') return { whole: estimateRows(plan, state), made: [] };
  const { whole, made } = sharedRows(plan.input, state);
  const again = made.filter(({ to }) => !to.some((key) => isWanting(plan.members, key)));
  const rows = (whole + sumOf(again)) * Math.max(1, keysOfPool(plan, state));
  return { whole, made: [...made, { to: plan.to, rows }] };
}

function sumOf(made: readonly Made[]): number {
  return made.reduce((sum, { rows }) => sum + rows, 0);
}

/** Whether only rows without a value of the key meet the predicate. */
function isWanting(predicate: Predicate, key: string): boolean {
  if (predicate.kind === 'and') return predicate.parts.some((part) => isWanting(part, key));
  return (
    predicate.kind === 'test' && predicate.key === key && predicate.test.op === 'none' && predicate.orNull
  );
}

function keysOfPool({ weights }: Allocated, state: TenantState): number {
  if (weights.kind === 'constant') return weights.shares.length;
  const { from, to } = rangeOf(weights.plan);
  const hours = Math.max(1, (to - from) / (weights.grain === 'hour' ? HOUR_MS : DAY_MS));
  return estimateRows(weights.plan, state) / hours;
}

function rangeOf(plan: Plan): TimeRange {
  if (plan.kind === 'Telemetry') return plan.range;
  const ranges = scansOf(plan).map(({ range }) => range);
  return {
    from: Math.min(...ranges.map(({ from }) => from)),
    to: Math.max(...ranges.map(({ to }) => to)),
  };
}

function telemetryRows({ stream, range }: Extract<Plan, { kind: 'Telemetry' }>, state: TenantState): number {
  const loads = state.telemetry.get(stream)?.loads ?? [];
  return loads.reduce((sum, { rows, from, to }) => {
    const covered = Math.max(0, Math.min(to, range.to) - Math.max(from, range.from));
    return sum + (rows * covered) / Math.max(1, to - from);
  }, 0);
}
