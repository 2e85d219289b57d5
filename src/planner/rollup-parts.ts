import type { LakeTableState, TenantState } from '../catalog/tenant-state.ts';
import type { Rollup } from '../catalog/rollups.ts';
import { rollupColumnOf } from '../catalog/rollups.ts';

/** What a rollup has of one batch. */
export type RollupPart = {
  readonly records: number;
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
  const definitions = new Map(rollups.map((rollup) => [rollup.id, rollup]));
  const parts = new Map<string, Map<string, RollupPart>>();
  for (const file of files) {
    const rollup = definitions.get(String(file.partition['rollup']));
    if (rollup === undefined) continue;
    const ofRollup = parts.get(rollup.id) ?? new Map<string, RollupPart>();
    parts.set(rollup.id, ofRollup);
    const batch = String(file.partition['batch']);
    const earlier = ofRollup.get(batch);
    const leftOut =
      earlier?.leftOut ?? rollup.attributes.filter((key) => !file.holds(rollupColumnOf(rollup, key) ?? ''));
    ofRollup.set(batch, { records: (earlier?.records ?? 0) + file.records, leftOut });
  }
  return parts;
}
