import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DataFile } from '../../../src/catalog/iceberg/data-file.ts';
import { expireSnapshots } from '../../../src/catalog/iceberg/expire-snapshots.ts';
import {
  appendFiles,
  createTable,
  dropFiles,
  replaceFiles,
} from '../../../src/catalog/iceberg/table-operations.ts';
import { pythonWith, runPython } from '../../support/python.ts';
import { NOVEMBER, OCTOBER, openLake, sampleIdent, sampleTable } from './sample-files.ts';
import { queryRows, temporaryFolder, writeDataFile } from './sample-table.ts';

const SCRIPT = join(import.meta.dirname, 'read-with-pyiceberg.py');
const rebased = { summary: {}, rebase: true };

let python: string | null = null;
beforeAll(async () => {
  python = await pythonWith('pyiceberg', ['pyiceberg[pyarrow]==0.12.0']);
}, 600_000);

/** 100 charges of one day each, 0.01 and a little more from `start` on. */
function chargesSql(source: string, month: string, start: number, decimal: string): string {
  return `select '${source}' as source, date '${month}' as billing_month,
      timestamptz '${month} 00:00:00+00' + to_hours(i::int) as charged_at,
      ((${start} + i) / 100.0 + 0.000000000001::decimal(38,12))::${decimal} as cost,
      case when i % 10 = 0 then null else 'service ' || (i % 3) end as service
    from range(100) t(i)`;
}

/** As DuckDB adds up the files themselves. */
async function costOf(...files: readonly DataFile[]): Promise<unknown> {
  const paths = files.map((file) => `'${file.path}'`).join(', ');
  const sql = `select sum(cost::decimal(38,12))::varchar as cost from read_parquet([${paths}], union_by_name = true)`;
  return (await queryRows(sql))[0]?.['cost'];
}

describe('pyiceberg', () => {
  it('reads what we write: rows, sums, time travel, an added column, pruning', async (context) => {
    if (python === null) return context.skip('there is no python3 with venv here');
    const lake = openLake(join(await temporaryFolder(), 'a warehouse, 100 %'));
    const older = { ...sampleTable, fields: sampleTable.fields.filter((field) => field.name !== 'service') };
    const narrow = 'decimal(18,12)';
    const created = await createTable(lake.catalog, sampleIdent, older);

    const october = { source: 'aws', billing_month: OCTOBER };
    const unnamed = `select * exclude (service) from (${chargesSql('aws', '2018-10-01', 0, narrow)})`;
    const oldest = await writeDataFile(created, october, unnamed);
    await appendFiles(lake, created, [oldest], { summary: { batch: 'b1' }, rebase: true });

    const widened = await createTable(lake.catalog, sampleIdent, sampleTable);
    const november = { source: 'aws', billing_month: NOVEMBER };
    const cheap = await writeDataFile(widened, november, chargesSql('aws', '2018-11-01', -5_000, narrow));
    const dear = await writeDataFile(
      widened,
      november,
      chargesSql('aws', '2018-11-01', 99_999_999, 'decimal(38,12)'),
    );
    const two = await appendFiles(lake, widened, [cheap, dear], rebased);

    const gcp = { source: 'gcp', billing_month: NOVEMBER };
    const small = [
      await writeDataFile(two, gcp, chargesSql('gcp', '2018-11-01', 0, narrow)),
      await writeDataFile(two, gcp, chargesSql('gcp', '2018-11-01', 100, narrow)),
    ];
    const three = await appendFiles(lake, two, small, rebased);
    const both = [0, 100].map((start) => chargesSql('gcp', '2018-11-01', start, narrow)).join(' union all ');
    const compacted = await writeDataFile(
      three,
      gcp,
      `select * replace (repeat('ü', 30) as service) from (${both})`,
    );
    const drop = new Set(small.map((file) => file.path));
    const four = await replaceFiles(lake, three, { drop, add: [compacted], summary: {} });
    const five = await dropFiles(lake, four, (file) => file.path === dear.path);
    const state = await expireSnapshots(lake, five, { olderThan: Date.now() + 1_000, keepLast: 4 });

    const seen = await runPython(python, SCRIPT, [
      state.metadataLocation,
      "source = 'gcp'",
      "billing_month = '2018-10-01'",
      'cost < 0',
      "charged_at >= '2018-11-05T04:00:00+00:00'",
      "service = 'service 1'",
      'service is null',
    ]);
    const latest = '2018-11-05T03:00:00+00:00';
    const services = ['service 0', 'service 1', 'service 2'];
    const ü = 'ü'.repeat(30);
    expect(seen).toMatchObject({
      columns: { cost: [20, 'decimal(38, 12)'], service: [30, 'string'], charged_at: [10, 'timestamptz'] },
      now: { rows: 400, cost: await costOf(oldest, cheap, compacted), services: [...services, ü], latest },
      snapshots: [
        { rows: 300, services, cost: await costOf(oldest, cheap, dear) },
        { rows: 500, services, cost: await costOf(oldest, cheap, dear, ...small) },
        { rows: 500, services: [...services, ü], cost: await costOf(oldest, cheap, dear, compacted) },
        { rows: 400, services: [...services, ü], cost: await costOf(oldest, cheap, compacted) },
      ],
      operations: ['append', 'append', 'replace', 'delete'],
      planned: [
        [basename(compacted.path)],
        [basename(oldest.path)],
        [basename(cheap.path)],
        [],
        [basename(cheap.path), basename(oldest.path)].sort(),
        [basename(cheap.path), basename(oldest.path)].sort(),
      ],
      bounds: {
        [basename(cheap.path)]: ['-49.999999999999', '-49.009999999999', 'service 2'],
        [basename(compacted.path)]: ['0.000000000001', '1.990000000001', `${'ü'.repeat(15)}ý`],
      },
    });
  }, 120_000);
});
