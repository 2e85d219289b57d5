import type { DuckDBConnection } from '@duckdb/node-api';
import { DuckDBDecimalValue } from '@duckdb/node-api';
import {
  inlineColumns,
  metricColumns,
  resourceDimensionNames,
  rowDimensionNames,
  timeColumns,
} from '../../src/catalog/charge-columns.ts';
import { decimalFromUnits, formatDecimal } from '../../src/core/decimal.ts';
import type { Charge, Row, Value } from './charge.ts';
import { tagsOf, valueOf } from './charge.ts';

const inlineNames = inlineColumns.map(({ name }) => name);
const textColumns = [
  'tenant',
  'source',
  'batch',
  'origin',
  ...rowDimensionNames,
  ...resourceDimensionNames,
  ...inlineNames,
];
const decimalColumns = metricColumns.map(({ name }) => name);
export const flatColumns: readonly string[] = [...textColumns, ...decimalColumns];

/**
 * Makes the table `flat`, with everything of a charge on its row: charges in order of `charge_id` (their
 * index), tags as a map. Sets the session to UTC; defines `units(decimal)`: whole units of 10^-12.
 *
 * @param wanted text and decimal columns that it has: fewer make statements over it much quicker to prepare
 */
export async function createFlatTable(
  connection: DuckDBConnection,
  charges: readonly Charge[],
  wanted: readonly string[] = flatColumns,
) {
  const texts = textColumns.filter((name) => wanted.includes(name));
  const decimals = decimalColumns.filter((name) => wanted.includes(name));
  const columns = [
    'charge_id VARCHAR',
    'billing_month DATE',
    'resource_key BIGINT',
    'tag_set BIGINT',
    'tags MAP(VARCHAR, VARCHAR)',
    ...timeColumns.map(({ name }) => `${name} TIMESTAMPTZ`),
    ...decimals.map((name) => `${name} DECIMAL(38, 12)`),
    ...texts.map((name) => `${name} VARCHAR`),
  ];
  const rows = charges.map((charge, i) => {
    const pairs = Object.entries(tagsOf(charge)).map(([key, value]) => `${literal(key)}: ${literal(value)}`);
    const values = [
      literal(String(i)),
      literal(charge.billingMonth),
      charge.resourceKey ?? 'NULL',
      charge.tagSet ?? 'NULL',
      `MAP {${pairs.join(', ')}}`,
      ...timeColumns.map(({ name }) => literal(valueOf(charge, name))),
      ...decimals.map((name) => decimalLiteral(charge.amounts[name])),
      ...texts.map((name) => (name === 'origin' ? `'bill'` : literal(valueOf(charge, name)))),
    ];
    return `(${values.join(', ')})`;
  });
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run(`CREATE OR REPLACE TABLE flat (${columns.join(', ')})`);
  if (rows.length > 0) await connection.run(`INSERT INTO flat VALUES ${rows.join(', ')}`);
  await connection.run(
    `CREATE OR REPLACE TEMP MACRO units(amount) AS CAST(replace(amount::VARCHAR, '.', '') AS HUGEINT)`,
  );
}

export function literal(value: Value): string {
  return value === null ? 'NULL' : `'${String(value).replaceAll("'", "''")}'`;
}

function decimalLiteral(units: bigint | undefined): string {
  return units === undefined ? 'NULL' : `${formatDecimal(decimalFromUnits(units))}`;
}

/** The rows of a query under the names given, decimals in units of 10^-12. */
export async function readRows(
  connection: DuckDBConnection,
  sql: string,
  columns: readonly string[],
): Promise<Row[]> {
  const reader = await connection.runAndReadAll(sql);
  return reader
    .getRows()
    .map((row) => Object.fromEntries(row.map((value, i) => [columns[i] ?? '', plain(value)])));
}

function plain(value: unknown): Value {
  if (value === null || typeof value === 'bigint' || typeof value === 'string') return value;
  if (typeof value === 'boolean' || typeof value === 'number') return BigInt(value);
  if (value instanceof DuckDBDecimalValue) return value.value;
  throw new Error(`unexpected value ${String(value)}`);
}
