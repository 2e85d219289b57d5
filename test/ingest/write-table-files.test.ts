import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lowerBound, upperBound } from '../../src/catalog/iceberg/data-file.ts';
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

describe('columns of one value', () => {
  it('are texts with bounds like any other, whatever the value', async () => {
    const long = "'a long one', \u{1f4b6} and more";
    await using session = await openIngestSession(folder.lake.folders, 1);
    const state = await folder.lake.ensureTable(acme, 'resources');
    const constants = new Map<string, string | null>([
      ['tenant', 'acme'],
      ['resource_id', ''],
      ['resource_name', long],
      ['resource_type', null],
    ]);
    const rows = { from: "(SELECT range AS id, 'digest' AS digest FROM range(3))", constants };
    const { fields } = lakeTables.resources;
    const [file] = await writeTableFiles(session, state, lakeTables.resources, {}, rows, 'constant');
    if (file === undefined) throw new Error('rows make a file');
    const columns = 'tenant, digest, resource_id, resource_name';
    expect(await session.rows(`SELECT DISTINCT ${columns} FROM '${file.path}'`)).toEqual([
      { tenant: 'acme', digest: 'digest', resource_id: '', resource_name: long },
    ]);
    const boundsOf = (name: string): unknown => {
      const field = fields.find((one) => one.name === name);
      return field && [lowerBound(file, field), upperBound(file, field), file.nullCounts.get(field.id)];
    };
    expect(boundsOf('tenant')).toEqual(['acme', 'acme', 0]);
    expect(boundsOf('digest')).toEqual(['digest', 'digest', 0]);
    expect(boundsOf('resource_id')).toEqual(['', '', 0]);
    expect(boundsOf('resource_name')).toEqual(["'a long one', \u{1f4b6} ", "'a long one', \u{1f4b6}!", 0]);
    expect(boundsOf('resource_type')).toEqual([null, null, undefined]);
  });
});

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
