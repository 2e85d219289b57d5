/** The staged rows that become charges. */
import type { Decimal } from '../core/decimal.ts';
import { decimalFromUnits, parseDecimal } from '../core/decimal.ts';
import { costError } from '../core/errors.ts';
import type { Instant } from '../core/time-range.ts';
import { sqlTexts } from './formats/sql-text.ts';
import type { IngestSession, SqlRow } from './ingest-session.ts';
import { numberOf, requiredText } from './ingest-session.ts';

/** Each month is one more pass over the staged rows. */
export const MONTHS_MAX = 120;

/**
 * Makes the view `charges`: staged rows without errors and duplicates.
 *
 * @param onlyMonths `2018-10-01`; null for all
 */
export async function createChargesView(
  session: IngestSession,
  duplicates: number,
  onlyMonths: ReadonlySet<string> | null,
): Promise<void> {
  const months =
    onlyMonths === null ? '' : ` AND CAST(billing_month AS VARCHAR) IN (${sqlTexts([...onlyMonths])})`;
  await session.rows(
    `CREATE OR REPLACE VIEW charges AS
SELECT * FROM staged
${duplicates > 0 ? 'ANTI JOIN duplicates USING (file_index, file_row_number)' : ''}
WHERE error_code IS NULL${months}`,
  );
}

/** What one file has of one billing month. */
export type FileMonth = {
  readonly fileIndex: number;
  /** First day, `2018-10-01`. */
  readonly month: string;
  readonly charges: number;
  readonly from: Instant;
  readonly to: Instant;
  readonly currencies: readonly string[];
  readonly billedCost: Decimal;
  readonly effectiveCost: Decimal;
  /** Decimal text of any scale. */
  readonly roundingResidue: string;
};

/** From the table `file_totals`. @throws TOO_LARGE */
export async function monthsOfFiles(session: IngestSession): Promise<FileMonth[]> {
  const rows = await session.rows(
    `SELECT file_index, CAST(billing_month AS VARCHAR) AS month, sum(charge_count) AS charges,
  epoch_ms(min(from_time)) AS from_ms, epoch_ms(max(to_time)) AS to_ms,
  list_sort(list(DISTINCT billing_currency)) AS currencies,
  sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost, sum(residue) AS residue
FROM file_totals GROUP BY ALL ORDER BY ALL`,
  );
  const months = new Set(rows.map((row) => requiredText(row, 'month')));
  if (months.size > MONTHS_MAX) {
    throw costError('TOO_LARGE', { what: 'Billing months', actual: months.size, limit: MONTHS_MAX });
  }
  return rows.map((row) => ({
    fileIndex: numberOf(row, 'file_index'),
    month: requiredText(row, 'month'),
    charges: numberOf(row, 'charges'),
    from: numberOf(row, 'from_ms'),
    to: numberOf(row, 'to_ms'),
    currencies: textsOf(row, 'currencies'),
    billedCost: decimalOf(row, 'billed_cost'),
    effectiveCost: decimalOf(row, 'effective_cost'),
    roundingResidue: requiredText(row, 'residue'),
  }));
}

function textsOf(row: SqlRow, column: string): string[] {
  const value = row[column];
  if (!Array.isArray(value)) throw new Error(`${column} is no list`);
  return value.map(String);
}

function decimalOf(row: SqlRow, column: string): Decimal {
  const value = parseDecimal(requiredText(row, column));
  if (value === null) throw new Error(`${column} is no decimal`);
  return value;
}

export function sumDecimals(values: readonly Decimal[]): Decimal {
  return decimalFromUnits(values.reduce<bigint>((sum, value) => sum + value, 0n));
}
