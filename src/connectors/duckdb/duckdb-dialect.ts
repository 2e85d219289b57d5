import type { LakeField } from '../../catalog/lake-tables.ts';
import { formatInstant } from '../../core/time-range.ts';
import type { FileSelection } from '../../planner/plan.ts';
import type { Dialect } from '../sql/dialect.ts';
import type { Sql } from '../sql/sql-text.ts';
import { integer, join, jsonTexts, jsonTuples, sql, text } from '../sql/sql-text.ts';

const INT64_MAX = integer(2n ** 63n - 1n);

export const duckdbDialect: Dialect = {
  readFiles(selection, fields) {
    const paths = join(selection.files.map(({ path }) => text(path)));
    if (isReadByName(selection, fields)) return sql`read_parquet([${paths}], hive_partitioning = false)`;
    const schema = join(fields.map((field) => schemaEntry(field, selection)));
    return sql`read_parquet([${paths}], hive_partitioning = false, schema = MAP {${schema}})`;
  },
  typeName,
  madeOnce: sql`MATERIALIZED `,
  // A constant of the column's own type, so that row groups are pruned by it.
  instant: (at) => sql`TIMESTAMPTZ ${text(formatInstant(at))}`,
  epochMs: (time) => sql`epoch_ms(${time})`,
  epochMicros: (time) => sql`epoch_us(${time})`, // What a time is in memory: costs nothing.
  // Worked out once per distinct value of a page, where arithmetic is done row by row.
  startOf: (unit, time) => sql`date_trunc(${text(unit)}, ${time})`,
  // Plain timestamps: nothing here looks into the engine's time zone data.
  instantText: (ms) =>
    sql`replace(strftime(make_timestamp(${ms} * 1000), '%Y-%m-%dT%H:%M:%S.%gZ'), '.000Z', 'Z')`,
  divide: (numerator, denominator) => sql`${numerator} // ${denominator}`,
  eachInteger: (first, last) => sql`unnest(range(${first}, ${last} + 1))`,
  // Through text, in 64 bits where it fits: the engine's own cast and its wide division take a hundred times as long.
  unscaled: (decimal) =>
    sql`CASE WHEN ${decimal} BETWEEN -999999 AND 999999 THEN ${digits(sql`CAST(${decimal} AS DECIMAL(18,12))`, sql`BIGINT`)} ELSE ${digits(decimal, sql`HUGEINT`)} END`,
  wide: (integer) => sql`CAST(${integer} AS HUGEINT)`,
  divideWide: (numerator, denominator) =>
    sql`CASE WHEN ${numerator} BETWEEN -${INT64_MAX} AND ${INT64_MAX} THEN CAST(${numerator} AS BIGINT) // ${denominator} ELSE ${numerator} // ${denominator} END`,
  scaled: (units) => sql`CAST(${units} AS DECIMAL(38,0)) * CAST(0.000000000001 AS DECIMAL(12,12))`,
  // The engine's own division of wide integers takes a hundred times as long as this: a float that is put right twice.
  floorDivide(numerator, denominator) {
    const guess = sql`CAST(floor(CAST(${numerator} AS DOUBLE) / CAST(${denominator} AS DOUBLE)) AS HUGEINT)`;
    const near = sql`(${guess} + CAST(floor(CAST(${numerator} - ${guess} * ${denominator} AS DOUBLE) / CAST(${denominator} AS DOUBLE)) AS HUGEINT))`;
    const rest = sql`(${numerator} - ${near} * ${denominator})`;
    return sql`${near} + CASE WHEN ${rest} < 0 THEN -1 WHEN ${rest} >= ${denominator} THEN 1 ELSE 0 END`;
  },
  epochOfText: (time) => sql`epoch_ms(CAST(${time} AS TIMESTAMPTZ))`,
  // One literal: the parser takes a hundred times as long for ten thousand of them.
  valuesQuery(values, ignoreCase) {
    const value = sql`unnest(from_json(${jsonTexts(values)}, '["VARCHAR"]'))`;
    return ignoreCase ? sql`SELECT lower(value) FROM (SELECT ${value} AS value)` : sql`SELECT ${value}`;
  },
  startsWith: (value, part) => sql`starts_with(${value}, ${part})`,
  endsWith: (value, part) => sql`ends_with(${value}, ${part})`,
  contains: (value, part) => sql`contains(${value}, ${part})`,
  matches: (value, pattern, ignoreCase) =>
    ignoreCase
      ? sql`regexp_full_match(${value}, ${pattern}, 'i')`
      : sql`regexp_full_match(${value}, ${pattern})`,
  // As a JSON pointer, in which all names can be written.
  jsonMember: (object, name) =>
    sql`json_extract_string(${object}, ${text(`/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)})`,
  trim: (value, characters) => sql`trim(${value}, ${characters})`,
  replaceMatches(value, pattern, by) {
    const written = by.map((part) =>
      typeof part === 'number' ? `\\${part}` : part.replaceAll('\\', '\\\\'),
    );
    return sql`regexp_replace(${value}, ${pattern}, ${text(written.join(''))}, 'g')`;
  },
  tuplesQuery(names, tuples) {
    const columns = names.map((name, i) => sql`tuple[${integer(i + 1)}] AS ${name}`);
    const tuple = sql`unnest(from_json(${jsonTuples(tuples)}, '[["VARCHAR"]]'))`;
    return sql`SELECT ${join(columns)} FROM (SELECT ${tuple} AS tuple)`;
  },
  countDistinctEstimate: (value) => sql`approx_count_distinct(${value})`,
};

function digits(decimal: Sql, type: Sql): Sql {
  return sql`CAST(replace(CAST(${decimal} AS VARCHAR), '.', '') AS ${type})`;
}

/**
 * By name is a third faster, but takes every column and its type from the first file: all files must hold the
 * columns, and decimals that are wide in one file must not meet a narrow one before it.
 */
function isReadByName({ files, lacking, narrow }: FileSelection, fields: readonly LakeField[]): boolean {
  return fields.every(
    ({ name, type }) =>
      !lacking.includes(name) && (type !== 'decimal(38,12)' || files.length === 1 || narrow.includes(name)),
  );
}

function schemaEntry({ id, name, type }: LakeField, { narrow }: FileSelection): Sql {
  const typeText = narrow.includes(name) ? text('DECIMAL(18,12)') : text(typeName(type));
  return sql`${integer(id)}: {name: ${text(name)}, type: ${typeText}, default_value: NULL}`;
}

function typeName(type: LakeField['type']): Sql {
  switch (type) {
    case 'string':
      return sql`VARCHAR`;
    case 'timestamptz':
      return sql`TIMESTAMPTZ`;
    case 'date':
      return sql`DATE`;
    case 'long':
      return sql`BIGINT`;
    case 'decimal(38,12)':
      return sql`DECIMAL(38,12)`;
  }
}
