import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { runCommand } from '../../src/commands/run-command.ts';

const TEAM = 'version: 1\ndimensions:\n  - { key: team, rules: [{ value: all }] }\n';
const OWNERS = (file: string) => `version: 1
dimensions:
  - key: owner
    rules: [{ lookup: { name: owners, on: [sub_account_id], column: owner } }]
lookups: [{ name: owners, file: ${file} }]
`;

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'costgraph-rules-'));
  await mkdir(join(folder, 'rules'));
  file = join(folder, 'rules', 'rules.yaml');
  await writeFile(file, TEAM);
});
afterEach(() => rm(folder, { recursive: true }));

async function rules(...args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const environment = { COSTGRAPH_DATA: join(folder, 'data') };
  const status = await runCommand(['rules', ...args], { stdout, stderr, environment });
  stdout.end();
  stderr.end();
  return { status, stdout: await text(stdout), stderr: await text(stderr) };
}
const publish = (...args: readonly string[]) => rules('publish', '--tenant', 'acme', ...args, file);

describe('rules publish', () => {
  it('publishes a version once, and lists and shows what was published', async () => {
    expect(await publish()).toEqual({ status: 0, stdout: 'version 1 is published\n', stderr: '' });
    const again = await publish();
    expect(again).toMatchObject({ status: 0, stderr: '' });
    expect(again.stdout).toMatch(/^nothing is new: version 1 \(yaml\), published at \S+Z by cli\n$/);
    const edited = TEAM.replace('team', 'feature');
    await writeFile(file, edited);
    expect(JSON.parse((await publish('--json', '--base', '1')).stdout)).toMatchObject({
      file,
      version: 2,
      isNew: true,
      publishedBy: 'cli',
    });
    expect((await rules('list', '--tenant', 'acme')).stdout).toMatch(/^version 2 .*\nversion 1 .*\n$/);
    expect((await rules('show', '--tenant', 'acme')).stdout).toBe(edited);
    expect((await rules('show', '--tenant', 'acme', '1')).stdout).toBe(TEAM);
    expect(JSON.parse((await rules('show', '--tenant', 'acme', '1', '--json')).stdout)).toMatchObject({
      version: 1,
      source: TEAM,
      lookups: [],
    });
    const unknown = await rules('show', '--tenant', 'acme', '3');
    expect(unknown).toMatchObject({ status: 1, stdout: '' });
    expect(unknown.stderr).toMatch(/^UNKNOWN_RULES: .* There are versions 1 to 2\.\n$/);
    await writeFile(file, `${TEAM}# mine\n`);
    expect((await publish('--base', '1')).stderr).toMatch(/^RULES_CHANGED: /);
  });

  it('says what is wrong with its place, and publishes nothing', async () => {
    await writeFile(file, TEAM.replace('value', 'vaule'));
    const refused = await publish();
    expect(refused.status).toBe(1);
    expect(refused.stdout).toContain(`${file}:3:`);
    expect(refused.stderr).toMatch(/^BAD_RULES: /);
    expect((await rules('list', '--tenant', 'acme')).stderr).toMatch(/no tenant "acme"/);
  });

  it('stores the lookup files that are beside the rules, and no others', async () => {
    await writeFile(join(folder, 'rules', 'owners.csv'), 'sub_account_id,owner\n1,search\n');
    await writeFile(join(folder, 'secret.csv'), 'sub_account_id,owner\n1,secret\n');
    for (const outside of ['../secret.csv', join(folder, 'secret.csv'), 'none.csv']) {
      await writeFile(file, OWNERS(outside));
      expect(await publish()).toMatchObject({ status: 1, stderr: expect.stringMatching(/^BAD_RULES: /) });
    }
    await writeFile(file, OWNERS('owners.csv'));
    expect((await publish()).stdout).toBe('version 1 is published\n');
    expect(JSON.parse((await rules('show', '--tenant', 'acme', '--json')).stdout)).toMatchObject({
      lookups: [{ file: 'owners.csv', text: 'sub_account_id,owner\n1,search\n' }],
    });
  });

  it.each([
    ['no tenant', ['publish', 'x.yaml']],
    ['no file', ['publish', '--tenant', 'acme']],
    ['a file that is not there', ['publish', '--tenant', 'acme', 'x.yaml']],
    ['an unknown word', ['publsh', '--tenant', 'acme']],
    ['too much', ['list', '--tenant', 'acme', 'a', 'b']],
  ])('is refused with %s', async (_, args) => {
    expect(await rules(...args)).toMatchObject({ status: 2, stderr: expect.stringMatching(/^USAGE: /) });
  });
});
