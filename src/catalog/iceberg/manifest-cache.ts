import type { AvroCodec } from './avro.ts';
import type { BoundedCache } from './bounded-cache.ts';
import { boundedCache } from './bounded-cache.ts';
import type { LiveDataFile } from './data-file.ts';
import type { ManifestFile } from './manifest-list.ts';
import { manifestCodec } from './manifest.ts';
import type { PartitionColumn } from './metadata.ts';

/** Decoded manifests and lists by path. They never change once written, so nothing ever goes stale. */
export type ManifestCache = {
  readonly lists: BoundedCache<readonly ManifestFile[]>;
  readonly manifests: BoundedCache<readonly LiveDataFile[]>;
  readonly codecOf: (columns: readonly PartitionColumn[]) => AvroCodec;
};

/** For who changes tables: questions keep files packed. One of charges takes about 22 kB decoded: five maps of 68 columns. */
const DATA_FILES_MAX = 5_000;
const LIST_LINES_MAX = 10_000;

export function manifestCache(dataFilesMax: number = DATA_FILES_MAX): ManifestCache {
  const codecs = new Map<string, AvroCodec>();
  return {
    lists: boundedCache(LIST_LINES_MAX, (list) => list.length + 1),
    manifests: boundedCache(dataFilesMax, (files) => files.length + 1),
    codecOf: (columns) => {
      const key = JSON.stringify(columns);
      const codec = codecs.get(key) ?? manifestCodec(columns);
      codecs.set(key, codec);
      return codec;
    },
  };
}
