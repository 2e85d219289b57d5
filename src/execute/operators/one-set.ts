import type { Rows } from '../../connectors/connector.ts';
import type { OneSet } from '../../planner/plan.ts';
import { SET } from '../../planner/plan.ts';
import { columnOf } from './group-rows.ts';

/** The rows of one set, without the columns of the others. */
export function oneSet({ set, columns }: Pick<OneSet, 'set' | 'columns'>, rows: Rows): Rows {
  const number = BigInt(set);
  const indexes = columnOf(rows, SET).flatMap((value, i) => (value === number ? [i] : []));
  const own = columns.map((name) => {
    const values = columnOf(rows, name);
    return [name, indexes.map((i) => values[i] ?? null)] as const;
  });
  return { length: indexes.length, columns: new Map(own) };
}
