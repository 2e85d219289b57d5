import type { ChargeColumnType } from './charge-columns.ts';
import { chargeColumns, inlineColumns } from './charge-columns.ts';
import { rollupColumns } from './rollups.ts';
import { keyColumn, TELEMETRY_KEYS_MAX } from './telemetry.ts';

/** What a tenant's namespace holds. Fields are fixed by id; a table only ever gains columns. */
export type LakeField = {
  readonly id: number;
  readonly name: string;
  readonly type: ChargeColumnType;
  readonly required: boolean;
};
export type LakeTable = {
  readonly name: LakeTableName;
  readonly fields: readonly LakeField[];
  /** Identity-partitioned by these columns. */
  readonly partitionBy: readonly string[];
  /** Rows of a file are sorted by these, so that min/max of files and row groups prune. */
  readonly sortBy: readonly string[];
  /** Which columns a file has says something by itself: merged files keep also those that are null throughout. */
  readonly columnsTell?: true;
};
export type LakeTableName = 'charges' | 'rollups' | 'resources' | 'tags' | 'control_totals' | 'telemetry';

/** Tables whose files belong to a batch, as their partition says. */
export const batchTables = ['charges', 'control_totals', 'rollups'] as const;

export const lakeTables: Readonly<Record<LakeTableName, LakeTable>> = {
  charges: {
    name: 'charges',
    fields: [...chargeColumns, ...inlineColumns],
    partitionBy: ['source', 'billing_month', 'batch'],
    // Day first: most questions name a period; then the columns that most questions filter or group by.
    sortBy: [
      'charge_period_start::day',
      'service_name',
      'sub_account_id',
      'region_id',
      'charge_period_start',
    ],
  },
  /** Charges put together by hour or day and attributes: what charges of one batch add up to. */
  rollups: {
    name: 'rollups',
    fields: rollupColumns,
    partitionBy: ['rollup', 'source', 'billing_month', 'batch'],
    sortBy: ['charge_period_start::day', 'service_name', 'sub_account_id', 'region_id'],
    columnsTell: true,
  },
  /** One row per distinct resource; `id` is a content hash, `digest` the whole hash, to detect collisions. */
  resources: {
    name: 'resources',
    fields: [
      { id: 1, name: 'tenant', type: 'string', required: true },
      { id: 2, name: 'id', type: 'long', required: true },
      { id: 3, name: 'digest', type: 'string', required: true },
      { id: 4, name: 'resource_id', type: 'string', required: false },
      { id: 5, name: 'resource_name', type: 'string', required: false },
      { id: 6, name: 'resource_type', type: 'string', required: false },
    ],
    partitionBy: [],
    sortBy: ['resource_id'],
  },
  /** One row per tag of a distinct tag set: reading one key is reading one stretch of a file. */
  tags: {
    name: 'tags',
    fields: [
      { id: 1, name: 'tenant', type: 'string', required: true },
      { id: 2, name: 'id', type: 'long', required: true },
      { id: 3, name: 'digest', type: 'string', required: true },
      { id: 4, name: 'key', type: 'string', required: true },
      { id: 5, name: 'value', type: 'string', required: true },
    ],
    partitionBy: [],
    sortBy: ['key', 'value'],
  },
  /** What a batch must add up to per hour, summed at ingest before anything is written to `charges`. */
  control_totals: {
    name: 'control_totals',
    fields: [
      { id: 1, name: 'tenant', type: 'string', required: true },
      { id: 2, name: 'source', type: 'string', required: true },
      { id: 3, name: 'billing_month', type: 'date', required: true },
      { id: 4, name: 'batch', type: 'string', required: true },
      /** UTC hour of the charges' start. */
      { id: 5, name: 'hour', type: 'timestamptz', required: true },
      { id: 6, name: 'billing_currency', type: 'string', required: true },
      { id: 7, name: 'charge_count', type: 'long', required: true },
      { id: 8, name: 'billed_cost', type: 'decimal(38,12)', required: false },
      { id: 9, name: 'effective_cost', type: 'decimal(38,12)', required: false },
      { id: 10, name: 'list_cost', type: 'decimal(38,12)', required: false },
      { id: 11, name: 'contracted_cost', type: 'decimal(38,12)', required: false },
      { id: 12, name: 'consumed_quantity', type: 'decimal(38,12)', required: false },
      { id: 13, name: 'pricing_quantity', type: 'decimal(38,12)', required: false },
    ],
    partitionBy: ['source', 'billing_month', 'batch'],
    sortBy: ['hour', 'billing_currency'],
  },
  /** Units of work; a load's rows are unique by time and keys, and take the place of earlier loads' rows with the same. */
  telemetry: {
    name: 'telemetry',
    fields: [
      { id: 1, name: 'tenant', type: 'string', required: true },
      { id: 2, name: 'stream', type: 'string', required: true },
      { id: 3, name: 'load', type: 'string', required: true },
      { id: 4, name: 'time', type: 'timestamptz', required: true },
      { id: 5, name: 'units', type: 'decimal(38,12)', required: true },
      ...Array.from({ length: TELEMETRY_KEYS_MAX }, (_, i): LakeField => ({
        id: 10 + i,
        name: keyColumn(i),
        type: 'string',
        required: false,
      })),
    ],
    // By load: which of them a state knows decides which files are read.
    partitionBy: ['stream', 'load'],
    sortBy: ['time', keyColumn(0), keyColumn(1)],
  },
};
