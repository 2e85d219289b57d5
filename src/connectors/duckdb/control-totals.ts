import type { ControlTotalColumn, ControlTotalsAsk } from '../connector.ts';
import { controlTotalColumns } from '../connector.ts';
import { formatInstant } from '../../core/time-range.ts';
import type { Sql } from '../sql/sql-text.ts';
import { identifier, join, sql, text } from '../sql/sql-text.ts';
import type { Rows } from '../connector.ts';

/** One row of sums. Shares nothing with how questions are compiled: it is the other side of the proof. */
export function controlTotalsStatement({ tenant, files, by, range }: ControlTotalsAsk): string {
  const sums = join(
    controlTotalColumns.map((column) => sql`sum(${identifier(column)}) AS ${identifier(column)}`),
  );
  const paths = join(files.map((path) => text(path)));
  const time = by === 'hour' ? sql`hour` : sql`CAST(billing_month AS TIMESTAMPTZ)`;
  const instant = (at: number): Sql => sql`TIMESTAMPTZ ${text(formatInstant(at))}`;
  return sql`SELECT ${sums}
FROM read_parquet([${paths}], hive_partitioning = false, union_by_name = true)
WHERE tenant = ${text(tenant)} AND ${time} >= ${instant(range.from)} AND ${time} < ${instant(range.to)}`;
}

export function readControlTotals(rows: Rows): Map<ControlTotalColumn, bigint> {
  return new Map(
    controlTotalColumns.map((column) => {
      const value = rows.columns.get(column)?.[0];
      return [column, typeof value === 'bigint' ? value : 0n] as const;
    }),
  );
}
