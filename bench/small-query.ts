/**
 * What costgraph adds to a small question: the cost of one day by service of a tenant of 300,000 charges over 60 days,
 * over HTTP, beside hand-written SQL over one sorted Parquet file, and beside the bare DuckDB call with the very statement
 * that explain shows, in turns. Once with answers that are kept, which the others do without.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { NO_CACHE, ask } from './support/ask.ts';
import { generateBill, TENANT_SHAPE } from './support/generate-bill.ts';
import { openFlat } from './support/open-flat.ts';
import { median, printTable, quantile } from './support/figures.ts';
import { runCommand, serve } from './support/serve.ts';

const ROUNDS = 300;
const WARM_UP_ROUNDS = 100;
const ROWS = 300_000;
const QUERY =
  'query: { period: { from: "2026-03-17T00:00:00Z", to: "2026-03-18T00:00:00Z" }, groupBy: ["service_name"] }';

const ROWS_QUERY = `{ costs(${QUERY}) { rows(first: 100) { nodes { keys { value } effectiveCost } } } }`;

const SQL = `SELECT service_name, sum(effective_cost) FROM flat
  WHERE charge_period_start >= '2026-03-17' AND charge_period_start < '2026-03-18' GROUP BY 1 ORDER BY 1`;

type Explained = {
  costs: { explain: { planningMs: number; nodes: { statement: string | null }[] } };
};

const keptFolder = process.env['BENCH_FOLDER'];
const folder = keptFolder ?? (await mkdtemp(join(tmpdir(), 'costgraph-bench-')));
try {
  const data = join(folder, 'data');
  const bill = join(folder, 'bill.parquet');
  if (!existsSync(data)) {
    await mkdir(folder, { recursive: true });
    await generateBill(bill, { ...TENANT_SHAPE, rows: ROWS, resources: 5_000 });
    await runCommand(['import', '--tenant', 'demo', '--source', 'aws', bill], data);
  }
  const flat = await openFlat(bill, join(folder, 'flat.parquet'));
  const server = await serve(data);
  try {
    await measure(server.url, flat);
  } finally {
    await server.stop();
  }
} finally {
  if (keptFolder === undefined) await rm(folder, { recursive: true, force: true });
}

async function measure(url: string, flat: DuckDBConnection): Promise<void> {
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect();
  await connection.run("SET TimeZone = 'UTC'; SET parquet_metadata_cache = true");
  const explain = async () => {
    const query = `{ costs(${QUERY}) { explain { planningMs nodes { statement } } } }`;
    return ((await ask(url, query, NO_CACHE)) as Explained).costs.explain; // The query is ours.
  };
  const { nodes } = await explain();
  const statement = nodes.find((node) => node.statement !== null)?.statement ?? '';
  const http: number[] = [];
  const bare: number[] = [];
  const hand: number[] = [];
  const kept: number[] = [];
  const planning: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const started = performance.now();
    await ask(url, ROWS_QUERY, NO_CACHE);
    const answered = performance.now();
    await (await connection.runAndReadAll(statement)).getRowsJson();
    const ran = performance.now();
    await (await flat.runAndReadAll(SQL)).getRowsJson();
    if (round < 0) continue;
    http.push(answered - started);
    bare.push(ran - answered);
    const byHand = performance.now();
    hand.push(byHand - ran);
    await ask(url, ROWS_QUERY);
    kept.push(performance.now() - byHand);
    if (round % 10 === 0) planning.push((await explain()).planningMs);
  }
  const row = (name: string, values: readonly number[]) => [
    name,
    median(values).toFixed(2),
    quantile(values, 0.95).toFixed(2),
  ];
  printTable(
    `One day by service, ${ROUNDS} rounds in turns`,
    ['', 'p50 ms', 'p95 ms'],
    [
      row('over HTTP', http),
      row('over HTTP, answer kept', kept),
      row('hand-written SQL', hand),
      row('bare DuckDB call', bare),
      row('planning', planning),
      ['added to hand-written SQL', (median(http) - median(hand)).toFixed(2), ''],
      ['added to the bare call', (median(http) - median(bare)).toFixed(2), ''],
    ],
  );
}
