import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json } from '@duckdb/node-api';

import type { PublishedBatch } from '../../src/catalog/batch.ts';
import type { Control } from '../../src/catalog/control/control.ts';
import { openControl } from '../../src/catalog/control/open-control.ts';
import { listDataFiles } from '../../src/catalog/iceberg/list-data-files.ts';
import type { LakeTableName } from '../../src/catalog/lake-tables.ts';
import { lakeTables } from '../../src/catalog/lake-tables.ts';
import type { DataLake } from '../../src/catalog/lake.ts';
import { controlFile, openLake } from '../../src/catalog/lake.ts';
import { readConfig } from '../../src/config.ts';
import { sourceName } from '../../src/core/ids.ts';
import type { ImportReport } from '../../src/ingest/import-report.ts';
import type { ImportedFile, ImportRequest } from '../../src/ingest/import-bills.ts';
import { importBills } from '../../src/ingest/import-bills.ts';
import type { DictionaryBudget } from '../../src/ingest/dictionaries.ts';
import { openIngestSession } from '../../src/ingest/ingest-session.ts';
import { tableRowsSql } from '../../src/ingest/read-table-files.ts';
import { verifyTenant } from '../../src/ingest/verify.ts';
import { tenant as tenantOf } from '../support/deployment.ts';
import type { BillRow } from '../support/focus-file.ts';
import { csvOf, writeBill } from '../support/focus-file.ts';

export const acme = tenantOf('acme');
const sampleFolder = join(import.meta.dirname, '..', '..', 'data');

export type ImportOptions = Partial<Omit<ImportRequest, 'tenant' | 'source' | 'paths'>> & {
  readonly source?: string;
};

/** A data folder of its own, and the real pipeline into it. */
export class IngestFolder implements AsyncDisposable {
  readonly folder: string;
  readonly lake: DataLake;
  readonly control: Control;
  /** Of imports from now on. */
  dictionaryBudget: DictionaryBudget = readConfig({}).dictionaryBudget;
  rollupRowsMax = readConfig({}).rollupRowsMax;
  private bills = 0;

  private constructor(folder: string, lake: DataLake, control: Control) {
    this.folder = folder;
    this.lake = lake;
    this.control = control;
  }

  static async open(): Promise<IngestFolder> {
    return IngestFolder.over(await mkdtemp(join(tmpdir(), 'costgraph-ingest-')));
  }

  /** Its data is in `data` under the folder, which goes when it is disposed of. */
  static async over(folder: string): Promise<IngestFolder> {
    const lake = await openLake({ dataFolder: join(folder, 'data') });
    return new IngestFolder(folder, lake, await openControl(controlFile(lake.folders)));
  }

  get context() {
    const { lake, control, dictionaryBudget, rollupRowsMax } = this;
    return { lake, control, threads: 2, dictionaryBudget, rollupRowsMax, onProgress: () => undefined };
  }

  /** Paths of files of rows, a file each. */
  async write(...files: readonly (readonly BillRow[])[]): Promise<string[]> {
    const paths: string[] = [];
    for (const rows of files) {
      this.bills += 1;
      paths.push(await writeBill(join(this.folder, `bill-${this.bills}.csv`), csvOf(rows)));
    }
    return paths;
  }

  async importFiles(paths: readonly string[], options: ImportOptions = {}): Promise<ImportedFile[]> {
    const { source = 'aws', ...rest } = options;
    const name = sourceName(source);
    if (name === null) throw new Error(`${source} is no source name`);
    const defaults = { mode: 'replace', force: false, format: null } as const;
    return importBills(this.context, { ...defaults, ...rest, tenant: acme, source: name, paths });
  }

  async reports(paths: readonly string[], options: ImportOptions = {}): Promise<ImportReport[]> {
    return (await this.importFiles(paths, options)).map(({ report }) => report);
  }

  /** Imports one file of rows. */
  async load(rows: readonly BillRow[], options: ImportOptions = {}): Promise<ImportReport> {
    const [report] = await this.reports(await this.write(rows), options);
    if (report === undefined) throw new Error('each file has a report');
    return report;
  }

  batches(): Promise<PublishedBatch[]> {
    return this.control.publishedBatches(acme);
  }

  async liveBatches(): Promise<PublishedBatch[]> {
    return (await this.batches()).filter((batch) => batch.liveToSequence === null);
  }

  /** Rows of a query over the table as `rows`; of charges and control totals those of live batches. */
  async query(name: LakeTableName, sql: string, tenant = acme): Promise<Record<string, Json>[]> {
    const state = await this.lake.ensureTable(tenant, name);
    const live = new Set<unknown>((await this.liveBatches()).map(({ id }) => id));
    const files = (await listDataFiles(this.lake.manifests, state)).filter(
      ({ partition }) => !('batch' in partition) || live.has(partition['batch']),
    );
    const { fields } = lakeTables[name];
    const rows =
      files.length === 0
        ? `SELECT ${fields.map((field) => `NULL AS ${field.name}`).join(', ')} LIMIT 0`
        : `SELECT * FROM ${tableRowsSql(lakeTables[name], files)}`;
    await using session = await openIngestSession(this.lake.folders, 1);
    return await session.rows(`WITH rows AS (${rows}) ${sql}`);
  }

  async differences(): Promise<readonly unknown[]> {
    return (await verifyTenant(this.context, acme)).differences;
  }

  /** Names of files under a folder of the data folder. */
  async files(...path: readonly string[]): Promise<string[]> {
    const entries = await readdir(join(this.folder, 'data', ...path), {
      recursive: true,
      withFileTypes: true,
    });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  }

  async quarantine(): Promise<Record<string, unknown>[]> {
    const folder = join(this.lake.folders.quarantine, acme);
    const names = await readdir(folder, { recursive: true, withFileTypes: true });
    const texts = names
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8'));
    return (await Promise.all(texts)).flatMap((one) =>
      one
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.control.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Path of a bundled bill. */
export function sample(path: string): string {
  return join(sampleFolder, path);
}

/** The code of the error that a promise rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  );
}
