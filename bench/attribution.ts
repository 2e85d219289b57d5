/**
 * Rules and splits over a generated tenant of 10M charges, over HTTP, from charges, with nothing cached of answers: each
 * question in turns with the same question about base columns. Then how soon new rules are seen, and what is written.
 * Time is what the asker waits for, CPU what the server takes (of all its threads; Linux alone).
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { NO_CACHE, ask } from './support/ask.ts';
import { median, printTable } from './support/figures.ts';
import { BILL_START, TENANT_SHAPE, generateBill } from './support/generate-bill.ts';
import type { Served } from './support/serve.ts';
import { runCommand, serve } from './support/serve.ts';

const ROWS = Number(process.env['BENCH_ROWS'] ?? TENANT_SHAPE.rows);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 7);
const HOURS = 720;
const CUSTOMERS = 2_000;
/** Resources that the rule which is published anew is about: 1 % of all. */
const CHANGED = TENANT_SHAPE.resources / 100;
const CPU_TICK_MS = 10;
/** Tables that rules must not touch. */
const FACTS = ['charges', 'resources', 'tags'];
const FROM_CHARGES = { ...NO_CACHE, 'costgraph-rules-off': 'use-rollups' };
const MARCH = `period: { from: "${BILL_START}T00:00:00Z", to: "2026-03-31T00:00:00Z" }`;
const WHOLE = `period: { from: "${BILL_START}T00:00:00Z", to: "2026-04-30T00:00:00Z" }`;
const TOP = 'top: { count: 20, remainder: false }';

const table = (query: string) =>
  `{ costs(query: { ${query} }) { rows(first: 2100) { nodes { keys { value } effectiveCost } } } }`;

type Pair = { readonly name: string; readonly base: string; readonly ruled: string; readonly target: string };

const pairs: readonly Pair[] = [
  {
    name: '40 services in 10 teams',
    base: table(`${WHOLE}, groupBy: ["service_name"]`),
    ruled: table(`${WHOLE}, groupBy: ["team"]`),
    target: '1.3',
  },
  {
    name: '25 values of a tag, made lower case',
    base: table(`${WHOLE}, groupBy: ["tag:team"]`),
    ruled: table(`${WHOLE}, groupBy: ["squad"]`),
    target: '1.3',
  },
  {
    name: 'one team by region',
    base: table(
      `${WHOLE}, groupBy: ["region_id"], filter: { dimension: { key: "service_name", in: ["Service 3", "Service 13", "Service 23", "Service 33"] } }`,
    ),
    ruled: table(`${WHOLE}, groupBy: ["region_id"], filter: { dimension: { key: "team", in: ["team 3"] } }`),
    target: '1.3',
  },
  {
    name: 'top 20 of 100,000 owners',
    base: table(`${WHOLE}, groupBy: ["resource_id"], ${TOP}`),
    ruled: table(`${WHOLE}, groupBy: ["owner"], ${TOP}`),
    target: '2',
  },
  {
    name: `${HOURS} hours by ${CUSTOMERS} customers' work`,
    base: table(`${MARCH}, groupBy: ["service_name"]`),
    ruled: table(`${MARCH}, groupBy: ["customer"]`),
    target: '2 s, 1 GB',
  },
];

/** @param changed the owner of the resources that a rule is about */
function rulesText(changed: string): string {
  const teams = Array.from({ length: 10 }, (_, team) => {
    const services = [0, 1, 2, 3].map((i) => `Service ${team + 10 * i}`);
    return `      - { value: team ${team}, when: { key: service_name, in: [${services.join(', ')}] } }`;
  });
  const some = Array.from({ length: CHANGED }, (_, i) => `i-${(i * 100).toString(16).padStart(8, '0')}`);
  return `
version: 1
dimensions:
  - key: team
    rules:
${teams.join('\n')}
  - key: squad
    rules: [{ valueOf: { key: "tag:team", normalize: [lower] } }]
  - key: owner
    rules:
      - { value: ${changed}, when: { key: machine, in: [${some.join(', ')}] } }
      - { valueOf: { key: machine } }
  - key: machine
    rules: [{ valueOf: { key: resource_id, replace: [{ match: "^.*/", with: "" }] } }]
splits:
  - name: all by work
    when: { all: [] }
    to: [customer]
    by: { telemetry: requests, grain: hour }
`;
}

/** A folder named here is kept, and used again when it is there. */
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
  const work = join(folder, 'requests.csv');
  await generateWork(work);
  await runCommand(['telemetry', '--tenant', 'demo', '--stream', 'requests', work], data);
  const rules = join(folder, 'rules.yaml');
  await writeFile(rules, rulesText('nobody'));
  await runCommand(['rules', 'publish', '--tenant', 'demo', rules], data);
  const server = await serve(data);
  try {
    await comparePairs(server);
    await publish(server, data);
  } finally {
    await server.stop();
  }
} finally {
  if (keptFolder === undefined) await rm(folder, { recursive: true, force: true });
}

/** Each customer worked in each hour. */
async function generateWork(path: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  await connection.run(`
    COPY (
      SELECT strftime(TIMESTAMP '${BILL_START}' + to_hours(hour), '%Y-%m-%dT%H:%M:%SZ') AS time,
        'customer ' || customer AS customer, 1 + hash(hour * 2003 + customer) % 100000 AS units
      FROM range(${HOURS}) h(hour), range(${CUSTOMERS}) c(customer)
    ) TO '${path.replaceAll("'", "''")}' (FORMAT csv, HEADER)`);
  connection.closeSync();
  instance.closeSync();
}

type Taken = { readonly ms: number; readonly cpuMs: number };

async function cpuOf({ process: { pid } }: Served): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) * CPU_TICK_MS;
}

async function timed(server: Served, query: string): Promise<Taken> {
  const [started, cpu] = [performance.now(), await cpuOf(server)];
  await ask(server.url, query, FROM_CHARGES);
  return { ms: performance.now() - started, cpuMs: (await cpuOf(server)) - cpu };
}

async function comparePairs(server: Served): Promise<void> {
  const rows: string[][] = [];
  for (const { name, base, ruled, target } of pairs) {
    const [ours, theirs]: [Taken[], Taken[]] = [[], []];
    for (let round = 0; round <= ROUNDS; round++) {
      const both = [await timed(server, base), await timed(server, ruled)] as const;
      if (round === 0) continue; // A first run reads files that the second finds in memory.
      theirs.push(both[0]);
      ours.push(both[1]);
    }
    const of = (taken: readonly Taken[], key: keyof Taken) => median(taken.map((each) => each[key]));
    rows.push([
      name,
      ...[of(theirs, 'ms'), of(ours, 'ms'), of(theirs, 'cpuMs'), of(ours, 'cpuMs')].map((ms) =>
        ms.toFixed(0),
      ),
      (of(ours, 'ms') / of(theirs, 'ms')).toFixed(2),
      (of(ours, 'cpuMs') / of(theirs, 'cpuMs')).toFixed(2),
      target,
    ]);
  }
  printTable(
    `Questions over ${ROWS.toLocaleString('en')} charges, from charges: base columns, and rules`,
    ['', 'base ms', 'rules ms', 'base CPU ms', 'rules CPU ms', 'ratio', 'of CPU', 'at most'],
    rows,
  );
  const peak = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${server.process.pid}/status`, 'utf8'));
  process.stdout.write(`peak memory of the server: ${(Number(peak?.[1]) / 1e6).toFixed(2)} GB\n`);
}

/** Every file of the lake with its size. */
async function filesOf(data: string): Promise<Map<string, number>> {
  const names = await readdir(data, { recursive: true, withFileTypes: true });
  const paths = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(paths.map(async (path) => [path, (await stat(path)).size] as const)));
}

async function publish(server: Served, data: string): Promise<void> {
  const owner = `owner ${Date.now()}`;
  const before = await filesOf(data);
  const source = JSON.stringify(rulesText(owner));
  const started = performance.now();
  const published = await ask(
    server.url,
    `mutation { publishRules(source: ${source}) { ruleSet { version } errors { message } } }`,
  );
  const publishedMs = performance.now() - started;
  const filter = `filter: { dimension: { key: "owner", in: ["${owner}"] } }`;
  const answer = await ask(server.url, table(`${WHOLE}, groupBy: ["owner"], ${filter}`));
  const visibleMs = performance.now() - started;
  if (!JSON.stringify(answer).includes(owner)) throw new Error(JSON.stringify([published, answer]));
  const after = await filesOf(data);
  const isFact = (path: string) => FACTS.some((name) => path.includes(`/warehouse/demo/${name}/`));
  const facts = [...before].filter(([path]) => isFact(path));
  const touched = [...after].filter(([path, size]) => isFact(path) && before.get(path) !== size);
  const sizeOf = (files: Iterable<readonly [string, number]>) =>
    [...files].reduce((sum, [, size]) => sum + size, 0);
  printTable(
    `Rules that give ${CHANGED.toLocaleString('en')} of ${TENANT_SHAPE.resources.toLocaleString('en')} resources another owner`,
    ['', 'measured', 'at most'],
    [
      ['published after', `${publishedMs.toFixed(0)} ms`, ''],
      ['answered by them after', `${visibleMs.toFixed(0)} ms`, '5000 ms'],
      ['files of facts written', String(touched.length), '0'],
      ['bytes more', String(sizeOf(after) - sizeOf(before)), String(Math.floor(sizeOf(facts) / 50))],
    ],
  );
}
