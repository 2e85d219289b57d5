/** Parts of rollups after their batches are live: what is missing is built, what is of no rollup goes. */
import type { PublishedBatch } from '../catalog/batch.ts';
import type { Control } from '../catalog/control/control.ts';
import { dropFiles } from '../catalog/iceberg/table-operations.ts';
import type { LiveDataFile } from '../catalog/iceberg/data-file.ts';
import type { DataLake } from '../catalog/lake.ts';
import type { Rollup } from '../catalog/rollups.ts';
import { compareText } from '../core/code-point-order.ts';
import { isCostError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import { findDamage } from './check-data-file.ts';
import type { IngestSession, OnFraction } from './ingest-session.ts';
import { openIngestSession } from './ingest-session.ts';
import type { PartsWanted, RollupContext } from './rollup-parts.ts';
import { filesOf, putParts, rolledBatch, rowsBuilt, rowsOf } from './rollup-parts.ts';

/** For another process that builds parts of the tenant; one that crashed is waited out. */
export const ROLLUPS_WAIT_MS = 60_000;

export type KeepContext = RollupContext & {
  /** At most INGEST_THREADS_MAX are used. */
  readonly threads: number;
};

export type KeptParts = {
  readonly built: number;
  /** Why parts were not built, a line each. */
  readonly skipped: readonly string[];
};

/**
 * Builds the parts that live batches lack, as far as the tenant's budget lasts. It is left to the next time while
 * another process does the same.
 *
 * @throws STORAGE_FULL and others; parts built before stay
 */
export async function buildMissingParts(
  context: KeepContext,
  tenant: TenantId,
  signal: AbortSignal,
): Promise<KeptParts> {
  const wanted = await missingParts(context, tenant, null);
  if (wanted.length === 0) return { built: 0, skipped: [] };
  try {
    return await context.control.withLease(rollupsLease(tenant), 0, (held) =>
      buildInTurn(context, tenant, null, AbortSignal.any([signal, held]), () => undefined),
    );
  } catch (error) {
    if (!isCostError(error) || error.code !== 'LOCKED') throw error;
    return { built: 0, skipped: ['parts of rollups: another process builds some'] };
  }
}

/** The missing parts of one rollup. @throws LOCKED, STORAGE_FULL and others; parts built before stay */
export async function buildPartsOf(
  context: KeepContext,
  tenant: TenantId,
  rollup: Rollup,
  onFraction: OnFraction,
): Promise<KeptParts> {
  return context.control.withLease(rollupsLease(tenant), ROLLUPS_WAIT_MS, (signal) =>
    buildInTurn(context, tenant, [rollup], signal, onFraction),
  );
}

/**
 * Builds all parts of rollups anew, those that there are as well. Each takes the place of the old one in one commit,
 * so that questions always find one.
 *
 * @throws LOCKED, STORAGE_FULL and others; parts built before stay
 */
export async function rebuildParts(
  context: KeepContext,
  tenant: TenantId,
  rollups: readonly Rollup[],
  onFraction: OnFraction,
): Promise<KeptParts> {
  return context.control.withLease(rollupsLease(tenant), ROLLUPS_WAIT_MS, async (signal) => {
    const batches = await liveBatches(context.control, tenant);
    const wanted = batches.map((batch) => ({ batch, rollups }));
    const others = (await context.control.rollups(tenant)).filter(
      ({ id }) => !rollups.some((one) => one.id === id),
    );
    const room = context.rollupRowsMax - (await rowsOf(context.lake, tenant, batches, others));
    return buildAll(context, tenant, wanted, room, signal, onFraction);
  });
}

/** Keeps two processes from doing the same work; that parts are not doubled does not depend on it. */
function rollupsLease(tenant: TenantId): string {
  return `rollups/${tenant}`;
}

type Wanted = { readonly batch: PublishedBatch; readonly rollups: readonly Rollup[] };

async function buildInTurn(
  context: KeepContext,
  tenant: TenantId,
  asked: readonly Rollup[] | null,
  signal: AbortSignal,
  onFraction: OnFraction,
): Promise<KeptParts> {
  const { lake, control, rollupRowsMax } = context;
  // Looked for again: the process before may have built them.
  const wanted = await missingParts(context, tenant, asked);
  const batches = await liveBatches(control, tenant);
  const room = rollupRowsMax - (await rowsOf(lake, tenant, batches, await control.rollups(tenant)));
  return buildAll(context, tenant, wanted, room, signal, onFraction);
}

/** Newest months first: they are asked for most, should the room not last. None where the budget is 0. */
async function missingParts(
  { lake, control, rollupRowsMax }: RollupContext,
  tenant: TenantId,
  asked: readonly Rollup[] | null,
): Promise<Wanted[]> {
  if (rollupRowsMax === 0) return [];
  const rollups = await control.rollups(tenant);
  const files = await filesOf(lake, tenant, 'rollups');
  const there = new Set(files.map(({ partition }) => `${partition['batch']} ${partition['rollup']}`));
  const isAsked = ({ id }: Rollup): boolean => asked === null || asked.some((one) => one.id === id);
  return (await liveBatches(control, tenant))
    .map((batch) => ({
      batch,
      rollups: rollups.filter((rollup) => isAsked(rollup) && !there.has(`${batch.id} ${rollup.id}`)),
    }))
    .filter((one) => one.rollups.length > 0);
}

/** With charges, newest months first. */
async function liveBatches(control: Control, tenant: TenantId): Promise<PublishedBatch[]> {
  const batches = await control.publishedBatches(tenant);
  return batches
    .filter(({ liveToSequence, charges }) => liveToSequence === null && charges > 0)
    .sort((a, b) => compareText(b.billingMonth, a.billingMonth) || b.liveFromSequence - a.liveFromSequence);
}

/** A commit a batch: what is done stays done. */
async function buildAll(
  context: KeepContext,
  tenant: TenantId,
  wanted: readonly Wanted[],
  roomRows: number,
  signal: AbortSignal,
  onFraction: OnFraction,
): Promise<KeptParts> {
  const { lake, control } = context;
  await using session = await openIngestSession(lake.folders, context.threads);
  const charges = Map.groupBy(await filesOf(lake, tenant, 'charges'), ({ partition }) => partition['batch']);
  const skipped: string[] = [];
  let [built, room] = [0, roomRows];
  for (const [index, { batch, rollups }] of wanted.entries()) {
    onFraction(index / wanted.length);
    signal.throwIfAborted();
    const files = charges.get(batch.id) ?? [];
    const damaged = await findDamaged(session, files);
    if (damaged !== null) {
      skipped.push(`rollups of batch ${batch.id}: ${damaged} is damaged, "verify" says more`);
      continue;
    }
    const statistics = await control.statistics(tenant, [batch.id]);
    const parts: PartsWanted[] = rolledBatch(batch, files, statistics).map((one) => ({
      batch: one,
      rollups,
    }));
    signal.throwIfAborted();
    const outcome = await putParts(session, lake, tenant, parts, room, () => undefined);
    built += outcome.filter((part) => part.outcome === 'built').length;
    room -= rowsBuilt(outcome);
    for (const part of outcome) {
      if (part.outcome === 'too-large') {
        skipped.push(`rollup ${part.rollup.name} of batch ${batch.id}: it would have ${part.rows} rows`);
      }
    }
    if (outcome.some((part) => part.outcome === 'no-room')) {
      // Each further one would read its charges to find out the same.
      skipped.push(`rollups of ${wanted.length - index} batches: COSTGRAPH_ROLLUP_ROWS_MAX is reached`);
      break;
    }
  }
  onFraction(1);
  return { built, skipped };
}

/** The path of the first damaged one. */
async function findDamaged(session: IngestSession, files: readonly LiveDataFile[]): Promise<string | null> {
  for (const file of files) if ((await findDamage(session, file)) !== null) return file.path;
  return null;
}

/** Of rollups that were dropped while an import built parts of them, or by a command that crashed. */
export async function dropPartsOfUnknown(lake: DataLake, control: Control, tenant: TenantId): Promise<void> {
  const state = await lake.findTable(tenant, 'rollups');
  if (state === null) return;
  const known = new Set<unknown>((await control.rollups(tenant)).map(({ id }) => id));
  await dropFiles(lake, state, ({ partition }) => !known.has(partition['rollup']));
}
