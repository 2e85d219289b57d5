/** Things that lie in time, in an order that finds those of a range without a look at the others. */
import type { Instant, TimeRange } from './time-range.ts';

export type TimeOrder<Item> = {
  /** By where each begins; those that begin together as they came. */
  readonly items: readonly Item[];
  readonly froms: Float64Array;
  /** The last end of an item and of all before it. */
  readonly lastEnds: Float64Array;
};

export function timeOrder<Item>(items: readonly Item[], timeOf: (item: Item) => TimeRange): TimeOrder<Item> {
  const timed = items
    .map((item) => ({ item, time: timeOf(item) }))
    .sort((a, b) => (a.time.from < b.time.from ? -1 : Number(a.time.from > b.time.from)));
  let last = -Infinity;
  return {
    items: timed.map(({ item }) => item),
    froms: Float64Array.from(timed, ({ time }) => time.from),
    lastEnds: Float64Array.from(timed, ({ time }) => (last = Math.max(last, time.to))),
  };
}

/** In order, all items that begin before the range ends and do not end before it begins; and few others. */
export function itemsAround<Item>(
  { items, froms, lastEnds }: TimeOrder<Item>,
  { from, to }: TimeRange,
): readonly Item[] {
  const first = firstWithin(lastEnds, from);
  const end = firstWithin(froms, to);
  return first === 0 && end === items.length ? items : items.slice(first, end);
}

/** The position of the first instant at or after another; instants are in order. */
function firstWithin(instants: Float64Array, instant: Instant): number {
  let [low, high] = [0, instants.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((instants[middle] ?? Infinity) >= instant) high = middle;
    else low = middle + 1;
  }
  return low;
}
