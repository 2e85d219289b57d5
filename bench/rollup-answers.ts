/**
 * Cost by month and service: from the rollup that the planner takes, from the charges, and from the same rollup by
 * hand-written SQL over its files, in turns on one server; no answer is kept.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { NO_CACHE, ask } from './support/ask.ts';
import { median, printTable } from './support/figures.ts';
import { generateBill, TENANT_SHAPE } from './support/generate-bill.ts';
import { runCommand, serve } from './support/serve.ts';

const ROWS = Number(process.env['BENCH_ROWS'] ?? 50_000_000);
const ROUNDS = 15;
const WARM_UP_ROUNDS = 3;
const WITHOUT_ROLLUPS = { ...NO_CACHE, 'costgraph-rules-off': 'use-rollups' };
const COSTS =
  'costs(query: { period: { from: "2026-03-01T00:00:00Z", to: "2026-05-01T00:00:00Z" }, granularity: MONTH, groupBy: ["service_name"] })';
const TABLE = `{ ${COSTS} { rows(first: 200) { nodes { time keys { value } effectiveCost } } } }`;
const PLAN = `{ ${COSTS} { explain(analyze: true) { planningMs estimate { bytes } actual { ms } nodes { operator statement actual { ms } } } } }`;

type Explained = {
  costs: {
    explain: {
      planningMs: number;
      estimate: { bytes: string };
      nodes: { operator: string; statement: string | null; actual: { ms: number } | null }[];
    };
  };
};

const keptFolder = process.env['BENCH_FOLDER'];
const folder = keptFolder ?? (await mkdtemp(join(tmpdir(), 'costgraph-bench-')));
try {
  const data = join(folder, 'data');
  const bill = join(folder, 'bill.parquet');
  if (!existsSync(data)) {
    await mkdir(folder, { recursive: true });
    await generateBill(bill, { ...TENANT_SHAPE, rows: ROWS });
    await runCommand(['import', '--tenant', 'demo', '--source', 'aws', bill], data);
  }
  const server = await serve(data);
  try {
    await measure(server.url);
  } finally {
    await server.stop();
  }
} finally {
  if (keptFolder === undefined) await rm(folder, { recursive: true, force: true });
}

async function measure(url: string): Promise<void> {
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect();
  await connection.run("SET TimeZone = 'UTC'; SET parquet_metadata_cache = true");
  const explain = async (headers: Readonly<Record<string, string>>) =>
    ((await ask(url, PLAN, headers)) as Explained).costs.explain; // The query is ours.
  const rollup = await explain(NO_CACHE);
  const files = /read_parquet\((\[.*?\])/.exec(
    rollup.nodes.find(({ statement }) => statement)?.statement ?? '',
  );
  const byHand = `SELECT date_trunc('month', charge_period_start) AS month, service_name, sum(effective_cost)
    FROM read_parquet(${files?.[1]}) GROUP BY ALL ORDER BY ALL`;
  const charges = await explain(WITHOUT_ROLLUPS);
  const times = {
    rollup: [] as number[],
    charges: [] as number[],
    hand: [] as number[],
    inside: [] as number[],
  };
  const timed = async (into: number[], work: () => Promise<unknown>, round: number) => {
    const started = performance.now();
    await work();
    if (round >= 0) into.push(performance.now() - started);
  };
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    await timed(times.rollup, () => ask(url, TABLE, NO_CACHE), round);
    await timed(times.charges, () => ask(url, TABLE, WITHOUT_ROLLUPS), round);
    await timed(times.hand, async () => (await connection.runAndReadAll(byHand)).getRowsJson(), round);
    const { nodes } = await explain(NO_CACHE);
    const storeMs = nodes.find(({ operator }) => operator === 'Ask')?.actual?.ms ?? Number.NaN;
    if (round >= 0) times.inside.push(storeMs);
  }
  const row = (name: string, values: readonly number[], bytes: string) => [
    name,
    median(values).toFixed(2),
    bytes,
  ];
  printTable(
    `Month by service, ${ROUNDS} rounds in turns`,
    ['', 'p50 ms', 'bytes read'],
    [
      row('from charges, over HTTP', times.charges, charges.estimate.bytes),
      row('from a rollup, over HTTP', times.rollup, rollup.estimate.bytes),
      row('of it in the store', times.inside, ''),
      row('the rollup by hand', times.hand, ''),
    ],
  );
  const ratio = (a: number, b: number) => `${(a / b).toFixed(1)}x`;
  printTable(
    'Gain',
    ['', 'measured', 'wanted'],
    [
      ['fewer bytes', ratio(Number(charges.estimate.bytes), Number(rollup.estimate.bytes)), '50x'],
      ['faster', ratio(median(times.charges), median(times.rollup)), '20x'],
      ['in the store, beside by hand', ratio(median(times.inside), median(times.hand)), '1.2x at most'],
    ],
  );
}
