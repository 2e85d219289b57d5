import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { emptyIndex, everyFile } from '../../../src/catalog/file-index.ts';
import type { FileIndex } from '../../../src/catalog/file-index.ts';
import { indexDataFiles } from '../../../src/catalog/iceberg/index-data-files.ts';
import { listDataFiles, readManifestList } from '../../../src/catalog/iceberg/list-data-files.ts';
import { appendFiles, replaceFiles } from '../../../src/catalog/iceberg/table-operations.ts';
import { NOVEMBER, emptyDataFile, openLake } from './sample-files.ts';
import { newSampleTable } from './sample-table.ts';

const rebased = { summary: {}, rebase: true };
const paths = (index: FileIndex) => everyFile(index).map(({ path }) => path);

describe('indexDataFiles', () => {
  it('finds what a state lists, in the order of its manifests', async () => {
    const { lake, state } = await newSampleTable();
    const once = await appendFiles(lake, state, [await emptyDataFile(state)], rebased);
    const twice = await appendFiles(
      lake,
      once,
      [await emptyDataFile(state, { source: 'gcp', billing_month: NOVEMBER })],
      rebased,
    );
    const index = await indexDataFiles(lake.manifests, twice, emptyIndex);
    expect(paths(index)).toEqual((await listDataFiles(lake.manifests, twice)).map(({ path }) => path));
    expect([index.count, index.sizeBytes]).toEqual([2, 200]);
    const [newest] = everyFile(index);
    expect([newest?.partition, newest?.records]).toEqual([{ source: 'gcp', billing_month: NOVEMBER }, 1]);
    expect([newest?.holds('tenant'), newest?.nulls('tenant'), newest?.columnBytes('tenant')]).toEqual([
      true,
      'none',
      40,
    ]);
    expect(newest?.bounds('tenant')).toEqual({ lower: 'aws', upper: 'aws' }); // The sample's field 1.
    expect([newest?.holds('source'), newest?.nulls('source'), newest?.bounds('source')]).toEqual([
      false,
      null,
      null,
    ]);
    expect((await indexDataFiles(lake.manifests, state, emptyIndex)).count).toBe(0);
  });

  it('reads of a next state only the manifests that are new', async () => {
    const { lake, warehouse, state } = await newSampleTable();
    const files = await Promise.all([emptyDataFile(state), emptyDataFile(state)]);
    const once = await appendFiles(lake, state, files.slice(0, 1), rebased);
    const first = await indexDataFiles(lake.manifests, once, emptyIndex);
    const twice = await appendFiles(lake, once, files.slice(1), rebased);
    const [manifest] = await readManifestList(lake.manifests, once);
    await rm(manifest?.path ?? '');

    const { manifests } = openLake(warehouse);
    const second = await indexDataFiles(manifests, twice, first);
    expect(paths(second).sort()).toEqual(files.map(({ path }) => path).sort());
    expect(second.blocks.get(manifest?.path ?? '')).toBe(first.blocks.get(manifest?.path ?? ''));
    expect([second.pool, second.packedCount]).toEqual([first.pool, 2]);
    expect(paths(first)).toEqual([files[0]?.path]); // An earlier state is as it was.
    await expect(indexDataFiles(manifests, twice, emptyIndex)).rejects.toMatchObject({
      code: 'TABLE_DAMAGED',
    });
  });

  it('begins anew once most files that it packed are gone', async () => {
    const { lake, state } = await newSampleTable();
    let current = await appendFiles(lake, state, [await emptyDataFile(state)], rebased);
    let index = await indexDataFiles(lake.manifests, current, emptyIndex);
    const pools = new Set([index.pool]);
    for (let round = 0; round < 4; round++) {
      const drop = new Set(paths(index));
      current = await replaceFiles(lake, current, { drop, add: [await emptyDataFile(state)], summary: {} });
      index = await indexDataFiles(lake.manifests, current, index);
      pools.add(index.pool);
      expect(index.packedCount).toBeLessThanOrEqual(3 * index.count);
    }
    expect(index.count).toBe(1);
    expect(pools.size).toBeGreaterThan(1);
  });
});
