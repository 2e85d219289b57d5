import type { NeedUse, ObservedNeed } from '../../catalog/needs.ts';
import { addNeedUse, needKey } from '../../catalog/needs.ts';
import type { Rollup } from '../../catalog/rollups.ts';
import type { TenantState } from '../../catalog/tenant-state.ts';
import type { TenantId } from '../../core/ids.ts';
import { compareText } from '../../core/code-point-order.ts';
import { DAY_MS, HOUR_MS } from '../../core/time-range.ts';
import type { Prices } from '../capabilities.ts';
import type { BatchStatistics, RollupFacts } from '../rollup-facts.ts';
import { rollupFactsOf } from '../rollup-facts.ts';
import { rollupParts } from '../rollup-parts.ts';

/** All that advice follows from. */
export type Evidence = {
  readonly tenant: TenantId;
  /** UTC days that were looked at, and from the first of them on which anything was observed until today. */
  readonly days: number;
  readonly observedDays: number;
  /** Of all days together, by the time they took, the most first. */
  readonly needs: readonly ObservedNeed[];
  readonly charges: number;
  /** Live batches with charges, the largest first; at most BATCHES_WEIGHED_MAX, which stand for the others. */
  readonly batches: readonly WeighedBatch[];
  /** How many charges there are for each of the weighed batches. */
  readonly scale: number;
  readonly rollups: readonly KnownRollup[];
  /** Rows that parts of all rollups may have together. */
  readonly rowsMax: number;
  readonly prices: Prices;
};

export type KnownRollup = { readonly rollup: Rollup; readonly facts: RollupFacts };

export type WeighedBatch = {
  readonly id: string;
  readonly charges: number;
  /** That its charges may start in. */
  readonly hours: number;
  readonly days: number;
  /** Values of a dimension, a missing one included; 1 where nothing is known of it: the batch has none. */
  readonly valuesOf: (key: string) => number;
  readonly parts: readonly WeighedPart[];
};

/** What a batch has of a rollup. */
export type WeighedPart = {
  readonly rollup: Rollup;
  readonly rows: number;
  readonly attributes: ReadonlySet<string>;
  /** Attributes with which it would have been over its budget. */
  readonly tooMany: readonly string[] | null;
};

/** So many of the largest batches are enough to tell what pays. */
export const BATCHES_WEIGHED_MAX = 100;

/**
 * @param observed of the days that were looked at, by day
 * @param today the last of them
 */
export function evidenceOf(
  state: TenantState,
  statistics: BatchStatistics,
  observed: readonly (ObservedNeed & { readonly day: string })[],
  asked: Pick<Evidence, 'days' | 'rowsMax' | 'prices'> & { readonly today: string },
): Evidence {
  const { days, rowsMax, prices, today } = asked;
  const live = state.batches
    .filter(({ charges }) => charges > 0)
    .sort((a, b) => b.charges - a.charges || compareText(a.id, b.id));
  const weighed = live.slice(0, BATCHES_WEIGHED_MAX);
  const count = (some: readonly { readonly charges: number }[]) =>
    some.reduce((sum, { charges }) => sum + charges, 0);
  const facts = rollupFactsOf(state, statistics);
  const [first] = observed.map(({ day }) => day).sort();
  return {
    tenant: state.tenant,
    days,
    observedDays: first === undefined ? 0 : Math.round((Date.parse(today) - Date.parse(first)) / DAY_MS) + 1,
    needs: together(observed),
    charges: count(live),
    batches: weighed.map((batch) => weighedBatch(batch, state, statistics)),
    scale: weighed.length === 0 ? 1 : count(live) / count(weighed),
    rollups: state.rollups.flatMap((rollup, i) => {
      const own = facts[i];
      return own === undefined ? [] : [{ rollup, facts: own }];
    }),
    rowsMax,
    prices,
  };
}

function together(observed: readonly ObservedNeed[]): ObservedNeed[] {
  const sums = new Map<string, { need: ObservedNeed['need']; use: NeedUse }>();
  for (const { need, use } of observed) {
    const key = needKey(need);
    const earlier = sums.get(key);
    sums.set(key, { need, use: earlier === undefined ? use : addNeedUse(earlier.use, use) });
  }
  return [...sums]
    .sort(([a, one], [b, other]) => other.use.ms - one.use.ms || compareText(a, b))
    .map(([, each]) => each);
}

function weighedBatch(
  { id, charges, from, to }: TenantState['batches'][number],
  state: TenantState,
  statistics: BatchStatistics,
): WeighedBatch {
  const own = statistics.get(id);
  const valuesOf = (key: string) => {
    const { distinct = 0, nulls = 0 } = own?.get(key) ?? {};
    return Math.max(1, distinct + (nulls > 0 ? 1 : 0));
  };
  const parts = state.rollups.flatMap((rollup): WeighedPart[] => {
    const part = rollupParts(state, rollup).get(id);
    if (part === undefined) return [];
    const left = [...part.leftOut].sort((a, b) => valuesOf(a) - valuesOf(b) || compareText(a, b));
    const attributes = rollup.attributes.filter((key) => !part.leftOut.includes(key));
    const [next] = left;
    const tooMany = next === undefined ? null : [...attributes, next];
    return [{ rollup, rows: part.records, attributes: new Set(attributes), tooMany }];
  });
  return {
    id,
    charges,
    hours: Math.max(1, Math.ceil((to - from) / HOUR_MS)),
    days: Math.max(1, Math.ceil((to - from) / DAY_MS)),
    valuesOf,
    parts,
  };
}
