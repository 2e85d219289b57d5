/**
 * Keeps a tenant's tables small and fast: drops what nobody can ask for any more, merges small files, forgets
 * old snapshots, deletes files that nothing refers to. What is answered, and its version, stays the same.
 *
 * Readers of other processes learn of a change by the control plane: each commit here is followed by a renewal
 * of the lease, at the latest by its release.
 */
import type { PublishedBatch } from '../catalog/batch.ts';
import type { Control } from '../catalog/control/control.ts';
import { expireSnapshots, removeUnreferenced } from '../catalog/iceberg/expire-snapshots.ts';
import type { DataLake } from '../catalog/lake.ts';
import type { LakeTableName } from '../catalog/lake-tables.ts';
import { batchTables, lakeTables } from '../catalog/lake-tables.ts';
import { isCostError } from '../core/errors.ts';
import type { BatchId, SourceName, TenantId } from '../core/ids.ts';
import { batchId, sourceName } from '../core/ids.ts';
import type { Instant } from '../core/time-range.ts';
import { HOUR_MS } from '../core/time-range.ts';
import { discardBatches } from './build-batches.ts';
import { filesCommittedBefore } from './committed-before.ts';
import { compactTable } from './compact-table.ts';
import { discardUnknownLoads } from './discard-telemetry.ts';
import { sourceLease } from './import-bills.ts';
import { openIngestSession } from './ingest-session.ts';
import { buildMissingParts, dropPartsOfUnknown } from './keep-rollups.ts';
import { removeLeftovers } from './remove-leftovers.ts';

/** Longer than the longest question: readers hold states of tables, and their files. */
export const SNAPSHOT_KEEP_HOURS = 6;
/** Longer than any command takes from its first file to its commit. */
export const LEFTOVER_GRACE_HOURS = 24;
/**
 * Between the mark of a dropped batch and the end of its rows, because a reader looks at marks first and at
 * tables after: whoever missed the mark must find the rows.
 */
const DROP_DELAY_MS = 10 * 60_000;
/** For another maintenance of the tenant; one that crashed is waited out. */
export const MAINTAIN_WAIT_MS = 60_000;

const tableNames = Object.keys(lakeTables) as LakeTableName[]; // Record<LakeTableName, …> has no other keys.

export type MaintainContext = {
  readonly lake: DataLake;
  readonly control: Control;
  /** At most INGEST_THREADS_MAX are used. */
  readonly threads: number;
  /** Rows that rollups of a tenant's live batches may have together; 0: none are built. */
  readonly rollupRowsMax: number;
  /** How long a superseded batch stays. */
  readonly retentionMs: number;
};

/** What was done, as `maintain --json` prints it. */
export type MaintainReport = {
  readonly tenant: TenantId;
  /** Superseded, and over their retention: from now on states that need one are expired. */
  readonly batchesDropped: readonly BatchId[];
  /** Written by imports that ended before they were published. */
  readonly batchesDiscarded: readonly BatchId[];
  /** Ids of loads of driver data that ended likewise. */
  readonly telemetryDiscarded: readonly string[];
  /** Of rollups and live batches that were without. */
  readonly partsBuilt: number;
  readonly filesMerged: { readonly before: number; readonly after: number };
  readonly snapshotsExpired: number;
  readonly filesRemoved: number;
  readonly bytesRemoved: number;
  /** What was due and is left for the next time, with the reason. */
  readonly skipped: readonly string[];
};

/** @throws LOCKED, STORAGE_FULL, LOAD_MISMATCH, TABLE_DAMAGED and others; what was done before stays done */
export async function maintainTenant(
  context: MaintainContext,
  tenant: TenantId,
  now: Instant,
): Promise<MaintainReport> {
  const { lake, control } = context;
  return control.withLease(`maintain/${tenant}`, MAINTAIN_WAIT_MS, async (signal) => {
    const graceFrom = now - LEFTOVER_GRACE_HOURS * HOUR_MS;
    const batchesDropped = await dropSuperseded(context, tenant, now, signal);
    const discarded = await discardUnpublished(lake, control, tenant, graceFrom);
    const telemetry = await discardUnknownLoads(lake, control, tenant, graceFrom);
    signal.throwIfAborted();
    await dropPartsOfUnknown(lake, control, tenant);
    const parts = await buildMissingParts(context, tenant, signal);
    const compacted = await compactTables(context, tenant, signal);
    const removed = await removeExpired(lake, tenant, now, signal);
    const leftovers = await removeLeftovers(lake.folders, control, tenant, graceFrom);
    return {
      tenant,
      batchesDropped,
      batchesDiscarded: discarded.batches,
      telemetryDiscarded: telemetry.loads,
      partsBuilt: parts.built,
      filesMerged: compacted.filesMerged,
      snapshotsExpired: removed.snapshots,
      filesRemoved: removed.files + leftovers.files,
      bytesRemoved: removed.bytes + leftovers.bytes,
      skipped: [...discarded.skipped, ...telemetry.skipped, ...parts.skipped, ...compacted.skipped],
    };
  });
}

/** Marks what is due, and takes the rows of those marked before out of the tables. */
async function dropSuperseded(
  { lake, control, retentionMs }: MaintainContext,
  tenant: TenantId,
  now: Instant,
  signal: AbortSignal,
): Promise<BatchId[]> {
  const due = (await control.droppable(tenant, now - retentionMs)).map(({ id }) => id);
  if (due.length > 0) await control.markDropped(tenant, due, now);
  const marked = (await control.publishedBatches(tenant)).filter(
    ({ droppedAt }) => droppedAt !== null && droppedAt <= now - DROP_DELAY_MS,
  );
  signal.throwIfAborted();
  await discardBatches(
    lake,
    tenant,
    marked.map(({ id }) => id),
  );
  return due;
}

/** While the lease of their source is free no import is about to publish them. */
async function discardUnpublished(
  lake: DataLake,
  control: Control,
  tenant: TenantId,
  before: Instant,
): Promise<{ batches: BatchId[]; skipped: string[] }> {
  const batches: BatchId[] = [];
  const skipped: string[] = [];
  for (const source of (await unpublished(lake, control, tenant, before)).keys()) {
    try {
      await control.withLease(sourceLease(tenant, source), 0, async (signal) => {
        const found = (await unpublished(lake, control, tenant, before)).get(source) ?? [];
        signal.throwIfAborted();
        await discardBatches(lake, tenant, found);
        batches.push(...found);
      });
    } catch (error) {
      if (!isCostError(error) || error.code !== 'LOCKED') throw error;
      skipped.push(`what imports of ${source} left behind stays: one is under way`);
    }
  }
  return { batches, skipped };
}

/** Batches in the tables that were committed before an instant, and that the control plane does not know. */
async function unpublished(
  lake: DataLake,
  control: Control,
  tenant: TenantId,
  before: Instant,
): Promise<Map<SourceName, BatchId[]>> {
  const found = new Map<string, SourceName>();
  for (const name of batchTables) {
    for (const { partition } of await filesCommittedBefore(lake, tenant, name, before)) {
      const source = sourceName(String(partition['source']));
      if (source !== null) found.set(String(partition['batch']), source);
    }
  }
  for (const { id } of await control.publishedBatches(tenant)) found.delete(id);
  const bySource = new Map<SourceName, BatchId[]>();
  for (const [batch, source] of found) {
    bySource.set(source, [...(bySource.get(source) ?? []), batchId(batch)]);
  }
  return bySource;
}

async function compactTables(
  { lake, control, threads }: MaintainContext,
  tenant: TenantId,
  signal: AbortSignal,
): Promise<Pick<MaintainReport, 'filesMerged' | 'skipped'>> {
  const retained = new Set<unknown>(
    (await control.publishedBatches(tenant)).filter(isRetained).map(({ id }) => id),
  );
  await using session = await openIngestSession(lake.folders, threads);
  const filesMerged = { before: 0, after: 0 };
  const skipped: string[] = [];
  for (const name of tableNames) {
    if ((await lake.findTable(tenant, name)) === null) continue;
    const state = await lake.ensureTable(tenant, name);
    const isWanted = ({ batch }: { readonly batch?: unknown }): boolean =>
      batch === undefined || retained.has(batch);
    const compacted = await compactTable(session, lake, state, isWanted, signal);
    filesMerged.before += compacted.filesBefore;
    filesMerged.after += compacted.filesAfter;
    skipped.push(...compacted.skipped);
  }
  return { filesMerged, skipped };
}

function isRetained({ droppedAt }: PublishedBatch): boolean {
  return droppedAt === null;
}

/** Snapshots that no reader holds any more, then the files that only they held. */
async function removeExpired(
  lake: DataLake,
  tenant: TenantId,
  now: Instant,
  signal: AbortSignal,
): Promise<{ snapshots: number; files: number; bytes: number }> {
  const removed = { snapshots: 0, files: 0, bytes: 0 };
  for (const name of tableNames) {
    const state = await lake.findTable(tenant, name);
    if (state === null) continue;
    signal.throwIfAborted();
    const olderThan = now - SNAPSHOT_KEEP_HOURS * HOUR_MS;
    const after = await expireSnapshots(lake, state, { olderThan, keepLast: 1 });
    removed.snapshots += state.metadata.snapshots.length - after.metadata.snapshots.length;
    const { files, bytes } = await removeUnreferenced(lake, state.ident, {
      olderThan: now - LEFTOVER_GRACE_HOURS * HOUR_MS,
    });
    removed.files += files;
    removed.bytes += bytes;
  }
  return removed;
}
