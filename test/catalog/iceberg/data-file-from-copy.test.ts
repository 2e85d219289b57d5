import { describe, expect, it } from 'vitest';
import type { DataFile } from '../../../src/catalog/iceberg/data-file.ts';
import { lowerBound, upperBound } from '../../../src/catalog/iceberg/data-file.ts';
import type { BoundValue } from '../../../src/catalog/iceberg/bounds.ts';
import { dataFileFromCopy } from '../../../src/catalog/iceberg/data-file-from-copy.ts';
import { OCTOBER, sampleTable } from './sample-files.ts';
import { newSampleTable, writeDataFile } from './sample-table.ts';

const partition = { source: 'aws', billing_month: OCTOBER };

describe('dataFileFromCopy', () => {
  it('knows the size, rows, nulls and bounds of what DuckDB wrote', async () => {
    const { state } = await newSampleTable();
    const file = await writeDataFile(
      state,
      partition,
      `select * from (values
        ('aws', date '2018-10-01', timestamptz '2018-10-01 02:00:00.000001+02', -12.5::decimal(38,12), 'b', 7),
        ('aws', date '2018-10-01', timestamptz '1969-12-31 23:59:59.5+00', -99999999999999999999999999.999999999999, null, null),
        ('aws', date '2018-10-01', timestamptz '2018-11-01 00:00:00+00', 0.000000000001, '😀', -9223372036854775808)
      ) t(source, billing_month, charged_at, cost, service, resource_key)`,
    );
    expect(file).toMatchObject({ records: 3, partition });
    expect(file.sizeBytes).toBeGreaterThan(500);
    expect(file.valueCounts).toEqual(new Map([1, 2, 10, 20, 30, 31].map((id) => [id, 3])));
    expect([1, 2, 10, 20, 30, 31].map((id) => file.nullCounts.get(id))).toEqual([0, 0, 0, 0, 1, 1]);
    expect(boundsOf(file, 'billing_month')).toEqual([OCTOBER, OCTOBER]);
    expect(boundsOf(file, 'charged_at')).toEqual([-500_000n, 1_541_030_400_000_000n]);
    expect(boundsOf(file, 'cost')).toEqual([-99999999999999999999999999_999999999999n, 1n]);
    expect(boundsOf(file, 'service')).toEqual(['b', '😀']);
    expect(boundsOf(file, 'resource_key')).toEqual([-9223372036854775808n, 7n]);
  });

  it('tells a column of nulls from one that is not in the file', async () => {
    const { state } = await newSampleTable();
    const file = await writeDataFile(state, partition, `select 'aws' as source, null::varchar as service`);
    expect(file.nullCounts.get(30)).toBe(1);
    expect(boundsOf(file, 'service')).toEqual([null, null]);
    expect(file.valueCounts.has(31)).toBe(false);
  });

  it('gives long texts short bounds that enclose them', async () => {
    const { state } = await newSampleTable();
    const file = await writeDataFile(
      state,
      partition,
      `select unnest([repeat('ü', 40), repeat(chr(128512), 40)]) as service, repeat(chr(1114111), 20) as source`,
    );
    expect(boundsOf(file, 'service')).toEqual(['ü'.repeat(16), `${'😀'.repeat(15)}😁`]);
    expect(boundsOf(file, 'source')).toEqual(['\u{10ffff}'.repeat(16), null]);
  });

  it('reads narrow decimals as the column’s', async () => {
    const { state } = await newSampleTable();
    const file = await writeDataFile(state, partition, `select unnest([-1.5, 2])::decimal(18,12) as cost`);
    expect(boundsOf(file, 'cost')).toEqual([-1_500_000_000_000n, 2_000_000_000_000n]);
  });

  it.each([
    ['charged_at', 'infinity'],
    ['charged_at', '0044-03-15 (BC) 00:00:00+00'],
    ['charged_at', '2018-10-01 02:00:00+02'],
    ['billing_month', '10000-01-01'],
    ['billing_month', '-infinity'],
    ['cost', 'nan'],
    ['cost', '0.0000000000001'],
    ['resource_key', '1.5'],
  ])('keeps no bound of %s for %s: it would not be exact', (name, text) => {
    const statistics = { min: text, max: text, num_values: '1', null_count: '0', column_size_bytes: '9' };
    const file = dataFileFromCopy(
      {
        filename: '/x.parquet',
        count: '1',
        file_size_bytes: '100',
        column_statistics: [
          { key: `"${name}"`, value: Object.entries(statistics).map(([key, value]) => ({ key, value })) },
        ],
      },
      sampleTable.fields,
      partition,
    );
    expect(boundsOf(file, name)).toEqual([null, null]);
  });

  it('refuses a column that its table has not', async () => {
    const row = {
      filename: '/x',
      count: 1n,
      file_size_bytes: 1n,
      column_statistics: [{ key: '"a""b"', value: [] }],
    };
    expect(() => dataFileFromCopy(row, sampleTable.fields, partition)).toThrow('a"b');
  });
});

function boundsOf(file: DataFile, name: string): (BoundValue | null)[] {
  const field = sampleTable.fields.find((one) => one.name === name);
  if (field === undefined) throw new Error(name);
  return [lowerBound(file, field), upperBound(file, field)];
}
