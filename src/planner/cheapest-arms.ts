/** What a candidate's work is expected to cost. Plain arrays: there may be very many stretches and candidates. */
export type Candidate = {
  /** Paid once for each arm, however long it is. */
  readonly startupMs: number;
  /** By stretch, in the order of time; NaN where it cannot answer. */
  readonly stretchMs: Float64Array;
  readonly usdPerMs: number;
  /** By edge, one more than stretches: whether an arm of it may begin or end there. */
  readonly isEdge: readonly boolean[];
};

/** Consecutive stretches [from, to) that one candidate answers. */
export type ChosenArm = { readonly candidate: number; readonly from: number; readonly to: number };

export type Choice = {
  readonly arms: readonly ChosenArm[];
  /** Of the arms together; they run at once, so that the slowest decides how long it takes. */
  readonly usd: number;
  readonly slowestMs: number;
};

/**
 * The cheapest candidate for each stretch, where changing over costs a start: a dynamic programme over stretches ×
 * candidates. By dollars as long as no arm takes longer than `latencyMs`; else by time.
 *
 * @returns null where a stretch has no candidate
 */
export function cheapestArms(
  candidates: readonly Candidate[],
  stretches: number,
  latencyMs: number,
): Choice | null {
  const byDollars = leastOf(candidates, stretches, ({ usdPerMs }) => usdPerMs);
  if (byDollars === null || byDollars.slowestMs <= latencyMs) return byDollars;
  const byTime = leastOf(candidates, stretches, () => 1);
  return byTime !== null && byTime.slowestMs < byDollars.slowestMs ? byTime : byDollars;
}

function leastOf(
  candidates: readonly Candidate[],
  stretches: number,
  weightOf: (candidate: Candidate) => number,
): Choice | null {
  const count = candidates.length;
  const weights = Float64Array.from(candidates, weightOf);
  // least[c]: of all ways to answer the stretches so far that end with candidate c; came: who answered the one before.
  const least = new Float64Array(count).fill(Infinity);
  const came = new Int32Array(stretches * count);
  for (let stretch = 0; stretch < stretches; stretch++) {
    const ending = leastEnding(candidates, least, stretch);
    const changed = stretch === 0 ? 0 : (least[ending] ?? Infinity);
    for (let c = 0; c < count; c++) {
      const { startupMs, stretchMs, isEdge } = candidates[c] ?? unable;
      const weight = weights[c] ?? 0;
      const start = isEdge[stretch] === true && ending >= 0 ? changed + startupMs * weight : Infinity;
      const goOn = least[c] ?? Infinity;
      const ms = stretchMs[stretch] ?? NaN;
      came[stretch * count + c] = goOn <= start ? c : ending;
      least[c] = Number.isNaN(ms) ? Infinity : Math.min(goOn, start) + ms * weight;
    }
  }
  const last = leastEnding(candidates, least, stretches);
  if (last < 0 || (least[last] ?? Infinity) === Infinity) return null;
  const arms = armsEndingWith(last, came, count);
  return { arms, ...totalOf(arms, candidates) };
}

const unable: Candidate = { startupMs: NaN, stretchMs: new Float64Array(), usdPerMs: NaN, isEdge: [] };

/** Of the candidates that may end at an edge the one that is least so far, the first of equal ones; -1 where there is none. */
function leastEnding(candidates: readonly Candidate[], least: Float64Array, edge: number): number {
  let found = -1;
  for (let c = 0; c < least.length; c++) {
    const isEdge = candidates[c]?.isEdge[edge] === true;
    if (isEdge && (found < 0 || (least[c] ?? Infinity) < (least[found] ?? Infinity))) found = c;
  }
  return found;
}

/** @param came by stretch and candidate */
function armsEndingWith(last: number, came: Int32Array, candidates: number): ChosenArm[] {
  const arms: ChosenArm[] = [];
  const stretches = came.length / candidates;
  let candidate = last;
  let to = stretches;
  for (let stretch = stretches - 1; stretch >= 0; stretch--) {
    const earlier = stretch === 0 ? -1 : (came[stretch * candidates + candidate] ?? candidate);
    if (earlier === candidate) continue;
    arms.push({ candidate, from: stretch, to });
    [candidate, to] = [earlier, stretch];
  }
  return arms.toReversed();
}

function totalOf(
  arms: readonly ChosenArm[],
  candidates: readonly Candidate[],
): Pick<Choice, 'usd' | 'slowestMs'> {
  let [usd, slowestMs] = [0, 0];
  for (const arm of arms) {
    const candidate = candidates[arm.candidate];
    if (!candidate) continue;
    const ms = msOf(candidate, arm.from, arm.to);
    usd += ms * candidate.usdPerMs;
    slowestMs = Math.max(slowestMs, ms);
  }
  return { usd, slowestMs };
}

/** What a candidate would take for all stretches of [from, to), start included; NaN where it cannot answer one. */
export function msOf({ startupMs, stretchMs }: Candidate, from: number, to: number): number {
  let ms = startupMs;
  for (let stretch = from; stretch < to; stretch++) ms += stretchMs[stretch] ?? NaN;
  return ms;
}
