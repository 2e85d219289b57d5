import type { LakeField } from '../../catalog/lake-tables.ts';
import type { Instant } from '../../core/time-range.ts';
import type { FileSelection } from '../../planner/plan.ts';
import type { Sql } from './sql-text.ts';

/** What SQL engines write differently. Text compares by code point, and integer division cuts toward zero. */
export type Dialect = {
  /** A table expression over the files' rows; `fields` are the columns that are read. */
  readonly readFiles: (selection: FileSelection, fields: readonly LakeField[]) => Sql;
  /** A type's name, for typed nulls. */
  readonly typeName: (type: LakeField['type']) => Sql;
  /** Before the parentheses of a named result (`WITH … AS`) that is to be made once, however often it is read. */
  readonly madeOnce: Sql;
  readonly instant: (at: Instant) => Sql;
  /** Milliseconds, or microseconds, since 1970 of a time column, as a 64-bit integer. */
  readonly epochMs: (time: Sql) => Sql;
  readonly epochMicros: (time: Sql) => Sql;
  /** RFC 3339 text of milliseconds since 1970, with a fraction only where it is not zero. */
  readonly instantText: (ms: Sql) => Sql;
  /** The start of the UTC hour or day that a time column's values fall in. */
  readonly startOf: (unit: 'hour' | 'day', time: Sql) => Sql;
  readonly divide: (numerator: Sql, denominator: Sql) => Sql;
  /** In a select list: a row for each integer from `first` through `last`. */
  readonly eachInteger: (first: Sql, last: Sql) => Sql;
  /** A decimal of 12 places as a wide integer (at least 127 bits) in units of 10^-12, and back. */
  readonly unscaled: (decimal: Sql) => Sql;
  readonly wide: (integer: Sql) => Sql;
  /** A wide integer by one of 64 bits. */
  readonly divideWide: (numerator: Sql, denominator: Sql) => Sql;
  readonly scaled: (units: Sql) => Sql;
  /** ⌊n ÷ d⌋ of wide integers, exact; d is positive. */
  readonly floorDivide: (numerator: Sql, denominator: Sql) => Sql;
  /** Milliseconds since 1970 of RFC 3339 text in UTC, as a 64-bit integer. */
  readonly epochOfText: (time: Sql) => Sql;
  /** A query with a row for each value, folded to lower case or as it is. */
  readonly valuesQuery: (values: readonly string[], ignoreCase: boolean) => Sql;
  readonly startsWith: (value: Sql, part: Sql) => Sql;
  readonly endsWith: (value: Sql, part: Sql) => Sql;
  readonly contains: (value: Sql, part: Sql) => Sql;
  /** RE2 over the whole value. */
  readonly matches: (value: Sql, pattern: Sql, ignoreCase: boolean) => Sql;
  /** The text of a member of a JSON object of texts; NULL where it has no such member, or is NULL. */
  readonly jsonMember: (object: Sql, name: string) => Sql;
  /** Without the characters of `characters` at both ends. */
  readonly trim: (value: Sql, characters: Sql) => Sql;
  /** Every match of an RE2 expression replaced by texts and groups of the match, 0 the whole of it. */
  readonly replaceMatches: (value: Sql, pattern: Sql, by: readonly (string | number)[]) => Sql;
  /** A query with a row of texts for each tuple, in columns of these names. */
  readonly tuplesQuery: (names: readonly Sql[], tuples: readonly (readonly string[])[]) => Sql;
  readonly countDistinctEstimate: (value: Sql) => Sql;
};
