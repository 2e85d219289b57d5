import { WHITE_SPACE } from '../../attribution/rule-set.ts';
import { unreachable } from '../../core/unreachable.ts';
import { formatInstant } from '../../core/time-range.ts';
import { keysOfCase } from '../../planner/attribute/resolve-rules.ts';
import type { Attribute, CaseValue, RuleCase, RuledDimension } from '../../planner/plan.ts';
import { listKey } from '../../planner/plan.ts';
import { testedKeys } from '../../planner/predicate.ts';
import type { Block, Column } from './block.ts';
import { allColumns, columnOf, named, select, selectAll, shown } from './block.ts';
import { predicateSource } from './dictionary-to-sql.ts';
import { ALWAYS, predicateToSql } from './predicate-to-sql.ts';
import type { Sql } from './sql-text.ts';
import { integer, join, ownName, sql, text } from './sql-text.ts';
import type { Statement } from './statement.ts';

/** `2018-10-01T05` of RFC 3339: hours compare as their texts do. */
const HOUR_LENGTH = 13;
const VALUE = ownName('value');

/**
 * A column per dimension; those that look at another's value stand in a SELECT of their own over it. The groups are made
 * once: engines would carry a test of what rules say below the grouping, and ask them for each charge.
 */
export function attributeToBlock({ dimensions }: Attribute, input: Block, statement: Statement): Block {
  let block = statement.defineOnce('inputs', selectAll(input), input.columns);
  const waiting = [...dimensions];
  while (waiting.length > 0) {
    const isKnown = (dimension: RuledDimension) => looksAt(dimension).every((key) => block.columns.has(key));
    const end = waiting.findIndex((dimension) => !isKnown(dimension));
    const layer = waiting.splice(0, end === -1 ? waiting.length : end);
    if (layer.length === 0) throw new Error('a dimension looks at what is not there');
    block = withLayer(layer, block, statement);
  }
  return block;
}

function looksAt({ cases }: RuledDimension): string[] {
  return cases.flatMap(({ when, value }) => [...testedKeys(when), ...keysOfCase(value)]);
}

function withLayer(layer: readonly RuledDimension[], block: Block, statement: Statement): Block {
  const joins: Sql[] = [];
  const lookUp = (value: ListLookup): Sql => {
    const alias = statement.fresh('list');
    joins.push(joinList(value, alias, block, statement));
    return sql`${alias}.${VALUE}`;
  };
  const computed = layer.map(({ key, cases }) => ({
    key,
    at: casesToSql(cases, block, statement, lookUp),
  }));
  const body = select({
    ...block,
    joins: [...block.joins, ...joins],
    columns: [...allColumns(block), ...computed.map(({ key, at }) => named(at, key))],
  });
  const columns = computed.map(({ key, at }): [string, Column] => [key, { at, type: 'text' }]);
  return statement.define('attributed', body, new Map([...block.columns, ...columns]));
}

type ListLookup = Extract<CaseValue, { kind: 'lookup' }>;

function joinList(value: ListLookup, alias: Sql, block: Block, { dialect, lists }: Statement): Sql {
  const list = lists.get(listKey(value));
  if (list === undefined) throw new Error(`a fragment looks into ${value.name}, which its Ask lacks`);
  const keys = value.on.map((_, i) => ownName(`key_${i + 1}`));
  const tuples = list.rows.map(({ on, value: found }) => [...on, found]);
  const conditions = value.on.map((key, i) => sql`${alias}.${keys[i] ?? VALUE} = ${columnOf(block, key).at}`);
  const rows = dialect.tuplesQuery([...keys, VALUE], tuples);
  return sql`LEFT JOIN (${rows}) AS ${alias} ON ${join(conditions, sql` AND `)}`;
}

function casesToSql(
  cases: readonly RuleCase[],
  block: Block,
  statement: Statement,
  lookUp: (value: ListLookup) => Sql,
): Sql {
  const source = predicateSource(block, statement);
  const branches: Sql[] = [];
  for (const { when, during, value } of cases) {
    const given = valueToSql(value, block, statement, lookUp);
    const conditions = [
      predicateToSql(when, source),
      ...duringToSql(during, block, statement),
      ...(value.kind === 'value' ? [] : [sql`${given} <> ''`]), // Not of a missing one either.
    ].filter((condition) => condition !== ALWAYS);
    branches.push(sql`WHEN ${conditions.length === 0 ? ALWAYS : join(conditions, sql` AND `)} THEN ${given}`);
  }
  const none = sql`CAST(NULL AS ${statement.dialect.typeName('string')})`;
  return branches.length === 0 ? none : sql`CASE ${join(branches, sql` `)} END`;
}

function duringToSql(during: RuleCase['during'], block: Block, { dialect }: Statement): Sql[] {
  if (during === null) return [];
  const start = sql`left(${shown(columnOf(block, 'charge_period_start'), dialect)}, ${integer(HOUR_LENGTH)})`;
  const hour = (instant: number) => text(formatInstant(instant).slice(0, HOUR_LENGTH));
  return [
    ...(during.from === null ? [] : [sql`${start} >= ${hour(during.from)}`]),
    ...(during.to === null ? [] : [sql`${start} < ${hour(during.to)}`]),
  ];
}

function valueToSql(
  value: CaseValue,
  block: Block,
  { dialect }: Statement,
  lookUp: (value: ListLookup) => Sql,
): Sql {
  const read = (key: string) => shown(columnOf(block, key), dialect);
  switch (value.kind) {
    case 'value':
      return text(value.value);
    case 'valueOf': {
      const normalized = value.normalize.reduce((of, each) => {
        if (each === 'trim') return dialect.trim(of, text(WHITE_SPACE));
        return each === 'lower' ? sql`lower(${of})` : sql`upper(${of})`;
      }, read(value.key));
      return value.replace.reduce(
        (of, { match, by }) => dialect.replaceMatches(of, text(match), by),
        normalized,
      );
    }
    case 'coalesce':
      return sql`coalesce(${join(value.keys.map((key) => sql`nullif(${read(key)}, '')`))})`;
    case 'lookup':
      return lookUp(value);
    default:
      return unreachable(value);
  }
}
