import type { Rows } from '../../connectors/connector.ts';
import { compareText } from '../../core/code-point-order.ts';
import { metricReader } from '../../planner/measures.ts';
import type { ColumnName, Top } from '../../planner/plan.ts';
import { REMAINDER, before } from '../../planner/plan.ts';
import type { Column } from './group-rows.ts';
import { columnOf, groupRows, mergeMeasure } from './group-rows.ts';
import { takeRows } from '../page-rows.ts';

/** Keeps the rows of the largest tuples of `by`; the others go, or are merged into remainder rows. */
export function top(node: Omit<Top, 'kind' | 'input'>, input: Rows): Rows {
  const groups = groupRows(input, node.by);
  const ranked = rank(node, input, groups).slice(0, node.count);
  const isKept = new Set(ranked.flatMap((group) => groups[group] ?? []));
  const rows = Array.from({ length: input.length }, (_, i) => i);
  const kept = rows.filter((i) => isKept.has(i));
  const rest = rows.filter((i) => !isKept.has(i));
  const remainder = node.remainder && rest.length > 0 ? mergeRest(node, input, rest) : null;
  const columns = new Map<ColumnName, Column>();
  for (const [name, column] of input.columns) {
    columns.set(name, [...kept.map((i) => column[i] ?? null), ...(remainder?.columns.get(name) ?? [])]);
  }
  const remainders = remainder?.length ?? 0;
  columns.set(REMAINDER, [...kept.map(() => 0n), ...Array.from({ length: remainders }, () => 1n)]);
  return { length: kept.length + remainders, columns };
}

/** Group numbers by the metric over all rows of the group, largest first, nulls last, ties by the keys. */
function rank(
  node: Omit<Top, 'kind' | 'input'>,
  input: Rows,
  groups: readonly (readonly number[])[],
): number[] {
  const valueOf = metricReader(node.metric);
  const columns = node.measures.map((each) => [each, columnOf(input, each.name)] as const);
  const values = groups.map((group) => {
    const merged = new Map(columns.map(([each, column]) => [each.name, mergeMeasure(each, column, group)]));
    return valueOf((name) => merged.get(name) ?? null);
  });
  const keys = node.by.map((key) => columnOf(input, key));
  const order = groups.map((_, i) => i);
  return order.sort((a, b) => {
    const [left, right] = [values[a] ?? null, values[b] ?? null];
    if (left !== right) return left === null ? 1 : right === null ? -1 : left < right ? 1 : -1;
    for (const key of keys) {
      const difference = compareText(textAt(key, groups[a]?.[0]), textAt(key, groups[b]?.[0]));
      if (difference !== 0) return difference;
    }
    return 0;
  });
}

function textAt(column: Column, index: number | undefined): string | null {
  const value = index === undefined ? null : column[index];
  return typeof value === 'string' ? value : null;
}

/** One row per tuple of the keys that are not ranked; the ranked ones are null. */
function mergeRest(node: Omit<Top, 'kind' | 'input'>, input: Rows, rest: readonly number[]): Rows {
  const left = takeRows(input, rest);
  const groups = groupRows(
    left,
    node.keys.filter((key) => !node.by.includes(key)),
  );
  const measures = new Map(
    node.measures.flatMap((each) => [
      [each.name, each],
      [before(each.name), each],
    ]),
  );
  const columns = [...left.columns].map(([name, column]): [ColumnName, Column] => {
    const measure = measures.get(name);
    if (measure) return [name, groups.map((group) => mergeMeasure(measure, column, group))];
    return [name, groups.map(([first]) => (node.by.includes(name) ? null : (column[first ?? 0] ?? null)))];
  });
  return { length: groups.length, columns: new Map(columns) };
}
