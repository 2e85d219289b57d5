/**
 * What the schema costs above an answer: 4,500 rows of three fields over HTTP, as rows and as columns, in
 * milliseconds of CPU of the server. The answer is made once, the asker is another process.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';

import type { Answer, CostEngine } from '../src/execute/engine.ts';
import { cannedEngine } from '../test/support/canned-engine.ts';
import { startGraphql } from '../test/support/graphql-harness.ts';
import { median } from './support/figures.ts';

const ROWS = 4_500;
const SERVICES = 50;
const ROUNDS = 9;
const RUNS = 50;
const WARM_UP_RUNS = 200;

type Order = { readonly url: string; readonly body: string; readonly runs: number };

const query = (selection: string): string => `{
  costs(query: { period: { month: "2018-10" }, granularity: DAY, groupBy: ["service_name"] }) { ${selection} }
}`;
const shapes = {
  rows: query(`rows(first: ${ROWS}) { nodes { time keys { value } effectiveCost } }`),
  // A name that plain objects cannot hold leaves the list to the executor.
  'rows by the executor': query(
    `rows(first: ${ROWS}) { nodes { __proto__: isRemainder time keys { value } effectiveCost } }`,
  ),
  columns: query(`columns(first: ${ROWS}) { columns { name values } }`),
  'a trivial field': '{ viewer { tenant } }',
};

async function askOnOrder(): Promise<void> {
  process.on('message', (order: Order) => void askRepeatedly(order));
  await once(process, 'disconnect');
}

async function askRepeatedly({ url, body, runs }: Order): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  let size = 0;
  for (let i = 0; i < runs; i++) {
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body });
    size = (await response.arrayBuffer()).byteLength;
  }
  process.send?.(size);
}

function cannedOnce(): CostEngine {
  const { engine } = cannedEngine({
    rows: Array.from({ length: ROWS }, (_, i) => ({
      keys: { service_name: `Service ${i % SERVICES}` },
      bucket: Math.floor(i / SERVICES) % 30,
      measures: { count: BigInt(i + 1), 'sum(effective_cost)': BigInt(i) * 123_456_789_012n },
    })),
    totals: { count: 1_000_000n, 'sum(effective_cost)': 10n ** 18n },
  });
  let answer: Promise<Answer> | null = null;
  return { ...engine, answer: (bound, options) => (answer ??= engine.answer(bound, options)) };
}

async function measureAll(): Promise<void> {
  const asker = fork(import.meta.filename, ['ask']);
  const { url, close } = await startGraphql(cannedOnce());
  const ask = async (body: string, runs: number): Promise<number> => {
    asker.send({ url, body, runs } satisfies Order);
    const [size] = (await once(asker, 'message')) as [number]; // Sent by askRepeatedly.
    return size;
  };
  for (const [name, text] of Object.entries(shapes)) {
    const body = JSON.stringify({ query: text });
    await ask(body, WARM_UP_RUNS);
    const rounds: number[] = [];
    let size = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const before = process.cpuUsage();
      size = await ask(body, RUNS);
      const { user, system } = process.cpuUsage(before);
      rounds.push((user + system) / 1_000 / RUNS);
    }
    const cpuMs = median(rounds).toFixed(2).padStart(6);
    process.stdout.write(`${name.padEnd(24)} ${cpuMs} ms of CPU, ${size} bytes\n`);
  }
  asker.disconnect();
  await close();
}

await (process.argv[2] === 'ask' ? askOnOrder() : measureAll());
