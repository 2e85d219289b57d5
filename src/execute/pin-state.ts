import type { PublishedBatch } from '../catalog/batch.ts';
import { isLive } from '../catalog/batch.ts';
import type { Control } from '../catalog/control/control.ts';
import type { Lake, TableState } from '../catalog/iceberg/catalog.ts';
import { emptyIndex } from '../catalog/file-index.ts';
import { indexDataFiles } from '../catalog/iceberg/index-data-files.ts';
import type { LakeTableName } from '../catalog/lake-tables.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import type { PublishedRules, RulesVersion } from '../catalog/published-rules.ts';
import { ruledDimensions } from '../catalog/published-rules.ts';
import type { Rollup } from '../catalog/rollups.ts';
import type { SourceProfile } from '../catalog/source-profile.ts';
import { sourceProfile } from '../catalog/source-profile.ts';
import type { TelemetryStream } from '../catalog/telemetry.ts';
import type { LakeTableState, TenantState } from '../catalog/tenant-state.ts';
import { noFiles } from '../catalog/tenant-state.ts';
import { canonicalJson } from '../core/digest.ts';
import type { TenantId } from '../core/ids.ts';
import type { RuleReader } from './read-rules.ts';
import { createRuleReader } from './read-rules.ts';

/** Tenants whose state is kept between queries; the others' is read again. */
const TENANTS_KEPT_MAX = 1_000;
/** Knowledge states kept per tenant: the newest, and those that pages and comparisons come back to. */
const STATES_KEPT_MAX = 20;
const TAG_PREFIX = 'tag:';

export type StateStore = {
  /**
   * The tenant's state now. Control is read before the lake: a batch that is live there was committed to the lake before,
   * so the lake state read afterwards holds it.
   */
  readonly newest: (tenant: TenantId) => Promise<TenantState>;
  /** The state at a point of the tenant's knowledge; null where it has not come to that yet. */
  readonly pin: (tenant: TenantId, point: KnowledgePoint) => Promise<TenantState | null>;
};

export type KnowledgePoint = {
  /** Null: the newest. */
  readonly sequence: number | null;
  /** Version of the rules, 0 for none; null: the newest at that sequence. */
  readonly rules: number | null;
};

type TenantEntry = {
  readonly counter: number;
  readonly history: readonly PublishedBatch[];
  readonly newest: number;
  readonly tables: Record<LakeTableName, LakeTableState>;
  readonly rollups: readonly Rollup[];
  readonly telemetry: readonly TelemetryStream[];
  readonly rules: readonly RulesVersion[];
  /** By sequence and version of the rules; those that are being made, too: who asks meanwhile gets the same object. */
  readonly states: Map<string, Promise<TenantState>>;
};

export function createStateStore(
  control: Control,
  lake: Lake,
  readRules: RuleReader = createRuleReader(control),
): StateStore {
  const entryOf = createEntryReader(control, lake);

  function stateOf(
    tenant: TenantId,
    entry: TenantEntry,
    sequence: number,
    version: RulesVersion | null,
  ): Promise<TenantState> {
    const key = `${sequence} ${version?.version ?? 0}`;
    const kept = entry.states.get(key);
    if (kept) return kept;
    const making = makeState(control, tenant, sequence, entry, version && readRules(tenant, version));
    entry.states.set(key, making);
    making.catch(() => entry.states.delete(key));
    forgetOldest(entry.states, STATES_KEPT_MAX);
    return making;
  }

  return {
    newest: async (tenant) => {
      const entry = await entryOf(tenant);
      return stateOf(tenant, entry, entry.newest, newestRules(entry, entry.newest));
    },
    pin: async (tenant, point) => {
      const entry = await entryOf(tenant);
      const sequence = point.sequence ?? entry.newest;
      const asked = entry.rules.find(({ version }) => version === point.rules) ?? null;
      const isAhead = sequence > entry.newest || (asked === null && (point.rules ?? 0) > 0);
      if (isAhead) return null;
      return stateOf(tenant, entry, sequence, point.rules === null ? newestRules(entry, sequence) : asked);
    },
  };
}

/** What control and lake say of tenants, read anew where either has changed. */
function createEntryReader(control: Control, lake: Lake): (tenant: TenantId) => Promise<TenantEntry> {
  const entries = new Map<TenantId, Promise<TenantEntry>>();
  const known = new Map<string, TableState>();

  async function load(
    tenant: TenantId,
    counter: number,
    earlier: TenantEntry | undefined,
  ): Promise<TenantEntry> {
    // The number first: what a step publishes meanwhile is not live at it.
    const newest = await control.currentSequence(tenant);
    const history = await control.publishedBatches(tenant);
    const rules = await control.rulesVersions(tenant);
    const telemetry = await control.telemetry(tenant);
    const names = Object.keys(lakeTables) as LakeTableName[]; // Object.keys forgets the record's keys.
    const loaded = await Promise.all(
      names.map(async (name) => [name, await loadTable(tenant, name, earlier?.tables[name])] as const),
    );
    const tables = Object.fromEntries(loaded) as Record<LakeTableName, LakeTableState>; // One entry per name.
    const rollups = await control.rollups(tenant);
    const read = { counter, history, newest, rules, telemetry, tables, rollups };
    // Others' commits and leases change the counter too: states, and plans made of them, stay as they are.
    const states =
      earlier && isSame(earlier, read) ? earlier.states : new Map<string, Promise<TenantState>>();
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

  return entryOf;
}

/** Null where none were published by then. */
function newestRules({ rules }: TenantEntry, sequence: number): RulesVersion | null {
  return rules.findLast((one) => one.sequence <= sequence) ?? null;
}

async function makeState(
  control: Control,
  tenant: TenantId,
  sequence: number,
  entry: TenantEntry,
  reading: Promise<PublishedRules> | null,
): Promise<TenantState> {
  const { history, tables, rollups } = entry;
  const batches = history.filter((batch) => isLive(batch, sequence));
  const telemetry = telemetryAt(entry.telemetry, sequence);
  const rules = await reading;
  const ruled = ruledDimensions(rules);
  const measured = await statisticsOf(control, tenant, batches, history);
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
