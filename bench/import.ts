/**
 * `costgraph import` of generated FOCUS Parquet, by the command itself in a process of its own: charges a second, CPU
 * and peak memory. BENCH_IMPORT_ROWS sets another size; several, by commas, show that memory does not grow with it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';

import { generateBill, TENANT_SHAPE } from './support/generate-bill.ts';
import { printTable } from './support/figures.ts';

const SIZES = (process.env['BENCH_IMPORT_ROWS'] ?? '200000,2000000').split(',').map(Number);
const MEASURED = resolve(import.meta.dirname, 'support', 'measure-import.ts');

type Figures = { readonly ms: number; readonly cpuMs: number; readonly peakBytes: number };

async function measure(bill: string, data: string): Promise<Figures> {
  const child = spawn(process.execPath, [MEASURED, 'import', '--tenant', 'demo', '--source', 'bench', bill], {
    env: { ...process.env, COSTGRAPH_DATA: data },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const output = await text(child.stdout);
  const [status] = await ended;
  if (status !== 0) throw new Error(`import ended with ${String(status)}`);
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Figures; // As measure-import.ts prints it.
}

const rows: string[][] = [];
for (const size of SIZES) {
  const folder = await mkdtemp(join(tmpdir(), 'costgraph-bench-'));
  try {
    const bill = join(folder, 'bill.parquet');
    await generateBill(bill, { ...TENANT_SHAPE, rows: size });
    const { ms, cpuMs, peakBytes } = await measure(bill, join(folder, 'data'));
    const { size: bytes } = await stat(bill);
    rows.push([
      size.toLocaleString('en'),
      `${(bytes / 1e6).toFixed(0)} MB`,
      `${(ms / 1000).toFixed(1)} s`,
      Math.round(size / (ms / 1000)).toLocaleString('en'),
      `${(cpuMs / 1000).toFixed(1)} s`,
      `${(peakBytes / 1e6).toFixed(0)} MB`,
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
printTable(
  'Import of FOCUS Parquet',
  ['charges', 'Parquet', 'import', 'charges/s', 'CPU', 'peak memory'],
  rows,
);
