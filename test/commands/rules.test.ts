import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { beforeEach, describe, expect, it } from 'vitest';

import { runCommand } from '../../src/commands/run-command.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'costgraph-rules-'));
  return () => rm(folder, { recursive: true });
});

async function rules(...args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const status = await runCommand(['rules', ...args], { stdout, stderr, environment: {} });
  stdout.end();
  stderr.end();
  return { status, stdout: await text(stdout), stderr: await text(stderr) };
}

async function written(rules: string, csv = 'sub_account_id,team\n1,web\n'): Promise<string> {
  await writeFile(join(folder, 'owners.csv'), csv);
  await writeFile(join(folder, 'rules.yaml'), rules);
  return join(folder, 'rules.yaml');
}

const GOOD = `version: 1
dimensions:
  - key: team
    rules:
      - { lookup: { name: owners, on: sub_account_id, column: team } }
      - { value: Web }
lookups: [{ name: owners, file: owners.csv }]
`;

describe('the command rules', () => {
  it('sums up rules that can be published, with what is probably a mistake', async () => {
    const file = await written(GOOD);
    expect(await rules('check', file)).toEqual({
      status: 0,
      stderr: '',
      stdout: [
        `${file}:6:9: warning: similar-values: "Web" of team differs from "web" (owners.csv, line 2) by case or punctuation alone. If they are the same, write them alike.`,
        `${file}: 1 dimension, 2 rules, 1 lookup, 0 splits; 1 warning`,
        '',
      ].join('\n'),
    });
  });

  it('names file, line and column of all that is wrong, and fails with one line', async () => {
    const file = await written(GOOD.replace('value: Web', 'valeu: Web'), 'sub_account_id,team\n1,a\n1,b\n');
    const result = await rules('check', file);
    expect(result).toMatchObject({ status: 1 });
    expect(result.stdout.split('\n')).toEqual([
      `${file}:6:11: error: A rule has no field "valeu". Did you mean value?`,
      `${join(folder, 'owners.csv')}:3:1: error: sub_account_id ["1"] is on line 2 too, for the same time. Leave one out, or part them by valid_from and valid_to.`,
      '',
    ]);
    expect(result.stderr).toBe(
      `BAD_RULES: ${file} has 2 problems; the first, ${file}:6:11: A rule has no field "valeu". Did you mean value?\n`,
    );
  });

  it('prints JSON', async () => {
    const file = await written(GOOD.replace('version: 1', 'version: 3'));
    const { status, stdout } = await rules('check', '--json', file);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      file,
      errors: [{ line: 1, column: 10, message: 'version is 3, not 1', hint: 'Write 1.', file: null }],
      warnings: [],
    });
  });

  it.each([
    [['chek', 'x'], 'Did you mean check?'],
    [['check'], 'check FILE is missing'],
    [['check', '/no/such/file'], 'The file "/no/such/file" cannot be read'],
  ])('says how it is called: %j', async (args, said) => {
    expect(await rules(...args)).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining(said),
    });
  });
});
