/**
 * Fills a small disk with commits: `node full-disk-process.ts FOLDER`. Prints what happened, as JSON.
 * A file that stands for other data takes the room first, and is removed at the end.
 */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listDataFiles } from '../../../src/catalog/iceberg/list-data-files.ts';
import { appendFiles, createTable } from '../../../src/catalog/iceberg/table-operations.ts';
import { isCostError } from '../../../src/core/errors.ts';
import { emptyDataFile, openLake, sampleIdent, sampleTable } from './sample-files.ts';

const [folder = ''] = process.argv.slice(2);
const lake = openLake(folder);
const other = join(folder, 'other');
await writeFile(other, Buffer.alloc(64 * 1024));
let state = await createTable(lake.catalog, sampleIdent, sampleTable);
let committed = 0;
let error: unknown = null;
while (error === null) {
  try {
    const file = await emptyDataFile(state);
    state = await appendFiles(lake, state, [file], { summary: {}, rebase: true });
    committed += 1;
  } catch (caught) {
    error = caught;
  }
}
const live = await listDataFiles(openLake(folder).manifests, state);
const isUnchanged = (await lake.catalog.load(sampleIdent, state)) === state;
const lists = (await readdir(join(state.location, 'metadata'))).filter((name) => name.startsWith('snap-'));
await rm(other);
const after = await appendFiles(lake, state, [await emptyDataFile(state)], { summary: {}, rebase: false });
process.stdout.write(
  JSON.stringify({
    code: isCostError(error) ? error.code : String(error),
    committed,
    live: live.length,
    lists: lists.length,
    isUnchanged,
    liveAfter: (await listDataFiles(lake.manifests, after)).length,
  }),
);
