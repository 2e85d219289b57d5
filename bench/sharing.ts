/**
 * Eight tables of a dashboard over a generated tenant in one operation, with and without sharing of scans, and in an
 * operation each, over HTTP with nothing cached of answers: about what the standard rollups have, and about charges of a
 * tag, which they lack.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, printTable } from './support/figures.ts';
import { generateBill, TENANT_SHAPE } from './support/generate-bill.ts';
import { runCommand, serve } from './support/serve.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 7);
const ROWS = Number(process.env['BENCH_ROWS'] ?? 2_000_000);
const TENANT = 'demo';
const OF_A_TAG = 'filter: { dimension: { key: "tag:env", in: ["prod", "test"] } }';

const groupings = [
  'groupBy: ["service_name"]',
  'groupBy: ["region_id"]',
  'groupBy: ["sub_account_id"]',
  'groupBy: ["service_name", "region_id"]',
  'granularity: DAY',
  'granularity: DAY, groupBy: ["service_name"]',
  'groupBy: ["charge_category"]',
  'groupBy: []',
];

function tables(filter: string): string[] {
  const fields = 'rows(first: 5000) { nodes { time keys { value } effectiveCost } }';
  const period = 'period: { month: "2026-03" }';
  return groupings.map((each) => `costs(query: { ${[period, each, filter].join(' ')} }) { ${fields} }`);
}

const folder = await mkdtemp(join(tmpdir(), 'costgraph-bench-'));
try {
  const bill = join(folder, 'bill.parquet');
  const data = join(folder, 'data');
  await generateBill(bill, { ...TENANT_SHAPE, rows: ROWS });
  await runCommand(['import', '--tenant', TENANT, '--source', 'aws', bill], data);
  const server = await serve(data);
  try {
    const figures = [];
    for (const [name, filter] of [
      ['about what rollups have', ''],
      ['about charges of a tag', OF_A_TAG],
    ] as const) {
      figures.push([name, ...(await compare(server.url, tables(filter)))]);
    }
    printTable(
      `Eight tables of a month of ${ROWS} charges, ms, median of ${ROUNDS} rounds`,
      ['', 'shared', 'switched off', 'one by one', 'off ÷ shared', 'one by one ÷ shared'],
      figures,
    );
  } finally {
    await server.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function compare(url: string, all: readonly string[]): Promise<string[]> {
  const together = `{ ${all.map((table, i) => `t${i}: ${table}`).join(' ')} }`;
  const times: { shared: number; apart: number; oneByOne: number }[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const shared = await timed(() => ask(url, together));
    const apart = await timed(() => ask(url, together, { 'costgraph-rules-off': 'share-scans' }));
    const oneByOne = await timed(async () => {
      for (const table of all) await ask(url, `{ ${table} }`);
    });
    if (round > 0) times.push({ shared, apart, oneByOne });
  }
  const shared = median(times.map((each) => each.shared));
  const apart = median(times.map((each) => each.apart));
  const oneByOne = median(times.map((each) => each.oneByOne));
  return [
    ...[shared, apart, oneByOne].map((value) => value.toFixed(0)),
    ...[apart, oneByOne].map((value) => (value / shared).toFixed(1)),
  ];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function ask(url: string, query: string, more: Record<string, string> = {}): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'costgraph-no-cache': '1', ...more },
    body: JSON.stringify({ query }),
  });
  const answer = (await response.json()) as { errors?: unknown };
  if (answer.errors) throw new Error(JSON.stringify(answer.errors));
}
