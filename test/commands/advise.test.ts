import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { runCommand } from '../../src/commands/run-command.ts';
import { readConfig } from '../../src/config.ts';
import { demoTenant } from '../../src/core/ids.ts';
import type { WantedInput } from '../../src/execute/engine.ts';
import { loadSample } from '../../src/ingest/sample.ts';
import { ADVICE_TIMES_MIN } from '../../src/planner/advise/advise.ts';
import type { RollupAdvice } from '../../src/planner/advise/advise.ts';
import { openEngine } from '../../src/server.ts';
import { costQuery } from '../support/questions.ts';

const TIMES = 2 * ADVICE_TIMES_MIN;

let folder: string;
const environment = () => ({ COSTGRAPH_DATA: join(folder, 'data'), COSTGRAPH_THREADS: '2' });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'costgraph-advise-'));
  const config = readConfig(environment());
  await using opened = await openEngine(config);
  await loadSample({ ...opened, ...config }, () => () => undefined);
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

async function costgraph(...args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const status = await runCommand(args, { stdout, stderr, environment: environment() });
  stdout.end();
  stderr.end();
  return { status, stdout: await text(stdout), stderr: await text(stderr) };
}

async function advice(): Promise<RollupAdvice> {
  const { stdout } = await costgraph('advise', '--tenant', demoTenant, '--json');
  return JSON.parse(stdout) as RollupAdvice; // The command prints one.
}

/** Months of costs by a tag, each asked of the stores. */
async function askByTag(times: number): Promise<{ sources: string[]; totals: unknown }> {
  await using opened = await openEngine(readConfig(environment()));
  const { engine } = opened;
  const wanted: WantedInput = {
    rows: { metrics: ['EFFECTIVE_COST'], amounts: [], distinct: [], offset: 0, limit: 100 },
    totals: null,
    conservation: [],
  };
  const query = costQuery({
    period: { from: '2015-01-01T00:00:00Z', to: '2026-12-01T00:00:00Z' },
    granularity: 'MONTH',
    groupBy: ['tag:application', 'billing_currency'],
  });
  const bound = await engine.bind(demoTenant, query, wanted, Date.now());
  const signal = new AbortController().signal;
  const options = {
    signal,
    deadlineMs: 60_000,
    startedAt: Infinity,
    forceStore: null,
    noCache: true,
    rulesOff: new Set<string>(),
  };
  let totals: unknown = null;
  for (let i = 0; i < times; i++) totals = (await engine.answer(bound, options)).rows?.columns;
  const { candidates } = await engine.explain(bound, false, options);
  const sources = candidates.filter(({ chosen }) => chosen).map(({ source }) => source);
  return { sources, totals };
}

it('proposes a rollup by what is asked, which then answers it, and proposes it no more', async () => {
  expect(await advice()).toMatchObject({ isEnough: false, times: 0, observedDays: 0 });
  const before = await askByTag(TIMES);
  expect(before.sources).toEqual(['charges']);

  const { add, times } = await advice();
  expect(times).toBe(TIMES);
  expect(add).toHaveLength(1);
  expect(add[0]).toMatchObject({ grain: 'day', attributes: ['tag:application'], times });
  const printed = await costgraph('advise', '--tenant', demoTenant);
  expect(printed).toMatchObject({ status: 0, stderr: '' });
  const [, command = ''] = /^ {2}npm run -s costgraph -- (rollups create .*)$/m.exec(printed.stdout) ?? [];
  expect(`npm run -s costgraph -- ${command}`).toBe(add[0]?.command);
  const created = await costgraph(...command.split(' '));
  expect(created).toMatchObject({ status: 0, stderr: '' });
  const [, rows = NaN] = /: (\d+) rows of /.exec(created.stdout) ?? [];
  expect((add[0]?.rows ?? 0) / Number(rows)).toBeGreaterThan(0.2);
  expect((add[0]?.rows ?? 0) / Number(rows)).toBeLessThan(5);

  const after = await askByTag(1);
  expect(after.sources).toEqual(['rollup day-application']);
  expect(after.totals).toEqual(before.totals);
  const next = await advice();
  expect(next.add).toEqual([]);
  expect(next.keep.map(({ name, times }) => ({ name, times }))).toContainEqual({
    name: 'day-application',
    times: 1,
  });
  expect(await costgraph('verify', '--tenant', demoTenant)).toMatchObject({ status: 0 });
}, 120_000);

it.each(['0', '31', 'week'])('says that --days %s is wrong', async (days) => {
  expect(await costgraph('advise', '--tenant', demoTenant, '--days', days)).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringContaining('Give 1 to 30.'),
  });
});
