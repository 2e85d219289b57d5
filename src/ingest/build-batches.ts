/**
 * From bills to batches that are written but not live: map, leave out what is bad or doubled, sum, extend the
 * dictionaries, write, check, commit to the tables. Publishing them is the caller's.
 */
import { randomBytes } from 'node:crypto';

import type { Batch } from '../catalog/batch.ts';
import type { Load, PublishStep } from '../catalog/control/control.ts';
import type { DataFile } from '../catalog/iceberg/data-file.ts';
import { removeFiles } from '../catalog/iceberg/durable-files.ts';
import { appendFiles, dropFiles } from '../catalog/iceberg/table-operations.ts';
import type { DataLake } from '../catalog/lake.ts';
import { batchTables } from '../catalog/lake-tables.ts';
import { compareText } from '../core/code-point-order.ts';
import { isCostError } from '../core/errors.ts';
import type { BatchId, SourceName, TenantId } from '../core/ids.ts';
import { batchId } from '../core/ids.ts';
import { log } from '../core/log.ts';
import type { FileMonth } from './charges-view.ts';
import { createChargesView, monthsOfFiles, sumDecimals } from './charges-view.ts';
import { checkWritten, sumControlTotals } from './control-totals.ts';
import type { DictionaryBudget, DictionaryName, Inline } from './dictionaries.ts';
import { checkDictionaries, collectDictionaries, extendDictionary, forgetEntries } from './dictionaries.ts';
import { findRepeats } from './find-repeats.ts';
import type { ImportReport } from './import-report.ts';
import { importReport } from './import-report.ts';
import type { IngestSession } from './ingest-session.ts';
import { distinctEstimates, measureStatistics } from './measure-statistics.ts';
import { measureProfiles } from './measure-profile.ts';
import type { OnProgress } from './progress.ts';
import type { Quarantine } from './quarantine.ts';
import { quarantineRows } from './quarantine.ts';
import type { Bill } from './stage-bill.ts';
import { stageBills } from './stage-bill.ts';
import { createEnums, describeStaged } from './staged-columns.ts';
import type { BatchPlace, ChargeRows } from './write-charges.ts';
import { writeCharges, writeControlTotals } from './write-charges.ts';

/** The files of one import command. */
export type BillSet = {
  readonly tenant: TenantId;
  readonly source: SourceName;
  readonly mode: 'replace' | 'append';
  readonly bills: readonly Bill[];
  /** First days; rows of other months are left out. Null: all. */
  readonly onlyMonths: ReadonlySet<string> | null;
  /** Charges files that an increment comes on top of. */
  readonly liveFiles: readonly DataFile[];
  readonly dictionaryBudget: DictionaryBudget;
};

export type BuiltSet = {
  readonly importId: string;
  readonly batches: readonly Batch[];
  readonly statistics: PublishStep['statistics'];
  readonly profiles: PublishStep['profiles'];
  readonly files: readonly BuiltFile[];
  readonly chargesFiles: readonly DataFile[];
};

export type BuiltFile = {
  readonly bill: Bill;
  readonly load: Omit<Load, 'loadedAt' | 'report'>;
  /** `replaced` is known when the set is published. */
  readonly report: ImportReport;
  readonly quarantine: Quarantine;
};

/**
 * @throws DAMAGED_FILE, NO_VALID_ROWS, DICTIONARY_COLLISION, LOAD_MISMATCH, TABLE_DAMAGED, STORAGE_FULL and others.
 * Then no batch is in the tables, or clean-up will find it there.
 */
export async function buildBatches(
  session: IngestSession,
  lake: DataLake,
  set: BillSet,
  onProgress: OnProgress,
): Promise<BuiltSet> {
  const { tenant, dictionaryBudget } = set;
  const importId = newImportId();
  await checkDictionaries(session, lake, tenant);
  const staged = await stageBills(session, set.bills, (fraction) => onProgress('reading', fraction));
  onProgress('checking', 0);
  const duplicates = await findRepeats(session, set.liveFiles);
  const quarantines: Quarantine[] = [];
  for (const [index, bill] of set.bills.entries())
    quarantines.push(await quarantineRows(session, bill, index, importId));
  await createChargesView(session, duplicates, set.onlyMonths);
  await sumControlTotals(session);
  const fileMonths = await monthsOfFiles(session);
  await collectDictionaries(session);
  const columns = await describeStaged(session, staged);
  const statistics = await measureStatistics(session, columns.constants);
  const chargesByMonth = new Map(monthsOf(fileMonths).map((month) => [month, chargesOf(fileMonths, month)]));
  const profiles = await measureProfiles(session, statistics, columns.constants, chargesByMonth);
  const enums = await createEnums(session, columns, distinctEstimates(statistics));
  onProgress('writing', 0);
  const extend = (name: DictionaryName): Promise<number> =>
    extendDictionary(session, lake, tenant, name, dictionaryBudget[name], importId);
  const inline = { resources: await extend('resources'), tags: await extend('tags') };
  await forgetEntries(session);
  const places = placesOf(set, fileMonths, importId);
  const rows = { columns, enums, inline, counts: chargesByMonth };
  const chargesFiles = await writeBatches(session, lake, places, rows, onProgress);
  return {
    importId,
    batches: places.map((place) => batchOf(set, place, fileMonths, quarantines)),
    statistics: places.flatMap(({ month, batch }) =>
      (statistics.get(month) ?? []).map((one) => ({ ...one, batch })),
    ),
    profiles: new Map(
      places.flatMap(({ month, batch }) => {
        const profile = profiles.get(month);
        return profile === undefined ? [] : [[batch, profile] as const];
      }),
    ),
    files: set.bills.map((bill, index) =>
      builtFile(set, bill, index, places, fileMonths, quarantines[index], inline),
    ),
    chargesFiles,
  };
}

/** Sorts by time; unique. */
function newImportId(): string {
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return `${time}-${randomBytes(4).toString('hex')}`;
}

function placesOf(set: BillSet, fileMonths: readonly FileMonth[], importId: string): BatchPlace[] {
  return monthsOf(fileMonths).map((month) => ({
    tenant: set.tenant,
    source: set.source,
    month,
    batch: batchId(`${importId}-${month.slice(0, 7)}`),
  }));
}

function monthsOf(fileMonths: readonly FileMonth[]): string[] {
  return [...new Set(fileMonths.map(({ month }) => month))].sort();
}

function chargesOf(fileMonths: readonly FileMonth[], month: string): number {
  return fileMonths.reduce((sum, part) => sum + (part.month === month ? part.charges : 0), 0);
}

/** Facts, then control totals: one commit for each table. */
async function writeBatches(
  session: IngestSession,
  lake: DataLake,
  places: readonly BatchPlace[],
  rows: ChargeRows,
  onProgress: OnProgress,
): Promise<DataFile[]> {
  const [first] = places;
  if (first === undefined) return [];
  const { tenant } = first;
  const charges = await lake.ensureTable(tenant, 'charges');
  const totals = await lake.ensureTable(tenant, 'control_totals');
  const uncommitted = new Set<string>();
  const batches = places.map(({ batch }) => batch);
  try {
    const chargesFiles: DataFile[] = [];
    const totalsFiles: DataFile[] = [];
    for (const [index, place] of places.entries()) {
      const files = await writeCharges(session, charges, place, rows, (fraction) =>
        onProgress('writing', (index + fraction) / places.length),
      );
      const sums = await writeControlTotals(session, totals, place);
      for (const { path } of [...files, ...sums]) uncommitted.add(path);
      chargesFiles.push(...files);
      totalsFiles.push(...sums);
      await checkWritten(session, place.batch, place.month, files);
    }
    onProgress('publishing', 0);
    const summary = { 'costgraph.batches': batches.join(',') };
    await appendFiles(lake, charges, chargesFiles, { rebase: true, summary });
    for (const { path } of chargesFiles) uncommitted.delete(path);
    await appendFiles(lake, totals, totalsFiles, { rebase: true, summary });
    return chargesFiles;
  } catch (error) {
    // Where a commit may be in, its files must stay; clean-up knows that they were never published.
    if (!isCostError(error) || error.code !== 'COMMIT_UNKNOWN') {
      await cleanUp(async () => {
        await removeFiles([...uncommitted]);
        await discardBatches(lake, tenant, batches);
      });
    }
    throw error;
  }
}

/** After a failure: a further one must not hide it, and `maintain` finds what is left. */
export async function cleanUp(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    log('warn', 'import.not-cleaned-up', { reason: error instanceof Error ? error.message : String(error) });
  }
}

/** Takes batches that were not published out of the tables again. */
export async function discardBatches(
  lake: DataLake,
  tenant: TenantId,
  batches: readonly BatchId[],
): Promise<void> {
  const discarded = new Set<unknown>(batches);
  for (const name of batchTables) {
    const state = await lake.findTable(tenant, name);
    if (state === null) continue;
    await dropFiles(lake, state, ({ partition }) => discarded.has(partition['batch']), {
      'costgraph.discarded': batches.join(','),
    });
  }
}

function batchOf(
  { tenant, source, mode, bills }: BillSet,
  { month, batch }: BatchPlace,
  fileMonths: readonly FileMonth[],
  quarantines: readonly Quarantine[],
): Batch {
  const parts = fileMonths.filter((part) => part.month === month);
  const [first] = bills;
  if (first === undefined) throw new Error('a set of bills is not empty');
  // A bad row has no month that can be trusted: it counts with the first one of its file.
  const firstMonthOf = (fileIndex: number) => fileMonths.find((part) => part.fileIndex === fileIndex)?.month;
  return {
    id: batch,
    tenant,
    source,
    billingMonth: month,
    mode,
    format: first.format.name,
    mappingVersion: Math.min(...bills.map(({ format }) => format.mappingVersion)),
    charges: chargesOf(parts, month),
    quarantined: quarantines.reduce(
      (sum, { quarantined }, index) => (firstMonthOf(index) === month ? sum + quarantined : sum),
      0,
    ),
    from: Math.min(...parts.map(({ from }) => from)),
    to: Math.max(...parts.map(({ to }) => to)),
    currencies: [...new Set(parts.flatMap(({ currencies }) => currencies))].sort(compareText),
    billedCost: sumDecimals(parts.map(({ billedCost }) => billedCost)),
    effectiveCost: sumDecimals(parts.map(({ effectiveCost }) => effectiveCost)),
  };
}

function builtFile(
  { tenant, source, mode }: BillSet,
  bill: Bill,
  index: number,
  places: readonly BatchPlace[],
  fileMonths: readonly FileMonth[],
  quarantine: Quarantine | undefined,
  inline: Inline,
): BuiltFile {
  if (quarantine === undefined) throw new Error('each bill has its quarantine');
  const { fileName, sha256, format, file } = bill;
  const months = fileMonths.filter(({ fileIndex }) => fileIndex === index);
  const own = places.filter(({ month }) => months.some((part) => part.month === month));
  // A file whose lines are all in others of the set belongs to the version all the same.
  const batches = (own.length > 0 ? own : places).map(({ batch }) => batch);
  const report = importReport({
    fileName,
    format: format.name,
    rows: file.rows,
    batches: own.map(({ batch }) => batch),
    months,
    quarantined: quarantine.quarantined,
    duplicates: quarantine.duplicates,
    replaced: 0,
    // Of all files together: the first has the numbers.
    inline: index === 0 ? inline : { resources: 0, tags: 0 },
  });
  return {
    bill,
    load: { tenant, source, sha256, fileName, format: format.name, mode, batches },
    report,
    quarantine,
  };
}
