import { readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MALFORMED_ROWS_MAX } from '../../../src/ingest/formats/csv-scan.ts';
import { detectFormat } from '../../../src/ingest/formats/detect-format.ts';
import { csvOf, focusRow, writeBill, writeParquetBill } from '../../support/focus-file.ts';
import { BillBench } from './mapped-bill.ts';

let bench: BillBench;
beforeAll(async () => {
  bench = await BillBench.open();
});
afterAll(async () => bench[Symbol.asyncDispose]());

const three = [1, 2, 3].map((n) => focusRow({ BilledCost: `${n}`, ChargeDescription: `line ${n}` }));
const good = csvOf(three);

async function detect(name: string, content: string | Buffer) {
  await writeFile(bench.path(name), content);
  return detectFormat(bench.connection, bench.path(name), null);
}

describe('a file that is refused', () => {
  const many = csvOf(
    Array.from({ length: 3000 }, (_, i) =>
      focusRow({ BilledCost: `${i}`, ChargeDescription: `${Math.sin(i)}` }),
    ),
  );
  const gzip = gzipSync(many);
  const changed = (at: number): Buffer => {
    const copy = Buffer.from(gzip);
    copy.writeUInt8((copy.at(at) ?? 0) ^ 0xff, at < 0 ? copy.length + at : at);
    return copy;
  };
  it.each([
    ['a gzip cut in the middle', gzip.subarray(0, gzip.length / 2), 'DAMAGED_FILE', /unexpected end/],
    ['a gzip without its last bytes', gzip.subarray(0, gzip.length - 4), 'DAMAGED_FILE', /unexpected end/],
    ['a gzip with a wrong checksum', changed(-6), 'DAMAGED_FILE', /incorrect data check/],
    ['a gzip with a changed byte', changed(gzip.length >> 1), 'DAMAGED_FILE', /./],
    ['an empty file', Buffer.alloc(0), 'EMPTY_FILE', /no rows/],
    ['a header alone', csvOf([focusRow()]).split('\n')[0] ?? '', 'EMPTY_FILE', /no rows/],
    ['a header and blank lines', `${good.split('\n')[0]}\n\n\n`, 'EMPTY_FILE', /no rows/],
    ['text of one column', 'hello\nworld\n', 'UNKNOWN_FORMAT', /no CSV header/],
    ['columns of nothing known', 'a,b,c\n1,2,3\n', 'UNKNOWN_FORMAT', /its 3 columns are a, b, c/],
    ['an Excel workbook', Buffer.from('PK\u0003\u0004 workbook'), 'UNKNOWN_FORMAT', /Excel/],
    ['UTF-16', Buffer.from(`\ufeff${good}`, 'utf16le'), 'DAMAGED_FILE', /UTF-16/],
    [
      'Latin-1',
      Buffer.from(csvOf([...three, focusRow({ SubAccountName: 'Müller' })]), 'latin1'),
      'DAMAGED_FILE',
      /not UTF-8 .*save it as UTF-8/,
    ],
    ['a quote that is never closed', `${good}"1,2\n3,4\n`, 'DAMAGED_FILE', /row 4 opens is never closed/],
    [
      'text behind a closing quote',
      good.replace('line 2', '"li"ne 2'),
      'DAMAGED_FILE',
      /row 2 has text after the closing quote/,
    ],
    ['mixed line ends', good.replace(/line 2(.*)\n/, 'line 2$1\r\n'), 'DAMAGED_FILE', /row 2 ends its line/],
    [
      'a lone CR in a file of CRLF',
      csvOf(three, { newline: '\r\n' }).replace('line 2', 'line\r2'),
      'DAMAGED_FILE',
      /ends its line/,
    ],
    ['NUL bytes', good.replace('line 2', 'line\0 2'), 'DAMAGED_FILE', /NUL/],
    [
      'rows that the header does not fit',
      good + '1,2\n'.repeat(MALFORMED_ROWS_MAX + 1),
      'DAMAGED_FILE',
      /more than 10000 rows/,
    ],
  ] as const)('%s', async (_, content, code, reason) => {
    await expect(detect('refused.csv', Buffer.from(content))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(reason),
    });
  });

  it('a Parquet file that is cut', async () => {
    const path = await writeParquetBill(bench.connection, bench.path('whole.parquet'), three);
    const whole = await readFile(path);
    await expect(detect('cut.parquet', whole.subarray(0, whole.length / 2))).rejects.toMatchObject({
      code: 'DAMAGED_FILE',
    });
    await expect(detect('tiny.parquet', whole.subarray(0, 6))).rejects.toMatchObject({
      code: 'DAMAGED_FILE',
    });
  });

  it('a Parquet file without rows', async () => {
    await writeParquetBill(bench.connection, bench.path('whole.parquet'), three);
    await bench.connection.run(
      `COPY (FROM '${bench.path('whole.parquet')}' LIMIT 0) TO '${bench.path('empty.parquet')}'`,
    );
    await expect(detectFormat(bench.connection, bench.path('empty.parquet'), null)).rejects.toMatchObject({
      code: 'EMPTY_FILE',
    });
  });

  it('a file that is not there', async () => {
    await expect(detectFormat(bench.connection, bench.path('none.csv'), null)).rejects.toMatchObject({
      code: 'DAMAGED_FILE',
      message: expect.stringContaining('no such file'),
    });
  });

  it('a bill of another format than asked for, or that lacks what it needs', async () => {
    const path = await writeBill(bench.path('good.csv'), good);
    await expect(detectFormat(bench.connection, path, 'aws-cur')).rejects.toMatchObject({
      code: 'UNKNOWN_FORMAT',
      message: expect.stringContaining('as aws-cur, it lacks line_item_line_item_type'),
    });
    await expect(detect('lacks.csv', good.replace('EffectiveCost', 'x_Cost'))).rejects.toMatchObject({
      code: 'UNKNOWN_FORMAT',
      message: expect.stringContaining('as focus, it lacks EffectiveCost'),
    });
  });
});

describe('a file that is read', () => {
  it.each([
    ['as it is', 'bill.csv', good],
    ['gzip', 'bill.csv.gz', good],
    ['zstd', 'bill.csv.zst', good],
    ['whatever its name', 'bill.parquet', good],
    ['with a name like a pattern', 'bill[1]*.csv', good],
    ['byte order mark and CRLF', 'bom.csv', csvOf(three, { byteOrderMark: true, newline: '\r\n' })],
    ['CR alone', 'cr.csv', csvOf(three, { newline: '\r' })],
    ['semicolons', 'semicolon.csv', csvOf(three, { delimiter: ';' })],
    ['tabs', 'tab.csv', csvOf(three, { delimiter: '\t' })],
    ['0x01', 'soh.csv', csvOf(three, { delimiter: '\u0001', quoted: false })],
    ['blank lines', 'blank.csv', good.replaceAll('\n', '\n\n')],
    ['without a last line end', 'last.csv', good.slice(0, -1)],
  ])('%s', async (_, name, text) => {
    const rows = await bench.mapped(await writeBill(bench.path(name), text));
    expect(
      rows.map((row) => [
        row['row_number'],
        row['error_code'],
        row['charge_description'],
        row['billed_cost'],
      ]),
    ).toEqual([
      ['1', null, 'line 1', '1.000000000000'],
      ['2', null, 'line 2', '2.000000000000'],
      ['3', null, 'line 3', '3.000000000000'],
    ]);
  });

  it('with several gzip members', async () => {
    const [header = '', ...lines] = good.split('\n');
    const { file } = await detect(
      'members.csv.gz',
      Buffer.concat([gzipSync(`${header}\n`), gzipSync(lines.join('\n'))]),
    );
    expect(file.rows).toBe(3);
  });

  it('with line ends, quotes and separators in quoted values', async () => {
    const text = 'two\r\nlines, a "quote", ünï\u{1f600}';
    const [row] = await bench.mappedText(csvOf([focusRow({ ChargeDescription: text })]));
    expect(row?.['charge_description']).toBe(text);
  });

  it('across the borders of what is read at once, where characters are cut', async () => {
    const rows = Array.from({ length: 12_000 }, (_, i) =>
      focusRow({ SubAccountName: `${'€'.repeat(i % 50)}"\n,`, BilledCost: `${i}` }),
    );
    const mapped = await bench.mapped(await writeBill(bench.path('large.csv.gz'), csvOf(rows)));
    expect(mapped.length).toBe(12_000);
    expect(
      mapped.every(
        (row, i) => row['billed_cost'] === `${i}.000000000000` && row['row_number'] === `${i + 1}`,
      ),
    ).toBe(true);
  });
});

it('puts rows with too few or too many fields into quarantine by their number, and loads the others', async () => {
  const lines = good.trimEnd().split('\n');
  const text = [lines[0], lines[1], '', '1,2', lines[2], `${lines[3]},more`, '"a\nb",c', lines[3], ''].join(
    '\n',
  );
  const rows = await bench.mappedText(text);
  expect(
    rows.map((row) => [row['row_number'], row['error_code'], row['error_reason'] ?? row['billed_cost']]),
  ).toEqual([
    ['1', null, '1.000000000000'],
    ['2', 'FIELD_COUNT', '2 fields, the header has 17'],
    ['3', null, '2.000000000000'],
    ['4', 'FIELD_COUNT', '18 fields, the header has 17'],
    ['5', 'FIELD_COUNT', '2 fields, the header has 17'],
    ['6', null, '3.000000000000'],
  ]);
});
