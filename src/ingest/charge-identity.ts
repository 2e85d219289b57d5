/** What tells charges, resources and tag sets apart, as SQL. Changing any of it changes every id. */
import type { RowDimensionName } from '../catalog/charge-columns.ts';
import { resourceDimensionNames } from '../catalog/charge-columns.ts';
import { sqlName } from './formats/sql-text.ts';

/**
 * Columns whose values tell two lines of a bill apart. Names, units and list prices follow from these. Lines
 * that are equal in all of them are told apart by their order (`ordinal`), so leaving a column out is safe.
 */
const lineTexts = [
  'availability_zone',
  'billing_account_id',
  'billing_currency',
  'charge_category',
  'charge_class',
  'charge_description',
  'charge_frequency',
  'commitment_discount_id',
  'commitment_discount_status',
  'invoice_id',
  'pricing_category',
  'provider_name',
  'region_id',
  'service_name',
  'sku_id',
  'sku_price_id',
  'sub_account_id',
] as const satisfies readonly RowDimensionName[];
const lineDecimals = ['billed_cost', 'effective_cost', 'consumed_quantity'] as const;
const lineTimes = ['charge_period_start', 'charge_period_end'] as const;

/**
 * BIGINT of a mapped row: of the format's key, or else of the line's content. Not unique, and with another version of
 * DuckDB another: it tells lines of one import apart, in an eighth of the time that MD5 takes. Of 62 bits, which are at
 * most 12 characters of base 36: DuckDB keeps texts up to that length in the row.
 */
export function lineHash(): string {
  const parts = [...lineTexts, ...resourceDimensionNames, 'tags', ...lineDecimals, ...lineTimes];
  return `CAST((CASE WHEN charge_key IS NOT NULL THEN hash(charge_key) ELSE hash(${parts.join(', ')}) END) >> 2 AS BIGINT)`;
}

/** BIGINT >= 0: the id of a dictionary entry with this encoding. */
export function dictionaryId(encoding: string): string {
  return `CAST(md5_number_lower(${encoding}) & 9223372036854775807 AS BIGINT)`;
}

/** The whole hash that the id is a part of. */
export function dictionaryDigest(encoding: string): string {
  return `md5(${encoding})`;
}

/** `2:i-4:name-:`: bytes and text of each part, `-` for null, so that no two resources look the same. */
export const resourceEncoding = `concat(${resourceDimensionNames
  .map((name) => `coalesce(CAST(strlen(${sqlName(name)}) AS VARCHAR), '-'), ':', ${sqlName(name)}`)
  .join(', ')})`;

export const isResource = `coalesce(${resourceDimensionNames.join(', ')}) IS NOT NULL`;

/** BIGINT of a row: null for a charge of no resource. */
export const resourceKey = `CASE WHEN ${isResource} THEN ${dictionaryId(resourceEncoding)} END`;

/** Of a MAP(VARCHAR, VARCHAR) sorted by key: `3:env4:prod`. */
export function tagsEncoding(map: string): string {
  const pair = "concat(strlen(e.key), ':', e.key, strlen(e.value), ':', e.value)";
  return `array_to_string(list_transform(map_entries(${map}), lambda e: ${pair}), '')`;
}
