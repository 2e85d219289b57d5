import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { beforeEach, describe, expect, it } from 'vitest';

import { runCommand } from '../../src/commands/run-command.ts';
import { filesOf } from '../../src/ingest/rollup-parts.ts';
import { expectPartsAreRight, randomCharges } from '../ingest/expected-parts.ts';
import { acme, IngestFolder } from '../ingest/ingest-folder.ts';

let bench: IngestFolder;
beforeEach(async () => {
  bench = await IngestFolder.open();
  await bench.load(randomCharges(60, 1));
  return () => bench[Symbol.asyncDispose]();
});

async function rollups(...args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const environment = { COSTGRAPH_DATA: join(bench.folder, 'data') };
  const all = ['rollups', ...args, '--tenant', acme];
  const status = await runCommand(all, { stdout, stderr, environment });
  stdout.end();
  stderr.end();
  return { status, stdout: await text(stdout), stderr: await text(stderr) };
}

describe('the command rollups', () => {
  it('creates one with its parts, lists and drops it with its files', async () => {
    const by = "service_name,tag:team,tag:a/~\\,'";
    const created = await rollups('create', '--name', 'teams', '--grain', 'day', '--by', by);
    expect(created).toMatchObject({ status: 0, stderr: '' });
    expect(created.stdout).toMatch(/^teams, by day: \d+ rows of \d+ bytes in 1 parts\n/);
    expect(created.stdout).toContain("  by service_name, tag:a/~,', tag:team\n");
    await expectPartsAreRight(bench);
    const listed = await rollups('list', '--json');
    const facts = listed.stdout
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(facts).toMatchObject([
      { name: 'hour' },
      { name: 'day' },
      { name: 'teams', parts: 1, leftOut: [] },
    ]);
    expect(await rollups('drop', '--name', 'teams')).toEqual({
      status: 0,
      stdout: 'rollup teams is dropped\n',
      stderr: '',
    });
    expect(await filesOf(bench.lake, acme, 'rollups')).toHaveLength(2);
  });

  it('builds all parts of a rollup anew', async () => {
    const paths = async () => (await filesOf(bench.lake, acme, 'rollups')).map(({ path }) => path);
    const before = await paths();
    expect((await rollups('rebuild', '--name', 'hour')).stdout).toMatch(/^hour, by hour: /);
    const after = await paths();
    expect(after.filter((path) => before.includes(path))).toHaveLength(1);
    await expectPartsAreRight(bench);
  });

  it.each([
    [['lst'], 2, 'Did you mean list?'],
    [['create', '--name', 'x', '--grain', 'week', '--by', 'service_name'], 2, 'neither hour nor day'],
    [['create', '--name', 'x', '--grain', 'day'], 2, '--by KEYS is missing'],
    [['create', '--name', 'x', '--grain', 'day', '--by', 'resource_id'], 1, 'BAD_ROLLUP'],
    [['create', '--name', 'day', '--grain', 'day', '--by', 'service_name'], 1, 'ROLLUP_EXISTS'],
    [['drop', '--name', 'hours'], 1, 'UNKNOWN_ROLLUP: There is no rollup "hours". Did you mean hour?'],
    [['rebuild', '--name', 'hours'], 1, 'UNKNOWN_ROLLUP'],
  ])('says what is wrong: %j', async (args, status, said) => {
    const result = await rollups(...args);
    expect(result).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(said) });
  });
});
