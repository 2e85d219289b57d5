/** Which rollups do little that others would not do, and what the others save. */
import type { Evidence, KnownRollup } from './evidence.ts';
import type { Answerer, Cost } from './need-cost.ts';
import { NO_COST, addCost, cheapest, knownAnswerers, lessCost } from './need-cost.ts';

/** Nobody misses what makes all that it answers this much dearer, as a part of the whole. */
export const DEARER_MAX = 0.1;
/** A week has all its days: what is asked on Mondays alone is seen in so many. */
export const DROPPED_DAYS_MIN = 7;

/** What a rollup is worth beside the others that are kept. */
export type Worth = {
  readonly known: KnownRollup;
  /** How often it answered. */
  readonly answered: number;
  /** What of the observed needs it would answer now, and what these would take more without it. */
  readonly times: number;
  readonly dearer: Cost;
  /** The names of those that would answer in its place; `charges` among them. */
  readonly instead: readonly string[];
};

/** @returns those to drop, in the order of their dropping, and all others */
export function weighRollups(evidence: Evidence): {
  readonly drop: readonly Worth[];
  readonly keep: readonly Worth[];
} {
  let answerers = knownAnswerers(evidence);
  let left = evidence.rollups;
  const drop: Worth[] = [];
  for (;;) {
    const weighed = left.map((known) => worthOf(evidence, known, answerers));
    const [least] = weighed
      .filter(({ isMissed, known }) => !isMissed && known.facts.parts > 0)
      .sort((a, b) => a.worth.dearer.ms - b.worth.dearer.ms || b.known.facts.rows - a.known.facts.rows);
    if (least === undefined || evidence.observedDays < DROPPED_DAYS_MIN) {
      return { drop, keep: weighed.map(({ worth }) => worth) };
    }
    drop.push(least.worth);
    left = left.filter((known) => known !== least.known);
    answerers = answerers.filter(({ id }) => id !== least.known.rollup.id);
  }
}

function worthOf(
  evidence: Evidence,
  known: KnownRollup,
  answerers: readonly Answerer[],
): { known: KnownRollup; worth: Worth; isMissed: boolean } {
  const { id } = known.rollup;
  const others = answerers.filter((one) => one.id !== id);
  const instead = new Set<string>();
  let [times, answered, now, after] = [0, 0, NO_COST, NO_COST];
  for (const observed of evidence.needs) {
    if (observed.need.source === id) answered += observed.use.times;
    const current = cheapest(evidence, observed, answerers);
    if (current.by?.id !== id) continue;
    const next = cheapest(evidence, observed, others);
    times += observed.use.times;
    now = addCost(now, current.cost);
    after = addCost(after, next.cost);
    instead.add(nameOf(evidence, next.by));
  }
  const worth = { known, answered, times, dearer: lessCost(after, now), instead: [...instead].sort() };
  return { known, worth, isMissed: after.ms > now.ms * (1 + DEARER_MAX) };
}

function nameOf({ rollups }: Evidence, by: Answerer | null): string {
  return rollups.find(({ rollup }) => rollup.id === by?.id)?.rollup.name ?? 'charges';
}
