/**
 * The columns of a charge: FOCUS 1.2 in snake_case, plus where the charge came from.
 *
 * `id` is the Iceberg field id: fixed for ever, never reused (readers resolve columns by it).
 * `place` says where a value is kept: on the charge's row, or once per distinct thing in a dictionary.
 */
export type ChargeColumnType = 'string' | 'timestamptz' | 'date' | 'long' | 'decimal(38,12)';
export type ChargeColumn = {
  readonly id: number;
  readonly name: string;
  readonly type: ChargeColumnType;
  readonly required: boolean;
};

/** Bookkeeping of a row, not FOCUS. */
export const systemColumns = [
  { id: 1, name: 'tenant', type: 'string', required: true },
  { id: 2, name: 'source', type: 'string', required: true },
  { id: 3, name: 'billing_month', type: 'date', required: true },
  { id: 4, name: 'batch', type: 'string', required: true },
  /** The format's own key, or content hash + ordinal; unique within a batch. */
  { id: 5, name: 'charge_id', type: 'string', required: true },
  /** `bill`; later `event`. */
  { id: 6, name: 'origin', type: 'string', required: true },
  /** Id of the row in `resources`; null for a charge of no resource, or with its resource inline. */
  { id: 7, name: 'resource_key', type: 'long', required: false },
  /** Id of the set in `tags`; null for an untagged charge, or with its tags inline. */
  { id: 8, name: 'tag_set', type: 'long', required: false },
] as const satisfies readonly ChargeColumn[];

/** What tells any two charges of a tenant apart. */
export const CHARGE_IDENTITY = [
  'batch',
  'charge_id',
] as const satisfies readonly (typeof systemColumns)[number]['name'][];

export const timeColumns = [
  { id: 10, name: 'billing_period_start', type: 'timestamptz', required: true },
  { id: 11, name: 'billing_period_end', type: 'timestamptz', required: true },
  { id: 12, name: 'charge_period_start', type: 'timestamptz', required: true },
  { id: 13, name: 'charge_period_end', type: 'timestamptz', required: true },
] as const satisfies readonly ChargeColumn[];

export const metricColumns = [
  { id: 20, name: 'billed_cost', type: 'decimal(38,12)', required: true },
  { id: 21, name: 'effective_cost', type: 'decimal(38,12)', required: true },
  { id: 22, name: 'list_cost', type: 'decimal(38,12)', required: false },
  { id: 23, name: 'contracted_cost', type: 'decimal(38,12)', required: false },
  { id: 24, name: 'consumed_quantity', type: 'decimal(38,12)', required: false },
  { id: 25, name: 'pricing_quantity', type: 'decimal(38,12)', required: false },
  { id: 26, name: 'contracted_unit_price', type: 'decimal(38,12)', required: false },
  { id: 27, name: 'list_unit_price', type: 'decimal(38,12)', required: false },
  { id: 28, name: 'commitment_discount_quantity', type: 'decimal(38,12)', required: false },
  { id: 29, name: 'pricing_currency_contracted_unit_price', type: 'decimal(38,12)', required: false },
  { id: 30, name: 'pricing_currency_effective_cost', type: 'decimal(38,12)', required: false },
  { id: 31, name: 'pricing_currency_list_unit_price', type: 'decimal(38,12)', required: false },
] as const satisfies readonly ChargeColumn[];

/** Text columns kept on the row; `billing_currency` is the only one that is never null. */
export const rowDimensionNames = [
  'availability_zone',
  'billing_account_id',
  'billing_account_name',
  'billing_account_type',
  'billing_currency',
  'capacity_reservation_id',
  'capacity_reservation_status',
  'charge_category',
  'charge_class',
  'charge_description',
  'charge_frequency',
  'commitment_discount_category',
  'commitment_discount_id',
  'commitment_discount_name',
  'commitment_discount_status',
  'commitment_discount_type',
  'commitment_discount_unit',
  'consumed_unit',
  'invoice_id',
  'invoice_issuer_name',
  'pricing_category',
  'pricing_currency',
  'pricing_unit',
  'provider_name',
  'publisher_name',
  'region_id',
  'region_name',
  'service_category',
  'service_name',
  'service_subcategory',
  'sku_id',
  'sku_meter',
  'sku_price_details',
  'sku_price_id',
  'sub_account_id',
  'sub_account_name',
  'sub_account_type',
] as const;
export type RowDimensionName = (typeof rowDimensionNames)[number];

/** Text columns kept once per distinct resource in the dictionary `resources`. */
export const resourceDimensionNames = ['resource_id', 'resource_name', 'resource_type'] as const;
export type ResourceDimensionName = (typeof resourceDimensionNames)[number];

const FIRST_ROW_DIMENSION_ID = 100;
export const rowDimensionColumns: readonly ChargeColumn[] = rowDimensionNames.map((name, i) => ({
  id: FIRST_ROW_DIMENSION_ID + i, // Append new names at the end of the list: ids are fixed for ever.
  name,
  type: 'string',
  required: name === 'billing_currency',
}));

const FIRST_INLINE_ID = 60;
/** Where a charge has a tag set that the dictionary has no room for: a JSON object of texts, sorted by key. */
export const INLINE_TAGS = 'inline_tags';
export function inlineResourceColumn(name: ResourceDimensionName): string {
  return `inline_${name}`;
}

/**
 * What a charge carries itself of a resource or tag set that found no room in the tenant's dictionary: then the id is
 * null. Files of charges that all found room lack these columns.
 */
export const inlineColumns: readonly ChargeColumn[] = [
  ...resourceDimensionNames.map(inlineResourceColumn),
  INLINE_TAGS,
].map((name, i) => ({ id: FIRST_INLINE_ID + i, name, type: 'string', required: false }));

/** The columns of the table `charges` that hold something of most bills, in file order. */
export const chargeColumns: readonly ChargeColumn[] = [
  ...systemColumns,
  ...timeColumns,
  ...metricColumns,
  ...rowDimensionColumns,
];
