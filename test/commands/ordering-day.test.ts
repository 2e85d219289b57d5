import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runCommand } from '../../src/commands/run-command.ts';
import { exactUnits, orderingDay } from '../support/ordering-day.ts';

/** The tutorial's commands on a deployment of its own, and its numbers computed again by other means. */

const ROOT = join(import.meta.dirname, '../..');
const TUTORIAL = readFileSync(join(ROOT, 'docs/tutorial-ordering.md'), 'utf8');
const EXAMPLES = join(ROOT, 'examples/ordering');
const run = promisify(execFile);

/** Commands of the tutorial, each with what it prints by the block that follows, if one does. */
const steps = [...TUTORIAL.matchAll(/^```sh\n([^]*?)^```([^]*?)(?=^```sh|(?![^]))/gm)].map(
  ([, commands = '', after = '']) => {
    const [, language = null, printed = ''] = /^```(text|json)\n([^]*?)^```/m.exec(after) ?? [];
    return { commands, language, printed };
  },
);

let folder: string;
let environment: NodeJS.ProcessEnv;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'costgraph-tutorial-'));
  environment = { ...process.env, COSTGRAPH_DATA: join(folder, 'lake') };
  for (const name of ['data', 'examples', 'node_modules', 'package.json', 'scripts', 'src'])
    await symlink(join(ROOT, name), join(folder, name));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the document shows of a command's output. */
function shown(commands: string, stdout: string): unknown {
  if (!commands.includes(' query ')) return stdout;
  const answer: unknown = JSON.parse(stdout);
  // Of a plan the document shows the text.
  return commands.includes('/plan.graphql')
    ? `${(answer as { data: { costs: { explain: { text: string } } } }).data.costs.explain.text}\n`
    : answer;
}

describe('the tutorial', () => {
  it('has its steps', () => expect(steps.length).toBe(8));

  it.each(steps)('prints what it shows after $commands', async ({ commands, language, printed }) => {
    const { stdout, stderr } = await run('sh', ['-ec', commands], { cwd: folder, env: environment });
    const expected: unknown = language === 'json' ? JSON.parse(printed) : printed;
    expect(shown(commands, stdout)).toEqual(expected);
    expect(stderr).toBe('');
  });

  it('shows the rules as they are', () => {
    const [, yaml] = /^```yaml\n([^]*?)^```/m.exec(TUTORIAL) ?? [];
    const [comment, ...rules] = readFileSync(join(EXAMPLES, 'rules.yaml'), 'utf8').split('\n');
    expect(comment).toMatch(/^# yaml-language-server: /);
    expect(rules.join('\n')).toBe(yaml);
  });

  it('names every example', () => {
    for (const name of readdirSync(EXAMPLES)) expect(TUTORIAL).toContain(`(../examples/ordering/${name})`);
  });
});

type Row = {
  readonly time: string;
  readonly keys: readonly { readonly value: string | null }[];
  readonly effectiveCost: string;
};
type Costs = {
  readonly totals: { readonly effectiveCost: string };
  readonly rows: { readonly nodes: readonly Row[] };
};

const groupings: Readonly<Record<string, readonly string[]>> = {
  byBoth: ['customer', 'plan'],
  byPlan: ['plan'],
  byCustomer: ['customer'],
  byServiceAndPlan: ['service_name', 'plan'],
};

/** Under the tutorial's filter, hour by hour. */
async function askByHour(): Promise<Readonly<Record<string, Costs>>> {
  const path = join(folder, 'cells.graphql');
  const tables = Object.entries(groupings).map(
    ([alias, groupBy]) => `${alias}: costs(query: {
      period: { from: "2019-11-26T00:00:00Z", to: "2019-11-27T00:00:00Z" }, granularity: HOUR,
      filter: { dimension: { key: "tag:Application", in: ["ordering"] } }, groupBy: ${JSON.stringify(groupBy)}
    }) { totals { effectiveCost } rows(first: 2000) { nodes { time keys { value } effectiveCost } } }`,
  );
  await writeFile(path, `{ ${tables.join('\n')} }`);
  const stdout = new PassThrough();
  const io = { stdout, stderr: process.stderr, environment };
  expect(await runCommand(['query', '--tenant', 'demo', path], io)).toBe(0);
  // The answer to the operation above.
  return (JSON.parse(await text(stdout.end())) as { data: Record<string, Costs> }).data;
}

describe('the cost of the ordering day', () => {
  const exact = orderingDay();
  let answer: Readonly<Record<string, Costs>>;
  beforeAll(async () => {
    answer = await askByHour();
  });
  const rowsOf = (alias: string) => answer[alias]?.rows.nodes ?? [];

  it('is in every cell of customer, plan and hour the exact share, cut to 12 places', () => {
    const named = rowsOf('byBoth').filter(({ keys }) => keys.every(({ value }) => value !== null));
    const cells = new Map(
      named.map(({ time, keys, effectiveCost }) => [
        `${time} ${keys.map(({ value }) => value).join(' ')}`,
        exactUnits(effectiveCost),
      ]),
    );
    expect([...cells.keys()].sort()).toEqual([...exact.cells.keys()].sort());
    // A cell is a difference of two shares, each rounded down: less than one unit of 10^-12 off.
    const off = [...exact.cells].filter(([key, { numerator, denominator }]) => {
      const error = (cells.get(key) ?? 0n) * denominator - numerator;
      return error <= -denominator || error >= denominator;
    });
    expect(off).toEqual([]);
  });

  it('is in sight where there was no work', () => {
    const idle = rowsOf('byBoth').filter(({ keys }) => keys.some(({ value }) => value === null));
    const costs = idle.map(({ effectiveCost }) => exactUnits(effectiveCost));
    expect(idle.map(({ time }, i) => [time, costs[i]])).toEqual([...exact.withoutWork].sort());
    expect(sum(costs)).toBe(5_142_938_113_200n);
  });

  it.each(Object.keys(groupings))('adds up exactly hour by hour: %s', (alias) => {
    const byHour = Map.groupBy(rowsOf(alias), ({ time }) => time);
    const sums = [...byHour].map(([time, own]) => [
      time,
      sum(own.map(({ effectiveCost }) => exactUnits(effectiveCost))),
    ]);
    expect(sums).toEqual([...exact.costByHour].sort());
    expect(answer[alias]?.totals.effectiveCost).toBe('56.027165974800');
  });
});

function sum(units: readonly bigint[]): bigint {
  return units.reduce((all, each) => all + each, 0n);
}
