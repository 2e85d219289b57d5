import type { PublishedBatch } from '../catalog/batch.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import type { Scan } from './plan.ts';

/** The live batches whose charges a Scan reads. */
export function scannedBatches({ batches }: Scan, state: TenantState): readonly PublishedBatch[] {
  if (batches === null) return state.batches;
  const asked = new Set(batches);
  return state.batches.filter(({ id }) => asked.has(id));
}
