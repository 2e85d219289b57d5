import type { TenantState } from '../catalog/tenant-state.ts';
import { unreachable } from '../core/unreachable.ts';
import { estimateCombinations } from './estimate-groups.ts';
import type { Plan, Scan } from './plan.ts';
import { aggregateOf } from './plan-tree.ts';
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
    case 'Bucket':
      return estimateRows(plan.input, state);
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
  const groups = estimateCombinations(plan.groupBy, plan.input, state) ?? rows;
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
