/** What it takes a store to group rows in several ways at once, beyond reading them and grouping them once. */
import type { TenantState } from '../catalog/tenant-state.ts';
import type { Prices } from './capabilities.ts';
import { estimateGroups, estimateRows } from './estimate.ts';
import type { Plan } from './plan.ts';
import { aggregateOf } from './plan-tree.ts';

/** Of the time per row: reading it and putting it into one group take about as long (4 million charges, DuckDB). */
const GROUPING_PART = 0.5;
/** Making one of many groups of several columns, and fetching a value that is null because the row is of another set. */
const MS_PER_FINE_GROUP = 0.002;
const MS_PER_PADDED_VALUE = 0.0002;

/** How often rows are put into groups, each time after the first, and what the fine groups and padded values take. */
export type SetsWork = { readonly groupings: number; readonly ms: number };

/** Null for a fragment that groups in one way. */
export function setsWork(fragment: Plan, state: TenantState): SetsWork | null {
  if (fragment.kind !== 'GroupingSets') return null;
  const { sets, step, input } = fragment;
  const rows = estimateRows(input, state);
  const width = new Set(sets.flat()).size;
  const padding = sets.map(
    (set, i) => estimateGroups(aggregateOf(fragment, i), state) * (width - set.length) * MS_PER_PADDED_VALUE,
  );
  const isFine = step === 'final';
  return {
    groupings: rows * (isFine ? sets.length : sets.length - 1),
    ms: padding.reduce((sum, ms) => sum + ms, isFine ? rows * MS_PER_FINE_GROUP : 0),
  };
}

export function setsMs({ groupings, ms }: SetsWork, { msPerMillionRows }: Prices): number {
  return ms + (groupings * msPerMillionRows * GROUPING_PART) / 1e6;
}
