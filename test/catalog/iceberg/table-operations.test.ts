import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { avroCodec } from '../../../src/catalog/iceberg/avro.ts';
import type { IcebergCatalog, Lake, TableState } from '../../../src/catalog/iceberg/catalog.ts';
import { listDataFiles, readManifestList } from '../../../src/catalog/iceberg/list-data-files.ts';
import { manifestMayHold } from '../../../src/catalog/iceberg/manifest-list.ts';
import { manifestListSchema } from '../../../src/catalog/iceberg/manifest-schema.ts';
import { currentSchema, snapshotById } from '../../../src/catalog/iceberg/metadata.ts';
import { SMALL_MANIFESTS_MAX } from '../../../src/catalog/iceberg/rewrite-manifests.ts';
import {
  appendFiles,
  createTable,
  dropFiles,
  ensureColumns,
  replaceFiles,
} from '../../../src/catalog/iceberg/table-operations.ts';
import { costError } from '../../../src/core/errors.ts';
import { emptyDataFile, NOVEMBER, OCTOBER, openLake, sampleIdent, sampleTable } from './sample-files.ts';
import { newSampleTable, reload } from './sample-table.ts';

const rebased = { summary: {}, rebase: true };

describe('appendFiles', () => {
  it('adds files that come back as they went in, with their sequence number', async () => {
    const { lake, warehouse, state } = await newSampleTable();
    const first = await emptyDataFile(state);
    const second = await emptyDataFile(state, { source: 'gcp', billing_month: NOVEMBER });
    const once = await appendFiles(lake, state, [first], { summary: { batch: 'b1' }, rebase: true });
    const twice = await appendFiles(lake, once, [second], { summary: { batch: 'b2' }, rebase: true });

    const files = await listDataFiles(openLake(warehouse).manifests, await reload(lake));
    expect(files).toEqual([
      { ...second, sequenceNumber: 2, fileSequenceNumber: 2, addedSnapshotId: twice.snapshotId },
      { ...first, sequenceNumber: 1, fileSequenceNumber: 1, addedSnapshotId: once.snapshotId },
    ]);
    expect(await paths(lake, once)).toEqual([first.path]); // An earlier state reads as before.
    expect(await paths(lake, state)).toEqual([]);
    expect(twice.metadata.snapshots.map((snapshot) => snapshot.summary['batch'])).toEqual(['b1', 'b2']);
    expect(snapshotById(twice.metadata, twice.snapshotId)?.summary).toMatchObject({
      operation: 'append',
      'added-records': '1',
      'total-records': '2',
      'total-data-files': '2',
      'total-files-size': '200',
    });
  });

  it('makes no commit of no files', async () => {
    const { lake, state } = await newSampleTable();
    expect(await appendFiles(lake, state, [], rebased)).toBe(state);
  });

  it('appends to what others made of the table, with rebase', async () => {
    const { lake, state } = await newSampleTable();
    const files = await Promise.all([emptyDataFile(state), emptyDataFile(state), emptyDataFile(state)]);
    await Promise.all(files.map((file) => appendFiles(lake, state, [file], rebased)));
    const newest = await reload(lake);
    expect((await paths(lake, newest)).sort()).toEqual(files.map((file) => file.path).sort());
    expect(newest.metadata.snapshots.map((snapshot) => snapshot['sequence-number'])).toEqual([1, 2, 3]);
    expect(await metadataFiles(state)).toHaveLength(6); // A manifest and a list each, none of lost attempts.
  });

  it('leaves a conflict to the caller, without rebase, and leaves nothing behind', async () => {
    const { lake, state } = await newSampleTable();
    const [mine, theirs] = [await emptyDataFile(state), await emptyDataFile(state)];
    await appendFiles(lake, state, [theirs], rebased);
    const commit = appendFiles(lake, state, [mine], { summary: {}, rebase: false });
    await expect(commit).rejects.toMatchObject({ code: 'COMMIT_CONFLICT' });
    expect(await paths(lake, await reload(lake))).toEqual([theirs.path]);
    expect(await metadataFiles(state)).toHaveLength(2);
    const again = await appendFiles(lake, await reload(lake), [mine], { summary: {}, rebase: false });
    expect(await paths(lake, again)).toHaveLength(2);
  });

  it('refuses to change a past state, and files from elsewhere', async () => {
    const { lake, state } = await newSampleTable();
    const once = await appendFiles(lake, state, [await emptyDataFile(state)], rebased);
    const file = await emptyDataFile(state);
    await expect(appendFiles(lake, { ...once, snapshotId: null }, [file], rebased)).rejects.toThrow(
      'past state',
    );
    const foreign = { ...file, path: '/elsewhere/file.parquet' };
    await expect(appendFiles(lake, once, [foreign], rebased)).rejects.toThrow('not in its table');
    const missing = { ...file, path: `${file.path}.none` };
    await expect(appendFiles(lake, once, [missing], rebased)).rejects.toThrow('ENOENT');
    expect(await lake.catalog.load(sampleIdent, once)).toBe(once);
  });

  it('deletes nothing when it is not known whether the commit is in', async () => {
    const { lake, state } = await newSampleTable();
    const lossy: IcebergCatalog = {
      ...lake.catalog,
      commit: async (...commit) => {
        await lake.catalog.commit(...commit);
        throw costError('COMMIT_UNKNOWN', { table: 'demo.charges' });
      },
    };
    const file = await emptyDataFile(state);
    const append = appendFiles({ ...lake, catalog: lossy }, state, [file], rebased);
    await expect(append).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' });
    expect(await paths(lake, await reload(lake))).toEqual([file.path]);
  });

  it('gives up, and leaves nothing behind, when the table was made anew under the name', async () => {
    const { lake, state } = await newSampleTable();
    const other = { ...state, metadata: { ...state.metadata, 'table-uuid': 'other' } };
    const append = appendFiles(lake, other, [await emptyDataFile(state)], rebased);
    await expect(append).rejects.toMatchObject({ code: 'COMMIT_CONFLICT' });
    expect(await metadataFiles(state)).toEqual([]);
  });

  it('merges small manifests before they become many, and reads the same', async () => {
    const { lake, warehouse, state } = await newSampleTable();
    const added: string[] = [];
    let newest = state;
    for (let i = 0; i < SMALL_MANIFESTS_MAX + 10; i++) {
      const file = await emptyDataFile(state, { source: `s${i % 3}`, billing_month: OCTOBER + i });
      added.push(file.path);
      newest = await appendFiles(lake, newest, [file], rebased);
      const list = await readManifestList(lake.manifests, newest);
      expect(list.length).toBeLessThanOrEqual(SMALL_MANIFESTS_MAX + 1);
    }
    const files = await listDataFiles(openLake(warehouse).manifests, newest);
    expect(files.map((file) => file.path).sort()).toEqual(added.sort());
    expect(files.map((file) => file.sequenceNumber).sort((a, b) => a - b)).toEqual(
      added.map((_, i) => i + 1),
    );
    expect(new Set(files.map((file) => file.addedSnapshotId)).size).toBe(added.length);
  });
});

describe('replaceFiles', () => {
  it('puts new files in the place of old ones', async () => {
    const { lake, state } = await newSampleTable();
    const old = [await emptyDataFile(state), await emptyDataFile(state), await emptyDataFile(state)];
    const compact = await emptyDataFile(state);
    const [a, b, kept] = (await appendFiles(lake, state, old, rebased)) && old.map((file) => file.path);
    const before = await reload(lake);
    const drop = new Set([a ?? '', b ?? '']);
    const after = await replaceFiles(lake, before, { drop, add: [compact], summary: {} });
    expect((await paths(lake, after)).sort()).toEqual([compact.path, kept].sort());
    expect(await paths(lake, before)).toHaveLength(3);
    const sequences = new Map(
      (await listDataFiles(lake.manifests, after)).map((f) => [f.path, f.sequenceNumber]),
    );
    expect(sequences.get(kept ?? '')).toBe(1);
    expect(snapshotById(after.metadata, after.snapshotId)?.summary).toMatchObject({
      operation: 'replace',
      'deleted-data-files': '2',
      'total-data-files': '2',
    });
  });

  it('is a conflict, and changes nothing, when others dropped one of the files meanwhile', async () => {
    const { lake, state } = await newSampleTable();
    const old = [await emptyDataFile(state), await emptyDataFile(state)];
    const base = await appendFiles(lake, state, old, rebased);
    const drop = new Set(old.map((file) => file.path));
    const theirs = await dropFiles(lake, base, (file) => file.path === old[0]?.path);
    const mine = replaceFiles(lake, base, { drop, add: [await emptyDataFile(state)], summary: {} });
    await expect(mine).rejects.toMatchObject({ code: 'COMMIT_CONFLICT' });
    expect(await lake.catalog.load(sampleIdent, theirs)).toBe(theirs);
    expect(await paths(lake, theirs)).toEqual([old[1]?.path]);
  });

  it('is rebased when others added files meanwhile', async () => {
    const { lake, state } = await newSampleTable();
    const old = await emptyDataFile(state);
    const base = await appendFiles(lake, state, [old], rebased);
    const theirs = await emptyDataFile(state);
    await appendFiles(lake, base, [theirs], rebased);
    const compact = await emptyDataFile(state);
    const after = await replaceFiles(lake, base, { drop: new Set([old.path]), add: [compact], summary: {} });
    expect((await paths(lake, after)).sort()).toEqual([compact.path, theirs.path].sort());
  });

  it('lets one of two win that replace the same file', async () => {
    const { lake, warehouse, state } = await newSampleTable();
    const old = await emptyDataFile(state);
    const base = await appendFiles(lake, state, [old], rebased);
    const compacted = await Promise.all([1, 2, 3].map(() => emptyDataFile(state)));
    const outcomes = await Promise.allSettled(
      compacted.map((file) =>
        replaceFiles(openLake(warehouse), base, { drop: new Set([old.path]), add: [file], summary: {} }),
      ),
    );
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
    expect(await paths(lake, await reload(lake))).toHaveLength(1);
  });
});

describe('dropFiles', () => {
  it('drops by partition, also what others added meanwhile', async () => {
    const { lake, state } = await newSampleTable();
    const october = { source: 'aws', billing_month: OCTOBER };
    const kept = await emptyDataFile(state, { source: 'aws', billing_month: NOVEMBER });
    const base = await appendFiles(lake, state, [await emptyDataFile(state, october), kept], rebased);
    await appendFiles(lake, base, [await emptyDataFile(state, october)], rebased);
    const after = await dropFiles(lake, base, (file) => file.partition['billing_month'] === OCTOBER, {
      why: 'old',
    });
    expect(await paths(lake, after)).toEqual([kept.path]);
    expect(snapshotById(after.metadata, after.snapshotId)?.summary).toMatchObject({
      operation: 'delete',
      why: 'old',
      'deleted-data-files': '2',
      'total-records': '1',
    });
    const all = await dropFiles(lake, after, () => true);
    const list = await readManifestList(lake.manifests, await appendFiles(lake, all, [kept], rebased));
    expect(list).toHaveLength(1); // Manifests of dropped files alone are not carried on.
  });

  it('makes no commit where nothing is to be dropped', async () => {
    const { lake, state } = await newSampleTable();
    expect(await dropFiles(lake, state, () => true)).toBe(state);
  });
});

describe('listDataFiles', () => {
  it('reads only manifests that may hold the partition', async () => {
    const { lake, state } = await newSampleTable();
    const aws = await emptyDataFile(state, { source: 'aws', billing_month: OCTOBER });
    const none = await emptyDataFile(state, { source: null, billing_month: NOVEMBER });
    const one = await appendFiles(lake, state, [aws], rebased);
    const both = await appendFiles(lake, one, [none], rebased);
    const only = async (column: string, value: string | number | null): Promise<string[]> => {
      const manifestFilter = (manifest: Parameters<typeof manifestMayHold>[0]): boolean =>
        manifestMayHold(manifest, column, value);
      return (await listDataFiles(lake.manifests, both, { manifestFilter })).map((file) => file.path);
    };
    expect(await only('source', 'aws')).toEqual([aws.path]);
    expect(await only('source', 'b')).toEqual([]);
    expect(await only('source', null)).toEqual([none.path]);
    expect(await only('billing_month', NOVEMBER)).toEqual([none.path]);
    expect(await only('billing_month', OCTOBER - 1)).toEqual([]);
    expect(await only('no partition column', 1)).toHaveLength(2);
  });

  it('refuses a table with delete files', async () => {
    const { lake, warehouse, state } = await newSampleTable();
    const newest = await appendFiles(lake, state, [await emptyDataFile(state)], rebased);
    const [name] = (await metadataFiles(newest)).filter((one) => one.startsWith('snap-'));
    const path = join(newest.location, 'metadata', name ?? '');
    const codec = avroCodec(manifestListSchema);
    const lines = codec.decode(await readFile(path)).map((line) => Object.assign({}, line, { content: 1 }));
    await writeFile(path, codec.encode({}, lines));
    const list = listDataFiles(openLake(warehouse).manifests, newest);
    await expect(list).rejects.toMatchObject({
      code: 'TABLE_UNSUPPORTED',
      message: expect.stringContaining('delete files'),
    });
  });

  it('says which file is missing or damaged', async () => {
    const { lake, warehouse, state } = await newSampleTable();
    const newest = await appendFiles(lake, state, [await emptyDataFile(state)], rebased);
    const gone = { ...newest, snapshotId: 5n };
    await expect(listDataFiles(lake.manifests, gone)).rejects.toMatchObject({ code: 'TABLE_UNSUPPORTED' });
    expect(await paths(lake, newest)).toHaveLength(1);
    for (const name of await metadataFiles(newest)) await rm(join(newest.location, 'metadata', name));
    const damaged = listDataFiles(openLake(warehouse).manifests, newest);
    await expect(damaged).rejects.toMatchObject({ code: 'TABLE_DAMAGED' });
    expect(await paths(lake, newest)).toHaveLength(1); // Known already.
  });
});

describe('ensureColumns', () => {
  const service = sampleTable.fields.find((field) => field.name === 'service');
  const older = { ...sampleTable, fields: sampleTable.fields.filter((field) => field !== service) };

  it('adds columns with their ids, once, however many ask for it', async () => {
    const { lake, warehouse } = await newSampleTable();
    const ident = { ...sampleIdent, name: 'tags' } as const;
    const before = await createTable(lake.catalog, ident, older);
    const file = await emptyDataFile(before);
    const base = await appendFiles(lake, before, [file], rebased);
    const states = await Promise.all(
      [1, 2, 3, 4].map(() => createTable(openLake(warehouse).catalog, ident, sampleTable)),
    );
    const newest = await lake.catalog.load(ident);
    expect(newest?.metadata.schemas).toHaveLength(2);
    expect(new Set(states.map((state) => state.metadata['current-schema-id']))).toEqual(new Set([1]));
    const added =
      states[0] && currentSchema(states[0].metadata).fields.find((field) => field.name === 'service');
    expect(added).toEqual({ id: 30, name: 'service', type: 'string', required: false });
    // A writer that knew only the older schema is not in the way.
    const again = await appendFiles(lake, base, [await emptyDataFile(before)], rebased);
    expect(await paths(lake, again)).toHaveLength(2);
    expect(again.metadata['current-schema-id']).toBe(1);
  });

  it('gives the state itself when nothing is missing', async () => {
    const { lake, state } = await newSampleTable();
    expect(await ensureColumns(lake.catalog, state, sampleTable)).toBe(state);
    expect(await ensureColumns(lake.catalog, state, older)).toBe(state);
  });

  it('refuses another meaning of an id', async () => {
    const { lake, state } = await newSampleTable();
    const fields = sampleTable.fields.map((field) => ({ ...field, name: field.name.toUpperCase() }));
    const other = ensureColumns(lake.catalog, state, { ...sampleTable, fields });
    await expect(other).rejects.toMatchObject({ code: 'TABLE_UNSUPPORTED' });
  });
});

async function paths(lake: Lake, state: TableState): Promise<string[]> {
  return (await listDataFiles(lake.manifests, state)).map((file) => file.path);
}

/** Manifests and lists. */
async function metadataFiles(state: TableState): Promise<string[]> {
  const names = await readdir(join(state.location, 'metadata'));
  return names.filter((name) => name.endsWith('.avro') || name.startsWith('.'));
}
