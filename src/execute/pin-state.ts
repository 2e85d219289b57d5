import type { PublishedBatch } from '../catalog/batch.ts';
import type { Control } from '../catalog/control/control.ts';
import type { Lake, TableState } from '../catalog/iceberg/catalog.ts';
import { emptyIndex } from '../catalog/file-index.ts';
import { indexDataFiles } from '../catalog/iceberg/index-data-files.ts';
import type { LakeTableName } from '../catalog/lake-tables.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import type { Rollup } from '../catalog/rollups.ts';
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
  readonly states: Map<number, TenantState>;
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
    const names = Object.keys(lakeTables) as LakeTableName[]; // Object.keys forgets the record's keys.
    const loaded = await Promise.all(
      names.map(async (name) => [name, await loadTable(tenant, name, earlier?.tables[name])] as const),
    );
    const tables = Object.fromEntries(loaded) as Record<LakeTableName, LakeTableState>; // One entry per name.
    const read = { counter, history, newest, tables, rollups: await control.rollups(tenant) };
    // Others' commits and leases change the counter too: states, and plans made of them, stay as they are.
    const states = earlier && isSame(earlier, read) ? earlier.states : new Map<number, TenantState>();
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
    const kept = entries.get(tenant);
    const earlier = kept && (await kept);
    if (earlier?.counter === counter) return earlier;
    const loading = load(tenant, counter, earlier);
    entries.delete(tenant);
    entries.set(tenant, loading);
    loading.catch(() => entries.delete(tenant));
    const [oldest] = entries.keys();
    if (entries.size > TENANTS_KEPT_MAX && oldest !== undefined) entries.delete(oldest);
    return loading;
  }

  return {
    pin: async (tenant, sequence) => {
      const entry = await entryOf(tenant);
      const at = sequence ?? entry.newest;
      const kept = entry.states.get(at);
      if (kept) return kept;
      const batches = entry.history.filter((batch) => isLive(batch, at));
      if (batches.some((batch) => batch.droppedAt !== null)) return null;
      const state = {
        tenant,
        sequence: at,
        batches,
        history: entry.history,
        tables: entry.tables,
        rollups: entry.rollups,
        ...(await statisticsOf(control, tenant, batches, entry.history)),
      };
      entry.states.set(at, state);
      const [oldest] = entry.states.keys();
      if (entry.states.size > STATES_KEPT_MAX && oldest !== undefined) entry.states.delete(oldest);
      return state;
    },
  };
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

/**
 * Distinct values of several months are mostly the same ones, of several sources mostly others: the largest month of
 * each source, summed over sources. Tag keys are those of all history: a question about the past may name them too.
 */
async function statisticsOf(
  control: Control,
  tenant: TenantId,
  batches: readonly PublishedBatch[],
  history: readonly PublishedBatch[],
): Promise<Pick<TenantState, 'statistics' | 'tagKeys'>> {
  const sourceOf = new Map(batches.map((batch) => [batch.id, batch.source]));
  const perSource = new Map<string, { distinct: number; nulls: number; key: string }>();
  const tagKeys = new Set<string>();
  const ids = history.map((batch) => batch.id);
  for (const { key, batch, distinct, nulls } of await control.statistics(tenant, ids)) {
    if (key.startsWith(TAG_PREFIX)) tagKeys.add(key.slice(TAG_PREFIX.length));
    if (!sourceOf.has(batch)) continue;
    const name = `${sourceOf.get(batch)} ${key}`;
    const earlier = perSource.get(name) ?? { distinct: 0, nulls: 0, key };
    perSource.set(name, {
      key,
      distinct: Math.max(earlier.distinct, distinct),
      nulls: earlier.nulls + nulls,
    });
  }
  const statistics = new Map<string, { distinct: number; nulls: number }>();
  for (const { key, distinct, nulls } of perSource.values()) {
    const earlier = statistics.get(key) ?? { distinct: 0, nulls: 0 };
    statistics.set(key, { distinct: earlier.distinct + distinct, nulls: earlier.nulls + nulls });
  }
  return { statistics, tagKeys };
}
