import type { TenantState } from '../catalog/tenant-state.ts';
import type { TimeRange } from '../core/time-range.ts';
import type { Freshness } from './engine.ts';

/**
 * How far the bills reach: the least of the live sources' newest ends, so that up to there every source is billed.
 * A period is complete where it ends before that.
 */
export function freshnessOf(state: TenantState, period: TimeRange | null): Freshness {
  const ends = new Map<string, number>();
  for (const batch of state.batches) ends.set(batch.source, Math.max(ends.get(batch.source) ?? 0, batch.to));
  const billedThrough = ends.size === 0 ? null : Math.min(...ends.values());
  const complete = billedThrough !== null && (period === null || period.to <= billedThrough);
  return { billedThrough, sealedThrough: billedThrough, newestEvent: null, complete };
}
