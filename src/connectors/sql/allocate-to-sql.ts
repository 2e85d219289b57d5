import type { Measure } from '../../planner/measures.ts';
import type { Allocate, ColumnName } from '../../planner/plan.ts';
import { ITEM, SPLIT, STEPS } from '../../planner/plan.ts';
import type { Block, Body, Column } from './block.ts';
import { allColumns, columnOf, named, ordinals, select, unionAll } from './block.ts';
import { filterBlock, predicateSource } from './dictionary-to-sql.ts';
import { mergeToSql } from './measure-to-sql.ts';
import { predicateToSql } from './predicate-to-sql.ts';
import type { Dialect } from './dialect.ts';
import type { Sql } from './sql-text.ts';
import { integer, join, ownName, sql, text } from './sql-text.ts';
import type { Statement } from './statement.ts';
import type { Shares } from './weights-to-sql.ts';
import { WAY, Y_ALL, Y_FROM, Y_TO, weightsToBlock } from './weights-to-sql.ts';

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

function outputOf({ items, to, measures, traced }: Allocate, table: Block): Map<ColumnName, Column> {
  const kept = items.map((name): [string, Column] => [name, columnOf(table, name)]);
  const given = to.map((name): [string, Column] => [name, { at: sql`NULL`, type: 'text' }]);
  const measured = measures.map(({ name }): [string, Column] => [name, columnOf(table, name)]);
  return new Map<string, Column>([
    ...kept,
    ...given,
    ...measured,
    [ITEM, { at: sql`NULL`, type: 'integer' }],
    [SPLIT, { at: sql`NULL`, type: 'text' }],
    ...stepsOf(traced).map((name): [string, Column] => [name, { at: sql`NULL`, type: 'text' }]),
  ]);
}

/** The column that a traced split passes on, and adds to. */
function stepsOf(traced: Allocate['traced']): ColumnName[] {
  return traced === null ? [] : [STEPS];
}

/** As `$steps` has them. */
function withStep(earlier: Sql, step: readonly Sql[]): Sql {
  return sql`coalesce(${earlier} || ';', '') || ${join(step, sql` || ':' || `)}`;
}

const noItem = sql`CAST(NULL AS BIGINT)`;

function itemOf(block: Block): Sql {
  return block.columns.get(ITEM)?.at ?? noItem;
}

function splitOf(block: Block, { dialect }: Statement): Sql {
  return block.columns.get(SPLIT)?.at ?? sql`CAST(NULL AS ${dialect.typeName('string')})`;
}

/** The rows that are not shared. */
function othersOf(
  { members, items, to, measures, traced }: Allocate,
  table: Block,
  statement: Statement,
): Body {
  const others = filterBlock({ kind: 'not', part: members }, table, statement);
  const own = (name: ColumnName) => named(columnOf(table, name).at, name);
  return select({
    ...others,
    columns: [
      ...[...items, ...to, ...measures.map(({ name }) => name)].map(own),
      named(itemOf(table), ITEM),
      named(splitOf(table, statement), SPLIT),
      ...stepsOf(traced).map(own),
    ],
  });
}

/** Members put together, with a number, and for each sum what it comes to through them in their pool. */
function itemsOf(node: Allocate, table: Block, statement: Statement): Block {
  const { pool, items, measures, members, stage, traced } = node;
  const keys = [...new Set([...pool, ...items, ...stepsOf(traced)])];
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
  const order = join([...items, ITEM, ...stepsOf(traced)].map((name) => sql`${at(name)} NULLS LAST`));
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

function constantShares({ to, weights, traced }: Allocate, statement: Statement): Shares {
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
      ...(traced === null ? [] : [[WAY, { at: integer(0), type: 'integer' }] as const]),
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
  const passed = [...node.items, ...stepsOf(node.traced), ITEM, ...node.measures.map(({ name }) => name)];
  const weighed = node.traced === null ? [] : [WAY, Y_FROM, Y_TO, Y_ALL];
  const cut: Body = select({
    from: items.from,
    joins: [sql`JOIN ${block.from} ON ${matches.length === 0 ? sql`TRUE` : join(matches, sql` AND `)}`],
    columns: [
      ...passed.map((name) => named(at(name), name)),
      ...node.to.map((name) => named(share(name), name)),
      ...weighed.map((name) => named(share(name), name)),
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
        ...weighed,
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
      ...stepsOf(node.traced).map((name) =>
        named(withStep(cell(name), sharedStep(node, cell, dialect)), name),
      ),
    ],
  });
}

function sharedStep({ traced }: Allocate, cell: (name: ColumnName) => Sql, { typeName }: Dialect): Sql[] {
  const written = (at: Sql) => sql`CAST(${at} AS ${typeName('string')})`;
  const numerator = sql`${cell(Y_TO)} - ${cell(Y_FROM)}`;
  return [text(String(traced)), written(cell(WAY)), written(numerator), written(cell(Y_ALL))];
}

/** Items of pools that nothing was found for. */
function unsharedOf(node: Allocate, items: Block, { block, on }: Shares, statement: Statement): Body {
  const at = (name: ColumnName) => columnOf(items, name).at;
  const none = sql`CAST(NULL AS ${statement.dialect.typeName('string')})`;
  const matches = on.map((name) => sql`${at(name)} IS NOT DISTINCT FROM ${columnOf(block, name).at}`);
  const unshared = `${node.traced}:${node.noDriver.length}:1:1`; // By the last that is tried.
  return select({
    ...items,
    where: [sql`NOT EXISTS (SELECT 1 FROM ${block.from} WHERE ${join(matches, sql` AND `)})`],
    columns: [
      ...node.items.map((name) => named(at(name), name)),
      ...node.to.map((name) => named(none, name)),
      ...node.measures.map(({ name }) => named(at(name), name)),
      named(at(ITEM), ITEM),
      named(at(SPLIT), SPLIT),
      ...stepsOf(node.traced).map((name) => named(withStep(at(name), [text(unshared)]), name)),
    ],
  });
}
