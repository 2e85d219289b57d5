import { randomBytes } from 'node:crypto';

import type { Kysely } from 'kysely';

import type { BatchId, SourceName, TenantId } from '../../core/ids.ts';
import { batchId } from '../../core/ids.ts';
import type { Instant } from '../../core/time-range.ts';
import type { BatchProfile } from '../batch-profile.ts';
import type { ColumnStatistics, PublishedBatch } from '../batch.ts';
import { addActualsOf, readActuals } from './actuals.ts';
import { chunks } from './chunks.ts';
import { rowToBatch, rowToLoad, storedTenant } from './control-rows.ts';
import type { ControlStore, ControlTables } from './control-tables.ts';
import type { Control, Load } from './control.ts';
import { closePeriod, closesOf, isPinned } from './close-rows.ts';
import { addDayUses, dayUse, ownLimits, setOwnLimits } from './limits.ts';
import { withLease } from './lease.ts';
import { addNeeds, observedNeeds } from './needs.ts';
import { insertTenant, publishStep } from './publish.ts';
import { publishRules, rulesText, rulesVersions } from './rule-rows.ts';
import { deleteRollup, insertRollup, rollupsOf } from './rollup-rows.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { insertTelemetry, telemetryOf } from './telemetry-rows.ts';

const SERVER_KEY_BYTES = 32;
const SERVER_KEY_NAME = 'cursor';

/**
 * Opens the control plane in the file at `path`, making it where absent.
 *
 * @throws STORE_FAILED when it is no database, of a newer version, or kept busy; STORAGE_FULL.
 */
export async function openControl(path: string): Promise<Control> {
  return controlOver(await openSqliteStore(path));
}

function controlOver(store: ControlStore): Control {
  return {
    ensureTenant: (tenant) => ensureTenant(store, tenant),
    tenants: async () => {
      const rows = await store.read((database) =>
        database.selectFrom('tenant').select('name').orderBy('name').execute(),
      );
      return rows.map((row) => storedTenant(row.name));
    },
    changeCounter: store.changeCounter,
    currentSequence: (tenant) => newestSequence(store, tenant, Number.MAX_SAFE_INTEGER),
    sequenceAsOf: (tenant, asOf) => newestSequence(store, tenant, asOf),
    publishedBatches: (tenant) => store.read((database) => batchesOf(database, tenant)),
    publish: (step) => store.write((transaction) => publishStep(transaction, step)),
    liveLoad: (tenant, source, sha256) => liveLoad(store, tenant, source, sha256),
    loads: async (tenant) => {
      const rows = await store.read((database) => selectLoads(database, tenant).execute());
      return rows.map(rowToLoad);
    },
    statistics: (tenant, batches) => statisticsOf(store, tenant, batches),
    profiles: (tenant, batches) => profilesOf(store, tenant, batches),
    publishRules: (step) => store.write((transaction) => publishRules(transaction, step)),
    rulesVersions: (tenant) => store.read((database) => rulesVersions(database, tenant)),
    rulesText: (tenant, version) => store.read((database) => rulesText(database, tenant, version)),
    closePeriod: (step) =>
      store.write(async (transaction) =>
        closePeriod(transaction, step, await batchesOf(transaction, step.tenant)),
      ),
    closes: (tenant) => store.read((database) => closesOf(database, tenant)),
    droppable: (tenant, before) => store.read((database) => droppable(database, tenant, before)),
    rollups: (tenant) => store.read((database) => rollupsOf(database, tenant)),
    createRollup: (tenant, request) =>
      store.write((transaction) => insertRollup(transaction, tenant, request)),
    dropRollup: (tenant, name) => store.write((transaction) => deleteRollup(transaction, tenant, name)),
    telemetry: (tenant) => store.read((database) => telemetryOf(database, tenant)),
    publishTelemetry: (step) => store.write((transaction) => insertTelemetry(transaction, step)),
    markDropped: (tenant, batches, at) => markDropped(store, tenant, batches, at),
    ownLimits: (tenant) => store.read((database) => ownLimits(database, tenant)),
    setOwnLimits: (tenant, limits) => store.write((transaction) => setOwnLimits(transaction, tenant, limits)),
    dayUse: (tenant, day) => store.read((database) => dayUse(database, tenant, day)),
    addDayUses: (uses) => store.writeAside((transaction) => addDayUses(transaction, uses)),
    observedNeeds: (tenant, from) => store.read((database) => observedNeeds(database, tenant, from)),
    addNeeds: (needs, today) => store.writeAside((transaction) => addNeeds(transaction, needs, today)),
    actuals: () => store.read(readActuals),
    addActuals: (added, at) => store.writeAside((transaction) => addActualsOf(transaction, added, at)),
    serverKey: () => serverKey(store),
    withLease: (name, waitMs, work) => withLease(store, name, waitMs, work),
    close: store.close,
  };
}

async function ensureTenant(store: ControlStore, tenant: TenantId): Promise<void> {
  const known = await store.read((database) =>
    database.selectFrom('tenant').select('name').where('name', '=', tenant).executeTakeFirst(),
  );
  if (known !== undefined) return;
  await store.write((transaction) => insertTenant(transaction, tenant));
}

async function newestSequence(store: ControlStore, tenant: TenantId, asOf: Instant): Promise<number> {
  const row = await store.read((database) =>
    database
      .selectFrom('knowledge_step')
      .select('sequence')
      .where('tenant', '=', tenant)
      .where('instant', '<=', asOf)
      .orderBy('sequence', 'desc')
      .limit(1)
      .executeTakeFirst(),
  );
  return row?.sequence ?? 0;
}

async function batchesOf(database: Kysely<ControlTables>, tenant: TenantId): Promise<PublishedBatch[]> {
  const rows = await database
    .selectFrom('batch')
    .innerJoin('knowledge_step as published', (join) =>
      join
        .onRef('published.tenant', '=', 'batch.tenant')
        .onRef('published.sequence', '=', 'batch.live_from_sequence'),
    )
    .leftJoin('knowledge_step as superseded', (join) =>
      join
        .onRef('superseded.tenant', '=', 'batch.tenant')
        .onRef('superseded.sequence', '=', 'batch.live_to_sequence'),
    )
    .selectAll('batch')
    .select(['published.instant as known_from', 'superseded.instant as known_to'])
    .where('batch.tenant', '=', tenant)
    .orderBy('batch.live_from_sequence')
    .orderBy('batch.id')
    .execute();
  return rows.map(rowToBatch);
}

async function droppable(
  database: Kysely<ControlTables>,
  tenant: TenantId,
  before: Instant,
): Promise<PublishedBatch[]> {
  // A close pins what is live at it: one that comes between these reads pins nothing that is superseded.
  const closes = await closesOf(database, tenant);
  const batches = await batchesOf(database, tenant);
  return batches.filter(
    (batch) =>
      batch.knownTo !== null &&
      batch.knownTo < before &&
      batch.droppedAt === null &&
      !isPinned(batch, closes),
  );
}

/** Oldest first. */
function selectLoads(database: Kysely<ControlTables>, tenant: TenantId) {
  return database
    .selectFrom('load')
    .innerJoin('knowledge_step', (join) =>
      join
        .onRef('knowledge_step.tenant', '=', 'load.tenant')
        .onRef('knowledge_step.sequence', '=', 'load.sequence'),
    )
    .selectAll('load')
    .select('knowledge_step.instant as loaded_at')
    .where('load.tenant', '=', tenant)
    .orderBy('load.sequence')
    .orderBy('load.position');
}

async function liveLoad(
  store: ControlStore,
  tenant: TenantId,
  source: SourceName,
  sha256: string,
): Promise<Load | null> {
  return store.read(async (database) => {
    const loads = await selectLoads(database, tenant)
      .where('load.source', '=', source)
      .where('load.sha256', '=', sha256)
      .execute();
    const live = await liveIds(database, tenant);
    return loads.map(rowToLoad).findLast((load) => isLive(load, live)) ?? null;
  });
}

async function liveIds(database: Kysely<ControlTables>, tenant: TenantId): Promise<Set<string>> {
  const rows = await database
    .selectFrom('batch')
    .select('id')
    .where('tenant', '=', tenant)
    .where('live_to_sequence', 'is', null)
    .execute();
  return new Set(rows.map((row) => row.id));
}

function isLive(load: Load, live: ReadonlySet<string>): boolean {
  return load.batches.length > 0 && load.batches.every((id) => live.has(id));
}

async function statisticsOf(
  store: ControlStore,
  tenant: TenantId,
  batches: readonly BatchId[],
): Promise<(ColumnStatistics & { batch: BatchId })[]> {
  const statistics: (ColumnStatistics & { batch: BatchId })[] = [];
  for (const ids of chunks(batches)) {
    const rows = await store.read((database) =>
      database
        .selectFrom('column_statistics')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('batch', 'in', ids)
        .orderBy('batch')
        .orderBy('key')
        .execute(),
    );
    for (const row of rows) {
      statistics.push({
        batch: batchId(row.batch),
        key: row.key,
        distinct: row.distinct_count,
        nulls: row.null_count,
      });
    }
  }
  return statistics;
}

async function profilesOf(
  store: ControlStore,
  tenant: TenantId,
  batches: readonly BatchId[],
): Promise<Map<BatchId, BatchProfile>> {
  const profiles = new Map<BatchId, BatchProfile>();
  for (const ids of chunks(batches)) {
    const rows = await store.read((database) =>
      database
        .selectFrom('batch_profile')
        .select(['batch', 'profile'])
        .where('tenant', '=', tenant)
        .where('batch', 'in', ids)
        .execute(),
    );
    // As insertStep wrote it.
    for (const { batch, profile } of rows) profiles.set(batchId(batch), JSON.parse(profile) as BatchProfile);
  }
  return profiles;
}

/** A batch that is live, or pinned by a close, is never marked: its rows are needed. */
async function markDropped(
  store: ControlStore,
  tenant: TenantId,
  batches: readonly BatchId[],
  at: Instant,
): Promise<void> {
  await store.write(async (transaction) => {
    const closes = await closesOf(transaction, tenant);
    const asked = new Set(batches);
    const isWanted = (batch: PublishedBatch): boolean => asked.has(batch.id) && isPinned(batch, closes);
    if ((await batchesOf(transaction, tenant)).some(isWanted)) throw new Error('a close pins the batch');
    for (const ids of chunks(batches)) {
      const { numUpdatedRows } = await transaction
        .updateTable('batch')
        .set((expression) => ({ dropped_at: expression.fn.coalesce('dropped_at', expression.val(at)) }))
        .where('tenant', '=', tenant)
        .where('id', 'in', ids)
        .where('live_to_sequence', 'is not', null)
        .executeTakeFirst();
      if (numUpdatedRows !== BigInt(ids.length)) throw new Error('only superseded batches can be dropped');
    }
  });
}

async function serverKey(store: ControlStore): Promise<Buffer> {
  return (await readServerKey(store)) ?? makeServerKey(store);
}

async function readServerKey(store: ControlStore): Promise<Buffer | null> {
  const row = await store.read((database) => selectServerKey(database).executeTakeFirst());
  return row === undefined ? null : Buffer.from(row.value, 'base64url');
}

/** Two processes may make it at once: the first one's stays. */
function makeServerKey(store: ControlStore): Promise<Buffer> {
  const made = randomBytes(SERVER_KEY_BYTES).toString('base64url');
  return store.write(async (transaction) => {
    await transaction
      .insertInto('server_secret')
      .values({ name: SERVER_KEY_NAME, value: made })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .execute();
    const row = await selectServerKey(transaction).executeTakeFirstOrThrow();
    return Buffer.from(row.value, 'base64url');
  });
}

function selectServerKey(database: Kysely<ControlTables>) {
  return database.selectFrom('server_secret').select('value').where('name', '=', SERVER_KEY_NAME);
}
