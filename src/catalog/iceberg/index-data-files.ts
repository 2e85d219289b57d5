/** From a state of a table to the index of its data files that questions are planned on. */
import type { FileBlock } from '../file-block.ts';
import { packBlock } from '../file-block.ts';
import type { FileIndex } from '../file-index.ts';
import { baseOf, indexBlocks } from '../file-index.ts';
import type { LakeFile } from '../lake-file.ts';
import { nullsFrom } from '../lake-file.ts';
import type { LakeField } from '../lake-tables.ts';
import { lakeTables } from '../lake-tables.ts';
import type { TableState } from './catalog.ts';
import type { LiveDataFile } from './data-file.ts';
import { lowerBound, upperBound } from './data-file.ts';
import { inBatches } from './durable-files.ts';
import { READS_AT_ONCE, decodeManifestFile, readManifestList } from './list-data-files.ts';
import type { ManifestCache } from './manifest-cache.ts';

/**
 * Reads only the manifests that `earlier`, the index of an earlier state or an empty one, does not have. Entries are
 * packed one manifest after another and not kept: decoded they are a hundred times as large.
 *
 * @throws TABLE_UNSUPPORTED, TABLE_DAMAGED as `listDataFiles`
 */
export async function indexDataFiles(
  cache: ManifestCache,
  state: TableState,
  earlier: FileIndex,
): Promise<FileIndex> {
  const { name, fields } = lakeTables[state.ident.name];
  const fieldOf = new Map(fields.map((field) => [field.name, field]));
  const base = baseOf(earlier);
  const manifests = await readManifestList(cache, state);
  const packed = new Map<string, FileBlock>();
  let { packedCount } = base;
  const unknown = manifests.filter(({ path }) => !base.blocks.has(path));
  await inBatches(unknown, READS_AT_ONCE, async (manifest) => {
    const files = await decodeManifestFile(cache, state, manifest);
    packedCount += files.length;
    const listed = files.map((file) => lakeFile(file, fieldOf));
    packed.set(manifest.path, packBlock(name, listed, base.pool));
  });
  const blockOf = (path: string) => base.blocks.get(path) ?? packed.get(path) ?? [];
  return indexBlocks(new Map(manifests.map(({ path }) => [path, blockOf(path)])), base.pool, packedCount);
}

function lakeFile(file: LiveDataFile, fieldOf: ReadonlyMap<string, LakeField>): LakeFile {
  const idOf = (column: string) => fieldOf.get(column)?.id ?? -1;
  return {
    path: file.path,
    sizeBytes: file.sizeBytes,
    records: file.records,
    partition: file.partition,
    bounds: (column) => {
      const field = fieldOf.get(column);
      if (!field) return null;
      const lower = lowerBound(file, field);
      const upper = upperBound(file, field);
      return lower === null || upper === null ? null : { lower, upper };
    },
    nulls: (column) => nullsFrom(file.nullCounts.get(idOf(column)) ?? null, file.records),
    holds: (column) => file.valueCounts.has(idOf(column)),
    columnBytes: (column) => file.columnSizesBytes.get(idOf(column)) ?? null,
  };
}
