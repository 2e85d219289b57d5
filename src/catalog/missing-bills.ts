import { addUnits, startOf } from '../core/calendar.ts';
import { compareText } from '../core/code-point-order.ts';
import type { SourceName } from '../core/ids.ts';
import type { TimeRange } from '../core/time-range.ts';
import type { PublishedBatch } from './batch.ts';

/** For so many months after its last bill a source is taken to go on. */
export const BILL_EXPECTED_MONTHS = 3;

/** `month` as in `2018-10`. */
export type MissingBill = { readonly source: SourceName; readonly month: string };

/**
 * The bills that a period still waits for: of each month of it, of every source that had a live bill of one of the
 * BILL_EXPECTED_MONTHS before, or has them both before and after, and has none of the month. By month and source.
 */
export function missingBills(batches: readonly PublishedBatch[], period: TimeRange): MissingBill[] {
  const live = batches.filter(({ liveToSequence }) => liveToSequence === null);
  const bySource = [...Map.groupBy(live, ({ source }) => source)].sort(([a], [b]) => compareText(a, b));
  return monthsOf(period).flatMap((month) =>
    bySource
      .filter(([, own]) => lacks(new Set(own.map(({ billingMonth }) => Date.parse(billingMonth))), month))
      .map(([source]) => ({ source, month: new Date(month).toISOString().slice(0, 7) })),
  );
}

/** Starts of the UTC months that a period touches. */
export function monthsOf({ from, to }: TimeRange): number[] {
  const months: number[] = [];
  for (let month = startOf('MONTH', from); month < to; month = addUnits('MONTH', month, 1))
    months.push(month);
  return months;
}

function lacks(billed: ReadonlySet<number>, month: number): boolean {
  if (billed.has(month)) return false;
  const last = Math.max(...[...billed].filter((each) => each < month));
  const isRecent = last >= addUnits('MONTH', month, -BILL_EXPECTED_MONTHS);
  const goesOn = last > -Infinity && [...billed].some((each) => each > month);
  return isRecent || goesOn;
}
