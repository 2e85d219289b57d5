import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../src/config.ts';
import type { SourceName, TenantId } from '../../src/core/ids.ts';
import { sourceName, tenantId } from '../../src/core/ids.ts';
import type { DictionaryBudget } from '../../src/ingest/dictionaries.ts';
import type { ImportReport } from '../../src/ingest/import-report.ts';
import type { IngestContext } from '../../src/ingest/import-bills.ts';
import { importBills } from '../../src/ingest/import-bills.ts';
import type { OpenEngine } from '../../src/server.ts';
import { openEngine } from '../../src/server.ts';
import type { BillRow } from './focus-file.ts';
import { csvOf, writeBill } from './focus-file.ts';

/** The real engine over a data folder of its own, with bills loaded through the real pipeline. */
export type Deployment = OpenEngine & {
  readonly folder: string;
  /** What imports and remaps get. */
  readonly context: IngestContext;
  readonly load: (
    tenant: TenantId,
    source: string,
    rows: readonly BillRow[],
    mode?: 'replace' | 'append',
    dictionaryBudget?: DictionaryBudget,
  ) => Promise<ImportReport>;
};

export async function openTestDeployment(): Promise<Deployment> {
  const folder = await mkdtemp(join(tmpdir(), 'costgraph-test-'));
  const config = readConfig({
    COSTGRAPH_DATA: join(folder, 'data'),
    COSTGRAPH_QUERY_MEMORY: '512MiB',
    COSTGRAPH_THREADS: '2',
  });
  const opened = await openEngine(config);
  let bills = 0;
  const context = {
    lake: opened.lake,
    control: opened.control,
    threads: 2,
    dictionaryBudget: config.dictionaryBudget,
    rollupRowsMax: config.rollupRowsMax,
    onProgress: () => undefined,
  };
  return {
    ...opened,
    folder,
    context,
    load: async (tenant, source, rows, mode = 'replace', dictionaryBudget = config.dictionaryBudget) => {
      bills += 1;
      const path = await writeBill(join(folder, `bill-${bills}.csv`), csvOf(rows));
      const [file] = await importBills(
        { ...context, dictionaryBudget },
        {
          tenant,
          source: namedSource(source),
          mode,
          force: true,
          format: null,
          paths: [path],
        },
      );
      if (file === undefined) throw new Error('each file has a report');
      return file.report;
    },
    [Symbol.asyncDispose]: async () => {
      await opened[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function namedSource(text: string): SourceName {
  const name = sourceName(text);
  if (name === null) throw new Error(`${text} is no source name`);
  return name;
}

export function tenant(text: string): TenantId {
  const id = tenantId(text);
  if (id === null) throw new Error(`${text} is no tenant name`);
  return id;
}
