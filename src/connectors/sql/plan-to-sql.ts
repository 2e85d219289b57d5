import { chargeColumns } from '../../catalog/charge-columns.ts';
import { unreachable } from '../../core/unreachable.ts';
import type { Ask, Having, Plan, Union } from '../../planner/plan.ts';
import { children, outputColumns } from '../../planner/plan-tree.ts';
import { aggregateToBlock, groupingSetsToBlock } from './aggregate-to-sql.ts';
import { allocateToBlock } from './allocate-to-sql.ts';
import { attributeToBlock } from './attribute-to-sql.ts';
import type { Block, Column } from './block.ts';
import { columnOf, named, select, shown, typeOf, unionAll } from './block.ts';
import { bucketToBlock, rebucketToBlock } from './bucket-to-sql.ts';
import { compareToBlock } from './compare-to-sql.ts';
import type { Dialect } from './dialect.ts';
import { filterBlock, lookupToBlock } from './dictionary-to-sql.ts';
import { metricToSql } from './measure-to-sql.ts';
import { pageToBlock, topToBlock } from './order-to-sql.ts';
import { hoursOfTelemetry } from './telemetry-to-sql.ts';
import { scanToBlock } from './scan-to-sql.ts';
import type { Sql } from './sql-text.ts';
import { decimal, sql } from './sql-text.ts';
import type { Statement } from './statement.ts';
import { createStatement } from './statement.ts';

/**
 * The statement that answers a fragment: its columns are those of `outputColumns(ask.fragment)`, its rows in order
 * where the fragment is a Page. Nodes fold into few SELECTs; what is read twice stands once, under WITH.
 *
 * @throws BAD_FILTER for text that cannot be sent
 */
export function planToSql(ask: Ask, dialect: Dialect): Sql {
  const statement = createStatement(dialect, tenantOf(ask.fragment), ask);
  return statement.finish(toBlock(ask.fragment, statement));
}

function toBlock(plan: Plan, statement: Statement): Block {
  switch (plan.kind) {
    case 'Scan':
      return scanToBlock(plan, statement);
    case 'Empty':
      return emptyBlock(plan.columns, statement.dialect);
    case 'Lookup':
      return lookupToBlock(plan, toBlock(plan.input, statement), statement);
    case 'Attribute':
      return attributeToBlock(plan, toBlock(plan.input, statement), statement);
    case 'Allocate': {
      const weights = plan.weights.kind === 'measured' ? toBlock(plan.weights.plan, statement) : null;
      return allocateToBlock(plan, toBlock(plan.input, statement), weights, statement);
    }
    case 'Rebucket':
      return rebucketToBlock(plan, toBlock(plan.input, statement), statement.dialect);
    case 'Telemetry':
      return hoursOfTelemetry(plan, statement);
    case 'Filter':
      return filterBlock(plan.predicate, toBlock(plan.input, statement), statement);
    case 'Bucket':
      return bucketToBlock(plan, toBlock(plan.input, statement), statement);
    case 'Aggregate':
      return aggregateToBlock(plan, toBlock(plan.input, statement), statement);
    case 'GroupingSets':
      return groupingSetsToBlock(plan, toBlock(plan.input, statement), statement);
    case 'Union':
      return unionToBlock(plan, statement);
    case 'Compare':
      return compareToBlock(
        plan,
        toBlock(plan.current, statement),
        toBlock(plan.earlier, statement),
        statement,
      );
    case 'Having':
      return havingBlock(plan, toBlock(plan.input, statement));
    case 'Top':
      return topToBlock(plan, toBlock(plan.input, statement), statement);
    case 'Page':
      return pageToBlock(plan, toBlock(plan.input, statement), statement);
    case 'Ask':
    case 'OneSet':
    case 'Keep':
    case 'Kept':
      throw new Error(`${plan.kind} stands inside an Ask`);
    default:
      return unreachable(plan);
  }
}

/** The tenant of the fragment's Scans and driver data, whose entries alone are read. */
function tenantOf(plan: Plan): string {
  const tenants = new Set(tenantsOf(plan));
  if (tenants.size > 1) throw new Error('a fragment reads more than one tenant');
  return [...tenants][0] ?? '';
}

function tenantsOf(plan: Plan): string[] {
  return plan.kind === 'Scan' || plan.kind === 'Telemetry'
    ? [plan.tenant]
    : children(plan).flatMap(tenantsOf);
}

/** Columns of charges have their types; other nulls take that of whatever they meet. */
function emptyBlock(names: readonly string[], dialect: Dialect): Block {
  const columns = names.map((name): [string, Column] => {
    const field = chargeColumns.find((each) => each.name === name);
    if (field === undefined) return [name, { at: sql`NULL`, type: 'text' }];
    return [name, { at: sql`CAST(NULL AS ${dialect.typeName(field.type)})`, type: typeOf(field.type) }];
  });
  return { from: sql`(SELECT 1) AS nothing`, joins: [], where: [sql`FALSE`], columns: new Map(columns) };
}

function unionToBlock(union: Union, statement: Statement): Block {
  const blocks = union.inputs.map((input) => toBlock(input, statement));
  const names = outputColumns(union);
  const [first] = blocks;
  if (!first) throw new Error('a Union has inputs');
  const bodies = blocks.map((block) =>
    select({
      ...block,
      columns: names.map((name) => named(shown(columnOf(block, name), statement.dialect), name)),
    }),
  );
  const columns = names.map((name): [string, Column] => {
    const column = columnOf(first, name);
    return [name, column.type === 'instant' ? { ...column, type: 'text' } : column];
  });
  return statement.define('all_rows', unionAll(bodies), new Map(columns));
}

const comparisons = { gt: sql`>`, gte: sql`>=`, lt: sql`<`, lte: sql`<=` } as const;

function havingBlock({ tests }: Having, input: Block): Block {
  const conditions = tests.map(({ metric, op, value }) => {
    const actual = metricToSql(metric, (name) => columnOf(input, name).at);
    return sql`${actual} ${comparisons[op]} ${decimal(value)}`;
  });
  return { ...input, where: [...input.where, ...conditions] };
}
