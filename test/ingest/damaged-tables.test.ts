import { open, readFile, rm, truncate, writeFile } from 'node:fs/promises';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readingFiles } from '../../src/ingest/check-data-file.ts';
import { dictionaryNames } from '../../src/ingest/dictionaries.ts';
import { openIngestSession } from '../../src/ingest/ingest-session.ts';
import { remapTenant } from '../../src/ingest/remap.ts';
import { focusRow } from '../support/focus-file.ts';
import { liveFiles } from './doctor-table.ts';
import { acme, IngestFolder } from './ingest-folder.ts';

const known = focusRow({ ResourceId: 'i-1', Tags: '{"team": "a"}' });
const other = focusRow({ ResourceId: 'i-2', Tags: '{"team": "b"}' });

let bench: IngestFolder;
beforeEach(async () => {
  bench = await IngestFolder.open();
  await bench.load([known]);
});
afterEach(() => bench[Symbol.asyncDispose]());

const damages = {
  'a missing file': (path: string) => rm(path),
  'a cut file': (path: string) => truncate(path, 100),
  'a file of something else': (path: string) => writeFile(path, 'x'.repeat(2_000)),
  'a flipped byte': async (path: string) => {
    await using file = await open(path, 'r+');
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, 8);
    await file.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, 8);
  },
};

async function onlyPath(name: 'charges' | 'resources' | 'tags'): Promise<string> {
  const [file, ...others] = await liveFiles(bench.lake, acme, name);
  if (file === undefined || others.length > 0) throw new Error(`${name} has one file`);
  return file.path;
}

async function everything(): Promise<unknown> {
  const files = await Promise.all(['warehouse', 'raw', 'tmp'].map((folder) => bench.files(folder)));
  return { files, batches: await bench.batches(), sequence: await bench.control.currentSequence(acme) };
}

describe.each(dictionaryNames)('a damaged dictionary: %s', (name) => {
  it.each(Object.entries(damages))('import and remap name %s and change nothing', async (_, damage) => {
    const path = await onlyPath(name);
    const whole = await readFile(path);
    await damage(path);
    const before = await everything();
    const refusal = { code: 'TABLE_DAMAGED', message: expect.stringContaining(path) };
    await expect(bench.load([known, other])).rejects.toMatchObject(refusal);
    await expect(bench.load([other], { mode: 'append' })).rejects.toMatchObject(refusal);
    await expect(remapTenant(bench.context, acme, true)).rejects.toMatchObject(refusal);
    expect(await everything()).toEqual(before);

    await writeFile(path, whole);
    expect(await bench.load([known, other])).toMatchObject({ loaded: 2, replaced: 1 });
    expect(await bench.differences()).toEqual([]);
  });
});

describe('damaged charges', () => {
  it('an increment on top of them names the file and changes nothing', async () => {
    const path = await onlyPath('charges');
    await rm(path);
    const before = await everything();
    await expect(bench.load([other], { mode: 'append' })).rejects.toMatchObject({
      code: 'TABLE_DAMAGED',
      message: expect.stringContaining(path),
    });
    expect(await everything()).toEqual(before);
  });

  it('a new version and remap do not read them', async () => {
    await rm(await onlyPath('charges'));
    expect(await remapTenant(bench.context, acme, true)).toHaveLength(1);
    expect(await bench.load([known, other])).toMatchObject({ loaded: 2 });
  });
});

describe('a query over files of a table that fails', () => {
  it('is TABLE_DAMAGED where one of them was damaged meanwhile, else what it was', async () => {
    await using session = await openIngestSession(bench.lake.folders, 1);
    const files = await liveFiles(bench.lake, acme, 'charges');
    const failing = () => readingFiles(session, files, () => session.rows('SELECT error($$no$$)'));
    await expect(failing()).rejects.toThrow('no');
    await truncate(await onlyPath('charges'), 100);
    await expect(failing()).rejects.toMatchObject({ code: 'TABLE_DAMAGED' });
  });
});
