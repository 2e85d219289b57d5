/**
 * Which parts of a tenant's rollups there are: built when a batch is imported, and later where they are missing.
 *
 * A part exists or it does not: its files come with one commit, which takes whatever the partition held before out. So
 * two processes that build the same part, or one that does it again after a crash, leave it there once. A batch without
 * a part is answered from its charges.
 */
import type { Batch, PublishedBatch } from '../catalog/batch.ts';
import type { Control } from '../catalog/control/control.ts';
import type { TableState } from '../catalog/iceberg/catalog.ts';
import type { DataFile, LiveDataFile } from '../catalog/iceberg/data-file.ts';
import { removeFiles } from '../catalog/iceberg/durable-files.ts';
import { listDataFiles } from '../catalog/iceberg/list-data-files.ts';
import { putPartitions } from '../catalog/iceberg/table-operations.ts';
import type { DataLake } from '../catalog/lake.ts';
import type { LakeTableName } from '../catalog/lake-tables.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import type { Rollup } from '../catalog/rollups.ts';
import { rollupColumnOf } from '../catalog/rollups.ts';
import { isCostError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import { log } from '../core/log.ts';
import type { BuiltSet } from './build-batches.ts';
import { cleanUp } from './build-batches.ts';
import type { BuiltPart, RolledBatch } from './build-rollups.ts';
import { buildParts, partPartition } from './build-rollups.ts';
import { readingFiles } from './check-data-file.ts';
import type { IngestSession } from './ingest-session.ts';
import type { OnFraction } from './ingest-session.ts';

export type RollupContext = {
  readonly lake: DataLake;
  readonly control: Control;
  /** Rows that the parts of a tenant's live batches may have together; 0: none are built. */
  readonly rollupRowsMax: number;
};

/** A batch, and the rollups whose part of it is to be built. */
export type PartsWanted = { readonly batch: RolledBatch; readonly rollups: readonly Rollup[] };

/**
 * Builds the parts of batches that are about to be published. Where that fails they are published without: but for a
 * full disk, on which nothing goes on.
 *
 * @throws STORAGE_FULL
 */
export async function addParts(
  session: IngestSession,
  context: RollupContext,
  tenant: TenantId,
  sets: readonly BuiltSet[],
  onFraction: OnFraction,
): Promise<void> {
  try {
    const rollups = await context.control.rollups(tenant);
    if (context.rollupRowsMax === 0 || rollups.length === 0) return;
    const wanted = sets.flatMap(batchesOf).map((batch) => ({ batch, rollups }));
    const replacing = sets.flatMap(({ batches }) => batches).filter(({ mode }) => mode === 'replace');
    const live = (await context.control.publishedBatches(tenant)).filter(
      (one) => one.liveToSequence === null && !replacing.some((batch) => isOfMonth(batch, one)),
    );
    const room = context.rollupRowsMax - (await rowsOf(context.lake, tenant, live, rollups));
    await putParts(session, context.lake, tenant, wanted, room, onFraction);
  } catch (error) {
    if (isCostError(error) && error.code === 'STORAGE_FULL') throw error;
    const reason = error instanceof Error ? error.message : String(error);
    log('warn', 'import.without-rollups', { tenant, reason });
  }
}

function isOfMonth({ source, billingMonth }: Batch, other: Batch): boolean {
  return other.source === source && other.billingMonth === billingMonth;
}

function batchesOf({ batches, chargesFiles, statistics }: BuiltSet): RolledBatch[] {
  return batches.flatMap((batch) =>
    rolledBatch(
      batch,
      chargesFiles.filter(({ partition }) => partition['batch'] === batch.id),
      statistics.filter((one) => one.batch === batch.id),
    ),
  );
}

/** None of a batch without charges: there is nothing to put together. */
export function rolledBatch(
  { tenant, source, billingMonth, id, charges }: Batch,
  files: readonly DataFile[],
  statistics: readonly { readonly key: string; readonly distinct: number }[],
): RolledBatch[] {
  if (files.length === 0) return [];
  const place = { tenant, source, month: billingMonth, batch: id };
  return [
    { place, charges, files, distinct: new Map(statistics.map(({ key, distinct }) => [key, distinct])) },
  ];
}

/** Of all parts that batches have. */
export async function rowsOf(
  lake: DataLake,
  tenant: TenantId,
  batches: readonly PublishedBatch[],
  rollups: readonly Rollup[],
): Promise<number> {
  const ids = new Set<unknown>(batches.map(({ id }) => id));
  const known = new Set<unknown>(rollups.map(({ id }) => id));
  return (await filesOf(lake, tenant, 'rollups'))
    .filter(({ partition }) => ids.has(partition['batch']) && known.has(partition['rollup']))
    .reduce((sum, { records }) => sum + records, 0);
}

/** Of the newest state; none where the tenant has no such table. */
export async function filesOf(
  lake: DataLake,
  tenant: TenantId,
  name: LakeTableName,
): Promise<readonly LiveDataFile[]> {
  const state = await lake.findTable(tenant, name);
  return state === null ? [] : listDataFiles(lake.manifests, state);
}

/**
 * Builds parts and makes them all that there is of them, in one commit: also those that have no room are gone then.
 *
 * @returns what was built and what was not, in the order of the batches
 */
export async function putParts(
  session: IngestSession,
  lake: DataLake,
  tenant: TenantId,
  wanted: readonly PartsWanted[],
  roomRows: number,
  onFraction: OnFraction,
): Promise<BuiltPart[]> {
  const state = await lake.ensureTable(tenant, 'rollups');
  const tagFiles = await filesOf(lake, tenant, 'tags');
  const parts: BuiltPart[] = [];
  const filesSoFar = (): DataFile[] => parts.flatMap(({ files }) => files);
  try {
    for (const [index, { batch, rollups }] of wanted.entries()) {
      onFraction(index / wanted.length);
      const room = roomRows - rowsBuilt(parts);
      const built = await readingFiles(session, [...batch.files, ...tagFiles], () =>
        buildParts(session, state, batch, rollups, tagFiles, room),
      );
      parts.push(...built);
      for (const part of built) if (part.outcome !== 'built') logNotBuilt(batch, part);
    }
    await commitParts(lake, state, wanted, filesSoFar());
    return parts;
  } catch (error) {
    // Where the commit may be in, its files must stay.
    if (!isCostError(error) || error.code !== 'COMMIT_UNKNOWN') {
      await cleanUp(() => removeFiles(filesSoFar().map(({ path }) => path)));
    }
    throw error;
  }
}

export function rowsBuilt(parts: readonly BuiltPart[]): number {
  return parts.reduce((sum, { outcome, rows }) => sum + (outcome === 'built' ? rows : 0), 0);
}

async function commitParts(
  lake: DataLake,
  state: TableState,
  wanted: readonly PartsWanted[],
  files: readonly DataFile[],
): Promise<void> {
  const partitions = wanted.flatMap(({ batch, rollups }) =>
    rollups.map((rollup) => partPartition(batch.place, rollup)),
  );
  const batches = wanted.map(({ batch }) => batch.place.batch).join(',');
  await putPartitions(lake, state, partitions, files, { 'costgraph.batches': batches });
}

function logNotBuilt({ place }: RolledBatch, { rollup, outcome, rows }: BuiltPart): void {
  const { tenant, source, batch } = place;
  log('warn', 'rollup.not-built', { tenant, source, batch, rollup: rollup.name, outcome, rows });
}

const ids = new Map<string, number>(lakeTables.rollups.fields.map(({ name, id }) => [name, id]));

/** Whether files of a part have an attribute. */
export function holds(rollup: Rollup, attribute: string, files: readonly LiveDataFile[]): boolean {
  const id = ids.get(rollupColumnOf(rollup, attribute) ?? '');
  return id !== undefined && files.every(({ valueCounts }) => valueCounts.has(id));
}
