import type { Rows } from '../../connectors/connector.ts';
import type { Measure } from '../../planner/measures.ts';
import type { ColumnName } from '../../planner/plan.ts';
import { compareText } from '../../core/code-point-order.ts';

export type Value = bigint | string | null;
export type Column = readonly Value[];

/** Of a column that the plan says is there. */
export function columnOf(rows: Rows, name: ColumnName): Column {
  const column = rows.columns.get(name);
  if (!column) throw new Error(`rows lack the column ${name}`);
  return column;
}

/** A text that is the same for equal tuples only: each value with its type and length before it. */
export function tupleReader(rows: Rows, keys: readonly ColumnName[]): (index: number) => string {
  const columns = keys.map((key) => columnOf(rows, key));
  return (index) => {
    let name = '';
    for (const column of columns) {
      const value = column[index] ?? null;
      if (value === null) name += '-';
      else if (typeof value === 'bigint') name += `#${value};`;
      else name += `${value.length}:${value}`;
    }
    return name;
  };
}

/** The tuple of texts, as `tupleReader` writes it. */
export function textTuple(values: readonly string[]): string {
  return values.map((value) => `${value.length}:${value}`).join('');
}

export function noRows(columns: readonly ColumnName[]): Rows {
  return { length: 0, columns: new Map(columns.map((name) => [name, []])) };
}

/** Row numbers by tuple, in order of first appearance. */
export function groupRows(rows: Rows, keys: readonly ColumnName[]): number[][] {
  const tuple = tupleReader(rows, keys);
  const groups = new Map<string, number[]>();
  for (let i = 0; i < rows.length; i++) {
    const name = tuple(i);
    const group = groups.get(name);
    if (group) group.push(i);
    else groups.set(name, [i]);
  }
  return [...groups.values()];
}

/**
 * Merges a measure over rows that each hold it for a part: counts and sums add, least and greatest stay. Null where
 * no part has a value, but 0 for a count over nothing.
 */
export function mergeMeasure({ fn }: Pick<Measure, 'fn'>, column: Column, indexes: readonly number[]): Value {
  switch (fn) {
    case 'count':
    case 'count-once':
      return addAll(column, indexes) ?? 0n;
    case 'sum':
      return addAll(column, indexes);
    case 'min':
    case 'unit-min':
      return extreme(column, indexes, -1);
    case 'max':
    case 'unit-max':
      return extreme(column, indexes, 1);
    default:
      // Distinct counts do not merge: a plan that would need it counts per value instead.
      return indexes.length === 1 ? (column[indexes[0] ?? 0] ?? null) : null;
  }
}

function addAll(column: Column, indexes: readonly number[]): bigint | null {
  let sum: bigint | null = null;
  for (const i of indexes) {
    const value = column[i];
    if (typeof value === 'bigint') sum = (sum ?? 0n) + value;
  }
  return sum;
}

function extreme(column: Column, indexes: readonly number[], sign: 1 | -1): Value {
  let best: Value = null;
  for (const i of indexes) {
    const value = column[i] ?? null;
    if (value !== null && (best === null || compareValues(value, best) * sign > 0)) best = value;
  }
  return best;
}

function compareValues(a: bigint | string, b: bigint | string): number {
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : Number(a > b);
  return compareText(String(a), String(b));
}
