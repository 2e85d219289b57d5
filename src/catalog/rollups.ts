/**
 * Rollups: charges put together by hour or day and a group of attributes. A row of a rollup reads like a charge that
 * starts with its hour or day, with what `charge_count` charges add up to, so that whatever is asked of charges by
 * attributes that the rollup has can be asked of it.
 *
 * A part of a rollup is made of one batch, in the batch's own partition: batches never change, so neither do parts, and
 * what is live decides which of them are read. A batch without a part is answered from its charges.
 */
import type { ChargeColumn } from './charge-columns.ts';
import {
  metricColumns,
  rowDimensionColumns,
  rowDimensionNames,
  systemColumns,
  timeColumns,
} from './charge-columns.ts';
import { metrics } from './metrics.ts';

export type RollupGrain = 'hour' | 'day';

export type Rollup = {
  /** Of grain and attributes, as in the partition of its files: another choice is another rollup. */
  readonly id: string;
  /** For people; unique among a tenant's rollups. */
  readonly name: string;
  readonly grain: RollupGrain;
  /**
   * Keys of dimensions on the row, and of tags. Those that would blow up a part are left out of its files, where the
   * column is missing then; an attribute that a part has is a column of its files even where all values are null.
   */
  readonly attributes: readonly string[];
};

export const ROLLUP_TAGS_MAX = 8;
/**
 * A part may have so many rows, or a row for so many charges: with more it would save little. With ten charges a row,
 * hours of real AWS bills lose `service_name` (data/aws-cur, 2026-11).
 */
export const PART_ROWS_MIN = 10_000;
export const CHARGES_A_ROW = 4;
/** How many charges a row stands for. */
export const CHARGE_COUNT = 'charge_count';

/** Dimensions that every rollup has, because a batch has few values of them and every answer needs to know them. */
export const standingAttributes = [
  'source',
  'billing_currency',
  'billing_period_start',
  'billing_period_end',
] as const;

const summed = new Set(Object.values(metrics).map(({ column }) => column));
/** Metric columns: sums, null where no charge has a value. */
export const summedColumns: readonly string[] = metricColumns
  .map(({ name }) => name)
  .filter((name) => summed.has(name));
const standing = new Set<string>(standingAttributes);
const FIRST_TAG_ID = 70;

/** Columns as `charges` has them (and with the same ids), the count, and a column for each tag. */
export const rollupColumns: readonly ChargeColumn[] = [
  ...systemColumns.filter(({ name }) => ['tenant', 'source', 'billing_month', 'batch'].includes(name)),
  { id: 9, name: 'rollup', type: 'string', required: true },
  ...timeColumns.filter(({ name }) => name === 'charge_period_start' || standing.has(name)),
  ...metricColumns.filter(({ name }) => summedColumns.includes(name)),
  { id: 40, name: CHARGE_COUNT, type: 'long', required: true },
  ...Array.from({ length: ROLLUP_TAGS_MAX }, (_, i): ChargeColumn => ({
    id: FIRST_TAG_ID + i,
    name: `tag_${i + 1}`,
    type: 'string',
    required: false,
  })),
  ...rowDimensionColumns,
];

/** Columns that a part has only where it has the attribute. */
export const rollupAttributeColumns: readonly string[] = rollupColumns
  .filter(({ id, name }) => id >= FIRST_TAG_ID && !standing.has(name))
  .map(({ name }) => name);

/** Rows that the part of a batch may have. */
export function partRowsMax(charges: number): number {
  return Math.max(PART_ROWS_MIN, Math.floor(charges / CHARGES_A_ROW));
}

const TAG_PREFIX = 'tag:';
const onRow = new Set<string>([...rowDimensionNames, ...standingAttributes]);

/** The key of the tag that an attribute is; null where it is none. */
export function tagKeyOf(attribute: string): string | null {
  return attribute.startsWith(TAG_PREFIX) ? attribute.slice(TAG_PREFIX.length) : null;
}

/** Whether a rollup can be by a dimension: resources and times are none of its attributes. */
export function isRollupAttribute(key: string): boolean {
  return tagKeyOf(key) !== null || onRow.has(key);
}

/** The column that holds a dimension; null where the rollup has no such attribute. */
export function rollupColumnOf({ attributes }: Rollup, key: string): string | null {
  if (standing.has(key)) return key;
  if (!attributes.includes(key)) return null;
  if (tagKeyOf(key) === null) return onRow.has(key) ? key : null;
  const tags = attributes.filter((attribute) => tagKeyOf(attribute) !== null);
  return `tag_${tags.indexOf(key) + 1}`;
}

/** The name under which files hold a column that plans name by its key. */
export function storedColumn(rollup: Rollup, name: string): string {
  return rollupColumnOf(rollup, name) ?? name;
}

/** Of most questions: who, what, where and how it is paid. Which of them fit is measured for each batch. */
const usualAttributes = [
  'billing_account_id',
  'billing_account_name',
  'charge_category',
  'charge_class',
  'charge_frequency',
  'commitment_discount_status',
  'commitment_discount_type',
  'consumed_unit',
  'invoice_issuer_name',
  'pricing_category',
  'pricing_unit',
  'provider_name',
  'publisher_name',
  'region_id',
  'region_name',
  'service_category',
  'service_name',
  'service_subcategory',
  'sub_account_id',
  'sub_account_name',
];

/** What every tenant has until it is dropped. */
export const defaultRollups: readonly Rollup[] = [
  { id: 'default-hour', name: 'hour', grain: 'hour', attributes: usualAttributes },
  { id: 'default-day', name: 'day', grain: 'day', attributes: usualAttributes },
];
