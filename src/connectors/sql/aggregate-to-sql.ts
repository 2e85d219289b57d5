import type { Measure } from '../../planner/measures.ts';
import { isMergeable } from '../../planner/measures.ts';
import type { Aggregate } from '../../planner/plan.ts';
import type { Block, Column } from './block.ts';
import { columnOf, named, select, shown } from './block.ts';
import { measureToSql, mergeToSql } from './measure-to-sql.ts';
import { integer } from './sql-text.ts';
import type { Statement } from './statement.ts';

/** `single` and `partial` are the same to a store: it has one row per group either way. */
export function aggregateToBlock(node: Aggregate, input: Block, statement: Statement): Block {
  const { dialect } = statement;
  const { step, groupBy, measures } = node;
  const keys = groupBy.map((name) => ({ name, column: columnOf(input, name) }));
  const computed = measures.map((measure) => ({
    name: measure.name,
    column:
      step === 'final' ? finalMeasure(measure, input, statement) : measureToSql(measure, input, statement),
  }));
  return statement.define(
    'groups',
    select({
      ...input,
      columns: [
        ...keys.map(({ name, column }) => named(shown(column, dialect), name)),
        ...computed.map(({ name, column }) => named(column.at, name)),
      ],
      // Instants are grouped as numbers; only the groups are written out as text.
      groupBy: keys.map(
        ({ column }, i) =>
          column.groupedBy ?? (column.type === 'instant' ? dialect.epochMs(column.at) : integer(i + 1)),
      ),
    }),
    new Map<string, Column>([
      ...keys.map(({ name, column }): [string, Column] => [
        name,
        column.type === 'instant' ? { ...column, type: 'text' } : column,
      ]),
      ...computed.map(({ name, column }): [string, Column] => [name, column]),
    ]),
  );
}

function finalMeasure(measure: Measure, input: Block, statement: Statement): Column {
  if (!isMergeable(measure)) return measureToSql(measure, input, statement);
  const part = columnOf(input, measure.name);
  return { ...part, at: mergeToSql(measure, part.at) };
}
