import {
  metricColumns,
  resourceDimensionNames,
  rowDimensionNames,
  timeColumns,
} from '../../catalog/charge-columns.ts';
import type { ResourceDimensionName, RowDimensionName } from '../../catalog/charge-columns.ts';
import { metrics } from '../../catalog/metrics.ts';
import type { BillFile, SourceColumn } from './bill-file.ts';
import { squashName } from './bill-file.ts';
import { decimalsOf } from './decimal-sql.ts';
import type { QuarantineCode } from './format.ts';
import { RESIDUE_SCALE } from './format.ts';
import type { ReadColumn } from './source-rows.ts';
import { sourceRows } from './source-rows.ts';
import { sqlName, sqlText } from './sql-text.ts';
import { instantOf, utcMonth } from './time-sql.ts';

export type TimeName = (typeof timeColumns)[number]['name'];
export type MetricName = (typeof metricColumns)[number]['name'];

/**
 * How a format makes charges, as SQL over the columns it reads. Names are the mapping's own; a column is found
 * in the file by its squashed name, and is null where the file lacks it. Beside `NAME`, a number or time
 * has `NAME_source` (as in the file), and a number `NAME_residue`.
 */
export type ChargeMapping = {
  readonly texts: readonly string[];
  /** Texts of columns that only this file has (tags). */
  readonly otherTexts: readonly ReadColumn[];
  readonly numbers: readonly string[];
  readonly times: readonly string[];
  /** Checked in order; the first that holds puts the row into quarantine. */
  readonly checks: readonly Check[];
  /**
   * SQL of a list of integers: the charges a row of the file becomes, which the expressions below know as
   * `part`. Null: one each.
   */
  readonly parts: string | null;
  readonly chargeKey: string;
  readonly chargeTimes: Readonly<Record<TimeName, string>>;
  readonly chargeMetrics: Readonly<Record<MetricName, Amount>>;
  readonly dimensions: Readonly<Record<RowDimensionName | ResourceDimensionName, string>>;
  readonly tags: string;
  /** Joins that the expressions need; each must keep the rows as they are. */
  readonly joins: string;
};

/** SQL of an amount, given what to call a number: its value, or, to sum residues the same way, its residue. */
export type Amount = (number: (name: string) => string) => string;

export type Check<Code extends string = QuarantineCode> = {
  readonly code: Code;
  readonly when: string;
  /** SQL of a text; may not be null where `when` holds. */
  readonly reason: string;
};

/** A record with the same keys as `names`. */
export function recordOf<Name extends string, Value>(
  names: readonly Name[],
  of: (name: Name) => Value,
): Record<Name, Value> {
  // Every name gets a value here; fromEntries does not say so in its type.
  return Object.fromEntries(names.map((name) => [name, of(name)])) as Record<Name, Value>;
}

export const NO_TEXT = 'CAST(NULL AS VARCHAR)';
export const NO_AMOUNT: Amount = () => 'NULL';
/** Characters of an offending value that a reason quotes. */
const QUOTED_CHARACTERS_MAX = 100;

const moneyColumns = Object.values(metrics).flatMap(({ isMoney, column }) =>
  isMoney && column !== null ? [column] : [],
);

/** The mapped relation of a file (format.ts, mappedColumns). */
export function chargeRelation(file: BillFile, mapping: ChargeMapping): string {
  const checked = `SELECT *, ${errorOf(mapping.checks)} AS error
FROM (${parsedRows(file, mapping)})`;
  const charges =
    mapping.parts === null
      ? checked
      : `SELECT *, unnest(CASE WHEN error IS NULL THEN ${mapping.parts} ELSE [0] END) AS part
FROM (${checked})`;
  return `SELECT ${mappedList(mapping).join(',\n  ')}
FROM (${charges}) AS charge${mapping.joins}`;
}

/** Every column of the mapping under its name, parsed. */
function parsedRows(file: BillFile, mapping: ChargeMapping): string {
  const found = new Map(file.columns.map((column) => [squashName(column.name), column]));
  const find = (name: string): SourceColumn | null => found.get(squashName(name)) ?? null;
  const reads: ReadColumn[] = mapping.otherTexts.map((read) => ({
    ...read,
    column: textColumn(read.column),
  }));
  const times: string[] = [];
  const numbers: { alias: string; type: string }[] = [];
  const absent: string[] = [];
  for (const name of mapping.texts) {
    const column = find(name);
    if (column === null) absent.push(`${NO_TEXT} AS ${sqlName(name)}`);
    else reads.push({ alias: name, column: textColumn(column) });
  }
  for (const name of mapping.times) {
    const column = find(name);
    const alias = `${name}_source`;
    if (column === null)
      absent.push(`CAST(NULL AS TIMESTAMPTZ) AS ${sqlName(name)}, ${NO_TEXT} AS ${sqlName(alias)}`);
    else {
      reads.push({ alias, column });
      times.push(`${instantOf(sqlName(alias), column.type)} AS ${sqlName(name)}`);
    }
  }
  for (const name of mapping.numbers) {
    const column = find(name);
    const alias = `${name}_source`;
    if (column === null) {
      absent.push(
        `CAST(NULL AS DECIMAL(38,12)) AS ${sqlName(name)}, ${NO_TEXT} AS ${sqlName(alias)}, CAST(NULL AS DECIMAL(38,${RESIDUE_SCALE})) AS ${sqlName(`${name}_residue`)}`,
      );
    } else {
      reads.push({ alias, column });
      numbers.push({ alias: name, type: column.type });
    }
  }
  const rows = `SELECT ${['*', ...times, ...absent].join(',\n  ')}
FROM (${sourceRows(file, reads)})`;
  return decimalsOf(rows, numbers);
}

/** Nested values (tags as MAP, STRUCT or a list of key and value) become their JSON text. */
export function textColumn(column: SourceColumn): SourceColumn {
  if (column.type === 'VARCHAR') return column;
  const isNested = /^(MAP|STRUCT)\(|\]$/.test(column.type);
  const value = isNested ? `to_json(${column.reference})` : column.reference;
  return { ...column, reference: `CAST(${value} AS VARCHAR)` };
}

/** Of a row of `sourceRows`: null, or the code, a space and the reason. */
export function errorOf(checks: readonly Check<string>[]): string {
  const all: readonly Check<string>[] = [
    { code: 'FIELD_COUNT', when: 'malformed IS NOT NULL', reason: 'malformed' },
    ...checks,
  ];
  return `CASE\n  ${all.map(({ code, when, reason }) => `WHEN ${when} THEN '${code} ' || ${reason}`).join('\n  ')} END`;
}

/** `error_code` and `error_reason` of what `errorOf` gives as `error`. */
export const errorParts: readonly string[] = [
  `CASE WHEN error IS NOT NULL THEN split_part(error, ' ', 1) END AS error_code`,
  `CASE WHEN error IS NOT NULL THEN substr(error, strpos(error, ' ') + 1) END AS error_reason`,
];

function mappedList(mapping: ChargeMapping): string[] {
  const value = (name: string): string => sqlName(name);
  const residue = (name: string): string => sqlName(`${name}_residue`);
  const amounts = metricColumns.map(({ name }) => [name, mapping.chargeMetrics[name]] as const);
  const residues = amounts
    .filter(([name, amount]) => moneyColumns.includes(name) && amount !== NO_AMOUNT)
    .map(([, amount]) => `coalesce(${amount(residue)}, 0)`);
  return [
    'row_number',
    mapping.parts === null ? '0 AS part' : 'part',
    ...errorParts,
    `${mapping.chargeKey} AS charge_key`,
    `${utcMonth(mapping.chargeTimes.billing_period_start)} AS billing_month`,
    ...timeColumns.map(({ name }) => `${mapping.chargeTimes[name]} AS ${sqlName(name)}`),
    ...amounts.map(([name, amount]) => `CAST(${amount(value)} AS DECIMAL(38,12)) AS ${sqlName(name)}`),
    ...[...rowDimensionNames, ...resourceDimensionNames].map(
      (name) => `${mapping.dimensions[name]} AS ${sqlName(name)}`,
    ),
    `${mapping.tags} AS tags`,
    `CAST(${residues.join(' + ')} AS DECIMAL(38,${RESIDUE_SCALE})) AS residue`,
  ];
}

/** `COLUMN is "VALUE", WHY`, as SQL. `column` is the file's name for it, `source` SQL that is not null. */
export function offending(column: string, source: string, why: string): string {
  const value = `left(CAST(${source} AS VARCHAR), ${QUOTED_CHARACTERS_MAX})`;
  return `${sqlText(`${column} is "`)} || ${value} || ${sqlText(`", ${why}`)}`;
}

export function checkNumber(name: string, column: string): Check {
  const source = sqlName(`${name}_source`);
  return {
    code: 'BAD_NUMBER',
    when: `${source} IS NOT NULL AND ${sqlName(name)} IS NULL`,
    reason: offending(column, source, 'no number below 10^18'),
  };
}

export function checkTime(name: string, column: string): readonly Check[] {
  const source = sqlName(`${name}_source`);
  return [
    { code: 'MISSING_VALUE', when: `${source} IS NULL`, reason: sqlText(`${column} is missing`) },
    {
      code: 'BAD_TIME',
      when: `${sqlName(name)} IS NULL`,
      reason: offending(column, source, 'no ISO 8601 time of this century'),
    },
  ];
}

export function checkPeriod(start: string, end: string, columns: string): Check {
  return {
    code: 'BAD_PERIOD',
    when: `${end} < ${start}`,
    reason: `${sqlText(`${columns} are `)} || CAST(${sqlName(`${start}_source`)} AS VARCHAR) || ' and ' || CAST(${sqlName(`${end}_source`)} AS VARCHAR)`,
  };
}

export function checkCurrency(name: string, column: string): readonly Check[] {
  return [
    { code: 'MISSING_VALUE', when: `${name} IS NULL`, reason: sqlText(`${column} is missing`) },
    {
      code: 'BAD_CURRENCY',
      when: `NOT regexp_full_match(${name}, '[A-Za-z]{3}')`,
      reason: offending(column, name, 'no ISO 4217 code'),
    },
  ];
}

/** A spreadsheet shows a long id as `1.23457E+11` and saves what it shows. */
export function checkLossyId(name: string, column: string): Check {
  return {
    code: 'LOSSY_ID',
    when: `contains(upper(${name}), 'E+') AND regexp_full_match(${name}, '[0-9]([.,][0-9]+)?[eE][+][0-9]+')`,
    reason: offending(column, name, 'digits that a spreadsheet has cut'),
  };
}
