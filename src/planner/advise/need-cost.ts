/** What observed needs cost, or would have cost, by what answers them. */
import type { NeedUse, ObservedNeed } from '../../catalog/needs.ts';
import type { Prices } from '../capabilities.ts';
import type { Evidence, WeighedBatch } from './evidence.ts';
import type { Definition } from './part-rows.ts';
import { buildableRows } from './part-rows.ts';

export type Cost = { readonly ms: number; readonly bytes: number };

/** Something that answers needs: a rollup that there is, or one that there might be. */
export type Answerer = Definition & {
  /** Null where it is none of a tenant's rollups. */
  readonly id: string | null;
  /** For each batch: the rows of its part and what it lacks; null without a part. */
  readonly parts: readonly ({ readonly rows: number; readonly lacks: ReadonlySet<string> } | null)[];
};

const lacksNothing: ReadonlySet<string> = new Set();

export function knownAnswerers({ batches, rollups }: Evidence): Answerer[] {
  return rollups.map(({ rollup }) => ({
    ...rollup,
    parts: batches.map(({ parts }) => {
      const part = parts.find((one) => one.rollup.id === rollup.id);
      if (part === undefined) return null;
      const lacks = new Set(rollup.attributes.filter((key) => !part.attributes.has(key)));
      return { rows: part.rows, lacks };
    }),
  }));
}

export function plannedAnswerer({ batches }: Evidence, definition: Definition): Answerer {
  const parts = batches.map((batch) => {
    const rows = buildableRows(batch, definition);
    return rows === null ? null : { rows, lacks: lacksNothing };
  });
  return { ...definition, id: null, parts };
}

/** Each pair is looked at many times. */
const known = new WeakMap<Answerer, Map<ObservedNeed, number | null>>();

/**
 * Rows that are read for each charge, where batches that it cannot answer are read from their charges; null where it
 * can answer none.
 */
export function rowsACharge(
  batches: readonly WeighedBatch[],
  answerer: Answerer,
  observed: ObservedNeed,
): number | null {
  const own = known.get(answerer) ?? new Map<ObservedNeed, number | null>();
  known.set(answerer, own);
  const earlier = own.get(observed);
  if (earlier !== undefined) return earlier;
  const rows = countRows(batches, answerer, observed);
  own.set(observed, rows);
  return rows;
}

function countRows(
  batches: readonly WeighedBatch[],
  { grain, attributes, parts }: Answerer,
  { need }: ObservedNeed,
): number | null {
  if (need.grain === null || (need.grain === 'hour' && grain === 'day')) return null;
  if (!need.attributes.every((key) => attributes.includes(key))) return null;
  let [rows, charges, answers] = [0, 0, false];
  for (const [i, batch] of batches.entries()) {
    const part = parts[i];
    const isAble = part && !need.attributes.some((key) => part.lacks.has(key));
    rows += isAble ? part.rows : batch.charges;
    charges += batch.charges;
    answers ||= isAble ?? false;
  }
  return answers ? rows / charges : null;
}

/**
 * What was really taken is divided as the estimate is: into what starting takes, whatever is read, and what grows with
 * the rows.
 *
 * @param rows that are read for each charge; 1 of charges
 */
export function costAt(use: NeedUse, rows: number, { startupMs }: Prices): Cost {
  const started = use.estimatedMs === 0 ? 1 : Math.min(1, (use.times * startupMs) / use.estimatedMs);
  const scale = use.rows === 0 ? 1 : (rows * use.charges) / use.rows;
  return { ms: use.ms * (started + (1 - started) * scale), bytes: use.bytes * scale };
}

/** By the cheapest that can answer it, charges among them; which that is, null for the charges. */
export function cheapest(
  { batches, prices }: Pick<Evidence, 'batches' | 'prices'>,
  observed: ObservedNeed,
  answerers: readonly Answerer[],
): { readonly cost: Cost; readonly by: Answerer | null } {
  let best: { by: Answerer | null; rows: number } = { by: null, rows: 1 };
  for (const by of answerers) {
    const rows = rowsACharge(batches, by, observed);
    if (rows !== null && rows < best.rows) best = { by, rows };
  }
  return { cost: costAt(observed.use, best.rows, prices), by: best.by };
}

export function addCost(a: Cost, b: Cost): Cost {
  return { ms: a.ms + b.ms, bytes: a.bytes + b.bytes };
}

export function lessCost(a: Cost, b: Cost): Cost {
  return { ms: a.ms - b.ms, bytes: a.bytes - b.bytes };
}

export const NO_COST: Cost = { ms: 0, bytes: 0 };
