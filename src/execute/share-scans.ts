/**
 * Questions that come at the same moment are looked at together, after each is planned and admitted by itself: those of
 * one state share scans where that is cheaper. Sharing fails nobody: who cannot go on with what is shared asks alone.
 */
import DataLoader from 'dataloader';

import type { TenantState } from '../catalog/tenant-state.ts';
import { fitsCaps } from '../planner/guard.ts';
import type { Ask } from '../planner/plan.ts';
import type { QueryPlan } from '../planner/plan-query.ts';
import type { StoreOffer } from '../planner/pushed-to-physical.ts';
import { shareAsks } from '../planner/share-asks.ts';
import type { AskRunner } from './run-plan.ts';
import { runAsk } from './run-plan.ts';
import type { SharedRuns } from './shared-runs.ts';
import { createSharedRuns } from './shared-runs.ts';

/** A question that may be run. */
export type Admitted = {
  readonly state: TenantState;
  /** Its parts share scans with one another. */
  readonly plan: QueryPlan;
  /** Nothing of it is shared. */
  readonly apart: QueryPlan;
  readonly runner: AskRunner;
};
export type Sharing = {
  /** Its parts share scans with one another, and with those of other questions. */
  readonly plan: QueryPlan;
  readonly shared: SharedRuns;
};

/** A question on its way to be run. @throws what speaks against it: in `admit` */
export type Asked = {
  /** The same object for questions of one state that are planned alike; null: nothing is shared. */
  readonly way: object | null;
  readonly admit: () => Promise<Admitted>;
};

/** Questions of more than one person and operation may be looked at together, never those of more than one tenant. */
const TOGETHER_MAX = 100;

export type ShareScans = (asked: Asked) => Promise<Admitted & Sharing>;

/** @param runnerOf what is shared is run with: its meter counts for the tenant, and for no question */
export function createShareScans(
  offers: readonly StoreOffer[],
  runnerOf: (state: TenantState) => Promise<AskRunner>,
): ShareScans {
  const loader = new DataLoader<Asked, Admitted & Sharing>(
    async (all) => {
      const settled = await Promise.allSettled(all.map((asked) => asked.admit()));
      const sharings = new Map<Admitted, Sharing>();
      const admitted = settled.flatMap((each, i) =>
        each.status === 'fulfilled' ? [{ way: all[i]?.way ?? null, admitted: each.value }] : [],
      );
      for (const [way, alike] of Map.groupBy(admitted, (each) => each.way)) {
        const some = alike.map((each) => each.admitted);
        for (const [i, sharing] of share(some, way !== null).entries()) {
          const owner = some[i];
          if (owner) sharings.set(owner, sharing);
        }
      }
      return settled.map((each) => {
        if (each.status === 'rejected') return asError(each.reason);
        const sharing = sharings.get(each.value);
        return sharing ? { ...each.value, ...sharing } : new Error('every admitted question has a plan');
      });
    },
    { cache: false, maxBatchSize: TOGETHER_MAX },
  );
  return (asked) => loader.load(asked);

  function share(some: readonly Admitted[], isShared: boolean): Sharing[] {
    const [first, ...others] = some;
    if (first === undefined) return [];
    const { state, runner } = first;
    const fits = (ask: Ask) => fitsCaps([ask], state, runner.meter.caps);
    const apart = some.map((each) => each.apart);
    // A question by itself was admitted as it is.
    const isAlone = !isShared || others.length === 0;
    const plans = isAlone ? some.map((each) => each.plan) : shareAsks(apart, state, offers, fits);
    const shared = createSharedRuns(async (ask, limits) => runAsk(ask, await runnerOf(state), limits));
    return plans.map((plan) => ({ plan, shared }));
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
