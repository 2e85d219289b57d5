import type { Brand } from '../core/brand.ts';
import type { TimeRange } from '../core/time-range.ts';
import { formatRange } from './plan.ts';

/**
 * A kind of charge that a stretch of time can hold, by where it came from and who can see it: lines of bills; usage
 * events that are sealed in the lake, late ones that no seal has taken yet, and those that a bill has covered since.
 */
export const facets = ['bill', 'event/sealed', 'event/late', 'event/covered'] as const;
export type Facet = (typeof facets)[number];

/** What one source answers. */
export type Arm<Source> = {
  readonly range: TimeRange;
  readonly facets: readonly Facet[];
  readonly source: Source;
};

/** Arms that together hold every instant of the whole range in every facet exactly once. */
export type TimeCover<Source> = Brand<readonly Arm<Source>[], 'TimeCover'>;

/**
 * The only way to a TimeCover, so that a plan that skips or doubles an instant cannot be built.
 *
 * @param whole not empty
 * @throws Error naming the instant and the facet where arms overlap, leave a gap, or reach beyond the whole
 */
export function coverTime<Source>(
  whole: TimeRange,
  wanted: readonly Facet[],
  arms: readonly Arm<Source>[],
): TimeCover<Source> {
  for (const facet of wanted) {
    const ranges = arms.filter((arm) => arm.facets.includes(facet)).map(({ range }) => range);
    assertTiled(whole, facet, ranges);
  }
  const stray = arms.flatMap((arm) => arm.facets).find((facet) => !wanted.includes(facet));
  if (stray !== undefined) throw new Error(`an arm answers ${stray}, which is not asked`);
  return arms as readonly Arm<Source>[] as TimeCover<Source>; // The one constructor of the brand.
}

function assertTiled(whole: TimeRange, facet: Facet, ranges: readonly TimeRange[]): void {
  let covered = whole.from;
  for (const range of ranges.toSorted((a, b) => a.from - b.from)) {
    if (range.from >= range.to) throw new Error(`an arm of ${facet} has no time: ${formatRange(range)}`);
    if (range.from !== covered) {
      const what = range.from < covered ? 'doubled' : 'skipped';
      const between = { from: Math.min(range.from, covered), to: Math.max(range.from, covered) };
      throw new Error(`${facet} is ${what} in ${formatRange(between)}`);
    }
    covered = range.to;
  }
  if (covered !== whole.to) throw new Error(`${facet} ends at ${covered}, not at ${whole.to}`);
}
