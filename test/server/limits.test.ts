/** What an asker over HTTP sees of limits, and what an operator does about them by the command. */
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAuthenticate } from '../../src/access/authenticate.ts';
import { issueToken } from '../../src/access/issue-token.ts';
import { runCommand } from '../../src/commands/run-command.ts';
import type { OpenEngine } from '../../src/server.ts';
import { openEngine } from '../../src/server.ts';
import { tenant } from '../support/deployment.ts';
import type { GraphqlResult, Harness } from '../support/graphql-harness.ts';
import { startGraphql } from '../support/graphql-harness.ts';
import { makeDeployment } from './deployment.ts';

const secret = 'a secret of the tests, long enough';
let opened: OpenEngine;
let harness: Harness;
let dataFolder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  const deployment = await makeDeployment();
  remove = deployment.remove;
  dataFolder = deployment.config.dataFolder;
  opened = await openEngine(deployment.config);
  harness = await startGraphql(opened.engine, {
    authenticate: createAuthenticate({ kind: 'secret', secret }),
  });
});
afterAll(async () => {
  await harness.close();
  await opened[Symbol.asyncDispose]();
  await remove();
});

async function ask(who: string, query: string): Promise<{ status: number; answer: GraphqlResult }> {
  const claims = { tenant: tenant(who), subject: 'test', scopes: ['read' as const], ttlSeconds: 60 };
  const response = await fetch(`${harness.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${await issueToken(claims, secret)}`,
    },
    body: JSON.stringify({ query }),
  });
  return { status: response.status, answer: (await response.json()) as GraphqlResult };
}

async function costgraph(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const environment = { COSTGRAPH_DATA: dataFolder, COSTGRAPH_QUERY_MS_MAX: '70000' };
  const status = await runCommand(args, { stdout, stderr, environment });
  return { status, stdout: await text(stdout.end()), stderr: await text(stderr.end()) };
}

const TABLES = `{
  autumn: costs(query: { period: { from: "2024-09-01T00:00:00Z", to: "2024-11-01T00:00:00Z" }, groupBy: ["billing_currency"] }) { totals { chargeCount } }
  nothing: costs(query: { period: { month: "2020-01" } }) { totals { chargeCount } }
}`;

describe('a table that is over a limit', () => {
  it('is null beside its siblings, with an error that people and programs can read', async () => {
    await costgraph('limits', '--tenant', 'demo', '--query-rows', '4');
    const { status, answer } = await ask('demo', TABLES);
    expect(status).toBe(200);
    expect(answer.data).toEqual({ autumn: null, nothing: { totals: { chargeCount: '0' } } });
    expect(answer.errors).toEqual([
      {
        message: 'By estimate the query reads 6 rows; the limit is 4 rows',
        locations: [{ line: 2, column: 3 }],
        path: ['autumn'],
        extensions: {
          code: 'QUERY_TOO_EXPENSIVE',
          hint: 'By estimate this fits: at most 29 days, as from 2024-09-03T00:00:00Z to 2024-10-02T00:00:00Z.',
          measure: 'rows',
          estimate: '6',
          limit: '4',
        },
      },
    ]);
  });

  it('is answered for another tenant, and again when the limit is gone', async () => {
    expect((await ask('acme', TABLES)).answer).not.toHaveProperty('errors');
    await costgraph('limits', '--tenant', 'demo', '--clear');
    expect((await ask('demo', TABLES)).answer).toEqual({
      data: { autumn: { totals: { chargeCount: '6' } }, nothing: { totals: { chargeCount: '0' } } },
    });
  });

  it('that nobody may ask any more today says when', async () => {
    await costgraph('limits', '--tenant', 'demo', '--daily-ms', '0');
    // What was answered before is kept, and costs nothing.
    const { answer } = await ask('demo', TABLES.replace('chargeCount', 'billedCost'));
    expect(answer.errors).toMatchObject([
      {
        message: expect.stringMatching(/^The daily budget of 0 ms is used up: \d+ were used$/),
        extensions: {
          code: 'QUERY_TOO_EXPENSIVE',
          hint: expect.stringMatching(
            /^It starts anew at \d{4}-\d\d-\d\dT00:00:00Z; an operator can raise it/,
          ),
          budget: '0',
          until: expect.stringMatching(/T00:00:00Z$/),
        },
      },
    ]);
    await costgraph('limits', '--tenant', 'demo', '--clear');
  });
});

describe('costgraph limits', () => {
  it('shows what holds: the tenant’s own, else what this environment says', async () => {
    const { status, stdout } = await costgraph(
      'limits',
      '--tenant',
      'acme',
      '--query-usd',
      '0.5',
      '--daily-bytes',
      '1000',
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(
      new RegExp(
        [
          'acme',
          '  query-bytes   100000000000',
          '  query-rows    10000000000',
          '  query-groups  10000000',
          '  query-usd     0\\.5 \\(its own\\)',
          '  query-ms      70000',
          '  daily-bytes   1000 \\(its own\\)',
          '  daily-usd     none',
          '  daily-ms      none',
          '  used on \\d{4}-\\d\\d-\\d\\d \\(UTC\\): \\d+ bytes, [\\d.]+ US dollars, \\d+ ms\n$',
        ].join('\n'),
      ),
    );
  });

  it('adds to what is there, and clears it first where asked', async () => {
    await costgraph('limits', '--tenant', 'acme', '--query-ms', '5');
    const json = async (...args: string[]) =>
      JSON.parse((await costgraph('limits', '--tenant', 'acme', '--json', ...args)).stdout);
    expect(await json()).toMatchObject({
      tenant: 'acme',
      limits: {
        'query-usd': { value: '0.5', own: true },
        'query-ms': { value: '5', own: true },
        'daily-bytes': { value: '1000', own: true },
        'daily-ms': { value: null, own: false },
      },
      today: {
        day: expect.any(String),
        bytes: expect.any(String),
        usd: expect.any(String),
        ms: expect.any(String),
      },
    });
    expect(await json('--clear', '--query-rows', '6')).toMatchObject({
      limits: { 'query-usd': { own: false }, 'query-rows': { value: '6', own: true } },
    });
    expect((await json('--clear')).limits['query-rows']).toEqual({ value: '10000000000', own: false });
  });

  it.each([
    [
      ['--tenant', 'acme', '--query-ms', '1.5'],
      2,
      'USAGE: --query-ms "1.5" is no limit. Give a whole number',
    ],
    [
      ['--tenant', 'acme', '--daily-usd', 'much'],
      2,
      'USAGE: --daily-usd "much" is no limit. Give US dollars',
    ],
    [['--tenant', 'acme', '--daily-rows', '1'], 2, 'USAGE: There is no option --daily-rows'],
    [['--tenant', 'nobody', '--query-ms', '1'], 1, 'BAD_REQUEST: There is no tenant "nobody"'],
    [[], 2, 'USAGE: --tenant T is missing'],
  ])('refuses %j', async (args, status, said) => {
    const outcome = await costgraph('limits', ...args);
    expect(outcome).toMatchObject({ status, stdout: '' });
    expect(outcome.stderr).toContain(said);
  });
});
