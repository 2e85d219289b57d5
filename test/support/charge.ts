import type { Instant } from '../../src/core/time-range.ts';

/** A charge with everything on it, as a person would write it down: what judges and fixtures share. */
export type Charge = {
  readonly tenant: string;
  readonly source: string;
  readonly batch: string;
  /** First day of the month, `2018-10-01`. */
  readonly billingMonth: string;
  readonly billing: { readonly from: Instant; readonly to: Instant };
  readonly span: { readonly from: Instant; readonly to: Instant };
  readonly resourceKey: bigint | null;
  readonly tagSet: bigint | null;
  /** Text by dimension key (`tag:Application` too); a missing value has no entry. */
  readonly values: Readonly<Record<string, string>>;
  /** Units of 10^-12 by column; a missing amount has no entry. */
  readonly amounts: Readonly<Record<string, bigint>>;
};

export type Value = bigint | string | null;
export type Row = Readonly<Record<string, Value>>;

/** Instants as dimensions show them: `2018-10-01T00:00:00Z`, with a fraction only where there is one. */
export function timeText(instant: Instant): string {
  return new Date(instant).toISOString().replace('.000Z', 'Z');
}

/** The value of a dimension or amount; null where the charge has none. */
export function valueOf(charge: Charge, column: string): Value {
  switch (column) {
    case 'tenant':
    case 'source':
    case 'batch':
      return charge[column];
    case 'resource_key':
      return charge.resourceKey;
    case 'tag_set':
      return charge.tagSet;
    case 'charge_period_start':
      return timeText(charge.span.from);
    case 'charge_period_end':
      return timeText(charge.span.to);
    case 'billing_period_start':
      return timeText(charge.billing.from);
    case 'billing_period_end':
      return timeText(charge.billing.to);
    default:
      return charge.amounts[column] ?? charge.values[column] ?? null;
  }
}

/** Order by code point (UTF-8 bytes sort alike), numbers by size. Not for nulls. */
export function compareValues(a: bigint | string, b: bigint | string): number {
  if (typeof a === 'bigint' || typeof b === 'bigint') return a < b ? -1 : a > b ? 1 : 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
