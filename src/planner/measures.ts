import type { Decimal } from '../core/decimal.ts';
import { decimalFromUnits } from '../core/decimal.ts';
import { digest } from '../core/digest.ts';
import type { Metric } from '../catalog/metrics.ts';
import { metrics } from '../catalog/metrics.ts';
import type { Predicate } from './predicate.ts';
import { TRUE, formatPredicate } from './predicate.ts';

/**
 * What an Aggregate computes. `count-once` counts what parts of one `$item` stand for once. `name` is the output column. Sums are null where no charge has a value.
 * `unit-min`/`unit-max` are the least and greatest unit (code point order, a missing unit counts as '') among
 * charges whose quantity is present: equal when the units are not mixed.
 */
export type Measure = {
  readonly name: string;
  readonly fn:
    | 'count'
    | 'count-once'
    | 'sum'
    | 'min'
    | 'max'
    | 'unit-min'
    | 'unit-max'
    | 'count-distinct'
    | 'count-distinct-estimate';
  /**
   * Null for the count of rows; a column for the sum of what rows count, where each stands for several charges. For
   * unit-min and unit-max the quantity's column.
   */
  readonly column: string | null;
  /** Only charges that meet it count. */
  readonly where: Predicate;
};

export function measure(fn: Measure['fn'], column: string | null, where: Predicate = TRUE): Measure {
  const plain = column === null ? fn : `${fn}(${column})`;
  // The text of a long predicate is cut, so that its digest makes the name unique.
  const name =
    where.kind === 'true' ? plain : `${plain} where ${formatPredicate(where)} #${digest(where).slice(0, 6)}`;
  return { name, fn, column, where };
}

export const unitColumnOf: Readonly<Record<string, string>> = {
  consumed_quantity: 'consumed_unit',
  pricing_quantity: 'pricing_unit',
};

/** The measures from which `metricValue` derives a metric. The count is always one of them. */
export function measuresOf(metric: Metric, where: Predicate = TRUE): Measure[] {
  const { column, unitColumn } = metrics[metric];
  const count = measure('count', null, where);
  if (column === null) return [count];
  const sum = measure('sum', column, where);
  if (unitColumn === null) return [count, sum];
  return [count, sum, measure('unit-min', column, where), measure('unit-max', column, where)];
}

/** Measures without repeats: equal names are equal measures. */
export function unique(measures: readonly Measure[]): Measure[] {
  return [...new Map(measures.map((each) => [each.name, each])).values()];
}

/** Whether equal measures over disjoint parts of the charges can be merged into the measure of the whole. */
export function isMergeable({ fn }: Measure): boolean {
  return fn !== 'count-distinct' && fn !== 'count-distinct-estimate';
}

/** Reads a measure's value out of one row. */
export type ReadMeasure = (name: string) => bigint | string | null;

/**
 * A metric of one row: counts in units of 1 (not 10^-12), everything else as Decimal. Null where no charge has
 * a value, or where units are mixed; 0 where there is no charge at all (a group of the other period of `compare`).
 */
export function metricValue(read: ReadMeasure, metric: Metric, where: Predicate = TRUE): bigint | null {
  return metricReader(metric, where)(read);
}

/** metricValue for many rows: the names are worked out once. */
export function metricReader(metric: Metric, where: Predicate = TRUE): (read: ReadMeasure) => bigint | null {
  const { column, unitColumn } = metrics[metric];
  const count = measure('count', null, where).name;
  if (column === null) return (read) => asBigint(read(count)) ?? 0n;
  const sum = measure('sum', column, where).name;
  const isMixed = unitColumn === null ? () => false : mixedTest(column, where);
  return (read) => {
    if ((asBigint(read(count)) ?? 0n) === 0n) return 0n;
    return isMixed(read) ? null : asBigint(read(sum));
  };
}

/** The unit of a quantity; null where there is none or more than one. */
export function unitReader(column: string, where: Predicate = TRUE): (read: ReadMeasure) => string | null {
  const isMixed = mixedTest(column, where);
  const least = measure('unit-min', column, where).name;
  return (read) => {
    if (isMixed(read)) return null;
    const unit = read(least);
    return typeof unit === 'string' && unit !== '' ? unit : null;
  };
}

function mixedTest(column: string, where: Predicate): (read: ReadMeasure) => boolean {
  const least = measure('unit-min', column, where).name;
  const greatest = measure('unit-max', column, where).name;
  return (read) => read(least) !== read(greatest);
}

function asBigint(value: bigint | string | null): bigint | null {
  return typeof value === 'bigint' ? value : null;
}

/** Marks a value of metricValue as money or quantity; counts are plain integers. */
export function asDecimal(value: bigint | null): Decimal | null {
  return value === null ? null : decimalFromUnits(value);
}
