import { access, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Lake, TableState } from '../../../src/catalog/iceberg/catalog.ts';
import { expireSnapshots, removeUnreferenced } from '../../../src/catalog/iceberg/expire-snapshots.ts';
import { listDataFiles } from '../../../src/catalog/iceberg/list-data-files.ts';
import { appendFiles, dropFiles, replaceFiles } from '../../../src/catalog/iceberg/table-operations.ts';
import { emptyDataFile, openLake, sampleIdent } from './sample-files.ts';
import { newSampleTable, reload } from './sample-table.ts';

const rebased = { summary: {}, rebase: true };
const HOUR_MS = 3_600_000;
const inAnHour = (): number => Date.now() + HOUR_MS;

describe('expireSnapshots', () => {
  it('forgets what was superseded before the given time, and keeps the last ones', async () => {
    const { lake, state } = await newSampleTable();
    let newest = state;
    for (let i = 0; i < 5; i++)
      newest = await appendFiles(lake, newest, [await emptyDataFile(state)], rebased);
    expect(await expireSnapshots(lake, newest, { olderThan: Date.now() - HOUR_MS, keepLast: 1 })).toBe(
      newest,
    );

    const three = await expireSnapshots(lake, newest, { olderThan: inAnHour(), keepLast: 3 });
    expect(sequences(three)).toEqual([3, 4, 5]);
    expect(three.metadata['snapshot-log']).toHaveLength(3);
    const one = await expireSnapshots(lake, three, { olderThan: inAnHour(), keepLast: 1 });
    expect(sequences(one)).toEqual([5]);
    expect(one.snapshotId).toBe(newest.snapshotId);
    expect(await listDataFiles(lake.manifests, one)).toHaveLength(5);
    expect(await expireSnapshots(lake, one, { olderThan: inAnHour(), keepLast: 1 })).toBe(one);
  });

  it('keeps an old snapshot that was current until just now: readers may hold it', async () => {
    const { lake, state } = await newSampleTable();
    const first = await appendFiles(lake, state, [await emptyDataFile(state)], rebased);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const olderThan = Date.now();
    const second = await appendFiles(lake, first, [await emptyDataFile(state)], rebased);
    expect(await expireSnapshots(lake, second, { olderThan, keepLast: 1 })).toBe(second);
  });

  it('goes together with an append of others', async () => {
    const { lake, state } = await newSampleTable();
    const first = await appendFiles(lake, state, [await emptyDataFile(state)], rebased);
    const second = await appendFiles(lake, first, [await emptyDataFile(state)], rebased);
    await appendFiles(lake, second, [await emptyDataFile(state)], rebased);
    const after = await expireSnapshots(lake, second, { olderThan: inAnHour(), keepLast: 1 });
    expect(sequences(after)).toEqual([2, 3]);
    expect(await listDataFiles(lake.manifests, after)).toHaveLength(3);
  });
});

describe('removeUnreferenced', () => {
  it('deletes what expired snapshots alone held, and keeps what the retained ones need', async () => {
    const { lake, state } = await newSampleTable();
    const files = await Promise.all([1, 2, 3, 4].map(() => emptyDataFile(state)));
    const [replaced, dropped, kept, compact] = files;
    if (!replaced || !dropped || !kept || !compact) throw new Error('there are four');
    const first = await appendFiles(lake, state, [replaced, dropped, kept], rebased);
    const drop = new Set([replaced.path]);
    const second = await replaceFiles(lake, first, { drop, add: [compact], summary: {} });
    const third = await dropFiles(lake, second, (file) => file.path === dropped.path);
    const kept2 = await expireSnapshots(lake, third, { olderThan: inAnHour(), keepLast: 2 });

    expect(await removeUnreferenced(lake, sampleIdent, { olderThan: inAnHour() })).toMatchObject({
      files: 3,
    });
    await expect(access(replaced.path)).rejects.toThrow('ENOENT');
    expect(await pathsFromDisk(kept2)).toEqual([compact.path, kept.path].sort());
    expect(await pathsFromDisk({ ...kept2, snapshotId: second.snapshotId })).toContain(dropped.path);

    await expireSnapshots(lake, kept2, { olderThan: inAnHour(), keepLast: 1 });
    await removeUnreferenced(lake, sampleIdent, { olderThan: inAnHour() });
    await expect(access(dropped.path)).rejects.toThrow('ENOENT');
    expect(await pathsFromDisk(await reload(lake))).toEqual([compact.path, kept.path].sort());
    expect(await removeUnreferenced(lake, sampleIdent, { olderThan: inAnHour() })).toEqual({
      files: 0,
      bytes: 0,
    });
  });

  it('deletes what crashed writers left once it is old, and nothing of a commit under way', async () => {
    const { lake, state } = await newSampleTable();
    const newest = await appendFiles(lake, state, [await emptyDataFile(state)], rebased);
    const left = ['data/left.parquet', 'metadata/left-m0.avro', 'metadata/.draft-left'];
    const young = ['data/young.parquet', 'metadata/snap-young.avro'];
    const foreign = ['data/notes.txt', 'metadata/statistics.puffin'];
    for (const name of [...left, ...young, ...foreign]) await writeFile(join(state.location, name), 'x');
    const dayAgo = new Date(Date.now() - 24 * HOUR_MS);
    for (const name of [...left, ...foreign]) await utimes(join(state.location, name), dayAgo, dayAgo);

    const removed = await removeUnreferenced(lake, sampleIdent, { olderThan: Date.now() - HOUR_MS });
    expect(removed).toEqual({ files: 3, bytes: 3 });
    const remaining = await readdir(state.location, { recursive: true });
    expect(remaining).toEqual(expect.arrayContaining([...young, ...foreign]));
    expect(remaining).not.toEqual(expect.arrayContaining([left[0]]));
    expect(await pathsFromDisk(newest)).toHaveLength(1);
  });

  it('has nothing to do where there is no table', async () => {
    const { lake } = await newSampleTable();
    const ident = { ...sampleIdent, name: 'tags' } as const;
    expect(await removeUnreferenced(lake, ident, { olderThan: 0 })).toEqual({ files: 0, bytes: 0 });
  });
});

function sequences(state: TableState): number[] {
  return state.metadata.snapshots.map((snapshot) => snapshot['sequence-number']);
}

/** Of a process that knows nothing yet, and only files that exist. */
async function pathsFromDisk(state: TableState): Promise<string[]> {
  const fresh: Lake = openLake('/unused');
  const paths = (await listDataFiles(fresh.manifests, state)).map((file) => file.path);
  await Promise.all(paths.map((path) => access(path)));
  return paths.sort();
}
