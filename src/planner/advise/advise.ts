/**
 * Advice on a tenant's rollups, from what its questions were observed to need: which to create, which to drop, and what
 * the others are good for. Pure, and the same for the same evidence.
 */
import type { RollupGrain } from '../../catalog/rollups.ts';
import { isRollupAttribute } from '../../catalog/rollups.ts';
import { usdOf } from '../prices.ts';
import type { Addition, Additions } from './additions.ts';
import { proposeAdditions } from './additions.ts';
import type { Evidence } from './evidence.ts';
import type { Cost } from './need-cost.ts';
import { lessCost } from './need-cost.ts';
import type { Worth } from './removals.ts';
import { DROPPED_DAYS_MIN, weighRollups } from './removals.ts';
import { createCommand, dropCommand, formatMs, nameFor, plural } from './words.ts';

/** With fewer times that a store was asked nothing is proposed. */
export const ADVICE_TIMES_MIN = 20;

/** Of an average day. */
export type PerDay = { readonly bytes: number; readonly ms: number; readonly usd: number };

export type RollupToAdd = {
  readonly name: string;
  readonly grain: RollupGrain;
  readonly attributes: readonly string[];
  /** How often the stores were asked what it would make cheaper. */
  readonly times: number;
  readonly saves: PerDay;
  /** Expected, of all its parts. */
  readonly rows: number;
  readonly bytes: number;
  readonly buildMs: number;
  readonly command: string;
  readonly reason: string;
};

export type RollupToDrop = {
  readonly name: string;
  /** How often it answered. */
  readonly times: number;
  /** What its parts take. */
  readonly rows: number;
  readonly bytes: number;
  /** What would become dearer. */
  readonly costs: PerDay;
  readonly command: string;
  readonly reason: string;
};

export type RollupToKeep = {
  readonly name: string;
  readonly times: number;
  /** What would be dearer without it. */
  readonly saves: PerDay;
  readonly reason: string;
};

export type RollupAdvice = {
  readonly days: number;
  readonly observedDays: number;
  /** How often the stores were asked. */
  readonly times: number;
  /** Whether that is enough to propose anything. */
  readonly isEnough: boolean;
  readonly add: readonly RollupToAdd[];
  readonly drop: readonly RollupToDrop[];
  readonly keep: readonly RollupToKeep[];
  readonly notes: readonly string[];
};

export function adviseRollups(evidence: Evidence): RollupAdvice {
  const { days, observedDays, needs } = evidence;
  const times = needs.reduce((sum, { use }) => sum + use.times, 0);
  const isEnough = times >= ADVICE_TIMES_MIN;
  const seen = { days, observedDays, times, isEnough };
  if (!isEnough) {
    const missing = `Stores were asked ${plural(times, 'time')} in ${plural(observedDays, 'day')}: advice needs ${ADVICE_TIMES_MIN}.`;
    return { ...seen, add: [], drop: [], keep: [], notes: [missing] };
  }
  const additions = proposeAdditions(evidence);
  const { drop, keep } = weighRollups(evidence);
  return {
    ...seen,
    add: toAdd(evidence, additions),
    drop: drop.map((worth) => toDrop(evidence, worth)),
    keep: keep.map((worth) => toKeep(evidence, worth)),
    notes: notesOf(evidence, additions),
  };
}

function perDay({ observedDays, prices }: Evidence, { ms, bytes }: Cost): PerDay {
  const msPerDay = ms / observedDays;
  return { bytes: Math.round(bytes / observedDays), ms: msPerDay, usd: usdOf(msPerDay, prices) };
}

function toAdd(evidence: Evidence, { added }: Additions): RollupToAdd[] {
  const taken = new Set(evidence.rollups.map(({ rollup }) => rollup.name));
  return added.map((addition) => {
    const { definition, times, now, after, rows, buildMs } = addition;
    const name = nameFor(definition, taken);
    taken.add(name);
    return {
      name,
      ...definition,
      times,
      saves: perDay(evidence, lessCost(now, after)),
      rows,
      bytes: Math.round(rows * bytesARow(evidence)),
      buildMs,
      command: createCommand(evidence.tenant, name, definition),
      reason: addedBecause(evidence, addition),
    };
  });
}

function addedBecause(
  { charges, observedDays }: Evidence,
  { times, now, after, rows, charges: put }: Addition,
): string {
  const part = put < charges ? ` ${Math.floor((100 * put) / charges)} % of` : '';
  return `What it would answer was asked ${plural(times, 'time')} in ${plural(observedDays, 'day')} and takes ${formatMs(now.ms)}; from about ${rows} rows for${part} ${charges} charges it would take ${formatMs(after.ms)}.`;
}

/** Of the parts that there are; of a rollup that is the first, by no more than experience. */
function bytesARow({ rollups }: Evidence): number {
  const [rows, bytes] = rollups.reduce(
    ([rows, bytes], { facts }) => [rows + facts.rows, bytes + facts.bytes],
    [0, 0],
  );
  return rows === 0 ? BYTES_A_ROW_EXPECTED : bytes / rows;
}

const BYTES_A_ROW_EXPECTED = 20;

function toDrop(evidence: Evidence, { known, answered, times, dearer, instead }: Worth): RollupToDrop {
  const { name, rows, bytes } = known.facts;
  const reason =
    times === 0
      ? `Of what was asked in ${plural(evidence.observedDays, 'day')} it would answer nothing cheapest.`
      : `What it would answer, ${instead.join(' and ')} would answer nearly as cheaply.`;
  return {
    name,
    times: answered,
    rows,
    bytes,
    costs: perDay(evidence, dearer),
    command: dropCommand(evidence.tenant, name),
    reason,
  };
}

function toKeep(evidence: Evidence, { known, answered, times, dearer }: Worth): RollupToKeep {
  const { name, parts } = known.facts;
  const saves = perDay(evidence, dearer);
  return { name, times: answered, saves, reason: reasonToKeep() };

  function reasonToKeep(): string {
    if (parts === 0) return 'It has no parts: "costgraph maintain" builds them as far as there is room.';
    if (dearer.ms > 0) {
      return `It is the cheapest for what was asked ${plural(times, 'time')}; without it that would take ${formatMs(saves.ms)} more a day.`;
    }
    return `Too little is known of it: ${plural(evidence.observedDays, 'day')} of ${DROPPED_DAYS_MIN} were observed.`;
  }
}

function notesOf(evidence: Evidence, { withoutRoom, isFull }: Additions): string[] {
  const notes: string[] = [];
  if (withoutRoom !== null) {
    const { definition, rows, now, after } = withoutRoom;
    const saved = formatMs(perDay(evidence, lessCost(now, after)).ms);
    notes.push(
      `A rollup by ${definition.grain} and ${definition.attributes.join(', ')} would save ${saved} a day, but its about ${rows} rows are more than COSTGRAPH_ROLLUP_ROWS_MAX leaves.`,
    );
  }
  if (isFull)
    notes.push('There are as many rollups as a tenant may have: drop one before another is created.');
  const msOf = (some: Evidence['needs']) => some.reduce((sum, { use }) => sum + use.ms, 0);
  const beyond = evidence.needs.filter(
    ({ need }) => need.grain === null || !need.attributes.every(isRollupAttribute),
  );
  const part = Math.round((100 * msOf(beyond)) / Math.max(1, msOf(evidence.needs)));
  if (part >= 1) {
    notes.push(
      `${part} % of the time went into what no rollup can answer: charges that are spread over time, or by resources or times.`,
    );
  }
  return notes;
}
