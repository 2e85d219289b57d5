import type { Member, Predicate, Test, ValueTest } from '../../planner/predicate.ts';
import { unreachable } from '../../core/unreachable.ts';
import type { Dialect } from './dialect.ts';
import type { Sql } from './sql-text.ts';
import { join, sql, text } from './sql-text.ts';

/** Where the leaves of a predicate find their values. */
export type PredicateSource = {
  readonly dialect: Dialect;
  /** The text value of a dimension. */
  readonly value: (key: string) => Sql;
  /**
   * The id that a Member asks about, and the ids of the entries that meet a condition on the tested value; the value
   * that the charge carries inline, null where none does.
   */
  readonly member: (
    member: Member,
    condition: (value: Sql) => Sql,
  ) => { readonly id: Sql; readonly ids: Sql; readonly inline: Sql | null };
};

/** From here on a list of values is written as a table: engines hash those, but may compare lists one by one. */
export const TABLE_VALUES_MIN = 10;

export const ALWAYS: Sql = sql`TRUE`;
export const NEVER: Sql = sql`FALSE`;

/**
 * A condition that is true exactly for the charges that meet the predicate, for places where NULL counts as
 * false (WHERE, FILTER, CASE). Negations are carried down to the leaves, which say what a null does to them; so
 * no NOT ever stands over a NULL, and conjuncts stay bare comparisons that the store can prune by.
 */
export function predicateToSql(predicate: Predicate, source: PredicateSource, negated = false): Sql {
  switch (predicate.kind) {
    case 'true':
      return negated ? NEVER : ALWAYS;
    case 'false':
      return negated ? ALWAYS : NEVER;
    case 'not':
      return predicateToSql(predicate.part, source, !negated);
    case 'and':
    case 'or': {
      const parts = predicate.parts.map((part) => predicateToSql(part, source, negated));
      return sql`(${join(parts, (predicate.kind === 'and') === negated ? sql` OR ` : sql` AND `)})`;
    }
    case 'test':
      return testToSql(predicate, source.value(predicate.key), source.dialect, negated);
    case 'member':
      return memberToSql(predicate, source, negated);
    default:
      return unreachable(predicate);
  }
}

/** The parts that must all hold, each a condition of its own. */
export function conjunctsToSql(predicate: Predicate, source: PredicateSource): Sql[] {
  const parts = predicate.kind === 'and' ? predicate.parts : [predicate];
  return parts.map((part) => predicateToSql(part, source)).filter((condition) => condition !== ALWAYS);
}

function testToSql({ test, orNull }: Test, value: Sql, dialect: Dialect, negated: boolean): Sql {
  const present = presentMeets(test, value, negated, dialect);
  const takesMissing = orNull !== negated;
  if (!takesMissing) return present;
  if (present === NEVER) return sql`${value} IS NULL`;
  return isPresent(present, value) ? ALWAYS : sql`(${value} IS NULL OR ${present})`;
}

/** Of the id and the inline value one at most is there: who takes missing values asks both, else either will do. */
function memberToSql(member: Member, source: PredicateSource, negated: boolean): Sql {
  const { test, orNull } = member.test;
  const idsWhere = (negate: boolean) =>
    source.member(member, (value) => presentMeets(test, value, negate, source.dialect));
  const meetsInline = (inline: Sql) => testToSql(member.test, inline, source.dialect, negated);
  if (orNull === negated) {
    const { id, ids, inline } = idsWhere(negated);
    const meets = sql`${id} IN (${ids})`;
    return inline === null ? meets : sql`(${meets} OR ${meetsInline(inline)})`;
  }
  // Missing counts as met: all but the charges whose entry has a value that fails.
  const { id, ids, inline } = idsWhere(!negated);
  const meets = sql`(${id} IS NULL OR ${id} NOT IN (${ids}))`;
  return inline === null ? meets : sql`(${meets} AND ${meetsInline(inline)})`;
}

function isPresent(condition: Sql, value: Sql): boolean {
  return condition === sql`${value} IS NOT NULL`;
}

/** True for a present value that meets the test (or, negated, fails it); false or NULL for a missing one. */
function presentMeets(test: ValueTest, value: Sql, negated: boolean, dialect: Dialect): Sql {
  switch (test.op) {
    case 'any':
      return negated ? NEVER : sql`${value} IS NOT NULL`;
    case 'none':
      return negated ? sql`${value} IS NOT NULL` : NEVER;
    case 'in':
    case 'notIn': {
      const isIn = (test.op === 'in') !== negated;
      if (test.values.length === 0) return isIn ? NEVER : sql`${value} IS NOT NULL`;
      const list =
        test.values.length < TABLE_VALUES_MIN
          ? join(test.values.map((wanted) => literal(wanted, test.ignoreCase)))
          : dialect.valuesQuery(test.values, test.ignoreCase);
      return sql`${folded(value, test.ignoreCase)} ${isIn ? sql`IN` : sql`NOT IN`} (${list})`;
    }
    case 'matches': {
      const matches = dialect.matches(value, text(test.value), test.ignoreCase);
      return negated ? sql`NOT ${matches}` : matches;
    }
    default: {
      const meets = dialect[test.op](folded(value, test.ignoreCase), literal(test.value, test.ignoreCase));
      return negated ? sql`NOT ${meets}` : meets;
    }
  }
}

function folded(value: Sql, ignoreCase: boolean): Sql {
  return ignoreCase ? sql`lower(${value})` : value;
}

/** ASCII folds alike everywhere; the rest is folded by the store, by the same table as the values it holds. */
function literal(value: string, ignoreCase: boolean): Sql {
  if (!ignoreCase) return text(value);
  // oxlint-disable-next-line no-control-regex -- All of ASCII is meant.
  return /^[\x00-\x7f]*$/.test(value) ? text(value.toLowerCase()) : sql`lower(${text(value)})`;
}
