import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { removeUnreferenced } from '../../../src/catalog/iceberg/expire-snapshots.ts';
import { listDataFiles } from '../../../src/catalog/iceberg/list-data-files.ts';
import { appendFiles } from '../../../src/catalog/iceberg/table-operations.ts';
import { emptyDataFile, openLake, sampleIdent } from './sample-files.ts';
import { reload, temporaryFolder } from './sample-table.ts';

const WRITER = join(import.meta.dirname, 'writer-process.ts');

type Outcome = {
  readonly code: number | null;
  readonly committed: readonly string[];
  readonly errors: string;
};

/** Runs a writer; with `killAfterMs` it is killed (SIGKILL) that long after its first commit. */
async function runWriter(
  warehouse: string,
  writer: string,
  commits: number,
  killAfterMs?: number,
): Promise<Outcome> {
  const child = spawn(process.execPath, [WRITER, warehouse, writer, String(commits)]);
  let output = '';
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => {
    if (output === '' && killAfterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    output += chunk.toString();
  });
  await once(child, 'close');
  return { code: child.exitCode, committed: output.split('\n').filter((line) => line !== ''), errors };
}

async function namesInTable(warehouse: string): Promise<string[]> {
  const lake = openLake(warehouse);
  const files = await listDataFiles(lake.manifests, await reload(lake));
  return files.map((file) => file.path.split('/').at(-1)?.replace('.parquet', '') ?? '');
}

describe('several processes', () => {
  it('make one table and append to it at once, and nothing is lost', async () => {
    const warehouse = await temporaryFolder();
    const outcomes = await Promise.all(
      ['a', 'b', 'c', 'd'].map((writer) => runWriter(warehouse, writer, 15)),
    );
    expect(outcomes.map(({ code, errors }) => ({ code, errors }))).toEqual(
      outcomes.map(() => ({ code: 0, errors: '' })),
    );
    const committed = outcomes.flatMap((outcome) => outcome.committed);
    expect(committed).toHaveLength(60);
    expect((await namesInTable(warehouse)).sort()).toEqual(committed.sort());

    const { metadata } = await reload(openLake(warehouse));
    expect(metadata.snapshots.map((snapshot) => snapshot['sequence-number'])).toEqual(
      Array.from({ length: 60 }, (_, i) => i + 1),
    );
    metadata.snapshots.forEach((snapshot, i) => {
      expect(snapshot['parent-snapshot-id']).toBe(metadata.snapshots[i - 1]?.['snapshot-id']);
    });
  }, 60_000);

  it('are killed at any moment, and the table stays readable with all that was confirmed', async () => {
    const warehouse = await temporaryFolder();
    const confirmed: string[] = [];
    for (let round = 0; round < 6; round++) {
      const writers = ['a', 'b'].map((name) =>
        runWriter(warehouse, `${name}${round}`, 1_000, Math.random() * 60),
      );
      for (const outcome of await Promise.all(writers)) {
        expect(outcome.errors).toBe('');
        confirmed.push(...outcome.committed);
      }
      const names = await namesInTable(warehouse);
      expect(names).toEqual(expect.arrayContaining(confirmed));
      expect(new Set(names).size).toBe(names.length);
    }
    const lake = openLake(warehouse);
    const before = await namesInTable(warehouse);
    await removeUnreferenced(lake, sampleIdent, { olderThan: Date.now() + 1_000 });
    const state = await reload(lake);
    await appendFiles(lake, state, [await emptyDataFile(state)], { summary: {}, rebase: false });
    expect((await namesInTable(warehouse)).length).toBe(before.length + 1);
  }, 60_000);
});
