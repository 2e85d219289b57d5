/**
 * Which sources answer an Aggregate over charges, and for which stretches of time: the charges themselves, or rollups
 * that have what is needed. Time is cut where a source begins or ends to be able; the cheapest is chosen for each
 * stretch, and the arms are put together again by merging their groups.
 */
import type { Rollup } from '../catalog/rollups.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import type { Instant, TimeRange } from '../core/time-range.ts';
import { overlaps } from '../core/time-range.ts';
import type { ChosenArm } from './cheapest-arms.ts';
import { cheapestArms, msOf } from './cheapest-arms.ts';
import { estimateGroups } from './estimate.ts';
import type { Estimate, LogicalPlan, Plan, StoreName } from './plan.ts';
import { mapChildren } from './plan-tree.ts';
import { hasPartials, mergeArms, partialOf } from './merge-arms.ts';
import type { StoreOffer } from './pushed-to-physical.ts';
import type { Asked, Rejection } from './rollup-match.ts';
import { askedOf, gapsOf, isEdgeOf, overRollup, rejectRollup, rollupNeeds } from './rollup-match.ts';
import { coverTime } from './time-cover.ts';
import type { Source, Way } from './ways.ts';
import { waysOf } from './ways.ts';

/** What came of weighing one way to answer a stretch of time. */
export type Weighed = TimeRange & {
  readonly source: string;
  readonly store: StoreName;
  readonly chosen: boolean;
  readonly estimate: Estimate;
  readonly reason: string;
};

export type SourceOptions = {
  /** With USE_ROLLUPS in it, charges answer everything. */
  readonly rulesOff: ReadonlySet<string>;
  /** The one store that may be asked; null: the cheapest. */
  readonly forceStore: StoreName | null;
  /** An arm may take so long before time counts for more than dollars. */
  readonly latencyMs: number;
  /** Instead of the cheapest: for each stretch one of the sources that can answer it. For tests. */
  readonly pick: ((able: readonly string[]) => string) | null;
  /** What choosing may take: prices that are looked at, of ways × stretches. */
  readonly stepsMax: number;
};

/** By this name it is told of in explain, and switched off. */
export const USE_ROLLUPS = 'use-rollups';
/** About ten milliseconds: the planner of a question that would need more chooses nothing and takes the charges. */
export const PLANNING_STEPS_MAX = 200_000;

/** Beyond this many groups of values to be counted, one source must count them by itself. */
const COUNTED_GROUPS_MAX = 100_000;

export type Sourced = {
  readonly plan: LogicalPlan;
  /** Put into words when somebody asks. */
  readonly weighed: () => readonly Weighed[];
  /** See QueryPlan. */
  readonly isPlain: boolean;
};

/** Every Aggregate over charges, with the sources that answer it cheapest. */
export function chooseSources(
  plan: LogicalPlan,
  state: TenantState,
  offers: readonly StoreOffer[],
  options: SourceOptions,
): Sourced {
  const weighed: (() => readonly Weighed[])[] = [];
  const steps = { left: options.stepsMax };
  const choose = (node: Plan): Plan => {
    const asked = node.kind === 'Aggregate' ? askedOf(node) : null;
    if (asked === null) return mapChildren(node, choose);
    const chosen = chooseFor(asked, state, offers, options, steps);
    weighed.push(chosen.weighed);
    return chosen.plan;
  };
  const chosen = choose(plan) as LogicalPlan; // Of Scans still: stores are asked later.
  return { plan: chosen, weighed: () => weighed.flatMap((each) => each()), isPlain: steps.left < 0 };
}

function chooseFor(
  asked: Asked,
  state: TenantState,
  offers: readonly StoreOffer[],
  options: SourceOptions,
  steps: { left: number },
): { plan: Plan; weighed: () => readonly Weighed[] } {
  const { aggregate, scan } = asked;
  const whole = scan.range;
  const unweighed = { plan: aggregate, weighed: () => [] };
  if (whole.from >= whole.to) return unweighed;
  const { sources, rejected } = sourcesOf(asked, state, options.rulesOff);
  const inner = canSplit(asked, state) ? edgesOf(sources) : [];
  const edges = [...new Set([whole.from, ...inner, whole.to])].sort((a, b) => a - b);
  steps.left -= sources.length * offers.length * (edges.length - 1);
  if (steps.left < 0) return unweighed;
  const choose = (): Choice | null => {
    const ways = sources.flatMap((source) => waysOf(source, whole, edges, state, offers, options.forceStore));
    const arms = armsOf(ways, edges.length - 1, options);
    return arms && { ways, arms, edges };
  };
  const inWords = (choice: Choice | null) =>
    choice === null ? [] : weighedOf(choice, estimateGroups(aggregate, state), rejected);
  // One source answers all, whatever it costs; its store is chosen when it is asked.
  if (sources.length === 1) return { plan: aggregate, weighed: () => inWords(choose()) };
  const choice = choose();
  if (choice === null) return unweighed; // Placing it says why no store can.
  return { plan: joinArms(asked, choice), weighed: () => inWords(choice) };
}

/** Ways to answer the stretches between edges, and which of them answer what. */
type Choice = {
  readonly ways: readonly Way[];
  readonly arms: readonly ChosenArm[];
  readonly edges: readonly Instant[];
};

type RejectedRollup = { readonly rollup: Rollup; readonly rejection: Rejection };

function sourcesOf(
  asked: Asked,
  state: TenantState,
  rulesOff: ReadonlySet<string>,
): { sources: Source[]; rejected: RejectedRollup[] } {
  const { aggregate, scan } = asked;
  const charges: Source = {
    name: 'charges',
    over: (range) =>
      range === scan.range ? aggregate : { ...aggregate, input: within(aggregate.input, range) },
    gaps: [],
    isEdge: () => true,
  };
  const sources = [charges];
  const rejected: RejectedRollup[] = [];
  const needs = rollupNeeds(asked);
  for (const rollup of rulesOff.has(USE_ROLLUPS) ? [] : state.rollups) {
    const rejection = rejectRollup(rollup, needs);
    const gaps = rejection === null ? gapsOf(rollup, needs, state) : [];
    const everywhere = gaps.find(({ range }) => range.from <= scan.range.from && range.to >= scan.range.to);
    const reason = rejection ?? everywhere?.rejection ?? null;
    if (reason !== null) {
      rejected.push({ rollup, rejection: reason });
      continue;
    }
    sources.push({
      name: `rollup ${rollup.name}`,
      over: (range) => overRollup(asked, rollup, range),
      gaps,
      isEdge: (instant) => isEdgeOf(rollup, asked, instant),
    });
  }
  return { sources, rejected };
}

function within(plan: Plan, range: TimeRange): Plan {
  return plan.kind === 'Scan' ? { ...plan, range } : mapChildren(plan, (child) => within(child, range));
}

/** Where sources begin or end to be able to answer. */
function edgesOf(sources: readonly Source[]): Instant[] {
  return sources.flatMap(({ gaps }) => gaps.flatMap(({ range }) => [range.from, range.to]));
}

/** Whether groups of parts of the time can be merged: a charge that is spread over time may be in several parts. */
function canSplit({ aggregate, timing }: Asked, state: TenantState): boolean {
  if (timing === 'PRORATED' || !hasPartials(aggregate)) return false;
  const partial = partialOf(aggregate);
  const counts = partial.groupBy.length > aggregate.groupBy.length;
  return !counts || estimateGroups(partial, state) <= COUNTED_GROUPS_MAX;
}

/** Null where no way can answer some stretch. */
function armsOf(
  ways: readonly Way[],
  stretches: number,
  { latencyMs, pick }: SourceOptions,
): readonly ChosenArm[] | null {
  if (pick === null) {
    return (
      cheapestArms(
        ways.map(({ candidate }) => candidate),
        stretches,
        latencyMs,
      )?.arms ?? null
    );
  }
  const arms: ChosenArm[] = [];
  for (let stretch = 0; stretch < stretches; stretch++) {
    const last = arms.at(-1);
    if (last && ways[last.candidate]?.candidate.isEdge[stretch] === false) {
      arms[arms.length - 1] = { ...last, to: stretch + 1 };
      continue;
    }
    const able = ways.filter(
      ({ candidate }) => !Number.isNaN(candidate.stretchMs[stretch]) && candidate.isEdge[stretch] === true,
    );
    const picked = pick(able.map(({ source }) => source.name));
    const candidate = ways.findIndex(({ source }) => source.name === picked);
    arms.push({ candidate, from: stretch, to: stretch + 1 });
  }
  return arms;
}

/** One arm is the whole answer; of several each gives partial groups, and those of equal keys are merged. */
function joinArms({ aggregate, scan }: Asked, { ways, arms: chosen, edges }: Choice): Plan {
  const arms = chosen.flatMap(({ candidate, from, to }) => {
    const source = ways[candidate]?.source;
    const range = { from: edges[from] ?? NaN, to: edges[to] ?? NaN };
    return source === undefined ? [] : [{ range, facets: ['bill' as const], source }];
  });
  const cover = coverTime(scan.range, ['bill'], arms);
  const [only] = cover;
  if (only !== undefined && cover.length === 1) return only.source.over(scan.range);
  return mergeArms(
    aggregate,
    cover.map(({ source, range }) => partialOf(source.over(range))),
  );
}

/** Of each arm every way; and the rollups that can answer nothing of the whole. */
function weighedOf(
  { ways, arms, edges }: Choice,
  groups: number,
  rejected: readonly RejectedRollup[],
): Weighed[] {
  const reads = ways.some(({ spread }) => spread.files.some((share) => share > 0));
  if (!reads) return [];
  const rangeOf = (from: number, to: number) => ({ from: edges[from] ?? NaN, to: edges[to] ?? NaN });
  const ofArms = arms.flatMap((arm) => {
    const chosen = ways[arm.candidate];
    return ways.map((way): Weighed => {
      const range = rangeOf(arm.from, arm.to);
      const isChosen = way === chosen;
      const estimate = estimateOf(way, arm, groups);
      const reason = isChosen
        ? reasonOf(ways, arm)
        : (lostBecause(way, range) ?? `dearer than ${nameOf(chosen)}`);
      return { ...range, source: way.source.name, store: way.store, chosen: isChosen, estimate, reason };
    });
  });
  const [first] = ways;
  if (first === undefined) return [];
  const nothing = { rows: 0, bytes: 0, ms: 0, usd: 0 };
  const ofRejected = rejected.map(({ rollup, rejection: { code, detail } }): Weighed => ({
    ...rangeOf(0, edges.length - 1),
    source: `rollup ${rollup.name}`,
    store: first.store,
    chosen: false,
    estimate: nothing,
    reason: `${code}: ${detail}`,
  }));
  return [...ofArms, ...ofRejected];
}

function nameOf(way: Way | undefined): string {
  return way === undefined ? 'another' : `${way.source.name} in ${way.store}`;
}

function reasonOf(ways: readonly Way[], { from, to }: ChosenArm): string {
  const able = ways.filter(({ candidate }) => !Number.isNaN(msOf(candidate, from, to)));
  return `cheapest of ${able.length} that can answer`;
}

/** Why a way cannot answer all of a stretch; null when it can. */
function lostBecause({ source, obstacle }: Way, range: TimeRange): string | null {
  if (obstacle !== null) return obstacle;
  const gap = source.gaps.find((each) => overlaps(each.range, range));
  return gap === undefined ? null : `${gap.rejection.code}: ${gap.rejection.detail}`;
}

/** What it would read of the stretch, whether it can answer all of it or not. */
function estimateOf({ candidate, spread }: Way, { from, to }: ChosenArm, groups: number): Estimate {
  const sum = (values: Float64Array) => {
    let part = 0;
    for (let i = from; i < to; i++) part += values[i] ?? 0;
    return part;
  };
  const total = msOf(candidate, from, to);
  const ms = Number.isNaN(total) ? 0 : total;
  const rows = Math.round(Math.min(groups, sum(spread.rows)));
  return { rows, bytes: Math.round(sum(spread.bytes)), ms, usd: ms * candidate.usdPerMs };
}
