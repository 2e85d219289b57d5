/**
 * Keeps a tenant's tables small and fast: drops what nobody can ask for any more, merges small files, forgets
 * old snapshots, deletes files that nothing refers to. What is answered, and its version, stays the same.
 */
import type { PublishedBatch } from '../catalog/batch.ts';
import type { Control } from '../catalog/control/control.ts';
import type { TableState } from '../catalog/iceberg/catalog.ts';
import { expireSnapshots, removeUnreferenced } from '../catalog/iceberg/expire-snapshots.ts';
import { listDataFiles } from '../catalog/iceberg/list-data-files.ts';
import type { DataLake } from '../catalog/lake.ts';
import type { LakeTableName } from '../catalog/lake-tables.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import { isCostError } from '../core/errors.ts';
import type { BatchId, SourceName, TenantId } from '../core/ids.ts';
import { batchId, sourceName } from '../core/ids.ts';
import type { Instant } from '../core/time-range.ts';
import { DAY_MS, HOUR_MS } from '../core/time-range.ts';
import { discardBatches } from './build-batches.ts';
import { compactTable } from './compact-table.ts';
import type { IngestContext } from './import-bills.ts';
import { sourceLease } from './import-bills.ts';
import { openIngestSession } from './ingest-session.ts';
import { removeLeftovers } from './remove-leftovers.ts';

/** How long a superseded batch can still be asked for. */
export const RETENTION_DAYS = 90;
/** Longer than the longest query: readers hold states of tables, and their files. */
export const SNAPSHOT_KEEP_HOURS = 6;
/** Longer than any write takes from its first file to its commit. */
export const LEFTOVER_GRACE_HOURS = 24;
/** Another maintenance of the tenant may be under way; there is no point in doing it twice. */
const WAIT_MS = 60_000;

const tableNames = Object.keys(lakeTables) as LakeTableName[]; // Record<LakeTableName, …> has no other keys.
const batchTables = ['charges', 'control_totals'] as const;

export type MaintainOptions = {
  readonly now: Instant;
  readonly retentionDays: number;
  readonly snapshotKeepHours: number;
  readonly leftoverGraceHours: number;
};

export function defaultMaintainOptions(now: Instant): MaintainOptions {
  return {
    now,
    retentionDays: RETENTION_DAYS,
    snapshotKeepHours: SNAPSHOT_KEEP_HOURS,
    leftoverGraceHours: LEFTOVER_GRACE_HOURS,
  };
}

/** What was done, as `maintain --json` prints it. */
export type MaintainReport = {
  readonly tenant: TenantId;
  /** Superseded, and over their retention. */
  readonly batchesDropped: readonly BatchId[];
  /** Written by imports that ended before they were published. */
  readonly batchesDiscarded: readonly BatchId[];
  readonly filesMerged: { readonly before: number; readonly after: number };
  readonly snapshotsExpired: number;
  readonly filesRemoved: number;
  readonly bytesRemoved: number;
};

/** @throws LOCKED, STORAGE_FULL, LOAD_MISMATCH and others; what was done before stays done */
export async function maintainTenant(
  { lake, control, threads }: Omit<IngestContext, 'onProgress'>,
  tenant: TenantId,
  options: MaintainOptions,
): Promise<MaintainReport> {
  return control.withLease(`maintain/${tenant}`, WAIT_MS, async () => {
    const graceFrom = options.now - options.leftoverGraceHours * HOUR_MS;
    const batchesDropped = await dropSuperseded(lake, control, tenant, options);
    const batchesDiscarded = await discardUnpublished(lake, control, tenant, graceFrom);
    const filesMerged = await compactTables(lake, tenant, threads);
    let snapshotsExpired = 0;
    let filesRemoved = 0;
    let bytesRemoved = 0;
    for (const name of tableNames) {
      const state = await lake.findTable(tenant, name);
      if (state === null) continue;
      snapshotsExpired += await expire(lake, state, options.now - options.snapshotKeepHours * HOUR_MS);
      const removed = await removeUnreferenced(lake, state.ident, { olderThan: graceFrom });
      filesRemoved += removed.files;
      bytesRemoved += removed.bytes;
    }
    const leftovers = await removeLeftovers(lake.folders, control, tenant, graceFrom);
    return {
      tenant,
      batchesDropped,
      batchesDiscarded,
      filesMerged,
      snapshotsExpired,
      filesRemoved: filesRemoved + leftovers.files,
      bytesRemoved: bytesRemoved + leftovers.bytes,
    };
  });
}

/** Marked first: a question about a state that needs one is told so, instead of missing its rows. */
async function dropSuperseded(
  lake: DataLake,
  control: Control,
  tenant: TenantId,
  { now, retentionDays }: MaintainOptions,
): Promise<BatchId[]> {
  const due = (await control.droppable(tenant, now - retentionDays * DAY_MS)).map(({ id }) => id);
  if (due.length > 0) await control.markDropped(tenant, due, now);
  const dropped = (await control.publishedBatches(tenant)).filter(isDropped).map(({ id }) => id);
  await discardBatches(lake, tenant, dropped); // Those of a maintenance that crashed here as well.
  return due;
}

function isDropped({ droppedAt }: PublishedBatch): boolean {
  return droppedAt !== null;
}

/** While the lease of their source is free no import is about to publish them. */
async function discardUnpublished(
  lake: DataLake,
  control: Control,
  tenant: TenantId,
  before: Instant,
): Promise<BatchId[]> {
  const discarded: BatchId[] = [];
  for (const source of (await unpublished(lake, control, tenant, before)).keys()) {
    try {
      await control.withLease(sourceLease(tenant, source), 0, async () => {
        const batches = (await unpublished(lake, control, tenant, before)).get(source) ?? [];
        await discardBatches(lake, tenant, batches);
        discarded.push(...batches);
      });
    } catch (error) {
      if (!isCostError(error) || error.code !== 'LOCKED') throw error;
    }
  }
  return discarded;
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
    const state = await lake.findTable(tenant, name);
    if (state === null) continue;
    const committedAt = new Map(
      state.metadata.snapshots.map((one) => [one['snapshot-id'], one['timestamp-ms']]),
    );
    for (const { partition, addedSnapshotId } of await listDataFiles(lake.manifests, state)) {
      const isOld = (committedAt.get(addedSnapshotId) ?? 0) < before;
      const source = sourceName(String(partition['source']));
      if (isOld && source !== null) found.set(String(partition['batch']), source);
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
  lake: DataLake,
  tenant: TenantId,
  threads: number,
): Promise<MaintainReport['filesMerged']> {
  await using session = await openIngestSession(lake.folders, threads);
  const merged = { before: 0, after: 0 };
  for (const name of tableNames) {
    const state = await lake.findTable(tenant, name);
    if (state === null) continue;
    const { filesBefore, filesAfter } = await compactTable(session, lake, state);
    merged.before += filesBefore;
    merged.after += filesAfter;
  }
  return merged;
}

async function expire(lake: DataLake, state: TableState, olderThan: Instant): Promise<number> {
  const after = await expireSnapshots(lake, state, { olderThan, keepLast: 1 });
  return state.metadata.snapshots.length - after.metadata.snapshots.length;
}
