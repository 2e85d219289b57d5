/** Manifest lists (which manifests a snapshot has, with their partition ranges) between bytes and plain data. */
import { compareText } from '../../core/code-point-order.ts';
import { avroCodec } from './avro.ts';
import { decodeBound, encodeBound } from './bounds.ts';
import type { PartitionValue } from './data-file.ts';
import { fromFileUri, toFileUri } from './file-uri.ts';
import type { ManifestEntry } from './manifest.ts';
import { manifestListSchema } from './manifest-schema.ts';
import type { PartitionColumn } from './metadata.ts';

export type FileCounts = { readonly files: number; readonly rows: number };

/** One manifest of a snapshot, with what its list says of it. */
export type ManifestFile = {
  /** A local path. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly specId: number;
  /** Of the commit that wrote it; null until that commit's list is written. */
  readonly sequenceNumber: number | null;
  /** The lowest of its files; null when all of them are being added. */
  readonly minSequenceNumber: number | null;
  readonly addedSnapshotId: bigint;
  readonly added: FileCounts;
  readonly kept: FileCounts;
  readonly dropped: FileCounts;
  /** By partition column: the range of the files' values. */
  readonly partitions: Readonly<Record<string, PartitionRange>>;
};

export type PartitionRange = {
  readonly containsNull: boolean;
  /** Both null when all values are. */
  readonly lower: PartitionValue;
  readonly upper: PartitionValue;
};

/** False when no file of the manifest can have `value` in the partition column. */
export function manifestMayHold(manifest: ManifestFile, column: string, value: PartitionValue): boolean {
  const range = manifest.partitions[column];
  if (range === undefined) return true; // Written under another partition spec.
  if (value === null) return range.containsNull;
  if (range.lower === null || range.upper === null) return false;
  return comparePartitionValues(range.lower, value) <= 0 && comparePartitionValues(value, range.upper) <= 0;
}

/** Texts by code point, as their UTF-8 bytes; dates by number. */
function comparePartitionValues(a: string | number, b: string | number): number {
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  return Number(a) - Number(b);
}

/** What a list is to say of a manifest with these entries. */
export function describeManifest(
  path: string,
  sizeBytes: number,
  specId: number,
  snapshotId: bigint,
  columns: readonly PartitionColumn[],
  entries: readonly ManifestEntry[],
): ManifestFile {
  const count = (status: ManifestEntry['status']): FileCounts => {
    const files = entries.filter((entry) => entry.status === status).map((entry) => entry.file);
    return { files: files.length, rows: files.reduce((rows, file) => rows + file.records, 0) };
  };
  const sequenceNumbers = entries.flatMap((entry) =>
    entry.status === 'added' ? [] : [entry.file.sequenceNumber],
  );
  return {
    path,
    sizeBytes,
    specId,
    sequenceNumber: null,
    minSequenceNumber: sequenceNumbers.length === 0 ? null : sequenceNumbers.reduce((a, b) => Math.min(a, b)),
    addedSnapshotId: snapshotId,
    added: count('added'),
    kept: count('kept'),
    dropped: count('dropped'),
    partitions: Object.fromEntries(
      columns.map(({ name }) => [name, rangeOf(entries.map((entry) => entry.file.partition[name] ?? null))]),
    ),
  };
}

function rangeOf(values: readonly PartitionValue[]): PartitionRange {
  const present = values.filter((value) => value !== null).sort(comparePartitionValues);
  return {
    containsNull: present.length < values.length,
    lower: present[0] ?? null,
    upper: present.at(-1) ?? null,
  };
}

type RawLong = number | bigint;
type RawManifest = {
  readonly manifest_path: string;
  readonly manifest_length: RawLong;
  readonly partition_spec_id: number;
  readonly content: number;
  readonly sequence_number: RawLong;
  readonly min_sequence_number: RawLong;
  readonly added_snapshot_id: RawLong;
  readonly added_files_count: number;
  readonly existing_files_count: number;
  readonly deleted_files_count: number;
  readonly added_rows_count: RawLong;
  readonly existing_rows_count: RawLong;
  readonly deleted_rows_count: RawLong;
  readonly partitions: readonly RawRange[] | null;
};
type RawRange = {
  readonly contains_null: boolean;
  readonly contains_nan: boolean | null;
  readonly lower_bound: Buffer | null;
  readonly upper_bound: Buffer | null;
};

/** Finds the partition columns of a spec by its id. */
type ColumnsOf = (specId: number) => readonly PartitionColumn[];

const codec = avroCodec(manifestListSchema);

/** Gives the manifests that this commit wrote its sequence number. */
export function encodeManifestList(
  snapshot: { readonly id: bigint; readonly parentId: bigint | null; readonly sequenceNumber: number },
  manifests: readonly ManifestFile[],
  columnsOf: ColumnsOf,
): Buffer {
  const header = {
    'snapshot-id': String(snapshot.id),
    'parent-snapshot-id': String(snapshot.parentId),
    'sequence-number': String(snapshot.sequenceNumber),
    'format-version': '2',
  };
  const lines = manifests.map((manifest): RawManifest => {
    const inherited = manifest.sequenceNumber ?? snapshot.sequenceNumber;
    return {
      manifest_path: toFileUri(manifest.path),
      manifest_length: manifest.sizeBytes,
      partition_spec_id: manifest.specId,
      content: 0,
      sequence_number: inherited,
      min_sequence_number: manifest.minSequenceNumber ?? inherited,
      added_snapshot_id: manifest.addedSnapshotId,
      added_files_count: manifest.added.files,
      existing_files_count: manifest.kept.files,
      deleted_files_count: manifest.dropped.files,
      added_rows_count: manifest.added.rows,
      existing_rows_count: manifest.kept.rows,
      deleted_rows_count: manifest.dropped.rows,
      partitions: columnsOf(manifest.specId).map((column) =>
        rawRange(column, manifest.partitions[column.name]),
      ),
    };
  });
  return codec.encode(header, lines);
}

/** Null when one of them is a manifest of delete files. */
export function decodeManifestList(bytes: Buffer, columnsOf: ColumnsOf): ManifestFile[] | null {
  // The codec has resolved the file's schema against manifestListSchema: this is its shape.
  const raw = codec.decode(bytes) as RawManifest[];
  if (raw.some((manifest) => manifest.content !== 0)) return null;
  return raw.map((manifest) => ({
    path: fromFileUri(manifest.manifest_path),
    sizeBytes: Number(manifest.manifest_length),
    specId: manifest.partition_spec_id,
    sequenceNumber: Number(manifest.sequence_number),
    minSequenceNumber: Number(manifest.min_sequence_number),
    addedSnapshotId: BigInt(manifest.added_snapshot_id),
    added: { files: manifest.added_files_count, rows: Number(manifest.added_rows_count) },
    kept: { files: manifest.existing_files_count, rows: Number(manifest.existing_rows_count) },
    dropped: { files: manifest.deleted_files_count, rows: Number(manifest.deleted_rows_count) },
    partitions: rangesOf(manifest.partitions ?? [], columnsOf(manifest.partition_spec_id)),
  }));
}

function rawRange(column: PartitionColumn, range: PartitionRange | undefined): RawRange {
  const encode = (value: PartitionValue | undefined): Buffer | null =>
    value === null || value === undefined ? null : encodeBound(column.type, value);
  return {
    contains_null: range?.containsNull ?? true,
    contains_nan: false,
    lower_bound: encode(range?.lower),
    upper_bound: encode(range?.upper),
  };
}

function rangesOf(
  ranges: readonly RawRange[],
  columns: readonly PartitionColumn[],
): Record<string, PartitionRange> {
  return Object.fromEntries(
    ranges.flatMap((range, i) => {
      const column = columns[i];
      if (column === undefined) return [];
      const decode = (bytes: Buffer | null): PartitionValue => {
        if (bytes === null) return null;
        const value = decodeBound(column.type, bytes);
        return typeof value === 'bigint' ? Number(value) : value;
      };
      const lower = decode(range.lower_bound);
      return [[column.name, { containsNull: range.contains_null, lower, upper: decode(range.upper_bound) }]];
    }),
  );
}
