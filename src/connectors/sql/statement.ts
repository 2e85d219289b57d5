import type { Ask } from '../../planner/plan.ts';
import type { Block, Body, Columns } from './block.ts';
import { selectAll, shown } from './block.ts';
import type { Dialect } from './dialect.ts';
import type { Sql } from './sql-text.ts';
import { columnName, identifier, join, ownName, sql } from './sql-text.ts';

/** A statement as it grows: named results (`WITH`), in the order in which they are defined. */
export type Statement = {
  readonly dialect: Dialect;
  readonly dictionaries: Ask['dictionaries'];
  readonly lists: Ask['lists'];
  readonly tenant: string;
  /** A name not yet used in the statement, like `wanted`. */
  readonly fresh: (wanted: string) => Sql;
  /** Defines a result and gives a block that reads it; `columns` are those of the result, only types matter. */
  readonly define: (wanted: string, body: Body, columns: Columns) => Block;
  /** The same for one that could come out otherwise each time, as numbers of rows do: made once, however often it is read. */
  readonly defineOnce: (wanted: string, body: Body, columns: Columns) => Block;
  /** The block as a table that can be read more than once: itself where it only reads a defined result. */
  readonly asTable: (wanted: string, block: Block) => Block;
  /** The whole statement, whose rows are those of `block`. */
  readonly finish: (block: Block) => Sql;
};

const LINE: Sql = sql`\n`;
const INDENTED: Sql = sql`\n  `;

export function createStatement(
  dialect: Dialect,
  tenant: string,
  { dictionaries, lists }: Pick<Ask, 'dictionaries' | 'lists'>,
): Statement {
  const defined: { name: Sql; body: Body; block: Block; isOnce: boolean }[] = [];
  const used = new Map<string, number>();

  const fresh = (wanted: string): Sql => {
    const count = (used.get(wanted) ?? 0) + 1;
    used.set(wanted, count);
    return ownName(count === 1 ? wanted : `${wanted}_${count}`);
  };

  const add = (wanted: string, body: Body, columns: Columns, isOnce: boolean): Block => {
    const name = fresh(wanted);
    const block: Block = {
      from: name,
      joins: [],
      where: [],
      columns: new Map(
        [...columns].map(([column, { type }]) => [
          column,
          { at: sql`${name}.${identifier(columnName(column))}`, type },
        ]),
      ),
    };
    defined.push({ name, body, block, isOnce });
    return block;
  };
  const define = (wanted: string, body: Body, columns: Columns) => add(wanted, body, columns, false);
  const defineOnce = (wanted: string, body: Body, columns: Columns) => add(wanted, body, columns, true);

  const asTable = (wanted: string, block: Block): Block =>
    defined.some((known) => known.block === block) ? block : define(wanted, selectAll(block), block.columns);

  const finish = (block: Block): Sql => {
    const last = defined.at(-1);
    const columns = [...block.columns.values()];
    // The last result is the statement itself, unless its instants still have to become text.
    const isLast = last?.block === block && columns.every(({ type }) => type !== 'instant');
    const main = isLast ? last.body(LINE) : selectAll(asShown(block, dialect))(LINE);
    const earlier = isLast ? defined.slice(0, -1) : defined;
    if (earlier.length === 0) return main;
    const results = earlier.map(
      ({ name, body, isOnce }) =>
        sql`${name} AS ${isOnce ? dialect.madeOnce : sql``}(${INDENTED}${body(INDENTED)}\n)`,
    );
    return sql`WITH ${join(results)}\n${main}`;
  };

  return { dialect, dictionaries, lists, tenant, fresh, define, defineOnce, asTable, finish };
}

function asShown(block: Block, dialect: Dialect): Block {
  const columns = [...block.columns].map(
    ([name, column]) => [name, { ...column, at: shown(column, dialect) }] as const,
  );
  return { ...block, columns: new Map(columns) };
}
