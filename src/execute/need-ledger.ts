/**
 * What questions needed, for the advisor of rollups: counted in memory, so that no question waits for it, and added to
 * the control plane in the background and at the end. A crash loses what was counted since.
 */
import type { Control, DayNeed, TenantNeed, UtcDay } from '../catalog/control/control.ts';
import type { NeedUse } from '../catalog/needs.ts';
import { NEEDS_A_DAY_MAX, addNeedUse, needKey, needOfKey } from '../catalog/needs.ts';
import type { TenantId } from '../core/ids.ts';
import type { Instant } from '../core/time-range.ts';
import { DAY_MS } from '../core/time-range.ts';
import { needsOfAsk } from '../planner/needs-of-ask.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import { createBackgroundWriter } from './background-writer.ts';
import { utcDay } from './day-ledger.ts';
import type { AskRun } from './run-plan.ts';

/** The longest that needs are kept in memory alone. */
export const NEEDS_WRITTEN_EVERY_MS = 30_000;

export type NeedLedger = AsyncDisposable & {
  /** Counts an Ask that was run. Takes microseconds. */
  readonly observe: (state: TenantState, run: AskRun) => void;
  /** Of the last `days` UTC days, today's included; of other processes as far as they have written it. */
  readonly observed: (tenant: TenantId, days: number) => Promise<DayNeed[]>;
};

/** By tenant and day, then by the text of the need. */
type Counted = Map<
  string,
  { readonly tenant: TenantId; readonly day: UtcDay; readonly uses: Map<string, NeedUse> }
>;

export function openNeedLedger(control: Control, clock: () => Instant): NeedLedger {
  let counted: Counted = new Map();
  const writer = createBackgroundWriter(NEEDS_WRITTEN_EVERY_MS, 'needs.not-written', async () => {
    const writing = counted;
    if (writing.size === 0) return;
    counted = new Map();
    try {
      await control.addNeeds(listed(writing), utcDay(clock()));
    } catch (error) {
      for (const { tenant, day, uses } of writing.values()) {
        for (const [key, use] of uses) count(counted, tenant, day, key, use);
      }
      throw error;
    }
  });
  return {
    observe: (state, { ask, ms }) => {
      const day = utcDay(clock());
      for (const { need, use } of needsOfAsk(ask, ms, state)) {
        count(counted, state.tenant, day, needKey(need), use);
      }
      writer.soon();
    },
    observed: async (tenant, days) => {
      await writer.now();
      return control.observedNeeds(tenant, firstDay(clock(), days));
    },
    [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
  };
}

/** The first of `days` UTC days of which today is the last. */
export function firstDay(now: Instant, days: number): UtcDay {
  return utcDay(now - (days - 1) * DAY_MS);
}

function count(counted: Counted, tenant: TenantId, day: UtcDay, key: string, use: NeedUse): void {
  const name = `${day} ${tenant}`;
  const entry = counted.get(name) ?? { tenant, day, uses: new Map<string, NeedUse>() };
  counted.set(name, entry);
  const earlier = entry.uses.get(key);
  if (earlier === undefined && entry.uses.size >= NEEDS_A_DAY_MAX) forgetLeast(entry.uses);
  entry.uses.set(key, earlier === undefined ? use : addNeedUse(earlier, use));
}

function forgetLeast(uses: Map<string, NeedUse>): void {
  let least: string | null = null;
  let leastMs = Infinity;
  for (const [key, { ms }] of uses) {
    if (ms >= leastMs) continue;
    least = key;
    leastMs = ms;
  }
  if (least !== null) uses.delete(least);
}

function listed(counted: Counted): TenantNeed[] {
  return [...counted.values()].flatMap(({ tenant, day, uses }) =>
    [...uses].map(([key, use]) => ({ tenant, day, need: needOfKey(key), use })),
  );
}
