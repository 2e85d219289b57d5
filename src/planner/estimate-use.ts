import type { TenantState } from '../catalog/tenant-state.ts';
import type { DayUse, Use } from '../core/limits.ts';
import { estimateRows } from './estimate.ts';
import type { QueryPlan } from './plan-query.ts';
import type { Ask, Plan } from './plan.ts';
import { asksOf, children } from './plan-tree.ts';

const USD_UNITS = 1e12;

/** What all parts of a plan use together, by their estimates, rounded up. */
export function estimateUse({ parts }: QueryPlan, state: TenantState): Use {
  return useOf(
    parts.flatMap((part) => asksOf(part.plan)),
    state,
  );
}

/** What Asks use together; one that several plans or parts hold counts once. */
export function useOf(all: readonly Ask[], state: TenantState): Use {
  const asks = [...new Set(all)];
  const total = (of: (ask: Ask) => number) => asks.reduce((sum, ask) => sum + of(ask), 0);
  return {
    bytes: roundUp(total((ask) => ask.estimate.bytes)),
    rows: roundUp(total((ask) => rowsRead(ask.fragment, state))),
    groups: roundUp(total((ask) => ask.estimate.rows)),
    usd: roundUp(total((ask) => ask.estimate.usd) * USD_UNITS),
    ms: roundUp(total((ask) => ask.estimate.ms)),
  };
}

/** What an Ask used that ran for `ms`: what it read is known by the files it was given, the price by its time. */
export function useOfRun({ estimate }: Ask, ms: number): DayUse {
  const usdPerMs = estimate.ms === 0 ? 0 : estimate.usd / estimate.ms;
  return { bytes: roundUp(estimate.bytes), usd: roundUp(usdPerMs * ms * USD_UNITS), ms: roundUp(ms) };
}

function rowsRead(plan: Plan, state: TenantState): number {
  if (plan.kind === 'Scan') return estimateRows(plan, state);
  return children(plan).reduce((sum, child) => sum + rowsRead(child, state), 0);
}

function roundUp(amount: number): bigint {
  return BigInt(Math.ceil(amount));
}
