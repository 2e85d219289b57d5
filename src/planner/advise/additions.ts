/** Which rollups would pay: grown from what single needs would have, one after the other. */
import { ROLLUPS_MAX, isSameRollup } from '../../catalog/define-rollup.ts';
import type { ObservedNeed } from '../../catalog/needs.ts';
import type { RollupGrain } from '../../catalog/rollups.ts';
import { ROLLUP_TAGS_MAX, isRollupAttribute, partRowsMax, tagKeyOf } from '../../catalog/rollups.ts';
import { compareText } from '../../core/code-point-order.ts';
import type { Evidence, WeighedBatch } from './evidence.ts';
import type { Answerer, Cost } from './need-cost.ts';
import {
  NO_COST,
  addCost,
  cheapest,
  costAt,
  knownAnswerers,
  plannedAnswerer,
  rowsACharge,
} from './need-cost.ts';
import type { Definition } from './part-rows.ts';

/** More are not proposed at once: what the first ones change is known better once they are there. */
export const ADDED_MAX = 3;
/** A habit is what was asked so often. */
export const HABIT_TIMES_MIN = 5;
/** What a rollup answers must take at most so much of the time it takes now. */
export const TIME_LEFT_MAX = 2 / 3;
/** In so many days it must save the time that building it takes. */
export const PAID_BACK_DAYS = 30;
/** Measured with the sample: a rollup of its 252,501 charges takes about a second, whatever it is by. */
export const BUILD_MS_A_MILLION_CHARGES = 4_000;
/** Two become one where that saves so much of what both save apart. */
export const TOGETHER_SAVED_MIN = 0.9;
/** Of these needs, the dearest, candidates are made. */
const SEEDS_MAX = 12;
const GROWN_BY_MAX = 30;

export type Addition = {
  readonly definition: Definition;
  /** Of needs that it makes cheaper. */
  readonly times: number;
  readonly now: Cost;
  readonly after: Cost;
  readonly rows: number;
  readonly buildMs: number;
  /** Of all charges, those in batches for which a part with all attributes would be within its budget. */
  readonly charges: number;
};

/** With what it saves of each need. */
type Candidate = Addition & { readonly savedByNeedMs: readonly number[] };

export type Additions = {
  readonly added: readonly Addition[];
  /** What would pay best but has no room: null where all that pays has. */
  readonly withoutRoom: Addition | null;
  readonly isFull: boolean;
};

export function proposeAdditions(evidence: Evidence): Additions {
  const { rollups, rowsMax } = evidence;
  const added: Addition[] = [];
  let withoutRoom: Addition | null = null;
  let answerers = knownAnswerers(evidence);
  let room = rowsMax - rollups.reduce((sum, { facts }) => sum + facts.rows, 0);
  for (;;) {
    const paying = candidates(evidence, answerers).filter(pays(evidence.observedDays));
    const best = paying.find(({ rows }) => rows <= room);
    const first = paying[0];
    if (added.length === 0 && first !== undefined && first !== best) withoutRoom = first;
    if (best === undefined || added.length === ADDED_MAX) return { added, withoutRoom, isFull: false };
    if (rollups.length + added.length >= ROLLUPS_MAX) return { added, withoutRoom, isFull: true };
    added.push(best);
    answerers = [...answerers, plannedAnswerer(evidence, best.definition)];
    room -= best.rows;
  }
}

function pays(days: number): (one: Addition) => boolean {
  return ({ times, now, after, buildMs }) =>
    times >= HABIT_TIMES_MIN &&
    after.ms <= now.ms * TIME_LEFT_MAX &&
    ((now.ms - after.ms) / Math.max(1, days)) * PAID_BACK_DAYS >= buildMs;
}

/** The one that saves most first. */
function candidates(evidence: Evidence, answerers: readonly Answerer[]): Candidate[] {
  const able = evidence.needs.filter(
    ({ need: { grain, attributes } }) =>
      grain !== null && attributes.length > 0 && attributes.every(isRollupAttribute),
  );
  const weigh = weigher(evidence, able, answerers);
  const seeds = able
    .map((observed) => ({ observed, ms: cheapest(evidence, observed, answerers).cost.ms }))
    .sort((a, b) => b.ms - a.ms)
    .map(({ observed }) => observed);
  const grown = seeds.slice(0, SEEDS_MAX).flatMap((seed) => {
    let best = weigh(definitionFor(seed, null));
    if (best === null) return [];
    for (const other of seeds.slice(0, GROWN_BY_MAX)) {
      const alone = weigh(definitionFor(other, null));
      const wider = weigh(definitionFor(other, best.definition));
      if (alone !== null && wider !== null && goTogether(best, alone, wider)) best = wider;
    }
    return [best];
  });
  return grown.sort(
    (a, b) =>
      savedMs(b) - savedMs(a) || a.rows - b.rows || compareText(keyOf(a.definition), keyOf(b.definition)),
  );
}

function goTogether(a: Candidate, b: Candidate, both: Candidate): boolean {
  const apart = a.savedByNeedMs.reduce((sum, ms, i) => sum + Math.max(ms, b.savedByNeedMs[i] ?? 0), 0);
  return savedMs(both) > savedMs(a) && savedMs(both) >= apart * TOGETHER_SAVED_MIN;
}

function savedMs({ now, after }: Addition): number {
  return now.ms - after.ms;
}

function definitionFor({ need }: ObservedNeed, wider: Definition | null): Definition {
  const attributes = new Set([...need.attributes, ...(wider?.attributes ?? [])]);
  const grain: RollupGrain = need.grain === 'hour' || wider?.grain === 'hour' ? 'hour' : 'day';
  return { grain, attributes: [...attributes].sort() };
}

function keyOf({ grain, attributes }: Definition): string {
  return JSON.stringify([grain, ...attributes]);
}

/** What a rollup would change; null where it cannot be, or is there already. */
function weigher(
  evidence: Evidence,
  needs: readonly ObservedNeed[],
  answerers: readonly Answerer[],
): (definition: Definition) => Candidate | null {
  const current = needs.map((observed) => cheapest(evidence, observed, answerers).cost);
  const known = new Map<string, Candidate | null>();
  return (definition) => {
    const key = keyOf(definition);
    const earlier = known.get(key);
    if (earlier !== undefined) return earlier;
    const weighed = isPossible(evidence, definition) ? weigh(evidence, needs, current, definition) : null;
    known.set(key, weighed);
    return weighed;
  };
}

function isPossible({ rollups }: Evidence, definition: Definition): boolean {
  const tags = definition.attributes.filter((key) => tagKeyOf(key) !== null).length;
  const isThere = rollups.some(({ rollup }) => isSameRollup(rollup, { ...rollup, ...definition }));
  return tags <= ROLLUP_TAGS_MAX && !isThere;
}

function weigh(
  evidence: Evidence,
  needs: readonly ObservedNeed[],
  current: readonly Cost[],
  definition: Definition,
): Candidate | null {
  const { batches, scale, prices } = evidence;
  const answerer = plannedAnswerer(evidence, definition);
  const built = batches.filter((_, i) => answerer.parts[i] !== null);
  const charges = built.reduce((sum, batch) => sum + batch.charges, 0) * scale;
  if (charges < evidence.charges / 2) return null; // It would be left without some attribute nearly everywhere.
  const savedByNeedMs = needs.map(() => 0);
  let [times, now, after] = [0, NO_COST, NO_COST];
  for (const [i, observed] of needs.entries()) {
    const rows = rowsACharge(batches, answerer, observed);
    const cost = current[i];
    if (rows === null || cost === undefined) continue;
    const cheaper = costAt(observed.use, rows, prices);
    if (cheaper.ms >= cost.ms) continue;
    times += observed.use.times;
    now = addCost(now, cost);
    after = addCost(after, cheaper);
    savedByNeedMs[i] = cost.ms - cheaper.ms;
  }
  // Where an attribute is left out, a part may be as large as it may.
  const rowsOf = ({ charges }: WeighedBatch, i: number) => answerer.parts[i]?.rows ?? partRowsMax(charges);
  const rows = batches.map(rowsOf).reduce((sum, each) => sum + each, 0) * scale;
  const buildMs = (evidence.charges / 1e6) * BUILD_MS_A_MILLION_CHARGES;
  return {
    definition,
    times,
    now,
    after,
    rows: Math.round(rows),
    buildMs,
    charges: Math.round(charges),
    savedByNeedMs,
  };
}
