import { filesOfBatch, filesOfRollup } from '../catalog/file-index.ts';
import type { LakeTableState, TenantState } from '../catalog/tenant-state.ts';
import type { Rollup } from '../catalog/rollups.ts';
import { rollupColumnOf } from '../catalog/rollups.ts';
import type { PublishedBatch } from '../catalog/batch.ts';
import type { TimeOrder } from '../core/time-order.ts';
import { timeOrder } from '../core/time-order.ts';
import type { TimeRange } from '../core/time-range.ts';
import type { Scan } from './plan.ts';
import { timeOf } from './scanned-batches.ts';

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

/** What a rollup has of a live batch, in the time of the batch's charges. */
export type LivePart = RollupPart & TimeRange & { readonly batch: PublishedBatch };
/** A live batch that has charges of which a rollup lacks attributes, or all: null. */
export type IncompleteBatch = { readonly batch: PublishedBatch; readonly leftOut: readonly string[] | null };
export type LiveParts = {
  readonly built: TimeOrder<LivePart>;
  readonly incomplete: TimeOrder<IncompleteBatch>;
};

const knownLive = new WeakMap<TenantState, Map<string, LiveParts>>();

/** By the time of an axis; read once for a state. */
export function livePartsOf(state: TenantState, rollup: Rollup, axis: Scan['axis']): LiveParts {
  const ofState = knownLive.get(state) ?? new Map<string, LiveParts>();
  knownLive.set(state, ofState);
  const key = `${axis} ${rollup.id}`;
  const live = ofState.get(key) ?? readLive(state, rollup, axis);
  ofState.set(key, live);
  return live;
}

function readLive(state: TenantState, rollup: Rollup, axis: Scan['axis']): LiveParts {
  const parts = rollupParts(state, rollup);
  const built = state.batches.flatMap((batch): LivePart[] => {
    const part = parts.get(batch.id);
    return part === undefined ? [] : [{ ...part, ...spanOf(batch, axis), batch }];
  });
  const incomplete = state.batches.flatMap((batch): IncompleteBatch[] => {
    const leftOut = parts.get(batch.id)?.leftOut ?? null;
    return batch.charges === 0 || leftOut?.length === 0 ? [] : [{ batch, leftOut }];
  });
  return {
    built: timeOrder(built, (part) => part),
    incomplete: timeOrder(incomplete, ({ batch }) => timeOf(batch, axis)),
  };
}

/** Never empty: all charges of a batch may start at one instant. */
function spanOf(batch: PublishedBatch, axis: Scan['axis']): TimeRange {
  const { from, to } = timeOf(batch, axis);
  return { from, to: Math.max(to, from + 1) };
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
