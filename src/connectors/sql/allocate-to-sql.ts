import type { Measure } from '../../planner/measures.ts';
import type { Allocate, ColumnName } from '../../planner/plan.ts';
import { ITEM, SPLIT } from '../../planner/plan.ts';
import type { Block, Body, Column } from './block.ts';
import { allColumns, columnOf, named, ordinals, select, unionAll } from './block.ts';
import { filterBlock, predicateSource } from './dictionary-to-sql.ts';
import { mergeToSql } from './measure-to-sql.ts';
import { predicateToSql } from './predicate-to-sql.ts';
import type { Sql } from './sql-text.ts';
import { integer, join, ownName, sql, text } from './sql-text.ts';
import type { Statement } from './statement.ts';
import type { Shares } from './weights-to-sql.ts';
import { Y_ALL, Y_FROM, Y_TO, weightsToBlock } from './weights-to-sql.ts';

/** Items of different splits have different numbers: so many may be in one. */
const ITEMS_MAX = 2n ** 40n;
const through = (name: ColumnName) => `$through:${name}`;

/**
 * Each step on the last: `members` are the rows that are shared, put together to items; `items` have what was summed up
 * through them; `parts` have a row for each item and key of its pool's weights. The others, and items of pools without
 * weights, are put beside them as they are.
 */
export function allocateToBlock(
  node: Allocate,
  input: Block,
  weights: Block | null,
  statement: Statement,
): Block {
  const table = statement.asTable('groups', input);
  const items = itemsOf(node, table, statement);
  const shares =
    weights === null || node.weights.kind === 'constant'
      ? constantShares(node, statement)
      : weightsToBlock(node, node.weights, items, weights, statement);
  const columns = outputOf(node, table);
  const bodies = [othersOf(node, table, statement), partsOf(node, items, shares, statement)];
  if (node.weights.kind === 'measured') bodies.push(unsharedOf(node, items, shares, statement));
  return statement.define('allocated', unionAll(bodies), columns);
}

function outputOf({ items, to, measures }: Allocate, table: Block): Map<ColumnName, Column> {
  const kept = items.map((name): [string, Column] => [name, columnOf(table, name)]);
  const given = to.map((name): [string, Column] => [name, { at: sql`NULL`, type: 'text' }]);
  const measured = measures.map(({ name }): [string, Column] => [name, columnOf(table, name)]);
  return new Map<string, Column>([
    ...kept,
    ...given,
    ...measured,
    [ITEM, { at: sql`NULL`, type: 'integer' }],
    [SPLIT, { at: sql`NULL`, type: 'text' }],
  ]);
}

const noItem = sql`CAST(NULL AS BIGINT)`;

function itemOf(block: Block): Sql {
  return block.columns.get(ITEM)?.at ?? noItem;
}

function splitOf(block: Block, { dialect }: Statement): Sql {
  return block.columns.get(SPLIT)?.at ?? sql`CAST(NULL AS ${dialect.typeName('string')})`;
}

/** The rows that are not shared. */
function othersOf({ members, items, to, measures }: Allocate, table: Block, statement: Statement): Body {
  const others = filterBlock({ kind: 'not', part: members }, table, statement);
  const own = (name: ColumnName) => named(columnOf(table, name).at, name);
  return select({
    ...others,
    columns: [
      ...[...items, ...to, ...measures.map(({ name }) => name)].map(own),
      named(itemOf(table), ITEM),
      named(splitOf(table, statement), SPLIT),
    ],
  });
}

/** Members put together, with a number, and for each sum what it comes to through them in their pool. */
function itemsOf(node: Allocate, table: Block, statement: Statement): Block {
  const { pool, items, measures, members, stage } = node;
  const keys = [...new Set([...pool, ...items])];
  const condition = predicateToSql(members, predicateSource(table, statement));
  const merged = measures.map((each) => named(mergeParts(each, table), each.name));
  const columns = new Map<string, Column>([
    ...keys.map((name): [string, Column] => [name, columnOf(table, name)]),
    [ITEM, { at: noItem, type: 'integer' }],
    [SPLIT, { at: noItem, type: 'text' }],
    ...measures.map(({ name }): [string, Column] => [name, columnOf(table, name)]),
  ]);
  const grouped = statement.define(
    'members',
    select({
      ...table,
      where: [condition],
      columns: [
        ...keys.map((name) => named(columnOf(table, name).at, name)),
        named(itemOf(table), ITEM),
        named(splitOf(table, statement), SPLIT),
        ...merged,
      ],
      groupBy: ordinals(keys.length + 2),
    }),
    columns,
  );
  const at = (name: ColumnName) => columnOf(grouped, name).at;
  const sums = measures.filter(isShared);
  const order = join([...items, ITEM].map((name) => sql`${at(name)} NULLS LAST`));
  const window = sql`PARTITION BY ${join(pool.map(at))} ORDER BY ${order} ROWS UNBOUNDED PRECEDING`;
  const number = sql`row_number() OVER () + ${integer(BigInt(stage) * ITEMS_MAX)}`;
  const summed = sums.map(({ name }) => {
    const units = statement.dialect.unscaled(sql`coalesce(${at(name)}, 0)`);
    return named(sql`sum(${statement.dialect.wide(units)}) OVER (${window})`, through(name));
  });
  const others = [...columns.keys()].filter((name) => name !== ITEM).map((name) => named(at(name), name));
  // Numbers of rows may differ from one time to the next, and parts and what is left unshared must have the same.
  return statement.defineOnce(
    'items',
    select({
      ...grouped,
      columns: [...others, named(sql`coalesce(${at(ITEM)}, ${number})`, ITEM), ...summed],
    }),
    new Map<string, Column>([
      ...columns,
      ...sums.map(({ name }): [string, Column] => [through(name), { at: noItem, type: 'integer' }]),
    ]),
  );
}

/** Parts of one item, which an earlier split made of it, all count what it counts. */
function mergeParts(measure: Measure, table: Block): Sql {
  const { at } = columnOf(table, measure.name);
  const merged = mergeToSql(measure, at);
  const item = table.columns.get(ITEM);
  if (measure.fn !== 'count' || item === undefined) return merged;
  return sql`CASE WHEN ${item.at} IS NULL THEN ${merged} ELSE max(${at}) END`;
}

function isShared({ fn }: Measure): boolean {
  return fn === 'sum';
}

function constantShares({ to, weights }: Allocate, statement: Statement): Shares {
  if (weights.kind !== 'constant') throw new Error('weights that are measured are read');
  const names = ['value', 'y_from', 'y_to'].map(ownName);
  const all = weights.shares.at(-1)?.to ?? '0';
  const tuples = weights.shares.map(({ value, from, to: end }) => [value, from, end]);
  const rows = statement.dialect.tuplesQuery(names, tuples);
  const wide = (at: Sql) => statement.dialect.wide(at);
  const alias = statement.fresh('weights');
  const column = (i: number) => sql`${alias}.${names[i] ?? noItem}`;
  const block: Block = {
    from: sql`(${rows}) AS ${alias}`,
    joins: [],
    where: [],
    columns: new Map<string, Column>([
      ...to.map((key): [string, Column] => [key, { at: column(0), type: 'text' }]),
      [Y_FROM, { at: wide(column(1)), type: 'integer' }],
      [Y_TO, { at: wide(column(2)), type: 'integer' }],
      [Y_ALL, { at: wide(text(all)), type: 'integer' }],
    ]),
  };
  const defined = statement.define('shares', select({ ...block, columns: allColumns(block) }), block.columns);
  return { block: defined, on: [] };
}

/** Cuts what was summed up through an item, and through the one before it, at the weights through a key and before it. */
function partsOf(node: Allocate, items: Block, { block, on }: Shares, statement: Statement): Body {
  const { dialect } = statement;
  const at = (name: ColumnName) => columnOf(items, name).at;
  const share = (name: ColumnName) => columnOf(block, name).at;
  const matches = on.map((name) => sql`${at(name)} IS NOT DISTINCT FROM ${share(name)}`);
  const sums = node.measures.filter(isShared).map(({ name }) => name);
  const corners = sums.flatMap((name) => {
    const own = dialect.wide(dialect.unscaled(sql`coalesce(${at(name)}, 0)`));
    const end = at(through(name));
    const start = sql`(${end} - ${own})`;
    return [
      named(dialect.floorDivide(sql`${end} * ${share(Y_TO)}`, share(Y_ALL)), `$a:${name}`),
      named(dialect.floorDivide(sql`${start} * ${share(Y_TO)}`, share(Y_ALL)), `$b:${name}`),
      named(dialect.floorDivide(sql`${end} * ${share(Y_FROM)}`, share(Y_ALL)), `$c:${name}`),
      named(dialect.floorDivide(sql`${start} * ${share(Y_FROM)}`, share(Y_ALL)), `$d:${name}`),
    ];
  });
  const passed = [...node.items, ITEM, ...node.measures.map(({ name }) => name)];
  const cut: Body = select({
    from: items.from,
    joins: [sql`JOIN ${block.from} ON ${matches.length === 0 ? sql`TRUE` : join(matches, sql` AND `)}`],
    columns: [
      ...passed.map((name) => named(at(name), name)),
      ...node.to.map((name) => named(share(name), name)),
      ...corners,
    ],
  });
  const cells = statement.define(
    'cut',
    cut,
    new Map(
      [
        ...passed,
        ...node.to,
        ...sums.flatMap((name) => ['a', 'b', 'c', 'd'].map((corner) => `$${corner}:${name}`)),
      ].map((name): [string, Column] => [name, { at: noItem, type: 'integer' }]),
    ),
  );
  const cell = (name: ColumnName) => columnOf(cells, name).at;
  const measured = node.measures.map((each) => {
    if (!isShared(each)) return named(cell(each.name), each.name);
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((corner) => cell(`$${corner}:${each.name}`));
    const part = dialect.scaled(sql`${a ?? noItem} - ${b ?? noItem} - ${c ?? noItem} + ${d ?? noItem}`);
    return named(sql`CASE WHEN ${cell(each.name)} IS NOT NULL THEN ${part} END`, each.name);
  });
  return select({
    ...cells,
    columns: [
      ...[...node.items, ...node.to].map((name) => named(cell(name), name)),
      ...measured,
      named(cell(ITEM), ITEM),
      named(text(node.split), SPLIT),
    ],
  });
}

/** Items of pools that nothing was found for. */
function unsharedOf(node: Allocate, items: Block, { block, on }: Shares, statement: Statement): Body {
  const at = (name: ColumnName) => columnOf(items, name).at;
  const none = sql`CAST(NULL AS ${statement.dialect.typeName('string')})`;
  const matches = on.map((name) => sql`${at(name)} IS NOT DISTINCT FROM ${columnOf(block, name).at}`);
  return select({
    ...items,
    where: [sql`NOT EXISTS (SELECT 1 FROM ${block.from} WHERE ${join(matches, sql` AND `)})`],
    columns: [
      ...node.items.map((name) => named(at(name), name)),
      ...node.to.map((name) => named(none, name)),
      ...node.measures.map(({ name }) => named(at(name), name)),
      named(at(ITEM), ITEM),
      named(at(SPLIT), SPLIT),
    ],
  });
}
