/**
 * Replays kept raw files by the mappings of this version, where they were loaded by older ones: new batches of
 * the same months, made of the same sets of files, live in one step for each group of months that hang together.
 */
import { access } from 'node:fs/promises';

import type { PublishedBatch } from '../catalog/batch.ts';
import type { Load } from '../catalog/control/control.ts';
import { costError } from '../core/errors.ts';
import type { SourceName, TenantId } from '../core/ids.ts';
import type { BuiltSet } from './build-batches.ts';
import { buildBatches } from './build-batches.ts';
import { billFormats } from './formats/detect-format.ts';
import type { BillFormat } from './formats/format.ts';
import type { ImportedFile, IngestContext } from './import-bills.ts';
import { IMPORT_WAIT_MS, openBill, publishSets, sourceLease } from './import-bills.ts';
import type { IngestSession } from './ingest-session.ts';
import { openIngestSession } from './ingest-session.ts';
import { rawFilePath } from './keep-raw-file.ts';
import type { Bill } from './stage-bill.ts';

/** The files of one import whose batches are still live in some months. */
type LiveSet = {
  readonly loads: readonly Load[];
  readonly months: ReadonlySet<string>;
  readonly mappingVersion: number;
};

export type Remapped = ImportedFile & { readonly source: SourceName };

/**
 * @param all also what the newest mapping has made
 * @throws STORE_FAILED where a raw file is missing, and what imports throw; months done before stay done
 */
export async function remapTenant(
  context: IngestContext,
  tenant: TenantId,
  all: boolean,
): Promise<Remapped[]> {
  const batches = await context.control.publishedBatches(tenant);
  const remapped: Remapped[] = [];
  for (const source of new Set(batches.map((batch) => batch.source))) {
    const files = await context.control.withLease(sourceLease(tenant, source), IMPORT_WAIT_MS, (signal) =>
      remapSource(context, tenant, source, all, signal),
    );
    remapped.push(...files.map((file) => ({ ...file, source })));
  }
  return remapped;
}

async function remapSource(
  context: IngestContext,
  tenant: TenantId,
  source: SourceName,
  all: boolean,
  signal: AbortSignal,
): Promise<ImportedFile[]> {
  const { control, lake, dictionaryBudget } = context;
  const batches = (await control.publishedBatches(tenant)).filter((one) => one.source === source);
  const loads = (await control.loads(tenant)).filter((one) => one.source === source);
  const imported: ImportedFile[] = [];
  for (const group of monthGroups(liveSets(batches, loads))) {
    if (!all && !group.some(isOutdated)) continue;
    await using session = await openIngestSession(lake.folders, context.threads);
    const built: BuiltSet[] = [];
    for (const { loads, months } of group) {
      const bills: Bill[] = [];
      for (const load of loads) bills.push(await openRaw(context, session, load));
      const mode = loads.some((load) => load.mode === 'replace') ? 'replace' : 'append';
      const liveFiles = built.flatMap(({ chargesFiles }) => chargesFiles);
      const set = {
        tenant,
        source,
        mode,
        bills,
        onlyMonths: months,
        liveFiles,
        dictionaryBudget,
      } as const;
      built.push(await buildBatches(session, lake, set, context.onProgress));
    }
    imported.push(
      ...(await publishSets(session, context, tenant, source, replacingMonths(built), true, signal)),
    );
  }
  return imported;
}

/** What was live in the months ends with this step: the first batch of each replaces, others come on top of it. */
function replacingMonths(sets: readonly BuiltSet[]): BuiltSet[] {
  const replaced = new Set<string>();
  return sets.map((set) => ({
    ...set,
    batches: set.batches.map((batch) => {
      const mode = replaced.has(batch.billingMonth) ? 'append' : 'replace';
      replaced.add(batch.billingMonth);
      return { ...batch, mode };
    }),
  }));
}

async function openRaw({ lake }: IngestContext, session: IngestSession, load: Load): Promise<Bill> {
  const { tenant, sha256, fileName } = load;
  const path = rawFilePath(lake.folders, tenant, sha256);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (!isThere)
    throw costError('STORE_FAILED', { store: 'The folder of raw bills', reason: `${path} is missing` });
  return openBill(session, { fileName, path, sha256 }, formatOf(load).name);
}

function formatOf({ format }: Load): BillFormat {
  const found = Object.values(billFormats).find(({ name }) => name === format);
  if (found === undefined) throw new Error(`no format ${format}: loads are of known ones`);
  return found;
}

/** Oldest first. Loads of one import were published at one instant, which no other has. */
function liveSets(batches: readonly PublishedBatch[], loads: readonly Load[]): LiveSet[] {
  const live = new Map(batches.filter((one) => one.liveToSequence === null).map((one) => [one.id, one]));
  return [...Map.groupBy(loads, ({ loadedAt }) => loadedAt).values()].flatMap((group) => {
    const held = new Set(group.flatMap((load) => load.batches.map((id) => live.get(id) ?? null)));
    const own = [...held].filter((one) => one !== null);
    if (own.length === 0) return [];
    return [
      {
        loads: group,
        months: new Set(own.map(({ billingMonth }) => billingMonth)),
        mappingVersion: Math.min(...own.map(({ mappingVersion }) => mappingVersion)),
      },
    ];
  });
}

function isOutdated({ loads, mappingVersion }: LiveSet): boolean {
  return mappingVersion < Math.min(...loads.map((load) => formatOf(load).mappingVersion));
}

/** Sets that share a month, directly or through others, in one group; in their order. */
function monthGroups(sets: readonly LiveSet[]): LiveSet[][] {
  const groups: LiveSet[][] = [];
  for (const set of sets) {
    const touching = groups.filter((group) => group.some(({ months }) => !months.isDisjointFrom(set.months)));
    const merged = [...touching.flat(), set];
    for (const group of touching) groups.splice(groups.indexOf(group), 1);
    groups.push(merged.sort((a, b) => sets.indexOf(a) - sets.indexOf(b)));
  }
  return groups;
}
