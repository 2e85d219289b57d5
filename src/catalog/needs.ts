/** What questions need of their source, seen when they run: the dimensions they look at, never a value of one. */
import type { RollupGrain } from './rollups.ts';

export type Need = {
  /** Dimensions of groups, conditions, units and distinct counts, sorted; without those that every rollup has. */
  readonly attributes: readonly string[];
  /** The coarsest that would do; null where no rollup can: charges cut at edges, or what rollups do not sum. */
  readonly grain: RollupGrain | null;
  /** What answered: `charges`, or the id of a rollup. */
  readonly source: string;
};

/** Sums over all times that stores were asked. */
export type NeedUse = {
  readonly times: number;
  /** That what was read stands for. */
  readonly charges: number;
  /** That were read: of charges as many, of a rollup fewer. By estimate, as bytes. */
  readonly rows: number;
  readonly bytes: number;
  readonly estimatedMs: number;
  readonly ms: number;
};

export type ObservedNeed = { readonly need: Need; readonly use: NeedUse };

/** Of `source`, where charges answered. */
export const CHARGES = 'charges';
/** Habits fade: what is older than so many days is forgotten. */
export const NEEDS_DAYS_MAX = 30;
/** Different needs kept of a tenant's day; those that took the least time go first. */
export const NEEDS_A_DAY_MAX = 200;

export function addNeedUse(a: NeedUse, b: NeedUse): NeedUse {
  return {
    times: a.times + b.times,
    charges: a.charges + b.charges,
    rows: a.rows + b.rows,
    bytes: a.bytes + b.bytes,
    estimatedMs: a.estimatedMs + b.estimatedMs,
    ms: a.ms + b.ms,
  };
}

/** Equal for equal needs. */
export function needKey({ source, grain, attributes }: Need): string {
  return JSON.stringify([source, grain, ...attributes]);
}

/** Of what `needKey` wrote. */
export function needOfKey(key: string): Need {
  const [source, grain, ...attributes] = JSON.parse(key) as [string, RollupGrain | null, ...string[]];
  return { source, grain, attributes };
}
