import { RE2JS } from 're2js';
import type { Metric } from '../../src/catalog/metrics.ts';
import { metrics } from '../../src/catalog/metrics.ts';
import type { Measure } from '../../src/planner/measures.ts';
import type { SortKey } from '../../src/planner/plan.ts';
import type { Predicate, Test, ValueTest } from '../../src/planner/predicate.ts';
import type { Row, Value } from './charge.ts';
import { compareValues } from './charge.ts';

/**
 * What predicates, measures and orders mean, said once in the plainest way for both judges. Shares no
 * evaluating code with the product.
 */
export type Read = (column: string) => Value;

/** `readEntry` reads through the ids on the row: what a Member asks for. */
export function meets(predicate: Predicate, read: Read, readEntry: Read = read): boolean {
  switch (predicate.kind) {
    case 'true':
      return true;
    case 'false':
      return false;
    case 'and':
      return predicate.parts.every((part) => meets(part, read, readEntry));
    case 'or':
      return predicate.parts.some((part) => meets(part, read, readEntry));
    case 'not':
      return !meets(predicate.part, read, readEntry);
    case 'member':
      return meetsTest(predicate.test, readEntry(predicate.test.key));
    case 'test':
      return meetsTest(predicate, read(predicate.key));
  }
}

function meetsTest({ test, orNull }: Test, value: Value): boolean {
  return value === null ? orNull : holds(test, String(value));
}

function holds(test: ValueTest, value: string): boolean {
  if (test.op === 'any') return true;
  if (test.op === 'none') return false;
  if (test.op === 'matches') {
    return RE2JS.compile(test.value, test.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0).matches(value);
  }
  const fold = test.ignoreCase ? lowerCase : (text: string) => text;
  const folded = fold(value);
  switch (test.op) {
    case 'in':
      return test.values.some((wanted) => fold(wanted) === folded);
    case 'notIn':
      return !test.values.some((wanted) => fold(wanted) === folded);
    case 'startsWith':
      return folded.startsWith(fold(test.value));
    case 'endsWith':
      return folded.endsWith(fold(test.value));
    case 'contains':
      return folded.includes(fold(test.value));
  }
}

/** Unicode's simple mapping: one code point at a time, each to one. JavaScript's is the full one, which has two for İ. */
function lowerCase(text: string): string {
  return [...text].map((point) => (point === 'İ' ? 'i' : point.toLowerCase())).join('');
}

const unitOf: Readonly<Record<string, string>> = {
  consumed_quantity: 'consumed_unit',
  pricing_quantity: 'pricing_unit',
};

/** A measure over the charges that meet its condition. */
export function computeWhere(measure: Measure, charges: readonly Read[]): Value {
  const met = charges.filter((read) => meets(measure.where, read));
  // Parts of one charge are one charge.
  if (measure.column === null) return BigInt(new Set(met.map((read, i) => read('$charge') ?? i)).size);
  return compute(measure, met);
}

/** A measure over charges, all of which meet its condition. */
export function compute({ fn, column }: Measure, met: readonly Read[]): Value {
  if (column === null) return BigInt(met.length);
  const values = met.map((read) => read(column)).filter((value) => value !== null);
  switch (fn) {
    case 'count':
    case 'count-once':
      return sum(values) ?? 0n;
    case 'sum':
      return sum(values);
    case 'min':
      return least(values);
    case 'max':
      return greatest(values);
    case 'unit-min':
    case 'unit-max': {
      const counted = met.filter((read) => read(column) !== null);
      const units = counted.map((read) => read(unitOf[column] ?? '') ?? '');
      return fn === 'unit-min' ? least(units) : greatest(units);
    }
    case 'count-distinct':
    case 'count-distinct-estimate':
      return BigInt(new Set(values).size);
  }
}

/** The measure of a whole from the values that its parts have; null where parts do not tell (distinct). */
export function merge({ fn }: Measure, parts: readonly Value[]): Value {
  const values = parts.filter((value) => value !== null);
  switch (fn) {
    case 'count':
    case 'count-once':
      return sum(values) ?? 0n;
    case 'sum':
      return sum(values);
    case 'min':
    case 'unit-min':
      return least(values);
    case 'max':
    case 'unit-max':
      return greatest(values);
    case 'count-distinct':
    case 'count-distinct-estimate':
      return null;
  }
}

function sum(values: readonly (bigint | string)[]): bigint | null {
  return values.length === 0 ? null : values.reduce((total: bigint, value) => total + BigInt(value), 0n);
}

function least(values: readonly (bigint | string)[]): Value {
  return values.length === 0 ? null : values.reduce((a, b) => (compareValues(b, a) < 0 ? b : a));
}

function greatest(values: readonly (bigint | string)[]): Value {
  return values.length === 0 ? null : values.reduce((a, b) => (compareValues(b, a) > 0 ? b : a));
}

/** A metric of a row that has its measures: 0 without charges, null over mixed units. */
export function metricOf(metric: Metric, row: Row, prefix = ''): bigint | null {
  const read = (name: string) => row[`${prefix}${name}`] ?? null;
  const { column, unitColumn } = metrics[metric];
  if (column === null) return amount(read('count'));
  if (read('count') === 0n) return 0n;
  if (unitColumn !== null && read(`unit-min(${column})`) !== read(`unit-max(${column})`)) return null;
  return amount(read(`sum(${column})`));
}

function amount(value: Value): bigint | null {
  return typeof value === 'bigint' ? value : null;
}

/** Orders rows; nulls are last in either direction, keys of a remainder row after missing values. */
export function compareRows(sort: readonly SortKey[], a: Row, b: Row): number {
  for (const key of sort) {
    const [x, y] = [sortValue(key, a), sortValue(key, b)];
    const order =
      x === null || y === null
        ? nullRank(key, x, a) - nullRank(key, y, b)
        : direction(key) * compareValues(x, y);
    if (order !== 0) return order;
  }
  return 0;
}

function direction(key: SortKey): number {
  return key.direction === 'ASC' ? 1 : -1;
}

function sortValue(key: SortKey, row: Row): Value {
  if (key.by === 'key') return row[key.column] ?? null;
  const now = metricOf(key.metric, row);
  if (key.by === 'metric') return now;
  const earlier = metricOf(key.metric, row, 'before:');
  return now === null || earlier === null ? null : now - earlier;
}

function nullRank(key: SortKey, value: Value, row: Row): number {
  if (value !== null) return 0;
  return key.by === 'key' && row['$remainder'] === 1n ? 2 : 1;
}
