/**
 * Open-loop throughput of a trivial field, beside a hello-world Yoga on the same machine: requests are sent at a fixed
 * rate whether or not earlier ones have been answered, and latency counts from the moment a request was due. The rate
 * is raised until a server no longer keeps up.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSchema, createYoga } from 'graphql-yoga';
import { median, printTable, quantile } from './support/figures.ts';
import { serve } from './support/serve.ts';

const ROUNDS = 3;
const SECONDS = 4;
const TICK_MS = 5;
const RATE_FIRST = 500;
const RATE_STEP = 1.15;
/** A rate counts as kept up with while 99 of 100 answers come within this. */
const P99_MAX_MS = 100;
const SOCKETS_MAX = 64;

type Role = 'bench' | 'hello';

if ((process.argv[2] as Role | undefined) === 'hello') await sayHello();
else await bench();

async function sayHello(): Promise<void> {
  const schema = createSchema({
    typeDefs: 'type Query { hello: String }',
    resolvers: { Query: { hello: () => 'world' } },
  });
  const server = createServer(createYoga({ schema, logging: false, landingPage: false }));
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo; // A server that listens on a port has one.
    process.send?.(`http://127.0.0.1:${port}/graphql`);
  });
}

async function bench(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'costgraph-bench-'));
  const ours = await serve(join(folder, 'data'));
  const hello = fork(import.meta.filename, ['hello']);
  const [helloUrl] = (await once(hello, 'message')) as [string];
  try {
    const rates: { ours: number[]; hello: number[] } = { ours: [], hello: [] };
    for (let round = 0; round < ROUNDS; round++) {
      rates.ours.push(await highestRate(ours.url, '{ viewer { tenant } }'));
      rates.hello.push(await highestRate(helloUrl, '{ hello }'));
    }
    const [mine, theirs] = [median(rates.ours), median(rates.hello)];
    printTable(
      `Requests a second kept up with (p99 ≤ ${P99_MAX_MS} ms), median of ${ROUNDS} rounds`,
      ['', 'per second', 'of hello'],
      [
        ['hello-world Yoga', theirs.toFixed(0), ''],
        ['costgraph', mine.toFixed(0), `${((100 * mine) / theirs).toFixed(0)} %`],
      ],
    );
  } finally {
    hello.kill();
    await ours.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function highestRate(url: string, query: string): Promise<number> {
  await offer(url, query, RATE_FIRST, 1);
  let kept = 0;
  for (let rate = RATE_FIRST; ; rate *= RATE_STEP) {
    const latencies = await offer(url, query, rate, SECONDS);
    if (quantile(latencies, 0.99) > P99_MAX_MS) return kept;
    kept = rate;
  }
}

/** Latencies of all requests that were due in the time. */
async function offer(url: string, query: string, rate: number, seconds: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });
  const body = JSON.stringify({ query });
  const pending: Promise<number>[] = [];
  const started = performance.now();
  const total = Math.floor(rate * seconds);
  while (pending.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) / 1000) * rate));
    while (pending.length < due)
      pending.push(askAt(agent, url, body, started + (pending.length / rate) * 1000));
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  const latencies = await Promise.all(pending);
  agent.destroy();
  return latencies;
}

function askAt(agent: Agent, url: string, body: string, due: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const sent = request(
    url,
    { method: 'POST', agent, headers: { 'content-type': 'application/json' } },
    (response) => {
      response.resume();
      response.on('end', () => resolve(performance.now() - due));
    },
  );
  sent.on('error', reject);
  sent.end(body);
  return promise;
}
