/**
 * Manifests (which data files, with their statistics) between bytes and plain data.
 *
 * What a commit adds has no sequence number yet: readers inherit it from the manifest list. So a manifest
 * outlives the conflicts of its commit unchanged; only the small list is written again.
 */
import type { AvroCodec } from './avro.ts';
import { avroCodec } from './avro.ts';
import type { DataFile, LiveDataFile, Partition } from './data-file.ts';
import { fromFileUri, toFileUri } from './file-uri.ts';
import { manifestEntrySchema } from './manifest-schema.ts';
import type { ManifestFile } from './manifest-list.ts';
import type { PartitionColumn, PartitionSpec, TableSchema } from './metadata.ts';

/** `kept` and `dropped` files were live before the commit that writes the manifest. */
export type ManifestEntry =
  | { readonly status: 'added'; readonly file: DataFile }
  | { readonly status: 'kept' | 'dropped'; readonly file: LiveDataFile };

/** The codec of the manifests of one partition spec; make it once. */
export function manifestCodec(columns: readonly PartitionColumn[]): AvroCodec {
  return avroCodec(manifestEntrySchema(columns));
}

export function encodeManifest(
  codec: AvroCodec,
  schema: TableSchema,
  spec: PartitionSpec,
  snapshotId: bigint,
  entries: readonly ManifestEntry[],
): Buffer {
  const header = {
    schema: JSON.stringify(schema),
    'schema-id': String(schema['schema-id']),
    'partition-spec': JSON.stringify(spec.fields),
    'partition-spec-id': String(spec['spec-id']),
    'format-version': '2',
    content: 'data',
  };
  return codec.encode(
    header,
    entries.map((entry) => rawEntry(entry, snapshotId)),
  );
}

/** The live files of a manifest; `content` of anything but data gives null. */
export function decodeManifest(
  codec: AvroCodec,
  bytes: Buffer,
  manifest: ManifestFile,
): LiveDataFile[] | null {
  // The codec has resolved the file's schema against manifestEntrySchema: this is its shape.
  const raw = codec.decode(bytes) as RawEntry[];
  const live: LiveDataFile[] = [];
  for (const entry of raw) {
    if (entry.data_file.content !== 0) return null;
    if (entry.status !== STATUS.dropped) live.push(liveFile(entry, manifest));
  }
  return live;
}

const STATUS = { kept: 0, added: 1, dropped: 2 } as const;

type RawLong = number | bigint;
type RawMap<Value> = readonly { readonly key: number; readonly value: Value }[] | null;
type RawEntry = {
  readonly status: number;
  readonly snapshot_id: RawLong | null;
  readonly sequence_number: RawLong | null;
  readonly file_sequence_number: RawLong | null;
  readonly data_file: {
    readonly content: number;
    readonly file_path: string;
    readonly file_format: string;
    readonly partition: Partition;
    readonly record_count: RawLong;
    readonly file_size_in_bytes: RawLong;
    readonly column_sizes: RawMap<RawLong>;
    readonly value_counts: RawMap<RawLong>;
    readonly null_value_counts: RawMap<RawLong>;
    readonly lower_bounds: RawMap<Buffer>;
    readonly upper_bounds: RawMap<Buffer>;
    readonly sort_order_id: number | null;
  };
};

function rawEntry(entry: ManifestEntry, snapshotId: bigint): RawEntry {
  const { file } = entry;
  const isAdded = entry.status === 'added';
  return {
    status: STATUS[entry.status],
    snapshot_id: entry.status === 'kept' ? entry.file.addedSnapshotId : snapshotId,
    sequence_number: isAdded ? null : entry.file.sequenceNumber,
    file_sequence_number: isAdded ? null : entry.file.fileSequenceNumber,
    data_file: {
      content: 0,
      file_path: toFileUri(file.path),
      file_format: 'PARQUET',
      partition: file.partition,
      record_count: file.records,
      file_size_in_bytes: file.sizeBytes,
      column_sizes: rawMap(file.columnSizesBytes),
      value_counts: rawMap(file.valueCounts),
      null_value_counts: rawMap(file.nullCounts),
      lower_bounds: rawMap(file.lowerBounds),
      upper_bounds: rawMap(file.upperBounds),
      sort_order_id: 0,
    },
  };
}

function liveFile(entry: RawEntry, manifest: ManifestFile): LiveDataFile {
  const { data_file: file } = entry;
  const inherited = manifest.sequenceNumber ?? 0;
  return {
    path: fromFileUri(file.file_path),
    sizeBytes: Number(file.file_size_in_bytes),
    records: Number(file.record_count),
    partition: { ...file.partition }, // The codec's records are of classes that it made.
    columnSizesBytes: countMap(file.column_sizes),
    valueCounts: countMap(file.value_counts),
    nullCounts: countMap(file.null_value_counts),
    lowerBounds: boundMap(file.lower_bounds),
    upperBounds: boundMap(file.upper_bounds),
    sequenceNumber: Number(entry.sequence_number ?? inherited),
    fileSequenceNumber: Number(entry.file_sequence_number ?? inherited),
    addedSnapshotId: BigInt(entry.snapshot_id ?? manifest.addedSnapshotId),
  };
}

function rawMap<Value>(map: ReadonlyMap<number, Value>): RawMap<Value> {
  return Array.from(map, ([key, value]) => ({ key, value }));
}

function countMap(pairs: RawMap<RawLong>): ReadonlyMap<number, number> {
  const map = new Map<number, number>();
  for (const { key, value } of pairs ?? []) map.set(key, Number(value));
  return map;
}

function boundMap(pairs: RawMap<Buffer>): ReadonlyMap<number, Buffer> {
  const map = new Map<number, Buffer>();
  for (const { key, value } of pairs ?? []) map.set(key, value);
  return map;
}
