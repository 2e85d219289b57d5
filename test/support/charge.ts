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
  /** Null too where the charge carries its resource, or its tags, inline. */
  readonly resourceKey: bigint | null;
  readonly tagSet: bigint | null;
  readonly inlineResource: boolean;
  readonly inlineTags: boolean;
  /** Text by dimension key (`tag:Application` too); a missing value has no entry. */
  readonly values: Readonly<Record<string, string>>;
  /** Units of 10^-12 by column; a missing amount has no entry. */
  readonly amounts: Readonly<Record<string, bigint>>;
};

const TAG_PREFIX = 'tag:';
const INLINE_PREFIX = 'inline_';

export type Value = bigint | string | null;
export type Row = Readonly<Record<string, Value>>;

/** Instants as dimensions show them: `2018-10-01T00:00:00Z`, with a fraction only where there is one. */
export function timeText(instant: Instant): string {
  return new Date(instant).toISOString().replace('.000Z', 'Z');
}

/** Tags by key, in order of their keys. */
export function tagsOf({ values }: Charge): Record<string, string> {
  const tags = Object.entries(values).filter(([key]) => key.startsWith(TAG_PREFIX));
  const sorted = tags.sort(([a], [b]) => compareValues(a, b));
  return Object.fromEntries(sorted.map(([key, value]) => [key.slice(TAG_PREFIX.length), value]));
}

function inlineTagsOf(charge: Charge): string | null {
  const tags = tagsOf(charge);
  return charge.inlineTags && Object.keys(tags).length > 0 ? JSON.stringify(tags) : null;
}

/** The value of a dimension, an amount or a column of the table; null where the charge has none. */
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
    case 'inline_tags':
      return inlineTagsOf(charge);
    case 'inline_resource_id':
    case 'inline_resource_name':
    case 'inline_resource_type':
      return charge.inlineResource ? (charge.values[column.slice(INLINE_PREFIX.length)] ?? null) : null;
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
