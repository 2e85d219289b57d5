/** Units of a stream of driver data, by which cost is divided. */
import type { TenantState } from '../catalog/tenant-state.ts';
import { UNITS_COLUMN } from '../catalog/telemetry.ts';
import type { TimeRange } from '../core/time-range.ts';
import { chooseTelemetry } from './choose-telemetry.ts';
import type { Aggregate, ColumnName, Plan } from './plan.ts';
import { TIME } from './plan.ts';
import type { Predicate } from './predicate.ts';
import { TRUE, and, testedKeys } from './predicate.ts';
import type { TimeBuckets } from './time-buckets.ts';

/** Where an answer has the units of a stream, beside its measures. */
export function unitsColumn(stream: string): ColumnName {
  return `units(${stream})`;
}

/** What is asked of a stream; `keys` and those that `predicate` looks at are its own. */
export type UnitsAsked = {
  readonly stream: string;
  readonly keys: readonly string[];
  readonly predicate: Predicate;
  /** Whole UTC hours. */
  readonly range: TimeRange;
  /** Null: the whole range is one. */
  readonly buckets: TimeBuckets | null;
};

/** Groups by `$time` (where there are buckets) and the keys; null where no file has anything of the range. */
export function unitsPlan(asked: UnitsAsked, state: TenantState): Aggregate | null {
  const { stream, keys, predicate, range, buckets } = asked;
  const read = [...new Set([...keys, ...testedKeys(predicate)])];
  const selection = chooseTelemetry(state, stream, read, range);
  if (selection === null || selection.files.files.length === 0) return null;
  const { tenant } = state;
  let plan: Plan = { kind: 'Telemetry', tenant, stream, keys: read, grain: 'hour', range, selection };
  if (predicate.kind !== 'true') plan = { kind: 'Filter', predicate, input: plan };
  if (buckets !== null) plan = { kind: 'Rebucket', from: range.from, buckets, input: plan };
  const units = { name: unitsColumn(stream), fn: 'sum', column: UNITS_COLUMN, where: TRUE } as const;
  const groupBy = buckets === null ? keys : [TIME, ...keys];
  return { kind: 'Aggregate', step: 'single', groupBy, measures: [units], input: plan };
}

/** The parts of a condition that look at nothing but some keys: what they leave out, it leaves out. */
export function partOn(predicate: Predicate, keys: readonly string[]): Predicate {
  const parts = predicate.kind === 'and' ? predicate.parts : [predicate];
  return and(parts.filter((part) => testedKeys(part).every((key) => keys.includes(key))));
}
