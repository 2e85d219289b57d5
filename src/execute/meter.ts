/** Bounds what one question uses while it runs, and counts it. */
import type { AskResult } from '../connectors/connector.ts';
import { isCostError } from '../core/errors.ts';
import type { DayUse, UseName } from '../core/limits.ts';
import { useOfRun } from '../planner/estimate-use.ts';
import type { Ask } from '../planner/plan.ts';
import type { Cap } from '../planner/too-expensive.ts';
import { budgetUsedUp, overWhileRunning } from '../planner/too-expensive.ts';
import type { RunLimits } from './run-plan.ts';

/** Times the limit of milliseconds that a question may really take: estimates are of an idle machine with warm files. */
export const ACTUAL_MS_FACTOR = 10;
/** Timers take no longer; deadlines end queries long before. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export type Meter = {
  /** What the question may use by its estimate. */
  readonly caps: readonly Cap[];
  /**
   * Runs one Ask of the question by `work`, within what is left of its limits of milliseconds and groups, and counts
   * what it used, also where it fails. Waiting for admission is over by then.
   *
   * @throws QUERY_TOO_EXPENSIVE where that is over, or the budget of the day is used up by now
   */
  readonly run: (
    ask: Ask,
    limits: RunLimits,
    work: (bounded: RunLimits) => Promise<AskResult>,
  ) => Promise<AskResult>;
};

/** @param capsNow the caps as the use of the day is at the moment */
export function createMeter(capsNow: () => readonly Cap[], count: (use: DayUse) => void): Meter {
  const caps = capsNow();
  const limitOf = (name: UseName) => caps.find((cap) => cap.name === name && cap.budget === null)?.max;
  const groupsMax = Number(limitOf('groups') ?? Infinity);
  const msMax = Number(limitOf('ms') ?? Infinity);
  let groups = 0;
  let ms = 0;
  const overGroups = (actual: number) => overWhileRunning('groups', actual, groupsMax, 1);
  const overMs = (actual: number) => overWhileRunning('ms', actual, msMax, ACTUAL_MS_FACTOR);
  return {
    caps,
    run: async (ask, { signal, rowsMax }, work) => {
      checkBudgets(capsNow());
      const msLeft = msMax * ACTUAL_MS_FACTOR - ms;
      if (msLeft <= 0) throw overMs(ms);
      const groupsLeft = groupsMax - groups;
      const over = new AbortController();
      const timer = setTimeout(() => over.abort(), Math.min(msLeft, TIMER_MS_MAX));
      const started = performance.now();
      try {
        const bothSignals = AbortSignal.any([signal, over.signal]);
        const result = await work({ signal: bothSignals, rowsMax: Math.min(rowsMax, groupsLeft) });
        groups += result.rows.length;
        // Parts that run at once have the whole rest each.
        if (groups > groupsMax) throw overGroups(groups);
        return result;
      } catch (error) {
        if (over.signal.aborted && !signal.aborted) throw overMs(ms + performance.now() - started);
        if (groupsLeft < rowsMax && isCostError(error) && error.code === 'TOO_LARGE') {
          throw overGroups(groupsMax + 1);
        }
        throw error;
      } finally {
        clearTimeout(timer);
        const ranMs = performance.now() - started;
        ms += ranMs;
        count(useOfRun(ask, ranMs));
      }
    },
  };
}

function checkBudgets(caps: readonly Cap[]): void {
  const usedUp = caps.find(({ budget, max }) => budget !== null && max === 0n);
  if (usedUp?.budget) throw budgetUsedUp(usedUp.name, usedUp.budget);
}
