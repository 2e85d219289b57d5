/** Loads of driver data that ended before they were published. */
import type { Control } from '../catalog/control/control.ts';
import type { DataLake } from '../catalog/lake.ts';
import { isCostError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import type { Instant } from '../core/time-range.ts';
import { filesCommittedBefore } from './committed-before.ts';
import { discardLoads, streamLease } from './load-telemetry.ts';

/** Takes those out of the table that were committed before an instant, stream by stream while nothing is loaded into it. */
export async function discardUnknownLoads(
  lake: DataLake,
  control: Control,
  tenant: TenantId,
  before: Instant,
): Promise<{ loads: string[]; skipped: string[] }> {
  const loads: string[] = [];
  const skipped: string[] = [];
  for (const stream of (await unknownLoads(lake, control, tenant, before)).keys()) {
    try {
      await control.withLease(streamLease(tenant, stream), 0, async (signal) => {
        const found = (await unknownLoads(lake, control, tenant, before)).get(stream) ?? new Set();
        signal.throwIfAborted();
        await discardLoads(lake, tenant, found);
        loads.push(...found);
      });
    } catch (error) {
      if (!isCostError(error) || error.code !== 'LOCKED') throw error;
      skipped.push(`what loads of the stream ${stream} left behind stays: one is under way`);
    }
  }
  return { loads, skipped };
}

/** By stream. */
async function unknownLoads(
  lake: DataLake,
  control: Control,
  tenant: TenantId,
  before: Instant,
): Promise<Map<string, Set<string>>> {
  const files = await filesCommittedBefore(lake, tenant, 'telemetry', before);
  const streams = await control.telemetry(tenant);
  const known = new Set(streams.flatMap(({ loads }) => loads.map(({ id }) => id)));
  const unknown = new Map<string, Set<string>>();
  for (const { partition } of files) {
    const [stream, load] = [String(partition['stream']), String(partition['load'])];
    if (!known.has(load)) unknown.set(stream, (unknown.get(stream) ?? new Set()).add(load));
  }
  return unknown;
}
