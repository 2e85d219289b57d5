import { placeOf } from '../../catalog/dimensions.ts';
import type { FileSelection, Lookup } from '../../planner/plan.ts';
import type { Dictionary, Member, Predicate } from '../../planner/predicate.ts';
import { idColumnOf } from '../../planner/predicate.ts';
import type { Block, Column } from './block.ts';
import { columnOf, shown } from './block.ts';
import type { PredicateSource } from './predicate-to-sql.ts';
import { conjunctsToSql } from './predicate-to-sql.ts';
import { fieldsOf, filesToSql, tenantToSql } from './scan-to-sql.ts';
import type { Sql } from './sql-text.ts';
import { identifier, join, sql, text } from './sql-text.ts';
import type { Statement } from './statement.ts';

const ID = identifier('id');

/** Joins the entries: resources once with all their columns, tags once per key. */
export function lookupToBlock({ dictionary, columns }: Lookup, input: Block, statement: Statement): Block {
  const id = columnOf(input, idColumnOf[dictionary]).at;
  const joined = new Map(input.columns);
  const joins = [...input.joins];
  const add = (wanted: readonly { key: string; column: string }[], condition: readonly Sql[]) => {
    const alias = statement.fresh(dictionary);
    const columns = ['id', ...wanted.map(({ column }) => column)];
    const read = entries(dictionary, columns, condition, statement);
    joins.push(sql`LEFT JOIN (${read}) AS ${alias} ON ${alias}.${ID} = ${id}`);
    for (const { key, column } of wanted) {
      joined.set(key, { at: sql`${alias}.${identifier(column)}`, type: 'text' });
    }
  };
  const places = columns.map((key) => ({ key, ...entryPlace(key) }));
  if (dictionary === 'resources') add(places, []);
  else for (const place of places) add([place], place.condition);
  return { ...input, joins, columns: joined };
}

export function filterBlock(predicate: Predicate, input: Block, statement: Statement): Block {
  const conditions = conjunctsToSql(predicate, predicateSource(input, statement));
  return { ...input, where: [...input.where, ...conditions] };
}

/** Reads a predicate's values from the columns of a block. */
export function predicateSource(input: Block, statement: Statement): PredicateSource {
  return {
    dialect: statement.dialect,
    value: (key) => shown(columnOf(input, key), statement.dialect),
    member: (member, condition) =>
      memberIds(member, condition, columnOf(input, idColumnOf[member.dictionary]), statement),
  };
}

function memberIds(
  { dictionary, test }: Member,
  condition: (value: Sql) => Sql,
  id: Column,
  statement: Statement,
): { id: Sql; ids: Sql } {
  const place = entryPlace(test.key);
  const conditions = [...place.condition, condition(identifier(place.column))];
  return { id: id.at, ids: entries(dictionary, ['id'], conditions, statement, [place.column]) };
}

/** `SELECT columns FROM the dictionary`: the tenant's entries that meet the conditions. */
function entries(
  dictionary: Dictionary,
  columns: readonly string[],
  conditions: readonly Sql[],
  statement: Statement,
  tested: readonly string[] = [],
): Sql {
  const selection = filesOf(dictionary, statement);
  const isTags = dictionary === 'tags';
  const own = tenantToSql(statement.tenant, selection);
  const needed = new Set([...own.columns, ...columns, ...tested, ...(isTags ? ['key'] : [])]);
  const files = filesToSql(selection, fieldsOf(dictionary, needed), statement.dialect);
  const all = sql`SELECT ${join(columns.map(identifier))} FROM ${files}`;
  const where = [...own.conditions, ...conditions];
  return where.length === 0 ? all : sql`${all} WHERE ${join(where, sql` AND `)}`;
}

function filesOf(dictionary: Dictionary, statement: Statement): FileSelection {
  const selection = statement.dictionaries[dictionary];
  if (!selection) throw new Error(`a fragment looks into ${dictionary}, whose files its Ask lacks`);
  return selection;
}

/** The column of a dictionary that holds a dimension, and which of its rows are about it. */
function entryPlace(key: string): { readonly column: string; readonly condition: readonly Sql[] } {
  const place = placeOf(key);
  switch (place.kind) {
    case 'resource':
      return { column: place.column, condition: [] };
    case 'tag':
      return { column: 'value', condition: [sql`${identifier('key')} = ${text(place.tagKey)}`] };
    default:
      throw new Error(`${key} is on the row, not in a dictionary`);
  }
}
