/**
 * Five shapes of questions over a generated tenant of 10M charges, over HTTP with nothing cached of answers, side by
 * side with hand-written DuckDB SQL over the same rows and types as one sorted Parquet file. Also a question of one
 * day, alone and beside a large one.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { generateBill, TENANT_SHAPE } from './support/generate-bill.ts';
import { openFlat } from './support/open-flat.ts';
import { geometricMean, median, printTable, quantile } from './support/figures.ts';
import { runCommand, serve } from './support/serve.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 7);
const ROWS = Number(process.env['BENCH_ROWS'] ?? TENANT_SHAPE.rows);
const TENANT = 'demo';
const PERIOD = 'period: { from: "2026-03-01T00:00:00Z", to: "2026-04-30T00:00:00Z" }';
const DAY = 'period: { from: "2026-03-17T00:00:00Z", to: "2026-03-18T00:00:00Z" }';

type Shape = { readonly name: string; readonly graphql: string; readonly sql: string };

const table = (query: string, rows = 'nodes { keys { value } effectiveCost }', first = 5000) =>
  `{ costs(query: { ${query} }) { rows(first: ${first}) { ${rows} } } }`;

const shapes: readonly Shape[] = [
  {
    name: 'month by service',
    graphql: table('period: { month: "2026-03" }, groupBy: ["service_name"]'),
    sql: `SELECT service_name, sum(effective_cost) FROM flat
      WHERE charge_period_start >= '2026-03-01' AND charge_period_start < '2026-04-01' GROUP BY 1 ORDER BY 1`,
  },
  {
    name: '60 days by day and service',
    graphql: table(
      `${PERIOD}, granularity: DAY, groupBy: ["service_name"]`,
      'nodes { time keys { value } effectiveCost }',
    ),
    sql: `SELECT date_trunc('day', charge_period_start), service_name, sum(effective_cost) FROM flat GROUP BY 1, 2 ORDER BY 1, 2`,
  },
  {
    name: 'top 10 of 100k resources',
    graphql: table(`${PERIOD}, groupBy: ["resource_id"], top: { count: 10, remainder: false }`),
    sql: 'SELECT resource_id, sum(effective_cost) AS cost FROM flat GROUP BY 1 ORDER BY cost DESC, resource_id LIMIT 10',
  },
  {
    name: 'one account and region by day',
    graphql: table(
      `${PERIOD}, granularity: DAY, filter: { all: [
        { dimension: { key: "sub_account_id", in: ["000000000007"] } },
        { dimension: { key: "region_id", in: ["region-1"] } }] }`,
      'nodes { time effectiveCost }',
    ),
    sql: `SELECT date_trunc('day', charge_period_start), sum(effective_cost) FROM flat
      WHERE sub_account_id = '000000000007' AND region_id = 'region-1' GROUP BY 1 ORDER BY 1`,
  },
  {
    name: 'month by tag',
    graphql: table('period: { month: "2026-03" }, groupBy: ["tag:team"]'),
    sql: `SELECT tags['team'], sum(effective_cost) FROM flat
      WHERE charge_period_start >= '2026-03-01' AND charge_period_start < '2026-04-01' GROUP BY 1 ORDER BY 1`,
  },
];

const smallShape: Shape = {
  name: 'one day by service',
  graphql: table(`${DAY}, groupBy: ["service_name"]`),
  sql: `SELECT service_name, sum(effective_cost) FROM flat
    WHERE charge_period_start >= '2026-03-17' AND charge_period_start < '2026-03-18' GROUP BY 1 ORDER BY 1`,
};

/** A folder named here is kept, and used again when it is there. */
const keptFolder = process.env['BENCH_FOLDER'];
const folder = keptFolder ?? (await mkdtemp(join(tmpdir(), 'costgraph-bench-')));
try {
  const bill = join(folder, 'bill.parquet');
  const data = join(folder, 'data');
  if (!existsSync(data)) {
    await mkdir(folder, { recursive: true });
    await generateBill(bill, { ...TENANT_SHAPE, rows: ROWS });
    await runCommand(['import', '--tenant', TENANT, '--source', 'aws', bill], data);
  }
  const flat = await openFlat(bill, join(folder, 'flat.parquet'));
  const server = await serve(data);
  try {
    await compareShapes(server.url, flat);
    await smallBesideLarge(server.url, flat);
  } finally {
    await server.stop();
  }
} finally {
  if (keptFolder === undefined) await rm(folder, { recursive: true, force: true });
}

async function askHttp(url: string, query: string): Promise<number> {
  const started = performance.now();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'costgraph-no-cache': '1' },
    body: JSON.stringify({ query }),
  });
  const answer = (await response.json()) as { errors?: unknown };
  if (answer.errors) throw new Error(JSON.stringify(answer.errors));
  return performance.now() - started;
}

async function askSql(flat: DuckDBConnection, sql: string): Promise<number> {
  const started = performance.now();
  await (await flat.runAndReadAll(sql)).getRowsJson();
  return performance.now() - started;
}

async function pairs(
  url: string,
  flat: DuckDBConnection,
  shape: Shape,
): Promise<{ ours: number[]; theirs: number[] }> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const [http, sql] = [await askHttp(url, shape.graphql), await askSql(flat, shape.sql)];
    if (round === 0) continue; // A first run reads files that the second finds in memory.
    ours.push(http);
    theirs.push(sql);
  }
  return { ours, theirs };
}

async function compareShapes(url: string, flat: DuckDBConnection): Promise<void> {
  const rows: string[][] = [];
  const ratios: number[] = [];
  for (const shape of [...shapes, smallShape]) {
    const { ours, theirs } = await pairs(url, flat, shape);
    const ratio = median(ours) / median(theirs);
    if (shape !== smallShape) ratios.push(ratio);
    rows.push([shape.name, median(ours).toFixed(1), median(theirs).toFixed(1), ratio.toFixed(2)]);
  }
  rows.push(['geometric mean of the five', '', '', geometricMean(ratios).toFixed(2)]);
  printTable(
    `Questions over ${ROWS.toLocaleString('en')} charges`,
    ['shape', 'HTTP ms', 'SQL ms', 'ratio'],
    rows,
  );
}

/** p95 of the small question alone, and while large ones run one after another. */
async function smallBesideLarge(url: string, flat: DuckDBConnection): Promise<void> {
  const [large] = shapes.filter((shape) => shape.name.startsWith('top'));
  if (!large) throw new Error('there is a large shape');
  const alone: number[] = [];
  for (let i = 0; i < ROUNDS * 10; i++) alone.push(await askHttp(url, smallShape.graphql));
  const over = new AbortController();
  const background = (async () => {
    while (!over.signal.aborted) await askHttp(url, large.graphql);
  })();
  const beside: number[] = [];
  for (let i = 0; i < ROUNDS * 10; i++) beside.push(await askHttp(url, smallShape.graphql));
  over.abort();
  await background;
  const bare: number[] = [];
  for (let i = 0; i < ROUNDS * 10; i++) bare.push(await askSql(flat, smallShape.sql));
  const [p95Alone, p95Beside] = [quantile(alone, 0.95), quantile(beside, 0.95)];
  printTable(
    'One day by service, alone and beside a running large question',
    ['', 'p50 ms', 'p95 ms'],
    [
      ['bare SQL', median(bare).toFixed(1), quantile(bare, 0.95).toFixed(1)],
      ['over HTTP alone', median(alone).toFixed(1), p95Alone.toFixed(1)],
      ['over HTTP beside a large one', median(beside).toFixed(1), p95Beside.toFixed(1)],
      ['allowed: 2 × p95 alone + 10 ms', '', (2 * p95Alone + 10).toFixed(1)],
    ],
  );
}
