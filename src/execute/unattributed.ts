/** What conservation calls unattributed: what no rule gives a value of a dimension that is grouped by. */
import type { Metric } from '../catalog/metrics.ts';
import { metrics } from '../catalog/metrics.ts';
import type { OwnDimensions } from '../catalog/dimensions.ts';
import type { Measure } from '../planner/measures.ts';
import { measure } from '../planner/measures.ts';
import type { Predicate } from '../planner/predicate.ts';
import { or } from '../planner/predicate.ts';

/** Missing in any dimension of the rules among `groupBy`; false where there is none. */
export function unattributedIn(
  groupBy: readonly string[],
  { ruled }: Pick<OwnDimensions, 'ruled'>,
): Predicate {
  const keys = groupBy.filter((key) => ruled.has(key));
  return or(keys.map((key): Predicate => ({ kind: 'test', key, test: { op: 'none' }, orNull: true })));
}

/** What a metric sums, regardless of units. */
export function rawMeasure(metric: Metric, where?: Predicate): Measure {
  const { column } = metrics[metric];
  return column === null ? measure('count', null, where) : measure('sum', column, where);
}
