import { filesOfBatch, filesOfRollup } from '../catalog/file-index.ts';
import type { LakeTableState, TenantState } from '../catalog/tenant-state.ts';
import type { Rollup } from '../catalog/rollups.ts';
import { rollupColumnOf } from '../catalog/rollups.ts';

/** What a rollup has of one batch. */
export type RollupPart = {
  readonly records: number;
  readonly files: number;
  readonly sizeBytes: number;
  /** Attributes that it was made without. */
  readonly leftOut: readonly string[];
};

const known = new WeakMap<LakeTableState, ReadonlyMap<string, ReadonlyMap<string, RollupPart>>>();
const none: ReadonlyMap<string, RollupPart> = new Map();

/** By batch. All files of a part were committed at once, so that one file tells that the part is there. */
export function rollupParts(
  { tables, rollups }: TenantState,
  { id }: Rollup,
): ReadonlyMap<string, RollupPart> {
  let parts = known.get(tables.rollups);
  if (parts === undefined) {
    parts = readParts(tables.rollups, rollups);
    known.set(tables.rollups, parts);
  }
  return parts.get(id) ?? none;
}

function readParts(
  { files }: LakeTableState,
  rollups: readonly Rollup[],
): Map<string, Map<string, RollupPart>> {
  const parts = new Map<string, Map<string, RollupPart>>();
  for (const rollup of rollups) {
    const ofRollup = filesOfRollup(files, rollup.id);
    const ownParts = new Map<string, RollupPart>();
    for (const batch of ofRollup.byBatch.keys()) {
      const own = filesOfBatch(ofRollup, batch);
      const records = own.reduce((sum, file) => sum + file.records, 0);
      const leftOut = rollup.attributes.filter((key) => !own[0]?.holds(rollupColumnOf(rollup, key) ?? ''));
      const sizeBytes = own.reduce((sum, file) => sum + file.sizeBytes, 0);
      ownParts.set(batch, { records, files: own.length, sizeBytes, leftOut });
    }
    parts.set(rollup.id, ownParts);
  }
  return parts;
}
