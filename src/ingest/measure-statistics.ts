/** What the planner wants to know of a batch's columns, measured while its rows are at hand. */
import type { ColumnStatistics } from '../catalog/batch.ts';
import { resourceDimensionNames, rowDimensionNames, timeColumns } from '../catalog/charge-columns.ts';
import type { IngestSession, SqlRow } from './ingest-session.ts';
import { numberOf, requiredText } from './ingest-session.ts';

const columns: readonly string[] = [
  ...rowDimensionNames,
  ...resourceDimensionNames,
  ...timeColumns.map(({ name }) => name),
];

/**
 * By month, `2018-10-01`: per dimension key an estimate of its distinct values, and its nulls.
 *
 * @param constants columns that need not be measured, because they are the same in all rows
 */
export async function measureStatistics(
  session: IngestSession,
  constants: ReadonlyMap<string, string | null>,
): Promise<Map<string, ColumnStatistics[]>> {
  const measured = columns
    .filter((name) => !constants.has(name))
    .map((name) => `approx_count_distinct(${name}) AS ${name}_distinct, count(${name}) AS ${name}_values`);
  const rows = await session.rows(
    `SELECT CAST(billing_month AS VARCHAR) AS month, ${['count(*) AS charges', ...measured].join(', ')}
FROM charges GROUP BY month`,
  );
  const byMonth = new Map(
    rows.map((row) => [
      requiredText(row, 'month'),
      [
        { key: 'source', distinct: 1, nulls: 0 },
        ...columns.map((key) => columnStatistics(row, key, constants.get(key))),
      ],
    ]),
  );
  for (const { month, ...tag } of await measureTags(session)) byMonth.get(month)?.push(tag);
  return byMonth;
}

/** Nulls count as no value. */
function columnStatistics(row: SqlRow, key: string, constant: string | null | undefined): ColumnStatistics {
  const charges = numberOf(row, 'charges');
  if (constant === null) return { key, distinct: 0, nulls: charges };
  if (constant !== undefined) return { key, distinct: 1, nulls: 0 };
  return { key, distinct: numberOf(row, `${key}_distinct`), nulls: charges - numberOf(row, `${key}_values`) };
}

/** Distinct values by column: the most of any month. */
export function distinctEstimates(
  statistics: ReadonlyMap<string, readonly ColumnStatistics[]>,
): Map<string, number> {
  const most = new Map<string, number>();
  for (const { key, distinct } of [...statistics.values()].flat()) {
    most.set(key, Math.max(distinct, most.get(key) ?? 0));
  }
  return most;
}

/** Over the distinct tag sets: a charge without the tag counts as null. */
async function measureTags(session: IngestSession): Promise<(ColumnStatistics & { month: string })[]> {
  const rows = await session.rows(
    `SELECT CAST(billing_month AS VARCHAR) AS month, key, approx_count_distinct(value) AS distinct_values,
  any_value(all_charges) - sum(charges) AS nulls
FROM tag_texts JOIN new_tags ON id = tag_set
JOIN (SELECT billing_month, count(*) AS all_charges FROM charges GROUP BY ALL) USING (billing_month)
GROUP BY ALL ORDER BY ALL`,
  );
  return rows.map((row) => ({
    month: requiredText(row, 'month'),
    key: `tag:${requiredText(row, 'key')}`,
    distinct: numberOf(row, 'distinct_values'),
    nulls: numberOf(row, 'nulls'),
  }));
}
