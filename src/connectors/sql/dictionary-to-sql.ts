import { placeOf } from '../../catalog/dimensions.ts';
import type { FileSelection, Lookup } from '../../planner/plan.ts';
import type { Dictionary, Member, Predicate } from '../../planner/predicate.ts';
import { idColumnOf, inlineColumnOf } from '../../planner/predicate.ts';
import type { Block } from './block.ts';
import { columnOf, shown } from './block.ts';
import type { PredicateSource } from './predicate-to-sql.ts';
import { conjunctsToSql } from './predicate-to-sql.ts';
import { fieldsOf, filesToSql, tenantToSql } from './scan-to-sql.ts';
import type { Sql } from './sql-text.ts';
import { identifier, join, sql, text } from './sql-text.ts';
import type { Statement } from './statement.ts';

const ID = identifier('id');

/** Joins the entries: resources once with all their columns, tags once per key. What is inline stands beside them. */
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
      const entry = sql`${alias}.${identifier(column)}`;
      const inline = inlineValue(key, input, statement);
      joined.set(key, { at: inline === null ? entry : sql`coalesce(${entry}, ${inline})`, type: 'text' });
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
    member: (member, condition) => ({
      id: columnOf(input, idColumnOf[member.dictionary]).at,
      ids: memberIds(member, condition, statement),
      inline: inlineValue(member.test.key, input, statement),
    }),
  };
}

/** A dimension's value on the charges that carry it themselves; null where the input has no such column. */
function inlineValue(key: string, input: Block, { dialect }: Statement): Sql | null {
  const column = input.columns.get(inlineColumnOf(key));
  if (column === undefined) return null;
  const place = placeOf(key);
  return place.kind === 'tag' ? dialect.jsonMember(column.at, place.tagKey) : column.at;
}

function memberIds({ dictionary, test }: Member, condition: (value: Sql) => Sql, statement: Statement): Sql {
  const place = entryPlace(test.key);
  const conditions = [...place.condition, condition(identifier(place.column))];
  return entries(dictionary, ['id'], conditions, statement, [place.column]);
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
