import type { Compare } from '../../planner/plan.ts';
import { before } from '../../planner/plan.ts';
import type { Block, Column } from './block.ts';
import { columnOf, named, select } from './block.ts';
import type { Sql } from './sql-text.ts';
import { join, sql } from './sql-text.ts';
import type { Statement } from './statement.ts';

export function compareToBlock(node: Compare, current: Block, earlier: Block, statement: Statement): Block {
  const now = statement.asTable('current', current);
  const then = statement.asTable('earlier', earlier);
  const keys = node.keys.map((name): [string, Column] => {
    const column = columnOf(now, name);
    return [name, { ...column, at: sql`coalesce(${column.at}, ${columnOf(then, name).at})` }];
  });
  const side = (block: Block, nameOf: (name: string) => string) =>
    node.measures.map((measure): [string, Column] => {
      const column = columnOf(block, measure.name);
      const isCount = measure.fn.startsWith('count');
      return [nameOf(measure.name), isCount ? { ...column, at: sql`coalesce(${column.at}, 0)` } : column];
    });
  const columns = new Map([...keys, ...side(now, (name) => name), ...side(then, before)]);
  return statement.define(
    'compared',
    select({
      columns: [...columns].map(([name, { at }]) => named(at, name)),
      from: now.from,
      joins: [sql`FULL JOIN ${then.from} ON ${sameKeys(node.keys, now, then)}`],
    }),
    columns,
  );
}

/** Equality of columns that both blocks have; nulls are equal. */
export function sameKeys(names: readonly string[], a: Block, b: Block): Sql {
  const same = names.map((name) => sql`${columnOf(a, name).at} IS NOT DISTINCT FROM ${columnOf(b, name).at}`);
  return same.length > 0 ? join(same, sql` AND `) : sql`TRUE`;
}
