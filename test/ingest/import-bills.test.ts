import { copyFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { appendFiles } from '../../src/catalog/iceberg/table-operations.ts';
import { lakeTables } from '../../src/catalog/lake-tables.ts';
import type { DataFile } from '../../src/catalog/iceberg/data-file.ts';
import { openIngestSession } from '../../src/ingest/ingest-session.ts';
import { writeTableFiles } from '../../src/ingest/write-table-files.ts';
import type { BillRow } from '../support/focus-file.ts';
import { csvOf, focusRow } from '../support/focus-file.ts';
import { acme, codeOf, IngestFolder, sample } from './ingest-folder.ts';

/** A charge of the given hour of September 2024. */
function charge(hour: number, cost: string, columns: BillRow = {}): BillRow {
  const at = (h: number) => `${new Date(Date.UTC(2024, 8, 1, h)).toISOString().slice(0, 19)}Z`;
  return focusRow({
    ChargePeriodStart: at(hour),
    ChargePeriodEnd: at(hour + 1),
    BilledCost: cost,
    EffectiveCost: cost,
    ...columns,
  });
}
const october = { BillingPeriodStart: '2024-10-01T00:00:00Z', BillingPeriodEnd: '2024-11-01T00:00:00Z' };

let bench: IngestFolder;
beforeEach(async () => {
  bench = await IngestFolder.open();
});
afterEach(() => bench[Symbol.asyncDispose]());

async function total(): Promise<unknown> {
  const [row] = await bench.query('charges', 'SELECT sum(billed_cost) AS billed FROM rows');
  return row?.['billed'];
}

describe('import of real bills', () => {
  it('loads two months of AWS as one command, exactly', async () => {
    const [first, second] = await bench.reports([
      sample('aws-cur/cur-2018-10.snappy.parquet'),
      sample('aws-cur/cur-2018-11.snappy.parquet'),
    ]);
    expect(first).toMatchObject({
      file: 'cur-2018-10.snappy.parquet',
      format: 'aws-cur',
      rows: 119_307,
      loaded: 119_310, // Three unused reservations are charges of their own.
      duplicates: 0,
      quarantined: 0,
      replaced: 0,
      billedCost: '4064.483131537900',
      effectiveCost: '4195.957109317900',
      roundingResidue: '0.000000000000',
      inlineResources: 0,
      inlineTagSets: 0,
      from: '2018-10-01T00:00:00Z',
      to: '2018-11-01T00:00:00Z',
    });
    expect(second).toMatchObject({ billedCost: '3505.326968126800', effectiveCost: '3632.559846496800' });
    const sums = await bench.query(
      'charges',
      `SELECT CAST(billing_month AS VARCHAR) AS month, sum(billed_cost) AS billed, sum(effective_cost) AS effective,
  count(DISTINCT charge_id) = count(*) AS is_unique FROM rows GROUP BY ALL ORDER BY ALL`,
    );
    expect(sums).toEqual([
      { month: '2018-10-01', billed: '4064.483131537900', effective: '4195.957109317900', is_unique: true },
      { month: '2018-11-01', billed: '3505.326968126800', effective: '3632.559846496800', is_unique: true },
    ]);
    expect(await bench.differences()).toEqual([]);
  });

  it('loads the ordering day, and finds what ordering cost by its tag', async () => {
    await bench.importFiles([sample('ordering-2019-11-26/cur-2019-11-26.0x01.gz')]);
    expect(await total()).toBe('89.170632878000');
    const sets = await bench.query(
      'tags',
      `SELECT id FROM rows WHERE key = 'Application' AND value = 'ordering'`,
    );
    const ids = sets.map(({ id }) => String(id)).join(', ');
    const [ordering] = await bench.query(
      'charges',
      `SELECT sum(effective_cost) AS cost FROM rows WHERE tag_set IN (${ids})`,
    );
    expect(ordering).toEqual({ cost: '56.027165974800' });
  });

  it('loads the FOCUS sample of three providers', async () => {
    const [report] = await bench.reports([sample('focus-official/focus_sample_1000.csv')]);
    expect(report?.batch?.split(',')).toHaveLength(2); // Of September and October.
    const rows = await bench.query(
      'charges',
      'SELECT provider_name, sum(billed_cost) AS billed FROM rows GROUP BY ALL ORDER BY ALL',
    );
    expect(rows).toEqual([
      { provider_name: 'AWS', billed: '18.006638618400' },
      { provider_name: 'Microsoft', billed: '1.976514185860' },
      { provider_name: 'Oracle', billed: '0.537073924730' },
    ]);
  });
});

describe('versions', () => {
  it.each([false, true])(
    'changes nothing when the same file comes again, and says so; force: %s',
    async (force) => {
      const paths = await bench.write([charge(0, '1'), charge(1, '2', { BilledCost: 'many' })]);
      const [first] = await bench.reports(paths);
      const before = await bench.files('warehouse');
      const [again] = await bench.reports(paths, { force });
      expect(again).toEqual({ ...first, loaded: 0, duplicates: 1, quarantined: 1, replaced: 0 });
      expect(await bench.files('warehouse')).toEqual(before);
      expect(await bench.batches()).toHaveLength(1);
    },
  );

  it('makes another version of a month live in one step, and keeps the earlier state', async () => {
    await bench.load([charge(0, '1'), charge(1, '2')]);
    const report = await bench.load([charge(0, '10'), charge(1, '20'), charge(1, '30')]);
    expect(report).toMatchObject({ loaded: 3, replaced: 2, billedCost: '60.000000000000' });
    expect(await total()).toBe('60.000000000000');
    const batches = await bench.batches();
    expect(batches.map(({ liveFromSequence, liveToSequence }) => [liveFromSequence, liveToSequence])).toEqual(
      [
        [1, 2],
        [2, null],
      ],
    );
    expect(await bench.control.sequenceAsOf(acme, batches[0]?.knownFrom ?? 0)).toBe(1);
    expect(await bench.differences()).toEqual([]);
  });

  it('replaces only the months and the source that the files hold', async () => {
    await bench.load([charge(0, '1'), charge(720, '2', october)]);
    await bench.load([charge(0, '4')], { source: 'azure' });
    const report = await bench.load([charge(720, '8', october)]);
    expect(report).toMatchObject({ replaced: 1 });
    expect(await total()).toBe('13.000000000000');
  });

  it('refuses a version that covers less, unless forced', async () => {
    await bench.load([charge(0, '1'), charge(5, '2')]);
    const before = await bench.files('quarantine');
    const paths = await bench.write([charge(0, '10'), charge(1, '3', { BilledCost: 'x' })]);
    expect(await codeOf(bench.reports(paths))).toBe('COVERS_LESS');
    expect(await total()).toBe('3.000000000000');
    expect(await bench.files('quarantine')).toEqual(before);
    expect(await bench.files('tmp')).toEqual([]);
    expect(await bench.differences()).toEqual([]);
    await bench.reports(paths, { force: true });
    expect(await total()).toBe('10.000000000000');
  });

  it('makes one version of several files', async () => {
    const paths = await bench.write([charge(0, '1')], [charge(1, '2')]);
    await bench.reports(paths);
    expect(await bench.batches()).toHaveLength(1);
    expect((await bench.reports(paths)).map(({ loaded }) => loaded)).toEqual([0, 0]);
    const [alone] = await bench.reports(paths.slice(0, 1), { force: true });
    expect(alone).toMatchObject({ loaded: 1, replaced: 2 });
    expect(await total()).toBe('1.000000000000');
  });

  it('adds an increment', async () => {
    await bench.load([charge(0, '1')]);
    const paths = await bench.write([charge(1, '2')]);
    expect(await bench.reports(paths, { mode: 'append' })).toMatchObject([{ loaded: 1, replaced: 0 }]);
    expect(await bench.reports(paths, { mode: 'append' })).toMatchObject([{ loaded: 0, duplicates: 1 }]);
    expect(await total()).toBe('3.000000000000');
    expect(await bench.liveBatches()).toHaveLength(2);
  });

  it('refuses the same contents under two names', async () => {
    const paths = await bench.write([charge(0, '1')], [charge(0, '1')]);
    expect(await codeOf(bench.reports(paths))).toBe('BAD_REQUEST');
  });
});

describe('lines that are the same', () => {
  it('keeps identical lines without a key, each with an id of its own that is the same next time', async () => {
    const same = [charge(0, '1'), charge(0, '1'), charge(0, '1'), charge(1, '1')];
    const idsOf = async (rows: readonly BillRow[]) => {
      await bench.load(rows, { force: true });
      const found = await bench.query('charges', 'SELECT charge_id FROM rows ORDER BY ALL');
      return found.map((row) => String(row['charge_id']));
    };
    const ids = await idsOf(same);
    expect(new Set(ids).size).toBe(4);
    expect(ids.filter((id) => /-[23]$/.test(id))).toHaveLength(2);
    // In another order, and with another line.
    const more = await idsOf([...same.toReversed(), charge(2, '1')]);
    expect(more.filter((id) => ids.includes(id)).sort()).toEqual(ids.toSorted());
  });

  const cur = (id: string, hour: number, cost: string): BillRow => ({
    'identity/LineItemId': id,
    'identity/TimeInterval': `2018-10-01T0${hour}:00:00Z/2018-10-01T0${hour + 1}:00:00Z`,
    'bill/BillingPeriodStartDate': '2018-10-01T00:00:00Z',
    'bill/BillingPeriodEndDate': '2018-11-01T00:00:00Z',
    'bill/PayerAccountId': '123456789012',
    'lineItem/LineItemType': 'Usage',
    'lineItem/UsageStartDate': `2018-10-01T0${hour}:00:00Z`,
    'lineItem/UsageEndDate': `2018-10-01T0${hour + 1}:00:00Z`,
    'lineItem/UnblendedCost': cost,
    'lineItem/CurrencyCode': 'USD',
    'lineItem/ProductCode': 'AmazonEC2',
  });

  it('loads a line with a key once, and says which were left out', async () => {
    const report = await bench.load([cur('a', 0, '1'), cur('a', 1, '2'), cur('a', 0, '4')]);
    expect(report).toMatchObject({ format: 'aws-cur', rows: 3, loaded: 2, duplicates: 1 });
    expect(await total()).toBe('3.000000000000');
    expect(await bench.quarantine()).toEqual([
      { row: 3, code: 'DUPLICATE_CHARGE', reason: expect.stringContaining('earlier line') },
    ]);
  });

  it('leaves lines of an increment out whose key is live', async () => {
    await bench.load([cur('a', 0, '1'), cur('b', 0, '2')]);
    const report = await bench.load([cur('b', 0, '2'), cur('c', 0, '4')], { mode: 'append' });
    expect(report).toMatchObject({ loaded: 1, duplicates: 1, billedCost: '4.000000000000' });
    const nothing = await bench.load([cur('b', 0, '2'), cur('a', 0, '1')], { mode: 'append' });
    expect(nothing).toMatchObject({ batch: null, loaded: 0, duplicates: 2, from: null });
    expect(await total()).toBe('7.000000000000');
    expect(await bench.batches()).toHaveLength(2);
  });
});

describe('bad input', () => {
  it('puts bad rows into quarantine with number, code and reason, and loads the others', async () => {
    const { report, leftOut } = (
      await bench.importFiles(
        await bench.write([
          charge(0, '1'),
          charge(0, '1', { ChargePeriodStart: 'yesterday' }),
          charge(0, 'NULL'),
          charge(0, '2'),
        ]),
      )
    ).at(0) ?? { report: null, leftOut: null };
    expect(report).toMatchObject({ rows: 4, loaded: 2, quarantined: 2, billedCost: '3.000000000000' });
    expect(await bench.quarantine()).toEqual(leftOut?.sample);
    expect(leftOut?.sample.map(({ row, code }) => [row, code])).toEqual([
      [2, 'BAD_TIME'],
      [3, 'NULL_COST'],
    ]);
    expect(await bench.batches()).toMatchObject([{ charges: 2, quarantined: 2 }]);
  });

  it('numbers rows as the file does, also in a long compressed one', async () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => charge(i % 700, i === 54_320 ? 'x' : '0.5'));
    const path = join(bench.folder, 'long.csv.gz');
    await writeFile(path, gzipSync(csvOf(rows)));
    const [file] = await bench.importFiles([path]);
    expect(file?.leftOut?.sample).toMatchObject([{ row: 54_321, code: 'BAD_NUMBER' }]);
    expect(file?.report.billedCost).toBe('29999.500000000000');
    const [ids] = await bench.query('charges', 'SELECT count(DISTINCT charge_id) AS ids FROM rows');
    expect(ids).toEqual({ ids: '59999' });
  });

  it('loads nothing where every row is bad', async () => {
    expect(await codeOf(bench.load([charge(0, 'x'), charge(1, 'y')]))).toBe('NO_VALID_ROWS');
    expect(await bench.batches()).toEqual([]);
  });

  it.each([
    ['UNKNOWN_FORMAT', 'a,b\n1,2\n'],
    ['EMPTY_FILE', ''],
  ])('changes nothing for %s, and names the file', async (code, text) => {
    const [good = ''] = await bench.write([charge(0, '1')]);
    const bad = join(bench.folder, 'the-bad-one.csv');
    await writeFile(bad, text);
    expect(await codeOf(bench.reports([good, bad]))).toBe(code);
    await expect(bench.reports([good, bad])).rejects.toThrow('the-bad-one.csv');
    await expect(bench.reports([good, bad])).rejects.not.toThrow('work-');
    expect(await bench.batches()).toEqual([]);
    expect(await bench.files('raw')).toEqual([]);
    expect(await bench.files('tmp')).toEqual([]);
  });

  it('changes nothing for damaged Parquet, wherever the damage is', async () => {
    const whole = sample('aws-cur/cur-2018-10.snappy.parquet');
    const cut = join(bench.folder, 'cut.parquet');
    await copyFile(whole, cut);
    await truncate(cut, 1_000_000);
    expect(await codeOf(bench.reports([cut]))).toBe('DAMAGED_FILE');
    const bytes = await readFile(whole);
    bytes.fill(0xff, 400_000, 440_000);
    const torn = join(bench.folder, 'torn.parquet');
    await writeFile(torn, bytes);
    expect(await codeOf(bench.reports([torn]))).toBe('DAMAGED_FILE');
    await expect(bench.reports([torn])).rejects.toThrow('torn.parquet');
    expect(await bench.batches()).toEqual([]);
  });

  it.each(['missing.csv', '.'])('says that it cannot read %s', async (name) => {
    expect(await codeOf(bench.reports([join(bench.folder, name)]))).toBe('BAD_REQUEST');
  });
});

describe('what is written', () => {
  it('keeps a decimal narrow in exactly the files whose values all fit', async () => {
    await bench.load([charge(0, '999999.999999999999'), charge(1, '-5', { ListCost: '1000000' })]);
    const types = await bench.query(
      'charges',
      `SELECT name, type FROM parquet_schema('${await onlyPath()}') WHERE name IN ('billed_cost', 'list_cost', 'list_unit_price')`,
    );
    // A column that is null throughout, as list_unit_price, is not in the file.
    expect(Object.fromEntries(types.map(({ name, type }) => [name, type]))).toEqual({
      billed_cost: 'INT64',
      list_cost: 'FIXED_LEN_BYTE_ARRAY',
    });
  });

  it('keeps them narrow as well where only a row in quarantine is large', async () => {
    await bench.load([charge(0, '1'), charge(1, '1', { ListCost: '5000000', BillingCurrency: 'none' })]);
    const [type] = await bench.query(
      'charges',
      `SELECT type FROM parquet_schema('${await onlyPath()}') WHERE name = 'list_cost'`,
    );
    expect(type).toEqual({ type: 'INT64' });
  });

  async function onlyPath(): Promise<string> {
    const folder = join(bench.lake.folders.warehouse, acme, 'charges', 'data');
    const [name = '', ...others] = await bench.files('warehouse', acme, 'charges', 'data');
    expect(others).toEqual([]);
    return join(folder, name);
  }

  it('sorts by day, service, account, region and time', async () => {
    const rows = Array.from({ length: 500 }, (_, i) =>
      charge((i * 37) % 100, '1', {
        ServiceName: `S${i % 7}`,
        SubAccountId: i % 5 === 0 ? null : `${i % 3}`,
      }),
    );
    await bench.load(rows);
    const path = await onlyPath();
    const key = `(charge_period_start::DATE, service_name, coalesce(sub_account_id, 'none'), charge_period_start)`;
    const [breaks] = await bench.query(
      'charges',
      `SELECT count(*) AS breaks FROM (SELECT ${key} AS key, lag(key) OVER (ORDER BY file_row_number) AS before
FROM read_parquet('${path}', file_row_number = true)) WHERE key < before`,
    );
    expect(breaks).toEqual({ breaks: '0' });
  });

  it('writes each resource and tag set once, whatever the spelling and order of the tags', async () => {
    const tags = (text: string, cost: string): BillRow => charge(0, cost, { Tags: text, ResourceId: 'i-1' });
    await bench.load([
      tags('{"a": "1", "b": "2"}', '1'),
      tags('{"b":"2","a":"1"}', '2'),
      tags('{"a": ""}', '4'),
    ]);
    await bench.load([tags('{ "b": "2", "a": "1" }', '8'), tags('{"a": "1"}', '16')], { source: 'azure' });
    const sets = await bench.query(
      'tags',
      'SELECT id, list(key ORDER BY key) AS keys FROM rows GROUP BY id ORDER BY keys',
    );
    expect(sets.map(({ keys }) => keys)).toEqual([['a'], ['a', 'b']]);
    const costs = await bench.query(
      'charges',
      'SELECT tag_set IS NULL AS untagged, sum(billed_cost) AS cost FROM rows GROUP BY tag_set ORDER BY cost',
    );
    expect(costs).toEqual([
      { untagged: true, cost: '4.000000000000' },
      { untagged: false, cost: '11.000000000000' },
      { untagged: false, cost: '16.000000000000' },
    ]);
    expect(await bench.query('resources', 'SELECT resource_id FROM rows')).toEqual([{ resource_id: 'i-1' }]);
  });

  it('tells resources apart that only look the same', async () => {
    const resource = (id: string | null, name: string | null, type: string | null): BillRow =>
      charge(0, '1', { ResourceId: id, ResourceName: name, ResourceType: type });
    await bench.load([
      resource('a', 'b', null),
      resource('a', null, 'b'),
      resource('ab', null, null),
      resource(null, 'ab', null),
      resource('a:', 'b', null),
      resource(null, null, null),
    ]);
    const [counts] = await bench.query(
      'charges',
      'SELECT count(DISTINCT resource_key) AS keys, count(*) - count(resource_key) AS without FROM rows',
    );
    expect(counts).toEqual({ keys: '5', without: '1' });
    expect(await bench.differences()).toEqual([]);
  });

  it('refuses an id that stands for something else, and loads nothing', async () => {
    await bench.load([charge(0, '1', { ResourceId: 'i-1' })]);
    const [known] = await bench.query('resources', 'SELECT id FROM rows');
    // As if another resource had the id that i-2 is going to get.
    await bench.load([charge(0, '1', { ResourceId: 'i-2' })], { source: 'probe' });
    const [probe] = await bench.query('resources', `SELECT id FROM rows WHERE resource_id = 'i-2'`);
    expect(probe).not.toEqual(known);
    await using other = await IngestFolder.open();
    await plantResource(other, String(probe?.['id']));
    const rows = [charge(0, '1', { ResourceId: 'i-2' })];
    expect(await codeOf(other.load(rows))).toBe('DICTIONARY_COLLISION');
    expect(await other.batches()).toEqual([]);
  });

  async function plantResource(folder: IngestFolder, id: string): Promise<void> {
    const state = await folder.lake.ensureTable(acme, 'resources');
    await using session = await openIngestSession(folder.lake.folders, 1);
    const from = `(SELECT ${id} AS id, 'another' AS digest, 'x' AS resource_id, NULL AS resource_name, NULL AS resource_type)`;
    const constants = new Map([['tenant', 'acme']]);
    const files: DataFile[] = await writeTableFiles(
      session,
      state,
      lakeTables.resources,
      {},
      { from, constants },
      'planted',
    );
    await appendFiles(folder.lake, state, files, { rebase: true, summary: {} });
  }

  it('records statistics of dimensions and tags', async () => {
    await bench.load([
      charge(0, '1', { Tags: '{"team": "a"}', RegionId: 'eu' }),
      charge(1, '1', { Tags: '{"team": "b", "env": "x"}', RegionId: 'us' }),
      charge(2, '1', { RegionId: 'us', ResourceId: 'i-1' }),
    ]);
    const ids = (await bench.batches()).map(({ id }) => id);
    const statistics = new Map(
      (await bench.control.statistics(acme, ids)).map(({ key, distinct, nulls }) => [key, [distinct, nulls]]),
    );
    expect(statistics.get('region_id')).toEqual([2, 0]);
    expect(statistics.get('resource_id')).toEqual([1, 2]);
    expect(statistics.get('invoice_id')).toEqual([0, 3]);
    expect(statistics.get('provider_name')).toEqual([1, 0]);
    expect(statistics.get('source')).toEqual([1, 0]);
    expect(statistics.get('tag:team')).toEqual([2, 1]);
    expect(statistics.get('tag:env')).toEqual([1, 2]);
  });

  it('records how values go together, which are frequent, and when they are there', async () => {
    await bench.load([
      charge(0, '1', { Tags: '{"team": "a"}', RegionId: 'eu', ServiceName: 'S3' }),
      charge(1, '1', { Tags: '{"team": "a"}', RegionId: 'eu', ServiceName: 'EC2' }),
      charge(25, '1', { RegionId: 'us', ServiceName: 'EC2' }),
      charge(26, '1', { RegionId: 'us', ServiceName: 'EC2' }),
    ]);
    const ids = (await bench.batches()).map(({ id }) => id);
    const [profile] = (await bench.control.profiles(acme, ids)).values();
    const keys = profile?.columns.map(({ key }) => key) ?? [];
    const column = (key: string) => profile?.columns[keys.indexOf(key)];
    expect(profile).toMatchObject({ sampledOneIn: 1, tuples: 3, dayTuples: 3, days: 2, hours: 4 });
    expect(profile?.constants).toContainEqual(['provider_name', 'AWS']);
    expect(column('region_id')).toMatchObject({ values: 2, dayValues: 2, hourValues: 4 });
    expect(column('service_name')).toMatchObject({ values: 2, dayValues: 3, hourValues: 4 });
    expect(column('tag:team')).toMatchObject({ values: 2, dayValues: 2 });
    const meets = (value: string, key: string) =>
      column('service_name')?.common.find(([each]) => each === value)?.[2][keys.indexOf(key)];
    expect(column('service_name')?.common.map(([value, charges]) => [value, charges])).toEqual([
      ['EC2', 3],
      ['S3', 1],
    ]);
    expect([meets('EC2', 'region_id'), meets('S3', 'region_id')]).toEqual([2, 1]);
    const [a, b] = [keys.indexOf('service_name'), keys.indexOf('region_id')].sort((x, y) => y - x);
    expect(profile?.pairs[((a ?? 0) * ((a ?? 0) - 1)) / 2 + (b ?? 0)]).toBe(3);
  });

  it('keeps raw files by their contents, compressed as they came', async () => {
    const path = join(bench.folder, 'bill.csv.gz');
    const bytes = gzipSync(csvOf([charge(0, '1')]));
    await writeFile(path, bytes);
    await bench.reports([path]);
    const [name = ''] = await bench.files('raw');
    expect(name).toMatch(/^[0-9a-f]{64}$/);
    expect(await readFile(join(bench.lake.folders.raw, acme, name))).toEqual(bytes);
    expect(await bench.control.loads(acme)).toMatchObject([{ sha256: name, fileName: 'bill.csv.gz' }]);
  });

  it('names the batches in the snapshot that brings them', async () => {
    await bench.load([charge(0, '1'), charge(720, '2', october)]);
    const state = await bench.lake.ensureTable(acme, 'charges');
    const ids = (await bench.batches()).map(({ id }) => id);
    expect(state.metadata.snapshots.at(-1)?.summary['costgraph.batches']).toBe(ids.join(','));
  });
});
