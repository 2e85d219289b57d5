import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lakeTables } from '../../src/catalog/lake-tables.ts';
import { openIngestSession } from '../../src/ingest/ingest-session.ts';
import { writeTableFiles } from '../../src/ingest/write-table-files.ts';
import { acme, IngestFolder } from './ingest-folder.ts';

let folder: IngestFolder;
beforeEach(async () => {
  folder = await IngestFolder.open();
});
afterEach(() => folder[Symbol.asyncDispose]());

/** Rows of each row group of the file that so many resources make. */
async function rowGroups(resources: number): Promise<number[]> {
  await using session = await openIngestSession(folder.lake.folders, 1);
  const state = await folder.lake.ensureTable(acme, 'resources');
  const from = `(SELECT range AS id, 'digest' AS digest, 'r' || range AS resource_id, NULL AS resource_name,
    NULL AS resource_type FROM range(${resources}))`;
  const rows = { from, constants: new Map([['tenant', 'acme']]) };
  const [file] = await writeTableFiles(session, state, lakeTables.resources, {}, rows, 'many');
  const groups = await session.rows(`SELECT row_group_id, any_value(row_group_num_rows) AS rows
    FROM parquet_metadata('${file?.path}') GROUP BY row_group_id ORDER BY row_group_id`);
  return groups.map(({ rows: count }) => Number(count));
}

describe('row groups', () => {
  it('are small where there are few rows, so that a day of them is soon read', async () => {
    expect(await rowGroups(10)).toEqual([10]);
    expect(await rowGroups(70_000)).toEqual([32_768, 32_768, 4_464]);
  });

  it('grow with the rows, so that there are not too many of them', async () => {
    const groups = await rowGroups(1_300_000);
    expect(groups.length).toBeGreaterThan(25);
    expect(groups.length).toBeLessThanOrEqual(32);
  });
});
