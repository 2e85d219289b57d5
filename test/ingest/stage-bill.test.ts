import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { buildBatches } from '../../src/ingest/build-batches.ts';
import { openBill } from '../../src/ingest/import-bills.ts';
import { openIngestSession } from '../../src/ingest/ingest-session.ts';
import { copyRawFile } from '../../src/ingest/keep-raw-file.ts';
import { stageBills } from '../../src/ingest/stage-bill.ts';
import { sourceName } from '../../src/core/ids.ts';
import { focusRow } from '../support/focus-file.ts';
import { acme, IngestFolder, sample } from './ingest-folder.ts';

let bench: IngestFolder;
beforeEach(async () => {
  bench = await IngestFolder.open();
});
afterEach(() => bench[Symbol.asyncDispose]());

const rows = ['1', '2', '4', '8'].map((cost) => focusRow({ BilledCost: cost, EffectiveCost: cost }));
const source = sourceName('aws');
if (source === null) throw new Error('aws is a source name');

describe('a reader that without an error', () => {
  it.each([
    ['loses a record', 'SELECT * FROM mapped WHERE row_number <> 3', '4 were read, 3 written'],
    ['loses all', 'SELECT * FROM mapped WHERE row_number > 4', '4 were read, 0 written'],
    ['doubles one', 'FROM mapped UNION ALL FROM mapped WHERE row_number = 1', '4 were read, 5 written'],
    [
      'loses one and doubles another',
      'FROM mapped WHERE row_number <> 2 UNION ALL FROM mapped WHERE row_number = 3',
      '4 were read, 4, but not each once, written',
    ],
    [
      // By count, least, greatest and sum nothing is wrong.
      'loses two and doubles two',
      'FROM mapped WHERE row_number IN (1, 4) UNION ALL FROM mapped WHERE row_number IN (1, 4)',
      '4 were read, 4, but not each once, written',
    ],
  ])('%s ends the import, which names the file and writes nothing', async (_, select, said) => {
    const [sound = '', bad = ''] = await bench.write([focusRow({ BilledCost: '16' })], rows);
    await using session = await openIngestSession(bench.lake.folders, 2);
    const bills = [];
    for (const [index, path] of [sound, bad].entries()) {
      const bill = await openBill(session, await copyRawFile(path, session.folder, `raw-${index}`), null);
      const { mappedSelect } = bill.format;
      const wrong: typeof mappedSelect = (file) => `WITH mapped AS (${mappedSelect(file)}) ${select}`;
      bills.push(path === bad ? { ...bill, format: { ...bill.format, mappedSelect: wrong } } : bill);
    }
    const { dictionaryBudget } = bench.context;
    const months = { onlyMonths: null, liveFiles: [] };
    const set = { tenant: acme, source, mode: 'replace', bills, ...months, dictionaryBudget } as const;
    await expect(buildBatches(session, bench.lake, set, () => undefined)).rejects.toMatchObject({
      code: 'LOAD_MISMATCH',
      message: `Records of bill-2.csv: ${said}`,
    });
    expect(await bench.files('warehouse')).toEqual([]);
  });
});

describe('staging', () => {
  it('takes charges that are derived from a record as parts of it', async () => {
    await using session = await openIngestSession(bench.lake.folders, 2);
    const raw = await copyRawFile(sample('aws-cur/cur-2018-10.snappy.parquet'), session.folder, 'raw');
    await stageBills(session, [await openBill(session, raw, null)], () => undefined);
    expect(
      await session.rows('SELECT part, count(*) AS count FROM staged GROUP BY ALL ORDER BY ALL'),
    ).toEqual([
      { part: 0, count: '119307' },
      { part: 1, count: '3' },
    ]);
  });
});
