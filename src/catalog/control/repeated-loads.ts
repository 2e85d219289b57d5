import type { SourceName } from '../../core/ids.ts';
import type { PublishedBatch } from '../batch.ts';
import type { Load } from './control.ts';

/** The files of one import command, by content, and how they would be read. */
export type ImportedFiles = {
  readonly source: SourceName;
  readonly mode: 'replace' | 'append';
  readonly files: readonly {
    readonly sha256: string;
    readonly format: string;
    readonly mappingVersion: number;
  }[];
};

/**
 * The live loads that already hold all that an import of these files would bring, in the order of the
 * files; null where the import would change what is live.
 *
 * An append changes nothing when each file is live. A replace changes nothing when, on top of that, no
 * other file has a part in the months: files 1 and 2, then again both, is a repetition; then file 1 alone is
 * a new version of its months without file 2.
 */
export function repeatedLoads(
  { source, mode, files }: ImportedFiles,
  batches: readonly PublishedBatch[],
  loads: readonly Load[],
): Load[] | null {
  const live = new Map(
    batches
      .filter((batch) => batch.source === source && batch.liveToSequence === null)
      .map((batch) => [batch.id, batch]),
  );
  const repeated: Load[] = [];
  for (const file of files) {
    const load = loads.findLast(
      (load) =>
        load.source === source &&
        load.sha256 === file.sha256 &&
        load.format === file.format &&
        load.batches.length > 0 &&
        load.batches.every((id) => live.get(id)?.mappingVersion === file.mappingVersion),
    );
    if (load === undefined) return null;
    repeated.push(load);
  }
  if (mode === 'append') return repeated;

  const held = new Set(repeated.flatMap((load) => load.batches));
  const months = new Set([...held].map((id) => live.get(id)?.billingMonth));
  const contents = new Set(files.map((file) => file.sha256));
  const isWholeVersion =
    [...live.values()].every((batch) => held.has(batch.id) || !months.has(batch.billingMonth)) &&
    loads.every((load) => contents.has(load.sha256) || !load.batches.some((id) => held.has(id)));
  return isWholeVersion ? repeated : null;
}
