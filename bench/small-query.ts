/**
 * What costgraph adds to a small question: the cost of one day by service of a tenant of 300,000 charges over 60 days,
 * over HTTP, beside hand-written SQL over one sorted Parquet file, and beside the bare DuckDB call with the very statement
 * that explain shows, in turns.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { generateBill, TENANT_SHAPE } from './support/generate-bill.ts';
import { openFlat } from './support/open-flat.ts';
import { median, printTable, quantile } from './support/figures.ts';
import { runCommand, serve } from './support/serve.ts';

const ROUNDS = 300;
const WARM_UP_ROUNDS = 100;
const agent = new Agent({ keepAlive: true });
const ROWS = 300_000;
const QUERY =
  'query: { period: { from: "2026-03-17T00:00:00Z", to: "2026-03-18T00:00:00Z" }, groupBy: ["service_name"] }';

const SQL = `SELECT service_name, sum(effective_cost) FROM flat
  WHERE charge_period_start >= '2026-03-17' AND charge_period_start < '2026-03-18' GROUP BY 1 ORDER BY 1`;

type Answer = {
  data: { costs: { explain?: { planningMs: number; nodes: { statement: string | null }[] } } };
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

/** By node:http: fetch takes half a millisecond more, which is the asker's. */
async function ask(url: string, query: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const headers = { 'content-type': 'application/json' };
  const sent = request(url, { method: 'POST', agent, headers }, (response) => {
    json(response).then((answer) => resolve(answer as Answer), reject); // The query is ours.
  });
  sent.on('error', reject);
  sent.end(JSON.stringify({ query }));
  return promise;
}

async function measure(url: string, flat: DuckDBConnection): Promise<void> {
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect();
  await connection.run("SET TimeZone = 'UTC'; SET parquet_metadata_cache = true");
  const explained = await ask(url, `{ costs(${QUERY}) { explain { planningMs nodes { statement } } } }`);
  const statement =
    explained.data.costs.explain?.nodes.find((node) => node.statement !== null)?.statement ?? '';
  const http: number[] = [];
  const bare: number[] = [];
  const hand: number[] = [];
  const planning: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const started = performance.now();
    await ask(url, `{ costs(${QUERY}) { rows(first: 100) { nodes { keys { value } effectiveCost } } } }`);
    const answered = performance.now();
    await (await connection.runAndReadAll(statement)).getRowsJson();
    const ran = performance.now();
    await (await flat.runAndReadAll(SQL)).getRowsJson();
    if (round < 0) continue;
    http.push(answered - started);
    bare.push(ran - answered);
    hand.push(performance.now() - ran);
    if (round % 10 > 0) continue;
    const { data } = await ask(url, `{ costs(${QUERY}) { explain { planningMs } } }`);
    planning.push(data.costs.explain?.planningMs ?? Number.NaN);
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
      row('hand-written SQL', hand),
      row('bare DuckDB call', bare),
      row('planning', planning),
      ['added to hand-written SQL', (median(http) - median(hand)).toFixed(2), ''],
      ['added to the bare call', (median(http) - median(bare)).toFixed(2), ''],
    ],
  );
}
