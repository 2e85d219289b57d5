/** What the staged files say of their columns, so that sorting and measuring need not touch the dull ones. */
import { metricColumns, rowDimensionNames, timeColumns } from '../catalog/charge-columns.ts';
import { sqlName, sqlTexts } from './formats/sql-text.ts';
import type { IngestSession } from './ingest-session.ts';
import { requiredText, textOf } from './ingest-session.ts';

/** A column of more values is kept as text: its dictionary would itself be large. */
const FEW_VALUES_MAX = 50_000;

export type StagedColumns = {
  /** Columns with one value, or none, in all staged rows: half of a usual bill. */
  readonly constants: ReadonlyMap<string, string | null>;
  /** Decimals with a value of a million or more. */
  readonly wide: ReadonlySet<string>;
};

const decimals: readonly string[] = metricColumns.map(({ name }) => name);
const columns: readonly string[] = [
  ...rowDimensionNames,
  ...timeColumns.map(({ name }) => name),
  ...decimals,
];

/** From the statistics of the staged files, which say whether they are exact; bad rows count as well. */
export async function describeStaged(
  session: IngestSession,
  stagedPaths: readonly string[],
): Promise<StagedColumns> {
  const metadata = `parquet_metadata([${sqlTexts(stagedPaths)}])`;
  const constants = await session.rows(
    `SELECT path_in_schema AS name, any_value(stats_min_value) AS value
FROM ${metadata} WHERE path_in_schema IN (${sqlTexts(columns)}) GROUP BY name
HAVING sum(stats_null_count) = sum(num_values)
  OR (sum(stats_null_count) = 0 AND min(stats_min_value) = max(stats_max_value)
    AND count(*) = count(*) FILTER (min_is_exact AND max_is_exact))`,
  );
  const wide = await session.rows(
    `SELECT DISTINCT path_in_schema AS name FROM ${metadata}
WHERE path_in_schema IN (${sqlTexts(decimals)}) AND stats_null_count < num_values
  AND NOT coalesce(greatest(abs(TRY_CAST(stats_min_value AS DECIMAL(38,12))), abs(TRY_CAST(stats_max_value AS DECIMAL(38,12)))) < 1e6::DECIMAL(38,12), false)`,
  );
  return {
    constants: new Map(constants.map((row) => [requiredText(row, 'name'), textOf(row, 'value')] as const)),
    wide: new Set(wide.map((row) => requiredText(row, 'name'))),
  };
}

/**
 * Makes an ENUM of the values of each text column that has few, in their order, so that rows are a third as
 * wide while they are sorted. By column: the name of its type.
 *
 * @param estimates distinct values by column
 */
export async function createEnums(
  session: IngestSession,
  { constants }: StagedColumns,
  estimates: ReadonlyMap<string, number>,
): Promise<Map<string, string>> {
  const types = new Map<string, string>();
  for (const name of rowDimensionNames) {
    if (constants.has(name) || (estimates.get(name) ?? Infinity) > FEW_VALUES_MAX) continue;
    const type = `${name}_values`;
    const values = `SELECT DISTINCT ${sqlName(name)} FROM charges WHERE ${sqlName(name)} IS NOT NULL ORDER BY ALL`;
    await session.rows(`DROP TYPE IF EXISTS ${type}`);
    await session.rows(`CREATE TYPE ${type} AS ENUM (${values})`);
    types.set(name, type);
  }
  return types;
}
