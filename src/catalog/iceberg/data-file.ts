import type { BoundValue } from './bounds.ts';
import { decodeBound } from './bounds.ts';
import type { SchemaField } from './metadata.ts';

/** A text, or for a date the days since 1970. */
export type PartitionValue = string | number | null;
/** By column name. */
export type Partition = Readonly<Record<string, PartitionValue>>;

/** One Parquet file of a table, with what is known of it without opening it. Maps are by field id. */
export type DataFile = {
  /** A local path, absolute. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly records: number;
  readonly partition: Partition;
  /** Compressed, per column. */
  readonly columnSizesBytes: ReadonlyMap<number, number>;
  /** Nulls included. A column that is not in here is not in the file: all its values are null. */
  readonly valueCounts: ReadonlyMap<number, number>;
  readonly nullCounts: ReadonlyMap<number, number>;
  /** In Iceberg's binary form; see `lowerBound`. */
  readonly lowerBounds: ReadonlyMap<number, Buffer>;
  readonly upperBounds: ReadonlyMap<number, Buffer>;
};

/** A file as a state of a table holds it. */
export type LiveDataFile = DataFile & {
  /** Of the commit that added it: higher is newer. */
  readonly sequenceNumber: number;
  /** Of the commit that wrote it; the same, unless another program compacted. */
  readonly fileSequenceNumber: number;
  readonly addedSnapshotId: bigint;
};

type Column = Pick<SchemaField, 'id' | 'type'>;

/** No value of the column is lower; null where nothing is known, as of a column that is null throughout. */
export function lowerBound(file: DataFile, column: Column): BoundValue | null {
  const bytes = file.lowerBounds.get(column.id);
  return bytes === undefined ? null : decodeBound(column.type, bytes);
}

/** No value of the column is higher; of a long text it may be higher than all of them. Null where nothing is known. */
export function upperBound(file: DataFile, column: Column): BoundValue | null {
  const bytes = file.upperBounds.get(column.id);
  return bytes === undefined ? null : decodeBound(column.type, bytes);
}
