import type { BatchId, SourceName, TenantId } from '../core/ids.ts';
import type { Decimal } from '../core/decimal.ts';
import type { Instant, TimeRange } from '../core/time-range.ts';

/** One version of one source's billing month, or an increment of it. Immutable once published. */
export type Batch = {
  readonly id: BatchId;
  readonly tenant: TenantId;
  readonly source: SourceName;
  /** First day of the month, `2018-10-01`. */
  readonly billingMonth: string;
  readonly mode: 'replace' | 'append';
  readonly format: string;
  readonly mappingVersion: number;
  readonly charges: number;
  readonly quarantined: number;
  /** Of the charges' starts and ends, not of the billing month. */
  readonly from: Instant;
  readonly to: Instant;
  /** Sorted; what a question over this batch can meet. */
  readonly currencies: readonly string[];
  readonly billedCost: Decimal;
  readonly effectiveCost: Decimal;
};

/** A batch with the stretch of knowledge in which it is live: [knownFrom, knownTo), by the tenant's sequence. */
export type PublishedBatch = Batch & {
  readonly liveFromSequence: number;
  /** Null while live. */
  readonly liveToSequence: number | null;
  readonly knownFrom: Instant;
  readonly knownTo: Instant | null;
  /** Set once maintenance has dropped a superseded batch: states that need it are expired. */
  readonly droppedAt: Instant | null;
};

export function isLive(batch: PublishedBatch, sequence: number): boolean {
  return (
    batch.liveFromSequence <= sequence && (batch.liveToSequence === null || batch.liveToSequence > sequence)
  );
}

/** Statistics of one column of one batch, measured at ingest. `key` is a dimension key (`tag:Application` too). */
export type ColumnStatistics = { readonly key: string; readonly distinct: number; readonly nulls: number };

/**
 * Whether a batch can hold charges of a period. A billing period is known by its month; a charge of no length may start
 * where its batch ends.
 */
export function touches(
  batch: Pick<Batch, 'from' | 'to' | 'billingMonth'>,
  period: TimeRange,
  axis: 'CHARGE_PERIOD' | 'BILLING_PERIOD',
): boolean {
  if (axis === 'CHARGE_PERIOD') return batch.from < period.to && batch.to >= period.from;
  const month = Date.parse(`${batch.billingMonth}T00:00:00Z`);
  return month >= period.from && month < period.to;
}
