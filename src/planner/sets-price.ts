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

/** 0 for a fragment that groups in one way. */
export function setsMs(fragment: Plan, state: TenantState, { msPerMillionRows }: Prices): number {
  if (fragment.kind !== 'GroupingSets') return 0;
  const { sets, step, input } = fragment;
  const msPerRow = (msPerMillionRows * GROUPING_PART) / 1e6;
  const rows = estimateRows(input, state);
  const grouping =
    step === 'single'
      ? (sets.length - 1) * rows * msPerRow
      : rows * (MS_PER_FINE_GROUP + sets.length * msPerRow);
  const width = new Set(sets.flat()).size;
  const padding = sets.map(
    (set, i) => estimateGroups(aggregateOf(fragment, i), state) * (width - set.length) * MS_PER_PADDED_VALUE,
  );
  return padding.reduce((sum, ms) => sum + ms, grouping);
}
