import type { ResourceDimensionName, RowDimensionName } from './charge-columns.ts';
import { resourceDimensionNames, rowDimensionNames, timeColumns } from './charge-columns.ts';

export type DimensionOrigin = 'PROVIDER' | 'TAG' | 'RULE';

/** Where a dimension's value is found: on the row, or in a dictionary by the id on the row. */
export type DimensionPlace =
  | { readonly kind: 'row'; readonly column: RowDimensionName | 'source' }
  /** A time column of FOCUS, grouped as RFC 3339 text. */
  | { readonly kind: 'time'; readonly column: (typeof timeColumns)[number]['name'] }
  | { readonly kind: 'resource'; readonly column: ResourceDimensionName }
  | { readonly kind: 'tag'; readonly tagKey: string }
  /** Nowhere: the tenant's rules say it of what is. */
  | { readonly kind: 'rule' };

export type Dimension = {
  readonly key: string;
  readonly label: string;
  readonly origin: DimensionOrigin;
  readonly description: string | null;
  readonly place: DimensionPlace;
};

export const TAG_PREFIX = 'tag:';

const descriptions: Readonly<Record<string, string>> = {
  availability_zone: 'Isolated part of a region that the resource runs in.',
  billing_account_id: 'Account that is invoiced.',
  billing_account_name: 'Name of the account that is invoiced.',
  billing_account_type: 'Kind of the account that is invoiced.',
  billing_currency: 'ISO 4217 code that the charge is billed in.',
  billing_period_end: 'End (exclusive) of the billing period.',
  billing_period_start: 'Start of the billing period.',
  capacity_reservation_id: 'Capacity reservation that the charge belongs to.',
  capacity_reservation_status: 'Used or Unused part of a capacity reservation.',
  charge_category: 'Usage, Purchase, Tax, Credit or Adjustment.',
  charge_class: 'Correction, or missing for a charge that corrects nothing.',
  charge_description: "The provider's own description of the line.",
  charge_frequency: 'One-Time, Recurring or Usage-Based.',
  charge_period_end: 'End (exclusive) of the charge.',
  charge_period_start: 'Start of the charge.',
  commitment_discount_category: 'Spend or Usage commitment.',
  commitment_discount_id: 'Reservation or savings plan that the charge belongs to.',
  commitment_discount_name: 'Name of the reservation or savings plan.',
  commitment_discount_status: 'Used or Unused part of a commitment.',
  commitment_discount_type: "The provider's name for the kind of commitment.",
  commitment_discount_unit: 'Unit of the commitment.',
  consumed_unit: 'Unit of the consumed quantity.',
  invoice_id: 'Invoice that the charge is on.',
  invoice_issuer_name: 'Who issues the invoice.',
  pricing_category: 'Standard, Dynamic, Committed or Other.',
  pricing_currency: 'Currency of the price list.',
  pricing_unit: 'Unit of the pricing quantity.',
  provider_name: 'Who makes the resource available.',
  publisher_name: 'Who made the resource.',
  region_id: "The provider's id of the region.",
  region_name: 'Name of the region.',
  resource_id: 'Resource that the charge is for.',
  resource_name: 'Name of the resource.',
  resource_type: 'Kind of the resource.',
  service_category: 'Highest classification of a service (FOCUS).',
  service_name: 'Service that was used.',
  service_subcategory: 'Second classification of a service (FOCUS).',
  sku_id: 'Product in the price list.',
  sku_meter: 'What of the product is metered.',
  sku_price_details: 'Properties of the price, as JSON.',
  sku_price_id: 'Price in the price list.',
  source: 'Bill source that the charge was loaded from.',
  sub_account_id: 'Account or subscription that used the service.',
  sub_account_name: 'Name of the account or subscription.',
  sub_account_type: 'Kind of the account or subscription.',
};

/** Dimensions that every tenant has, in alphabetical order of their keys. */
export const providerDimensions: readonly Dimension[] = [
  ...[...rowDimensionNames, 'source' as const].map((name) =>
    providerDimension(name, { kind: 'row', column: name }),
  ),
  ...timeColumns.map(({ name }) => providerDimension(name, { kind: 'time', column: name })),
  ...resourceDimensionNames.map((name) => providerDimension(name, { kind: 'resource', column: name })),
].sort((a, b) => (a.key < b.key ? -1 : 1));

const providerByKey = new Map(providerDimensions.map((dimension) => [dimension.key, dimension]));

function providerDimension(key: string, place: DimensionPlace): Dimension {
  return { key, label: labelOf(key), origin: 'PROVIDER', description: descriptions[key] ?? null, place };
}

/** `sub_account_id` as people read it: `Sub Account ID`. */
export function labelOf(key: string): string {
  const abbreviations = new Map([
    ['id', 'ID'],
    ['sku', 'SKU'],
  ]);
  const words = key
    .split('_')
    .map((word) => abbreviations.get(word) ?? word[0]?.toUpperCase() + word.slice(1));
  return words.join(' ');
}

export function tagDimension(tagKey: string): Dimension {
  return {
    key: `${TAG_PREFIX}${tagKey}`,
    label: tagKey,
    origin: 'TAG',
    description: null,
    place: { kind: 'tag', tagKey },
  };
}

const rulePlace: DimensionPlace = { kind: 'rule' };

/** What a tenant has beside the dimensions of every tenant. */
export type OwnDimensions = {
  /** Of all its data. */
  readonly tagKeys: ReadonlySet<string>;
  /** Of its rules, by key. */
  readonly ruled: ReadonlyMap<string, Dimension>;
};

export function ruleDimension(key: string, label: string, description: string | null): Dimension {
  return { key, label, origin: 'RULE', description, place: rulePlace };
}

/** The dimension of a key, or null: tags only those that the tenant's data has. */
export function findDimension(key: string, { tagKeys, ruled }: OwnDimensions): Dimension | null {
  if (!key.startsWith(TAG_PREFIX)) return providerByKey.get(key) ?? ruled.get(key) ?? null;
  const tagKey = key.slice(TAG_PREFIX.length);
  return tagKeys.has(tagKey) ? tagDimension(tagKey) : null;
}

/** Where the value of a known key is kept; keys of tags need not be in any data. */
export function placeOf(key: string): DimensionPlace {
  return key.startsWith(TAG_PREFIX)
    ? tagDimension(key.slice(TAG_PREFIX.length)).place
    : (providerByKey.get(key)?.place ?? rulePlace);
}
