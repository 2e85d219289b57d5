import type { Rows } from '../../connectors/connector.ts';
import { compareText } from '../../core/code-point-order.ts';
import { unreachable } from '../../core/unreachable.ts';
import { metricReader } from '../../planner/measures.ts';
import type { Measure, ReadMeasure } from '../../planner/measures.ts';
import type { ColumnName, Page, SortKey } from '../../planner/plan.ts';
import { ORDINAL, REMAINDER, ROW_COUNT, before } from '../../planner/plan.ts';
import { readRow } from '../page-rows.ts';
import type { Column, Value } from './group-rows.ts';
import { columnOf, mergeMeasure } from './group-rows.ts';

/** Sorts, cuts, and puts the summary of all rows before them. */
export function page(node: Omit<Page, 'kind' | 'input'>, input: Rows): Rows {
  const everything = Array.from({ length: input.length }, (_, i) => i);
  const order = sortRows(node.sort, input, everything);
  const cut = order.slice(node.offset, node.offset + node.limit);
  const summary = summarize(node.measures, input, everything);
  const columns = new Map<ColumnName, Column>();
  for (const [name, column] of input.columns) {
    columns.set(name, [summary.get(name) ?? null, ...cut.map((i) => column[i] ?? null)]);
  }
  columns.set(ORDINAL, [0n, ...cut.map((_, i) => BigInt(node.offset + i + 1))]);
  columns.set(ROW_COUNT, [BigInt(input.length), ...cut.map(() => null)]);
  return { length: cut.length + 1, columns };
}

function summarize(
  measures: readonly Measure[],
  input: Rows,
  all: readonly number[],
): Map<ColumnName, Value> {
  const summary = new Map<ColumnName, Value>();
  for (const each of measures) {
    for (const name of [each.name, before(each.name)]) {
      if (input.columns.has(name)) summary.set(name, mergeMeasure(each, columnOf(input, name), all));
    }
  }
  return summary;
}

type Comparison = (a: number, b: number) => number;

function sortRows(sort: readonly SortKey[], input: Rows, rows: readonly number[]): number[] {
  const comparisons = sort.map((key) => comparisonOf(key, input));
  return [...rows].sort((a, b) => {
    for (const compare of comparisons) {
      const difference = compare(a, b);
      if (difference !== 0) return difference;
    }
    return 0;
  });
}

function comparisonOf(key: SortKey, input: Rows): Comparison {
  const sign = key.direction === 'DESC' ? -1 : 1;
  if (key.by === 'key') return compareKeys(columnOf(input, key.column), input.columns.get(REMAINDER), sign);
  const valueOf = metricReader(key.metric);
  const values = Array.from({ length: input.length }, (_, i) => {
    const read = readRow(input, i);
    const { by } = key;
    switch (by) {
      case 'metric':
        return valueOf(read);
      case 'magnitude':
        return magnitude(valueOf(read));
      case 'change':
        return difference(valueOf(read), valueOf(earlier(read)));
      default:
        return unreachable(by);
    }
  });
  return (a, b) => compareNumbers(values[a] ?? null, values[b] ?? null, sign);
}

function magnitude(value: bigint | null): bigint | null {
  return value !== null && value < 0n ? -value : value;
}

function earlier(read: ReadMeasure): ReadMeasure {
  return (name) => read(before(name));
}

/** Null where a side has no meaningful value; a side without charges has 0 already. */
function difference(now: bigint | null, then: bigint | null): bigint | null {
  return now === null || then === null ? null : now - then;
}

function compareNumbers(a: bigint | null, b: bigint | null, sign: number): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -sign : sign;
}

/** Nulls last in either direction, remainder rows after missing values. */
function compareKeys(column: Column, remainder: Column | undefined, sign: number): Comparison {
  return (a, b) => {
    const [left, right] = [column[a] ?? null, column[b] ?? null];
    if (left === null && right === null) return Number(remainder?.[a] ?? 0n) - Number(remainder?.[b] ?? 0n);
    if (left === null) return 1;
    if (right === null) return -1;
    if (typeof left === 'bigint' && typeof right === 'bigint') return compareNumbers(left, right, sign);
    return compareText(String(left), String(right)) * sign;
  };
}
