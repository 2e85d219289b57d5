import type { Rows } from '../connectors/connector.ts';
import type { ReadMeasure } from '../planner/measures.ts';
import { ORDINAL, ROW_COUNT } from '../planner/plan.ts';

/** A Page's result taken apart: the summary row, and the rows after it in order. */
export type PageRows = { readonly summary: ReadMeasure; readonly rows: Rows; readonly totalCount: number };

export function splitPage(page: Rows): PageRows {
  const ordinals = page.columns.get(ORDINAL) ?? [];
  const order = Array.from({ length: page.length }, (_, i) => i).sort(
    (a, b) => Number(ordinals[a]) - Number(ordinals[b]),
  );
  const [summaryRow, ...rowIndexes] = order;
  if (summaryRow === undefined || ordinals[summaryRow] !== 0n) throw new Error('a Page has a summary row');
  const summary = readRow(page, summaryRow);
  return { summary, rows: takeRows(page, rowIndexes), totalCount: Number(summary(ROW_COUNT) ?? 0n) };
}

/** The rows at `indexes`, in that order. */
export function takeRows(rows: Rows, indexes: readonly number[]): Rows {
  const columns = [...rows.columns].map(
    ([name, values]) => [name, indexes.map((i) => values[i] ?? null)] as const,
  );
  return { length: indexes.length, columns: new Map(columns) };
}

/** Reads one row by column name; a column that is not there is null. */
export function readRow(rows: Rows, index: number): ReadMeasure {
  return (name) => rows.columns.get(name)?.[index] ?? null;
}
