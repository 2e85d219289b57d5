import type { Rows } from '../../connectors/connector.ts';
import type { ColumnName, Compare } from '../../planner/plan.ts';
import { before } from '../../planner/plan.ts';
import type { Column, Value } from './group-rows.ts';
import { columnOf, tupleReader } from './group-rows.ts';

/** A row per tuple of either side: the pair of row numbers, -1 where a side has none. */
type Pair = readonly [current: number, earlier: number];

/** Full outer join by the keys, nulls equal. Absent counts are 0, absent sums and texts null. */
export function compare(node: Pick<Compare, 'keys' | 'measures'>, current: Rows, earlier: Rows): Rows {
  const pairs = pairUp(node.keys, current, earlier);
  const columns = new Map<ColumnName, Column>();
  for (const key of node.keys) {
    const [left, right] = [columnOf(current, key), columnOf(earlier, key)];
    columns.set(
      key,
      pairs.map(([c, e]) => (c >= 0 ? left[c] : right[e]) ?? null),
    );
  }
  const side = (rows: Rows, which: 0 | 1, rename: (name: ColumnName) => ColumnName) => {
    for (const { name, fn } of node.measures) {
      const column = columnOf(rows, name);
      const absent: Value = fn.startsWith('count') ? 0n : null;
      columns.set(
        rename(name),
        pairs.map((pair) => (pair[which] >= 0 ? (column[pair[which]] ?? null) : absent)),
      );
    }
  };
  side(current, 0, (name) => name);
  side(earlier, 1, before);
  return { length: pairs.length, columns };
}

function pairUp(keys: readonly ColumnName[], current: Rows, earlier: Rows): Pair[] {
  const [nameOfCurrent, nameOfEarlier] = [tupleReader(current, keys), tupleReader(earlier, keys)];
  const open = new Map<string, number>();
  for (let i = 0; i < earlier.length; i++) open.set(nameOfEarlier(i), i);
  const pairs: Pair[] = [];
  for (let i = 0; i < current.length; i++) {
    const name = nameOfCurrent(i);
    pairs.push([i, open.get(name) ?? -1]);
    open.delete(name);
  }
  for (const i of open.values()) pairs.push([-1, i]);
  return pairs;
}
