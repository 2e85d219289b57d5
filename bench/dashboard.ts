/**
 * A dashboard of 20 tables that 8 users look at, over data that changes every 10 seconds (an increment of the running
 * month): bytes that are read and time to answer a table, with kept answers and without, in turns on one server.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NO_CACHE, ask } from './support/ask.ts';
import { median, printTable, quantile } from './support/figures.ts';
import { generateBill, TENANT_SHAPE } from './support/generate-bill.ts';
import { runCommand, serve } from './support/serve.ts';
import { usedBytes } from './support/used-bytes.ts';

const ROWS = Number(process.env['BENCH_ROWS'] ?? 2_000_000);
const USERS = 8;
/** A user's dashboard is loaded anew so often. */
const RELOAD_MS = 4_000;
const PHASE_MS = 40_000;
const CHANGE_EVERY_MS = 10_000;
/** The ledger of a tenant's day is written every five seconds. */
const LEDGER_MS = 7_000;

const both = '{ from: "2026-03-01T00:00:00Z", to: "2026-05-01T00:00:00Z" }';
const april = '{ month: "2026-04" }';
const rows = 'rows(first: 50) { nodes { time keys { value } effectiveCost } } totals { effectiveCost }';
const table = (arguments_: string, selection = rows) =>
  `{ costs(query: { ${arguments_} }) { ${selection} } }`;
const top = (key: string) => `top: { count: 10, by: ["${key}"] }`;
const tables = [
  table(`period: ${both}`),
  table(`period: ${both}, granularity: MONTH`),
  table(`period: ${both}, granularity: DAY`),
  table(`period: ${april}, granularity: DAY`),
  table(`period: ${both}, groupBy: ["service_name"]`),
  table(`period: ${april}, groupBy: ["service_name"], granularity: DAY, ${top('service_name')}`),
  table(`period: ${both}, groupBy: ["region_id"]`),
  table(`period: ${both}, groupBy: ["sub_account_id"], ${top('sub_account_id')}`),
  table(`period: ${both}, groupBy: ["tag:team"]`),
  table(`period: ${april}, groupBy: ["tag:env"], granularity: WEEK`),
  table(`period: ${april}, compare: { month: "2026-03" }, groupBy: ["service_name"]`),
  table(`period: ${april}, compare: { month: "2026-03" }, groupBy: ["tag:team"]`),
  table(`period: ${both}, groupBy: ["service_name", "region_id"]`),
  table(
    `period: ${both}, filter: { dimension: { key: "tag:team", isNull: true } }, groupBy: ["service_name"]`,
  ),
  table(
    `period: ${both}, filter: { dimension: { key: "service_name", in: ["Service 1"] } }, granularity: DAY`,
  ),
  table(
    `period: ${both}, filter: { dimension: { key: "region_id", in: ["region-3"] } }, groupBy: ["service_name"]`,
  ),
  table(`period: ${april}, groupBy: ["resource_id"], ${top('resource_id')}`),
  table(`period: ${april}, groupBy: ["sku_id"], ${top('sku_id')}`),
  table(`period: ${both}, granularity: WEEK, timeZone: "Europe/Berlin", groupBy: ["service_name"]`),
  table(`period: ${both}, granularity: MONTH`, 'rows { nodes { time consumedQuantity chargeCount } }'),
];

let changes = 0;
const folder = await mkdtemp(join(tmpdir(), 'costgraph-bench-'));
try {
  const data = join(folder, 'data');
  const bill = join(folder, 'bill.parquet');
  await generateBill(bill, { ...TENANT_SHAPE, rows: ROWS });
  await runCommand(['import', '--tenant', 'demo', '--source', 'aws', bill], data);
  const server = await serve(data);
  try {
    const kept = await measure(server.url, data, {});
    const anew = await measure(server.url, data, NO_CACHE);
    report([
      ['with kept answers', kept],
      ['without', anew],
    ]);
    process.stdout.write(
      `bytes read: ${(anew.bytesPerTable / kept.bytesPerTable).toFixed(1)}x fewer (wanted: 10x)\n`,
    );
  } finally {
    await server.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

type Phase = { readonly times: readonly number[]; readonly bytesPerTable: number };

async function measure(url: string, data: string, headers: Readonly<Record<string, string>>): Promise<Phase> {
  for (const query of tables) await ask(url, query, headers);
  await sleep(LEDGER_MS);
  const before = await usedBytes(data);
  const until = performance.now() + PHASE_MS;
  const times: number[] = [];
  const users = Array.from({ length: USERS }, async (_, user) => {
    await sleep((RELOAD_MS / USERS) * user);
    while (performance.now() < until) {
      const started = performance.now();
      for (const query of tables) {
        const asked = performance.now();
        await ask(url, query, headers);
        times.push(performance.now() - asked);
      }
      await sleep(Math.max(0, RELOAD_MS - (performance.now() - started)));
    }
  });
  await Promise.all([...users, change(data, until)]);
  await sleep(LEDGER_MS);
  return { times, bytesPerTable: ((await usedBytes(data)) - before) / times.length };
}

/** Each time some charges of the last days, none of which is there yet. */
async function change(data: string, until: number): Promise<void> {
  while (performance.now() + CHANGE_EVERY_MS < until) {
    await sleep(CHANGE_EVERY_MS);
    changes += 1;
    const bill = join(folder, `more-${changes}.parquet`);
    await generateBill(bill, { ...TENANT_SHAPE, rows: 2_000 + changes, days: 2, start: '2026-04-28' });
    await runCommand(['import', '--tenant', 'demo', '--source', 'aws', '--mode', 'append', bill], data);
  }
}

function report(phases: readonly (readonly [string, Phase])[]): void {
  printTable(
    `${tables.length} tables, ${USERS} users, ${ROWS} charges, an increment every ${CHANGE_EVERY_MS / 1_000} s`,
    ['', 'tables', 'p50 ms', 'p95 ms', 'p99 ms', 'bytes read a table'],
    phases.map(([name, { times, bytesPerTable }]) => [
      name,
      String(times.length),
      median(times).toFixed(1),
      quantile(times, 0.95).toFixed(1),
      quantile(times, 0.99).toFixed(1),
      bytesPerTable.toFixed(0),
    ]),
  );
}
