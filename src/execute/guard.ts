/** What each tenant's queries may use now: its own limits or the deployment's, and what is left of its day. */
import type { Control } from '../catalog/control/control.ts';
import type { TenantId } from '../core/ids.ts';
import type { Limits } from '../core/limits.ts';
import type { Instant } from '../core/time-range.ts';
import { capsOf } from '../planner/too-expensive.ts';
import { nextUtcMidnight, openDayLedger } from './day-ledger.ts';
import type { Meter } from './meter.ts';
import { createMeter } from './meter.ts';

export type Guard = AsyncDisposable & {
  /** For one question of a tenant; what it uses counts for the tenant's day. */
  readonly admit: (tenant: TenantId) => Promise<Meter>;
};

/** Disposed of, it adds what was counted to the control plane: before that is closed. */
export function openGuard(control: Control, deployment: Limits, clock: () => Instant): Guard {
  const ledger = openDayLedger(control, clock);
  const limitsOf = limitsReader(control, deployment);
  return {
    admit: async (tenant) => {
      const limits = await limitsOf(tenant);
      await ledger.refresh(tenant);
      const capsNow = () => capsOf(limits, ledger.used(tenant), nextUtcMidnight(clock()));
      return createMeter(capsNow, (use) => ledger.add(tenant, use));
    },
    [Symbol.asyncDispose]: () => ledger[Symbol.asyncDispose](),
  };
}

/** Read again whenever the control plane has changed. */
function limitsReader(control: Control, deployment: Limits): (tenant: TenantId) => Promise<Limits> {
  const known = new Map<TenantId, Limits>();
  let counter: number | null = null;
  return async (tenant) => {
    const now = await control.changeCounter();
    if (now !== counter) known.clear();
    counter = now;
    const kept = known.get(tenant);
    if (kept) return kept;
    const limits = { ...deployment, ...(await control.ownLimits(tenant)) };
    if (now === counter) known.set(tenant, limits);
    return limits;
  };
}
