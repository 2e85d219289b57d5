/** Avro schemas of Iceberg's manifests and manifest lists (format 2); names and ids are the specification's. */
import type { AvroSchema } from './avro.ts';
import type { ColumnType, PartitionColumn } from './metadata.ts';

function required(id: number, name: string, type: AvroSchema): AvroSchema {
  return { name, type, 'field-id': id };
}

function optional(id: number, name: string, type: AvroSchema): AvroSchema {
  return { name, type: ['null', type], default: null, 'field-id': id };
}

/** Avro maps have text keys, so maps by column id are arrays of pairs. */
function mapByColumn(keyId: number, valueId: number, value: AvroSchema): AvroSchema {
  const pair = {
    type: 'record',
    name: `k${keyId}_v${valueId}`,
    fields: [required(keyId, 'key', 'int'), required(valueId, 'value', value)],
  };
  return { type: 'array', logicalType: 'map', items: pair };
}

function partitionType(type: ColumnType): AvroSchema {
  if (type === 'string') return 'string';
  if (type === 'date') return { type: 'int', logicalType: 'date' };
  throw new Error(`no table is partitioned by a ${type}`);
}

/** A manifest's entries: one data file each, and what the commit did with it. */
export function manifestEntrySchema(partition: readonly PartitionColumn[]): AvroSchema {
  const partitionRecord = {
    type: 'record',
    name: 'r102',
    fields: partition.map((column) => optional(column.fieldId, column.name, partitionType(column.type))),
  };
  const dataFile = {
    type: 'record',
    name: 'r2',
    fields: [
      required(134, 'content', 'int'),
      required(100, 'file_path', 'string'),
      required(101, 'file_format', 'string'),
      required(102, 'partition', partitionRecord),
      required(103, 'record_count', 'long'),
      required(104, 'file_size_in_bytes', 'long'),
      optional(108, 'column_sizes', mapByColumn(117, 118, 'long')),
      optional(109, 'value_counts', mapByColumn(119, 120, 'long')),
      optional(110, 'null_value_counts', mapByColumn(121, 122, 'long')),
      optional(125, 'lower_bounds', mapByColumn(126, 127, 'bytes')),
      optional(128, 'upper_bounds', mapByColumn(129, 130, 'bytes')),
      optional(140, 'sort_order_id', 'int'),
    ],
  };
  return {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      required(0, 'status', 'int'),
      optional(1, 'snapshot_id', 'long'),
      optional(3, 'sequence_number', 'long'),
      optional(4, 'file_sequence_number', 'long'),
      required(2, 'data_file', dataFile),
    ],
  };
}

const partitionSummary = {
  type: 'record',
  name: 'r508',
  fields: [
    required(509, 'contains_null', 'boolean'),
    optional(518, 'contains_nan', 'boolean'),
    optional(510, 'lower_bound', 'bytes'),
    optional(511, 'upper_bound', 'bytes'),
  ],
};

/** One line of a manifest list per manifest of the snapshot. */
export const manifestListSchema: AvroSchema = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    required(500, 'manifest_path', 'string'),
    required(501, 'manifest_length', 'long'),
    required(502, 'partition_spec_id', 'int'),
    required(517, 'content', 'int'),
    required(515, 'sequence_number', 'long'),
    required(516, 'min_sequence_number', 'long'),
    required(503, 'added_snapshot_id', 'long'),
    required(504, 'added_files_count', 'int'),
    required(505, 'existing_files_count', 'int'),
    required(506, 'deleted_files_count', 'int'),
    required(512, 'added_rows_count', 'long'),
    required(513, 'existing_rows_count', 'long'),
    required(514, 'deleted_rows_count', 'long'),
    optional(507, 'partitions', { type: 'array', items: partitionSummary, 'element-id': 508 }),
  ],
};
