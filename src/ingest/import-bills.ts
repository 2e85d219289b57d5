/**
 * Loads bills: all files of one command become one version of each billing month they hold, or an increment.
 *
 * Order: raw copies → dictionary → facts → control totals → rollups → the control step that makes the batches live.
 * A crash before that step leaves nothing that is read; `maintain` clears it away.
 */
import { rm } from 'node:fs/promises';

import type { Control, Load } from '../catalog/control/control.ts';
import { repeatedLoads } from '../catalog/control/repeated-loads.ts';
import type { DataFile } from '../catalog/iceberg/data-file.ts';
import { listDataFiles } from '../catalog/iceberg/list-data-files.ts';
import type { DataLake } from '../catalog/lake.ts';
import type { PublishedBatch } from '../catalog/batch.ts';
import { costError } from '../core/errors.ts';
import type { BatchId, SourceName, TenantId } from '../core/ids.ts';
import { log } from '../core/log.ts';
import type { BuiltSet } from './build-batches.ts';
import { buildBatches, cleanUp, discardBatches } from './build-batches.ts';
import type { DictionaryBudget } from './dictionaries.ts';
import { detectFormat } from './formats/detect-format.ts';
import type { FormatName } from './formats/format.ts';
import { namedAfter } from './ingest-error.ts';
import type { ImportReport } from './import-report.ts';
import { repeatedReport } from './import-report.ts';
import type { IngestSession } from './ingest-session.ts';
import { openIngestSession } from './ingest-session.ts';
import type { RawFile } from './keep-raw-file.ts';
import { copyRawFile, keepRawFile } from './keep-raw-file.ts';
import type { OnProgress } from './progress.ts';
import { addParts } from './rollup-parts.ts';
import type { QuarantinedRow } from './quarantine.ts';
import { keepQuarantine } from './quarantine.ts';
import type { Bill } from './stage-bill.ts';

/** An import waits for one of the same source, which may be of a large file. */
export const IMPORT_WAIT_MS = 30 * 60_000;

export type IngestContext = {
  readonly lake: DataLake;
  readonly control: Control;
  /** At most INGEST_THREADS_MAX are used. */
  readonly threads: number;
  readonly dictionaryBudget: DictionaryBudget;
  /** Rows that rollups of a tenant's live batches may have together; 0: none are built. */
  readonly rollupRowsMax: number;
  readonly onProgress: OnProgress;
};

export type ImportRequest = {
  readonly tenant: TenantId;
  readonly source: SourceName;
  readonly mode: 'replace' | 'append';
  /** A version that covers less time than the live one is published all the same. The live one itself changes nothing. */
  readonly force: boolean;
  /** Null: found out for each file. */
  readonly format: FormatName | null;
  readonly paths: readonly string[];
};

export type ImportedFile = {
  readonly report: ImportReport;
  /** Where the rows that were left out are, and the first of them; null where there are none. */
  readonly leftOut: { readonly path: string; readonly sample: readonly QuarantinedRow[] } | null;
};

/**
 * In the order of the paths. Files that are live already in the same way change nothing.
 *
 * @throws UNKNOWN_FORMAT, DAMAGED_FILE, EMPTY_FILE, NO_VALID_ROWS, COVERS_LESS, TABLE_DAMAGED, STORAGE_FULL, LOCKED
 *   and others: then nothing has changed
 */
export async function importBills(context: IngestContext, request: ImportRequest): Promise<ImportedFile[]> {
  const { lake, control, dictionaryBudget } = context;
  const { tenant, source } = request;
  await using session = await openIngestSession(lake.folders, context.threads);
  const bills = await readBills(session, context, request);
  // Awaited here, because the session ends with this function.
  return await control.withLease(sourceLease(tenant, source), IMPORT_WAIT_MS, async (signal) => {
    const batches = await control.publishedBatches(tenant);
    const repeated = findRepeated(request, bills, batches, await control.loads(tenant));
    if (repeated !== null) return repeated;
    const liveFiles = request.mode === 'append' ? await liveChargesFiles(lake, tenant, source, batches) : [];
    const set = { ...request, bills, onlyMonths: null, liveFiles, dictionaryBudget };
    const built = await buildBatches(session, lake, set, context.onProgress);
    return publishSets(session, context, tenant, source, [built], request.force, signal);
  });
}

/** Held while batches of the source are built and published: what is unpublished when it is free is nobody's. */
export function sourceLease(tenant: TenantId, source: SourceName): string {
  return `import/${tenant}/${source}`;
}

async function readBills(
  session: IngestSession,
  { onProgress }: IngestContext,
  { paths, format }: ImportRequest,
): Promise<Bill[]> {
  const seen = new Map<string, string>();
  const bills: Bill[] = [];
  for (const [index, path] of paths.entries()) {
    onProgress('copying', index / paths.length);
    const raw = await copyRawFile(path, session.folder, `raw-${index}`);
    const twin = seen.get(raw.sha256);
    if (twin !== undefined) {
      throw costError('BAD_REQUEST', {
        reason: `${twin} and ${path} have the same contents`,
        hint: 'Nothing was loaded. Name one of them.',
      });
    }
    seen.set(raw.sha256, path);
    bills.push(await openBill(session, raw, format));
  }
  return bills;
}

/** @throws UNKNOWN_FORMAT, DAMAGED_FILE, EMPTY_FILE */
export async function openBill(
  session: IngestSession,
  raw: RawFile,
  asked: FormatName | null,
): Promise<Bill> {
  try {
    const { format, file } = await detectFormat(session.connection, raw.path, asked);
    return { ...raw, format, file };
  } catch (error) {
    throw namedAfter(error, raw.path, raw.fileName);
  }
}

/** The answers for files whose import would change nothing; null where it would. */
function findRepeated(
  { source, mode }: ImportRequest,
  bills: readonly Bill[],
  batches: readonly PublishedBatch[],
  loads: readonly Load[],
): ImportedFile[] | null {
  const files = bills.map(({ sha256, format }) => ({
    sha256,
    format: format.name,
    mappingVersion: format.mappingVersion,
  }));
  const repeated = repeatedLoads({ source, mode, files }, batches, loads);
  if (repeated === null) return null;
  return repeated.map((load, index) => {
    // Load.report is the JSON of the report that `publishSets` stored.
    const report = JSON.parse(load.report) as ImportReport;
    return { report: repeatedReport(report, bills[index]?.fileName ?? load.fileName), leftOut: null };
  });
}

/** Of the live batches of a source. */
async function liveChargesFiles(
  lake: DataLake,
  tenant: TenantId,
  source: SourceName,
  batches: readonly PublishedBatch[],
): Promise<DataFile[]> {
  const live = new Set<unknown>(
    batches.filter((one) => one.source === source && one.liveToSequence === null).map(({ id }) => id),
  );
  const state = live.size === 0 ? null : await lake.findTable(tenant, 'charges');
  if (state === null) return [];
  const files = await listDataFiles(lake.manifests, state);
  return files.filter(({ partition }) => live.has(partition['batch']));
}

/**
 * Builds rollups, keeps the raw files and quarantine, then makes all sets live in one step. On failure nothing of them stays
 * in the tables.
 */
export async function publishSets(
  session: IngestSession,
  context: IngestContext,
  tenant: TenantId,
  source: SourceName,
  sets: readonly BuiltSet[],
  force: boolean,
  signal: AbortSignal,
): Promise<ImportedFile[]> {
  const { lake, control, onProgress } = context;
  const batches = sets.flatMap((set) => set.batches);
  const kept: string[] = [];
  try {
    await addParts(session, context, tenant, sets, (fraction) => onProgress('summing', fraction));
    const replaced = await replacedCharges(control, tenant, batches);
    const imported: ImportedFile[] = [];
    const loads: Omit<Load, 'loadedAt'>[] = [];
    for (const set of sets) {
      for (const [index, { bill, load, report, quarantine }] of set.files.entries()) {
        await keepRawFile(lake.folders, tenant, { ...bill, path: bill.file.path });
        const name = `${set.importId}-${index}`;
        const { path, sample } = await keepQuarantine(lake.folders, tenant, source, quarantine, name);
        if (path !== null) kept.push(path);
        const whole = { ...report, replaced: takeReplaced(replaced, load.batches) };
        imported.push({ report: whole, leftOut: path === null ? null : { path, sample } });
        loads.push({ ...load, report: JSON.stringify(whole) });
      }
    }
    if (batches.length === 0) return imported;
    signal.throwIfAborted();
    const statistics = sets.flatMap((set) => set.statistics);
    const profiles = new Map(sets.flatMap((set) => [...set.profiles]));
    await control.publish({ tenant, batches, loads, statistics, profiles, force, at: Date.now() });
    onProgress('publishing', 1);
    for (const { report, leftOut } of imported) {
      logLoad(tenant, source, report, leftOut?.path);
      logInline(tenant, source, report);
    }
    return imported;
  } catch (error) {
    await cleanUp(async () => {
      for (const path of kept) await rm(path, { force: true });
      const ids = batches.map(({ id }) => id);
      await discardUnpublished(lake, control, tenant, ids);
    });
    throw error;
  }
}

/** An error of the control step does not prove that it is not in. */
async function discardUnpublished(
  lake: DataLake,
  control: Control,
  tenant: TenantId,
  ids: readonly BatchId[],
): Promise<void> {
  const published = new Set((await control.publishedBatches(tenant)).map(({ id }) => id));
  if (!ids.some((id) => published.has(id))) await discardBatches(lake, tenant, ids);
}

/** By the id of the batch that takes their place: charges that stop being live when it is published. */
async function replacedCharges(
  control: Control,
  tenant: TenantId,
  batches: BuiltSet['batches'],
): Promise<Map<string, number>> {
  const live = (await control.publishedBatches(tenant)).filter((one) => one.liveToSequence === null);
  return new Map(
    batches
      .filter(({ mode }) => mode === 'replace')
      .map(({ id, source, billingMonth }) => [
        id,
        live
          .filter((one) => one.source === source && one.billingMonth === billingMonth)
          .reduce((sum, { charges }) => sum + charges, 0),
      ]),
  );
}

/** Each batch's number goes to the first file that asks, so that the numbers of all files add up. */
function takeReplaced(replaced: Map<string, number>, batches: readonly string[]): number {
  let sum = 0;
  for (const batch of batches) {
    sum += replaced.get(batch) ?? 0;
    replaced.delete(batch);
  }
  return sum;
}

function logLoad(
  tenant: TenantId,
  source: SourceName,
  { rows, loaded, duplicates, quarantined, batch }: ImportReport,
  leftOut: string | undefined,
): void {
  if (quarantined + duplicates === 0) return;
  log('warn', 'import.rows-left-out', {
    tenant,
    source,
    batch,
    rows,
    loaded,
    duplicates,
    quarantined,
    file: leftOut,
  });
}

function logInline(
  tenant: TenantId,
  source: SourceName,
  { batch, inlineResources, inlineTagSets }: ImportReport,
): void {
  if (inlineResources + inlineTagSets === 0) return;
  log('warn', 'import.dictionary-full', { tenant, source, batch, inlineResources, inlineTagSets });
}
