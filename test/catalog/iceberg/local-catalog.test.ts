import { readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Lake, TableState } from '../../../src/catalog/iceberg/catalog.ts';
import { METADATA_LOG_MAX, snapshotById } from '../../../src/catalog/iceberg/metadata.ts';
import { createTable } from '../../../src/catalog/iceberg/table-operations.ts';
import { openLake, sampleIdent, sampleTable } from './sample-files.ts';
import { newSampleTable, reload, temporaryFolder } from './sample-table.ts';

describe('localCatalog', () => {
  it('has no table before it is made, and then the same one for all', async () => {
    const warehouse = await temporaryFolder();
    expect(await openLake(warehouse).catalog.load(sampleIdent)).toBeNull();

    const makers = Array.from({ length: 8 }, () =>
      createTable(openLake(warehouse).catalog, sampleIdent, sampleTable),
    );
    const uuids = new Set((await Promise.all(makers)).map((state) => state.metadata['table-uuid']));
    expect(uuids.size).toBe(1);
    expect(await openLake(warehouse).catalog.create(sampleIdent, sampleTable)).toBeNull();
  });

  it('gives the very state that is known while nothing changed, and the newest after', async () => {
    const { lake, state } = await newSampleTable();
    expect(await lake.catalog.load(sampleIdent, state)).toBe(state);
    const next = await touch(lake, state);
    expect(await lake.catalog.load(sampleIdent, next)).toBe(next);
    expect((await lake.catalog.load(sampleIdent, state))?.metadataLocation).toBe(next.metadataLocation);
  });

  it.each(['', '1', 'nonsense', '0', '99999'])(
    'finds the newest version when the hint says "%s"',
    async (hint) => {
      const { lake, state } = await newSampleTable();
      const next = await touch(lake, await touch(lake, state));
      await writeFile(join(state.location, 'metadata/version-hint.text'), hint);
      expect((await reload(lake)).metadataLocation).toBe(next.metadataLocation);
      await rm(join(state.location, 'metadata/version-hint.text'));
      expect((await reload(lake)).metadataLocation).toBe(next.metadataLocation);
    },
  );

  it('refuses a commit whose requirement does not hold of the newest version, and leaves nothing behind', async () => {
    const { lake, state } = await newSampleTable();
    const before = await readdir(join(state.location, 'metadata'));
    const commit = lake.catalog.commit(
      state,
      [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': 5n }],
      [],
    );
    await expect(commit).rejects.toMatchObject({ code: 'COMMIT_CONFLICT' });
    const other = lake.catalog.commit(state, [{ type: 'assert-table-uuid', uuid: 'other' }], []);
    await expect(other).rejects.toMatchObject({ code: 'COMMIT_CONFLICT' });
    const schema = lake.catalog.commit(
      state,
      [{ type: 'assert-current-schema-id', 'current-schema-id': 3 }],
      [],
    );
    await expect(schema).rejects.toMatchObject({ code: 'COMMIT_CONFLICT' });
    expect(await readdir(join(state.location, 'metadata'))).toEqual(before);
  });

  it('applies commits that do not contradict each other one after the other', async () => {
    const { lake, warehouse, state } = await newSampleTable();
    await Promise.all(Array.from({ length: 6 }, () => touch(openLake(warehouse), state)));
    expect((await reload(lake)).metadataLocation).toMatch(/v7\.metadata\.json$/);
  });

  it('keeps a bounded log, deletes older versions, and takes no number a second time', async () => {
    const { lake, state } = await newSampleTable();
    const commits = METADATA_LOG_MAX + 5;
    let newest = state;
    for (let i = 0; i < commits; i++) newest = await touch(lake, newest);
    const versions = await versionFiles(state);
    expect(versions).toHaveLength(METADATA_LOG_MAX + 1);
    expect(versions).not.toContain('v1.metadata.json');
    expect(newest.metadata['metadata-log']).toHaveLength(METADATA_LOG_MAX);
    const logged = newest.metadata['metadata-log'].map((entry) => entry['metadata-file'].split('/').at(-1));
    expect(versions).toEqual(expect.arrayContaining(logged));

    // A writer and a reader that slept through all of it, and a hint that was written late.
    expect((await lake.catalog.load(sampleIdent, state))?.metadataLocation).toBe(newest.metadataLocation);
    await writeFile(join(state.location, 'metadata/version-hint.text'), '2');
    expect((await reload(lake)).metadataLocation).toBe(newest.metadataLocation);
    const late = await touch(lake, state);
    expect(late.metadataLocation).toMatch(new RegExp(`v${commits + 2}\\.metadata\\.json$`));
  });

  it('goes on where old versions were deleted by hand', async () => {
    const { lake, state } = await newSampleTable();
    const second = await touch(lake, state);
    await unlink(state.metadataLocation.replace('file://', ''));
    const third = await touch(lake, second);
    await unlink(second.metadataLocation.replace('file://', ''));
    expect((await touch(lake, third)).metadataLocation).toMatch(/v4\.metadata\.json$/);
    expect((await reload(lake)).metadataLocation).toMatch(/v4\.metadata\.json$/);
  });

  it('does not end at a version above which others were deleted', async () => {
    const { lake, state } = await newSampleTable();
    const second = await touch(lake, state);
    const newest = await touch(lake, await touch(lake, await touch(lake, second)));
    // v5 is the newest. As if v2 had been published again by a writer that slept, and crashed then.
    for (const version of [1, 3]) await unlink(join(state.location, `metadata/v${version}.metadata.json`));
    expect((await lake.catalog.load(sampleIdent, state))?.metadataLocation).toBe(newest.metadataLocation);
    const third = { ...state, metadataLocation: second.metadataLocation.replace('v2', 'v3') };
    await unlink(join(state.location, 'metadata/v2.metadata.json'));
    expect((await lake.catalog.load(sampleIdent, third))?.metadataLocation).toBe(newest.metadataLocation);
  });

  it('keeps snapshot ids exact', async () => {
    const { lake, state } = await newSampleTable();
    const id = 9_223_372_036_854_775_807n;
    const snapshot = {
      'snapshot-id': id,
      'sequence-number': 1,
      'timestamp-ms': Date.now(),
      'manifest-list': 'file:///none',
      summary: { operation: 'append' },
      'schema-id': 0,
    } as const;
    await lake.catalog.commit(
      state,
      [],
      [
        { action: 'add-snapshot', snapshot },
        { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': id },
      ],
    );
    const { metadata, snapshotId, metadataLocation } = await reload(lake);
    expect(snapshotId).toBe(id);
    expect(snapshotById(metadata, id)?.['manifest-list']).toBe('file:///none');
    expect(await readFile(metadataLocation.replace('file://', ''), 'utf8')).toContain(`"snapshot-id":${id}`);
  });

  it.each([
    ['{"format-version":2', 'TABLE_DAMAGED'],
    ['[]', 'TABLE_DAMAGED'],
    ['{"format-version":2}', 'TABLE_DAMAGED'],
    ['{"format-version":3}', 'TABLE_UNSUPPORTED'],
  ])('answers %s in place of the metadata with %s', async (text, code) => {
    const { lake, state } = await newSampleTable();
    const file = state.metadataLocation.replace('file://', '');
    await unlink(file);
    await writeFile(file, text);
    await expect(lake.catalog.load(sampleIdent)).rejects.toMatchObject({ code });
  });

  it.each([
    ['a column type', '"string"', '"uuid"'],
    ['a partition transform', '"identity"', '"bucket[16]"'],
  ])('refuses %s that it does not know', async (_name, from, to) => {
    const { lake, state } = await newSampleTable();
    const file = state.metadataLocation.replace('file://', '');
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll(from, to));
    await expect(lake.catalog.load(sampleIdent)).rejects.toMatchObject({ code: 'TABLE_UNSUPPORTED' });
  });
});

/** A commit that changes nothing but the version. */
async function touch(lake: Lake, state: TableState): Promise<TableState> {
  return lake.catalog.commit(state, [{ type: 'assert-table-uuid', uuid: state.metadata['table-uuid'] }], []);
}

async function versionFiles(state: TableState): Promise<string[]> {
  const names = await readdir(join(state.location, 'metadata'));
  return names.filter((name) => name.endsWith('.metadata.json'));
}
