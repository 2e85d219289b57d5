/** Asks that several plans hold, as one object: each is run once for all of them. */
import type { Ask } from '../planner/plan.ts';
import { createFlights } from './flights.ts';
import type { PlanResult, RunLimits } from './run-plan.ts';

/** Runs an Ask, or gives what it gave, as long as the plans are run that share it. */
export type SharedRuns = (ask: Ask, limits: RunLimits) => Promise<PlanResult>;

/** @param run how the Ask is run; aborted when none of the plans waits for it any more */
export function createSharedRuns(run: (ask: Ask, limits: RunLimits) => Promise<PlanResult>): SharedRuns {
  const results = new Map<Ask, PlanResult>();
  const flights = createFlights<PlanResult>();
  return async (ask, limits) => {
    const known = results.get(ask);
    if (known) return known;
    return flights.join(ask, limits.signal, async (signal) => {
      const result = await run(ask, { ...limits, signal });
      results.set(ask, result);
      return result;
    });
  };
}
