import type { PublishedBatch } from '../catalog/batch.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import type { TimeOrder } from '../core/time-order.ts';
import { itemsAround, timeOrder } from '../core/time-order.ts';
import type { TimeRange } from '../core/time-range.ts';
import { DAY_MS } from '../core/time-range.ts';
import type { Scan } from './plan.ts';

type Axis = Scan['axis'];
const known = new WeakMap<TenantState['batches'], Map<Axis, TimeOrder<PublishedBatch>>>();

/**
 * The live batches of a Scan that may have charges in its time, or in the days that the time begins and ends in; in
 * order of time. A look at them is needed still.
 */
export function scannedBatches(
  { batches, axis, range }: Pick<Scan, 'batches' | 'axis' | 'range'>,
  state: TenantState,
): readonly PublishedBatch[] {
  const days = { from: range.from - DAY_MS, to: range.to + DAY_MS };
  const around = itemsAround(liveInOrder(state, axis), days);
  if (batches === null) return around;
  const asked = new Set(batches);
  return around.filter(({ id }) => asked.has(id));
}

function liveInOrder({ batches }: TenantState, axis: Axis): TimeOrder<PublishedBatch> {
  const ofState = known.get(batches) ?? new Map<Axis, TimeOrder<PublishedBatch>>();
  known.set(batches, ofState);
  const order = ofState.get(axis) ?? timeOrder(batches, (batch) => timeOf(batch, axis));
  ofState.set(axis, order);
  return order;
}

/** When the charges of a batch are, by an axis: of billing periods the month. */
export function timeOf(batch: PublishedBatch, axis: Axis): TimeRange {
  return axis === 'billing_period_start' ? monthOf(batch) : batch;
}

function monthOf({ billingMonth }: PublishedBatch): TimeRange {
  const from = new Date(`${billingMonth}T00:00:00Z`);
  return { from: from.getTime(), to: Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + 1, 1) };
}
