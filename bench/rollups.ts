/**
 * Rollups of a tenant: all of them built anew, against an append of 1 % of its charges; time and bytes of the parts
 * alone, and of imports with and without them. BENCH_ROLLUP_ROWS sets another size.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openControl } from '../src/catalog/control/open-control.ts';
import { controlFile, openLake } from '../src/catalog/lake.ts';
import { readConfig } from '../src/config.ts';
import { demoTenant, sourceName } from '../src/core/ids.ts';
import { importBills } from '../src/ingest/import-bills.ts';
import { buildMissingParts, rebuildParts } from '../src/ingest/keep-rollups.ts';
import { printTable } from './support/figures.ts';
import { generateBill, TENANT_SHAPE } from './support/generate-bill.ts';

const ROWS = Number(process.env['BENCH_ROLLUP_ROWS'] ?? 5_000_000);
const APPENDED_PART = 0.01;
const TARGET = 0.05;

type Figures = { readonly ms: number; readonly cpuMs: number; readonly bytes: number };

const folder = await mkdtemp(join(tmpdir(), 'costgraph-bench-'));
try {
  const bills = { whole: join(folder, 'whole.parquet'), more: join(folder, 'more.parquet') };
  const more = { ...TENANT_SHAPE, rows: Math.round(ROWS * APPENDED_PART), days: 1 };
  await generateBill(bills.whole, { ...TENANT_SHAPE, rows: ROWS });
  await generateBill(bills.more, more);
  const lake = await openLake({ dataFolder: join(folder, 'data') });
  const control = await openControl(controlFile(lake.folders));
  const { dictionaryBudget, rollupRowsMax, threads } = readConfig({});
  const context = { lake, control, threads, dictionaryBudget, rollupRowsMax, onProgress: () => undefined };
  const source = sourceName('bench');
  if (source === null) throw new Error('bench is a name');
  const request = { tenant: demoTenant, source, force: true, format: null } as const;
  const { signal } = new AbortController();

  /** Bytes of the files that came to the table meanwhile. */
  async function measure(work: () => Promise<unknown>): Promise<Figures> {
    const data = join(lake.folders.warehouse, demoTenant, 'rollups', 'data');
    const before = new Set(await readdir(data).catch(() => []));
    const [began, cpu] = [performance.now(), process.cpuUsage()];
    await work();
    const ms = performance.now() - began;
    const { user, system } = process.cpuUsage(cpu);
    const added = (await readdir(data).catch(() => [])).filter((name) => !before.has(name));
    const sizes = await Promise.all(added.map(async (name) => (await stat(join(data, name))).size));
    return { ms, cpuMs: (user + system) / 1000, bytes: sizes.reduce((sum, size) => sum + size, 0) };
  }
  const without = { ...context, rollupRowsMax: 0 };
  const load = (mode: 'replace' | 'append', path: string, into: typeof context) => () =>
    importBills(into, { ...request, mode, paths: [path] });

  const importOff = await measure(load('replace', bills.whole, without));
  const full = await measure(async () =>
    rebuildParts(context, demoTenant, await control.rollups(demoTenant), () => undefined),
  );
  await load('append', bills.more, without)();
  const part = await measure(() => buildMissingParts(context, demoTenant, signal));
  await control.close();

  const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
  const row = (name: string, { ms, cpuMs, bytes }: Figures): string[] => [
    name,
    seconds(ms),
    seconds(cpuMs),
    `${(bytes / 1e6).toFixed(2)} MB`,
  ];
  const percent = (a: number, b: number): string => `${((100 * a) / b).toFixed(1)} %`;
  printTable(
    `Rollups of ${ROWS.toLocaleString('en')} charges`,
    ['', 'time', 'CPU', 'written'],
    [
      row('import without rollups', importOff),
      row('all parts built anew', full),
      row('parts of 1 % appended', part),
      [
        '1 % of all (target: 5 %)',
        percent(part.ms, full.ms),
        percent(part.cpuMs, full.cpuMs),
        percent(part.bytes, full.bytes),
      ],
      ['parts of the import', percent(full.ms, importOff.ms), percent(full.cpuMs, importOff.cpuMs), ''],
    ],
  );
  if (Math.max(part.ms / full.ms, part.bytes / full.bytes) > TARGET) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
