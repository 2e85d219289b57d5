import type { Control } from '../catalog/control/control.ts';
import type { Lake } from '../catalog/iceberg/catalog.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import type { TenantId } from '../core/ids.ts';
import type { BatchStatistics, RollupFacts } from '../planner/rollup-facts.ts';
import { byBatch, rollupFactsOf } from '../planner/rollup-facts.ts';
import { createStateStore } from './pin-state.ts';

/** Of the newest state, read anew. */
export async function rollupFacts(
  { lake, control }: { readonly lake: Lake; readonly control: Control },
  tenant: TenantId,
): Promise<RollupFacts[]> {
  const state = await readState(lake, control, tenant);
  return rollupFactsOf(state, await batchStatistics(control, state));
}

/** The newest state, for commands that ask once. */
export function readState(lake: Lake, control: Control, tenant: TenantId): Promise<TenantState> {
  return createStateStore(control, lake).newest(tenant);
}

/** Of the live batches. */
export async function batchStatistics(
  control: Control,
  { tenant, batches }: TenantState,
): Promise<BatchStatistics> {
  return byBatch(
    await control.statistics(
      tenant,
      batches.map(({ id }) => id),
    ),
  );
}
