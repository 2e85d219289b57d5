import type { PublishedBatch } from '../catalog/batch.ts';
import type { Control } from '../catalog/control/control.ts';
import type { Lake, TableState } from '../catalog/iceberg/catalog.ts';
import { emptyIndex } from '../catalog/file-index.ts';
import { indexDataFiles } from '../catalog/iceberg/index-data-files.ts';
import type { LakeTableName } from '../catalog/lake-tables.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import { ruledDimensions } from '../catalog/published-rules.ts';
import type { Rollup } from '../catalog/rollups.ts';
import type { SourceProfile } from '../catalog/source-profile.ts';
import { sourceProfile } from '../catalog/source-profile.ts';
import type { TelemetryStream } from '../catalog/telemetry.ts';
import type { LakeTableState, TenantState } from '../catalog/tenant-state.ts';
import { noFiles } from '../catalog/tenant-state.ts';
import { canonicalJson } from '../core/digest.ts';
import type { TenantId } from '../core/ids.ts';
import { isLive } from './version.ts';

/** Tenants whose state is kept between queries; the others' is read again. */
const TENANTS_KEPT_MAX = 1_000;
/** Knowledge states kept per tenant: the newest, and those that pages and comparisons come back to. */
const STATES_KEPT_MAX = 20;
const TAG_PREFIX = 'tag:';

export type StateStore = {
  /**
   * The tenant's state at a sequence of its knowledge, by default the newest. Control is read before the lake: a batch
   * that is live there was committed to the lake before, so the lake state read afterwards holds it.
   * Null when a batch that was live then has been dropped since.
   */
  readonly pin: (tenant: TenantId, sequence: number | null) => Promise<TenantState | null>;
};

type TenantEntry = {
  readonly counter: number;
  readonly history: readonly PublishedBatch[];
  readonly newest: number;
  readonly tables: Record<LakeTableName, LakeTableState>;
  readonly rollups: readonly Rollup[];
  readonly telemetry: readonly TelemetryStream[];
  /** By sequence; those that are being made, too: who asks meanwhile gets the same object. */
  readonly states: Map<number, Promise<TenantState>>;
};

export function createStateStore(control: Control, lake: Lake): StateStore {
  const entries = new Map<TenantId, Promise<TenantEntry>>();
  const known = new Map<string, TableState>();

  async function load(
    tenant: TenantId,
    counter: number,
    earlier: TenantEntry | undefined,
  ): Promise<TenantEntry> {
    const history = await control.publishedBatches(tenant);
    const newest = await control.currentSequence(tenant);
    const telemetry = await control.telemetry(tenant);
    const names = Object.keys(lakeTables) as LakeTableName[]; // Object.keys forgets the record's keys.
    const loaded = await Promise.all(
      names.map(async (name) => [name, await loadTable(tenant, name, earlier?.tables[name])] as const),
    );
    const tables = Object.fromEntries(loaded) as Record<LakeTableName, LakeTableState>; // One entry per name.
    const read = { counter, history, newest, telemetry, tables, rollups: await control.rollups(tenant) };
    // Others' commits and leases change the counter too: states, and plans made of them, stay as they are.
    const states =
      earlier && isSame(earlier, read) ? earlier.states : new Map<number, Promise<TenantState>>();
    return { ...read, states };
  }

  /** `earlier`: a state of the same table, of which what still holds is taken over. */
  async function loadTable(
    tenant: TenantId,
    name: LakeTableName,
    earlier: LakeTableState | undefined,
  ): Promise<LakeTableState> {
    const key = `${tenant}/${name}`;
    const table = await lake.catalog.load({ tenant, name }, known.get(key));
    if (table === null) return noFiles;
    known.set(key, table);
    const snapshot = String(table.snapshotId);
    if (earlier?.snapshot === snapshot) return earlier;
    return { snapshot, files: await indexDataFiles(lake.manifests, table, earlier?.files ?? emptyIndex) };
  }

  async function entryOf(tenant: TenantId): Promise<TenantEntry> {
    // The counter first: what commits between here and the reads below is read again next time, never missed.
    const counter = await control.changeCounter();
    const entry = entryAt(tenant, counter, entries.get(tenant));
    entries.delete(tenant);
    entries.set(tenant, entry);
    entry.catch(() => entries.delete(tenant));
    forgetOldest(entries, TENANTS_KEPT_MAX);
    return entry;
  }

  /** Those who ask at the same time wait for one load, and get the same objects. */
  async function entryAt(
    tenant: TenantId,
    counter: number,
    kept: Promise<TenantEntry> | undefined,
  ): Promise<TenantEntry> {
    const earlier = await kept;
    return earlier?.counter === counter ? earlier : load(tenant, counter, earlier);
  }

  return {
    pin: async (tenant, sequence) => {
      const entry = await entryOf(tenant);
      const at = sequence ?? entry.newest;
      const kept = entry.states.get(at);
      if (kept) return kept;
      const batches = entry.history.filter((batch) => isLive(batch, at));
      if (batches.some((batch) => batch.droppedAt !== null)) return null;
      const making = makeState(control, tenant, at, entry, batches);
      entry.states.set(at, making);
      making.catch(() => entry.states.delete(at));
      forgetOldest(entry.states, STATES_KEPT_MAX);
      return making;
    },
  };
}

async function makeState(
  control: Control,
  tenant: TenantId,
  sequence: number,
  entry: TenantEntry,
  batches: readonly PublishedBatch[],
): Promise<TenantState> {
  const { history, tables, rollups } = entry;
  const telemetry = telemetryAt(entry.telemetry, sequence);
  const measured = await statisticsOf(control, tenant, batches, history);
  const rules = null;
  const ruled = ruledDimensions(rules);
  return { tenant, sequence, batches, history, tables, rollups, rules, ruled, telemetry, ...measured };
}

function forgetOldest<Key>(kept: Map<Key, unknown>, countMax: number): void {
  const [oldest] = kept.keys();
  if (kept.size > countMax && oldest !== undefined) kept.delete(oldest);
}

/** Streams as they were known at a sequence. */
function telemetryAt(
  streams: readonly TelemetryStream[],
  sequence: number,
): ReadonlyMap<string, TelemetryStream> {
  const known = streams.map((stream) => ({
    ...stream,
    loads: stream.loads.filter((load) => load.sequence <= sequence),
  }));
  return new Map(known.filter(({ loads }) => loads.length > 0).map((stream) => [stream.name, stream]));
}

/** Whether nothing that a state of the tenant is made of has changed. */
function isSame(a: Omit<TenantEntry, 'states'>, b: Omit<TenantEntry, 'states'>): boolean {
  const names = Object.keys(lakeTables) as LakeTableName[]; // Object.keys forgets the record's keys.
  const dropped = ({ history }: Pick<TenantEntry, 'history'>) =>
    history.filter(({ droppedAt }) => droppedAt !== null).length;
  return (
    a.newest === b.newest &&
    dropped(a) === dropped(b) &&
    names.every((name) => a.tables[name].snapshot === b.tables[name].snapshot) &&
    canonicalJson(a.rollups) === canonicalJson(b.rollups)
  );
}

type Measured = Pick<TenantState, 'statistics' | 'tagKeys' | 'profiles'>;

/**
 * Distinct values of several months are mostly the same ones, of several sources mostly others: the largest month of
 * each source, summed over sources. Tag keys are those of all history: a question about the past may name them too.
 */
async function statisticsOf(
  control: Control,
  tenant: TenantId,
  batches: readonly PublishedBatch[],
  history: readonly PublishedBatch[],
): Promise<Measured> {
  const tagKeys = new Set<string>();
  const ids = history.map((batch) => batch.id);
  const byBatch = Map.groupBy(await control.statistics(tenant, ids), ({ batch }) => batch);
  for (const { key } of [...byBatch.values()].flat()) {
    if (key.startsWith(TAG_PREFIX)) tagKeys.add(key.slice(TAG_PREFIX.length));
  }
  const measured = await control.profiles(
    tenant,
    batches.map(({ id }) => id),
  );
  const profiles = new Map<string, SourceProfile>();
  const statistics = new Map<string, { distinct: number; nulls: number }>();
  for (const [source, own] of Map.groupBy(batches, (batch) => batch.source)) {
    const parts = own.map((batch) => ({
      batch,
      statistics: byBatch.get(batch.id) ?? [],
      profile: measured.get(batch.id),
    }));
    profiles.set(source, sourceProfile(parts));
    const rows = parts.flatMap((part) => part.statistics);
    for (const [key, each] of Map.groupBy(rows, (row) => row.key)) {
      const earlier = statistics.get(key) ?? { distinct: 0, nulls: 0 };
      const distinct = Math.max(...each.map((row) => row.distinct));
      const nulls = each.reduce((sum, row) => sum + row.nulls, 0);
      statistics.set(key, { distinct: earlier.distinct + distinct, nulls: earlier.nulls + nulls });
    }
  }
  return { statistics, tagKeys, profiles };
}
