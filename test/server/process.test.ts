import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { makeDeployment } from './deployment.ts';

const program = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

let folder: string;
let environment: Record<string, string | undefined>;
let remove: () => Promise<void>;
beforeAll(async () => {
  const deployment = await makeDeployment();
  ({ folder, remove } = deployment);
  environment = {
    PATH: process.env['PATH'],
    COSTGRAPH_DATA: deployment.config.dataFolder,
    COSTGRAPH_SAMPLE: 'off',
    PORT: '0',
  };
});
afterAll(() => remove());

type Program = ChildProcessByStdio<null, Readable, Readable>;

function start(args: readonly string[], more: Record<string, string> = {}): Program {
  return spawn(process.execPath, [program, ...args], {
    env: { ...environment, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function runToEnd(child: Program): Promise<{ status: unknown; stdout: string; stderr: string }> {
  const ended = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [status] = await ended;
  return { status, stdout, stderr };
}

/** A server that is ready, and its address. */
async function serve(): Promise<{ child: Program; url: string }> {
  const child = start(['serve']);
  onTestFinished(() => void child.kill('SIGKILL'));
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  const url = /^costgraph answers at (http:\S+\/)\n$/.exec(chunk.toString())?.[1];
  if (url === undefined) throw new Error(`it printed ${chunk.toString()}`);
  return { child, url };
}

describe('costgraph serve', () => {
  it('prints its address when it is ready, lets running requests end when it is stopped, and exits with 0', async () => {
    const { child, url } = await serve();
    expect((await fetch(`${url}health/ready`)).status).toBe(200);
    const query = '{ costs(query: { period: { month: "2024-09" } }) { totals { effectiveCost } } }';
    const answer = fetch(`${url}graphql?${new URLSearchParams({ query })}`);
    // Once the connection is made the request is running, or about to.
    await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGTERM');
    expect(await (await answer).json()).toEqual({
      data: { costs: { totals: { effectiveCost: '15.750000000001' } } },
    });
    const [status] = await once(child, 'close');
    expect(status).toBe(0);
    await expect(fetch(url)).rejects.toThrow();
  });

  it('says so when the port is taken', async () => {
    const { url } = await serve();
    const { port } = new URL(url);
    const { status, stderr } = await runToEnd(start(['serve'], { PORT: port }));
    expect(status).toBe(1);
    expect(stderr).toBe(`BAD_CONFIG: PORT is "${port}". Allowed: a port that is free.\n`);
  });
});

describe('costgraph query', () => {
  const file = () => join(folder, 'operation.graphql');
  const query = (...args: string[]) => runToEnd(start(['query', '--tenant', 'demo', ...args, file()]));

  it('prints what the server would answer', async () => {
    await writeFile(file(), 'query Q($q: CostQuery!) { costs(query: $q) { totals { chargeCount } } }');
    const variables = JSON.stringify({ q: { period: { month: '2024-09' } } });
    const { status, stdout, stderr } = await query('--variables', variables);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ data: { costs: { totals: { chargeCount: '4' } } } });
  });

  it('exits with 1 and the first error, after what there is of an answer', async () => {
    await writeFile(file(), '{ costs(query: { period: { month: "x" } }) { version } viewer { tenant } }');
    const { status, stdout, stderr } = await query();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^BAD_PERIOD: .*\n$/);
    expect(JSON.parse(stdout)).toMatchObject({ data: { costs: null, viewer: { tenant: 'demo' } } });
  });

  it('exits with 2 where the command line is wrong, and knows its tenants', async () => {
    expect((await query('--variables', '{')).status).toBe(2);
    expect((await runToEnd(start(['query', '--tenant', 'demo', join(folder, 'none')]))).status).toBe(2);
    const stranger = await runToEnd(start(['query', '--tenant', 'nobody', file()]));
    expect(stranger.status).toBe(1);
    expect(stranger.stderr).toContain('There is no tenant "nobody"');
  });
});
