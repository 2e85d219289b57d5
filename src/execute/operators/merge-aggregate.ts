import type { Rows } from '../../connectors/connector.ts';
import { isMergeable } from '../../planner/measures.ts';
import type { Aggregate, ColumnName } from '../../planner/plan.ts';
import type { Column } from './group-rows.ts';
import { columnOf, groupRows, mergeMeasure } from './group-rows.ts';

/** The final step over rows of partials: one row per group; without groups exactly one row. */
export function mergeAggregate(node: Pick<Aggregate, 'groupBy' | 'measures'>, input: Rows): Rows {
  const everything = Array.from({ length: input.length }, (_, i) => i);
  const groups = node.groupBy.length === 0 ? [everything] : groupRows(input, node.groupBy);
  const columns = new Map<ColumnName, Column>();
  for (const key of node.groupBy) {
    const column = columnOf(input, key);
    columns.set(
      key,
      groups.map(([first]) => column[first ?? 0] ?? null),
    );
  }
  for (const each of node.measures) {
    const column = columnOf(input, isMergeable(each) ? each.name : (each.column ?? each.name));
    columns.set(
      each.name,
      groups.map((group) =>
        isMergeable(each) ? mergeMeasure(each, column, group) : countDistinct(column, group),
      ),
    );
  }
  return { length: groups.length, columns };
}

function countDistinct(column: Column, group: readonly number[]): bigint {
  const values = new Set(group.map((i) => column[i] ?? null));
  values.delete(null);
  return BigInt(values.size);
}
