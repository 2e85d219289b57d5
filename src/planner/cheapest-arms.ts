/** What a candidate's work on a stretch of time is expected to cost; null where it cannot answer the stretch. */
export type Price = { readonly ms: number; readonly usd: number };

export type Candidate = {
  /** Paid once for each arm, however long it is. */
  readonly startup: Price;
  /** By stretch, in the order of time. */
  readonly stretches: readonly (Price | null)[];
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
  const byDollars = leastOf(candidates, stretches, ({ usd }) => usd);
  if (byDollars === null || byDollars.slowestMs <= latencyMs) return byDollars;
  const byTime = leastOf(candidates, stretches, ({ ms }) => ms);
  return byTime !== null && byTime.slowestMs < byDollars.slowestMs ? byTime : byDollars;
}

function leastOf(
  candidates: readonly Candidate[],
  stretches: number,
  weigh: (price: Price) => number,
): Choice | null {
  // least[c]: of all ways to answer the stretches so far that end with candidate c; came[s][c]: who answered the one before.
  let least = candidates.map(() => Infinity);
  const came: Int32Array[] = [];
  for (let stretch = 0; stretch < stretches; stretch++) {
    const before = least;
    const ending = before.map((total, c) => (candidates[c]?.isEdge[stretch] === true ? total : Infinity));
    const best = indexOfLeast(ending);
    const from = new Int32Array(candidates.length);
    least = candidates.map(({ startup, stretches: prices, isEdge }, c) => {
      const price = prices[stretch] ?? null;
      if (price === null) return Infinity;
      const goOn = before[c] ?? Infinity;
      const changed = stretch === 0 ? 0 : (ending[best] ?? Infinity);
      const start = isEdge[stretch] === true ? changed + weigh(startup) : Infinity;
      from[c] = goOn <= start ? c : best;
      return Math.min(goOn, start) + weigh(price);
    });
    came.push(from);
  }
  const last = indexOfLeast(
    least.map((total, c) => (candidates[c]?.isEdge[stretches] === true ? total : Infinity)),
  );
  if ((least[last] ?? Infinity) === Infinity) return null;
  const arms = armsEndingWith(last, came);
  return { arms, ...totalOf(arms, candidates) };
}

/** The first where several are least, so that the order of candidates decides. */
function indexOfLeast(values: readonly number[]): number {
  let least = 0;
  values.forEach((value, i) => {
    if (value < (values[least] ?? Infinity)) least = i;
  });
  return least;
}

function armsEndingWith(last: number, came: readonly Int32Array[]): ChosenArm[] {
  const arms: ChosenArm[] = [];
  let candidate = last;
  let to = came.length;
  for (let stretch = came.length - 1; stretch >= 0; stretch--) {
    const earlier = stretch === 0 ? -1 : (came[stretch]?.[candidate] ?? candidate);
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
    const price = priceOf(candidate, arm.from, arm.to);
    usd += price?.usd ?? 0;
    slowestMs = Math.max(slowestMs, price?.ms ?? 0);
  }
  return { usd, slowestMs };
}

/** What a candidate would take for all stretches of [from, to), start included; null where it cannot answer one. */
export function priceOf({ startup, stretches }: Candidate, from: number, to: number): Price | null {
  let { ms, usd } = startup;
  for (let stretch = from; stretch < to; stretch++) {
    const price = stretches[stretch] ?? null;
    if (price === null) return null;
    ms += price.ms;
    usd += price.usd;
  }
  return { ms, usd };
}
