/** Iceberg's table metadata (format 2) as plain data, with the keys of its JSON. https://iceberg.apache.org/spec/ */
import { randomUUID } from 'node:crypto';
import { costError } from '../../core/errors.ts';
import type { ChargeColumnType } from '../charge-columns.ts';
import type { LakeTable } from '../lake-tables.ts';
import { parseExactJson } from './exact-json.ts';

export type ColumnType = ChargeColumnType;

export type SchemaField = {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: ColumnType;
};
export type TableSchema = {
  readonly type: 'struct';
  readonly 'schema-id': number;
  readonly fields: readonly SchemaField[];
};
export type PartitionField = {
  readonly 'source-id': number;
  readonly 'field-id': number;
  readonly name: string;
  readonly transform: 'identity';
};
export type PartitionSpec = { readonly 'spec-id': number; readonly fields: readonly PartitionField[] };

export type Snapshot = {
  readonly 'snapshot-id': bigint;
  readonly 'parent-snapshot-id'?: bigint;
  readonly 'sequence-number': number;
  readonly 'timestamp-ms': number;
  /** A file:// URI. */
  readonly 'manifest-list': string;
  /** `operation` and totals are Iceberg's; the rest is what the commit was given. */
  readonly summary: SnapshotSummary;
  readonly 'schema-id': number;
};
export type SnapshotSummary = { readonly operation: Operation } & Readonly<Record<string, string>>;
export type Operation = 'append' | 'replace' | 'overwrite' | 'delete';
export type SnapshotRef = { readonly 'snapshot-id': bigint; readonly type: 'branch' | 'tag' };

export type TableMetadata = {
  readonly 'format-version': 2;
  readonly 'table-uuid': string;
  readonly location: string;
  readonly 'last-sequence-number': number;
  readonly 'last-updated-ms': number;
  readonly 'last-column-id': number;
  readonly 'current-schema-id': number;
  readonly schemas: readonly TableSchema[];
  readonly 'default-spec-id': number;
  readonly 'partition-specs': readonly PartitionSpec[];
  readonly 'last-partition-id': number;
  readonly 'default-sort-order-id': number;
  readonly 'sort-orders': readonly { readonly 'order-id': number; readonly fields: readonly unknown[] }[];
  readonly properties: Readonly<Record<string, string>>;
  /** -1 while there is none: older readers insist on the key. */
  readonly 'current-snapshot-id': bigint;
  readonly refs: Readonly<Record<string, SnapshotRef>>;
  readonly snapshots: readonly Snapshot[];
  readonly 'snapshot-log': readonly { readonly 'snapshot-id': bigint; readonly 'timestamp-ms': number }[];
  readonly 'metadata-log': readonly { readonly 'metadata-file': string; readonly 'timestamp-ms': number }[];
};

export const NO_SNAPSHOT = -1n;
/** Versions of the metadata that are kept behind the current one; older files are deleted by the commits. */
export const METADATA_LOG_MAX = 100;
/** Partition field ids start here by the specification, so that they never meet column ids. */
const FIRST_PARTITION_FIELD_ID = 1_000;

const columnTypes: ReadonlySet<string> = new Set<ColumnType>([
  'string',
  'long',
  'date',
  'timestamptz',
  'decimal(38,12)',
]);

/** The metadata of a new, empty table. */
export function newTableMetadata(location: string, table: LakeTable, now: number): TableMetadata {
  const partitionFields = table.partitionBy.map((name, i): PartitionField => {
    const source = table.fields.find((field) => field.name === name);
    if (source === undefined) throw new Error(`${table.name} is partitioned by "${name}", which it has not`);
    return {
      'source-id': source.id,
      'field-id': FIRST_PARTITION_FIELD_ID + i,
      name,
      transform: 'identity',
    };
  });
  return {
    'format-version': 2,
    'table-uuid': randomUUID(),
    location,
    'last-sequence-number': 0,
    'last-updated-ms': now,
    'last-column-id': Math.max(...table.fields.map((field) => field.id)),
    'current-schema-id': 0,
    schemas: [{ type: 'struct', 'schema-id': 0, fields: table.fields }],
    'default-spec-id': 0,
    'partition-specs': [{ 'spec-id': 0, fields: partitionFields }],
    'last-partition-id': FIRST_PARTITION_FIELD_ID - 1 + partitionFields.length,
    'default-sort-order-id': 0,
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    properties: {
      'write.metadata.delete-after-commit.enabled': 'true',
      'write.metadata.previous-versions-max': String(METADATA_LOG_MAX),
    },
    'current-snapshot-id': NO_SNAPSHOT,
    refs: {},
    snapshots: [],
    'snapshot-log': [],
    'metadata-log': [],
  };
}

/**
 * Reads what we, or another program that keeps to the specification, wrote.
 * @throws TABLE_DAMAGED for text that is no such metadata; TABLE_UNSUPPORTED for what we cannot read exactly.
 */
export function parseTableMetadata(text: string, file: string): TableMetadata {
  let parsed: unknown;
  try {
    parsed = parseExactJson(text);
  } catch (error) {
    throw costError('TABLE_DAMAGED', { file, reason: 'it is no JSON' }, error);
  }
  if (!isObject(parsed)) throw costError('TABLE_DAMAGED', { file, reason: 'it is no JSON object' });
  if (parsed['format-version'] !== 2) {
    const reason = `format version ${String(parsed['format-version'])}`;
    throw costError('TABLE_UNSUPPORTED', { table: file, reason });
  }
  const missing = requiredKeys.find((key) => parsed[key] === undefined);
  if (missing !== undefined) throw costError('TABLE_DAMAGED', { file, reason: `it has no ${missing}` });

  // Optional keys get their meaning by the specification; the required ones were just looked for.
  const metadata = { ...optionalKeys, ...dropNulls(parsed) } as unknown as TableMetadata;
  const schemas = metadata.schemas.map((schema) => ({
    ...schema,
    fields: schema.fields.map((field) => checkedField(field, file)),
  }));
  const foreign = metadata['partition-specs']
    .flatMap((spec) => spec.fields)
    .find((field) => field.transform !== 'identity');
  if (foreign !== undefined) {
    const reason = `${foreign.name} is partitioned by ${String(foreign.transform)}`;
    throw costError('TABLE_UNSUPPORTED', { table: file, reason });
  }
  return { ...metadata, schemas };
}

const requiredKeys = [
  'table-uuid',
  'location',
  'last-sequence-number',
  'last-updated-ms',
  'last-column-id',
  'current-schema-id',
  'schemas',
  'default-spec-id',
  'partition-specs',
  'last-partition-id',
  'default-sort-order-id',
  'sort-orders',
] as const satisfies readonly (keyof TableMetadata)[];

const optionalKeys = {
  properties: {},
  'current-snapshot-id': NO_SNAPSHOT,
  refs: {},
  snapshots: [],
  'snapshot-log': [],
  'metadata-log': [],
} as const satisfies Partial<TableMetadata>;

function dropNulls(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Other programs write `decimal(38, 12)`. */
function checkedField(field: SchemaField, file: string): SchemaField {
  const type = String(field.type).replaceAll(' ', '');
  if (columnTypes.has(type)) return { ...field, type: type as ColumnType }; // columnTypes holds just these.
  throw costError('TABLE_UNSUPPORTED', { table: file, reason: `${field.name} is of type ${type}` });
}

export function currentSchema(metadata: TableMetadata): TableSchema {
  return schemaById(metadata, metadata['current-schema-id']);
}

export function schemaById(metadata: TableMetadata, id: number): TableSchema {
  const schema = metadata.schemas.find((one) => one['schema-id'] === id);
  if (schema === undefined) {
    throw costError('TABLE_DAMAGED', { file: metadata.location, reason: `it has no schema ${id}` });
  }
  return schema;
}

export function specById(metadata: TableMetadata, id: number): PartitionSpec {
  const spec = metadata['partition-specs'].find((one) => one['spec-id'] === id);
  if (spec === undefined) {
    throw costError('TABLE_DAMAGED', { file: metadata.location, reason: `it has no partition spec ${id}` });
  }
  return spec;
}

/** A column that files are partitioned by; `fieldId` is the partition field's, not the column's. */
export type PartitionColumn = { readonly fieldId: number; readonly name: string; readonly type: ColumnType };

/** In the order of the spec. Columns that were dropped since are found in older schemas. */
export function partitionColumns(metadata: TableMetadata, specId: number): PartitionColumn[] {
  const fields = metadata.schemas.toReversed().flatMap((schema) => schema.fields);
  return specById(metadata, specId).fields.map((partition) => {
    const source = fields.find((field) => field.id === partition['source-id']);
    if (source === undefined) {
      const reason = `the column of partition field ${partition.name} is missing`;
      throw costError('TABLE_DAMAGED', { file: metadata.location, reason });
    }
    return { fieldId: partition['field-id'], name: partition.name, type: source.type };
  });
}

/** Null for the id of none (a new table), and for a snapshot that has been expired. */
export function snapshotById(metadata: TableMetadata, id: bigint | null): Snapshot | null {
  return metadata.snapshots.find((snapshot) => snapshot['snapshot-id'] === id) ?? null;
}
