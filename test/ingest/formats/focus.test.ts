import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tagMapSql } from '../../../src/ingest/formats/tags-sql.ts';
import { csvOf, focusRow, writeBill, writeParquetBill } from '../../support/focus-file.ts';
import type { BillRow } from '../../support/focus-file.ts';
import { BillBench } from './mapped-bill.ts';
import type { MappedRow } from './mapped-bill.ts';

let bench: BillBench;
beforeAll(async () => {
  bench = await BillBench.open();
});
afterAll(async () => bench[Symbol.asyncDispose]());

async function mapOne(columns: BillRow): Promise<MappedRow> {
  const [row] = await bench.mappedText(csvOf([focusRow(columns)]));
  if (row === undefined) throw new Error('no row');
  return row;
}

describe('a FOCUS charge', () => {
  it('has its columns, and null for those the file lacks', async () => {
    const row = await mapOne({
      SkuMeter: 'Compute',
      SubAccountType: 'Account',
      x_Anything: 'left out',
      Id: '7',
    });
    expect(row).toMatchObject({
      error_code: null,
      charge_key: null,
      billing_month: '2024-09-01',
      billing_period_end: '2024-10-01 00:00:00',
      charge_period_start: '2024-09-18 22:00:00',
      billed_cost: '1.000000000000',
      sku_meter: 'Compute',
      sub_account_type: 'Account',
      sub_account_name: null,
      list_unit_price: null,
      residue: `0.${'0'.repeat(30)}`,
    });
  });

  it('is found whatever the case of the columns', async () => {
    const lower = Object.fromEntries(
      Object.entries(focusRow({ BilledCost: '2' })).map(([name, value]) => [name.toLowerCase(), value]),
    );
    const [row] = await bench.mappedText(csvOf([lower]));
    expect(row).toMatchObject({
      error_code: null,
      billed_cost: '2.000000000000',
      service_name: 'Amazon EC2',
    });
  });

  it('takes empty fields and the text NULL as null, and spells allowed values as the specification does', async () => {
    const row = await mapOne({
      ChargeCategory: 'usage',
      ChargeFrequency: 'Usage-based',
      CommitmentDiscountStatus: 'NULL',
      PricingCategory: '',
      ServiceCategory: 'ai and machine learning',
      ChargeClass: ' correction ',
      CommitmentDiscountCategory: 'Something new',
      BillingCurrency: 'usd',
    });
    expect(row).toMatchObject({
      charge_category: 'Usage',
      charge_frequency: 'Usage-Based',
      commitment_discount_status: null,
      pricing_category: null,
      service_category: 'AI and Machine Learning',
      charge_class: 'Correction',
      commitment_discount_category: 'Something new',
      billing_currency: 'USD',
    });
  });

  it('says what rounding took away', async () => {
    const row = await mapOne({
      BilledCost: '1.0000000000005',
      EffectiveCost: '0.30000000000000004',
      ConsumedQuantity: '0.3333333333333333',
    });
    expect(row).toMatchObject({
      billed_cost: '1.000000000000',
      effective_cost: '0.300000000000',
      consumed_quantity: '0.333333333333',
      residue: '0.000000000000500040000000000000',
    });
  });

  it('starts at whatever ISO 8601 says', async () => {
    const cases = [
      ['2024-09-18 22:00:00', '2024-09-18 22:00:00'],
      ['2024-09-18T22:00Z', '2024-09-18 22:00:00'],
      ['2024-09-18 22:00', '2024-09-18 22:00:00'],
      ['2024-09-18T23:00:00+02:00', '2024-09-18 21:00:00'],
      ['2024-09-18T20:30:00.000-0130', '2024-09-18 22:00:00'],
      ['2024-09-18 22:00:00 UTC', '2024-09-18 22:00:00'],
      ['2024-09-18', '2024-09-18 00:00:00'],
    ] as const;
    const rows = await bench.mappedText(csvOf(cases.map(([text]) => focusRow({ ChargePeriodStart: text }))));
    expect(rows.map((row) => row['charge_period_start'])).toEqual(cases.map(([, instant]) => instant));
  });

  it('has its tags, whatever their JSON', async () => {
    const cases: readonly (readonly [string, Readonly<Record<string, string>> | null])[] = [
      [
        '{"a": "x", "b": 1.50, "c": true, "d": null, "e": "", "f": {"g": [1]}}',
        { a: 'x', b: '1.5', c: 'true', f: '{"g":[1]}' },
      ],
      ['{" spaced ": " kept "}', { spaced: ' kept ' }],
      ['{"a": "1", " a": "2"}', { a: '2' }],
      ['[{"key": "a", "value": "x"}, {"key": "b", "value": null}]', { a: 'x' }],
      ['{"it\'s": "ünï", "quo\\"te": "a\\nb"}', { "it's": 'ünï', 'quo"te': 'a\nb' }],
      ['{}', null],
      ['NULL', null],
    ];
    const path = await writeBill(
      bench.path('tags.csv'),
      csvOf(cases.map(([text]) => focusRow({ Tags: text }))),
    );
    const rows = await bench.rows(
      `SELECT to_json(${tagMapSql('tags')}) AS map FROM (${await bench.mappedSql(path)}) ORDER BY row_number`,
    );
    expect(rows.map(({ map }) => (typeof map === 'string' ? JSON.parse(map) : null))).toEqual(
      cases.map(([, tags]) => tags),
    );
  });
});

describe('a FOCUS row in quarantine', () => {
  it('says why, and leaves the others alone', async () => {
    const cases: readonly (readonly [string, BillRow, string])[] = [
      ['NULL_COST', { EffectiveCost: null }, 'EffectiveCost is missing'],
      ['NULL_COST', { BilledCost: 'NULL' }, 'BilledCost is missing'],
      ['BAD_NUMBER', { BilledCost: '1,5' }, 'BilledCost is "1,5", no number below 10^18'],
      ['BAD_NUMBER', { ListCost: '1e18' }, 'ListCost is "1e18", no number below 10^18'],
      ['BAD_NUMBER', { ConsumedQuantity: 'NaN' }, 'ConsumedQuantity is "NaN", no number below 10^18'],
      ['MISSING_VALUE', { BillingCurrency: null }, 'BillingCurrency is missing'],
      ['BAD_CURRENCY', { BillingCurrency: 'Dollar' }, 'BillingCurrency is "Dollar", no ISO 4217 code'],
      ['MISSING_VALUE', { ChargePeriodStart: '' }, 'ChargePeriodStart is missing'],
      ['MISSING_VALUE', { ChargeCategory: 'NULL' }, 'ChargeCategory is missing'],
      [
        'BAD_TIME',
        { ChargePeriodStart: '9/18/2024 22:00' },
        'ChargePeriodStart is "9/18/2024 22:00", no ISO 8601 time of this century',
      ],
      [
        'BAD_TIME',
        { BillingPeriodStart: '09/01/2024' },
        'BillingPeriodStart is "09/01/2024", no ISO 8601 time of this century',
      ],
      [
        'BAD_TIME',
        { BillingPeriodStart: '1/2/03' },
        'BillingPeriodStart is "1/2/03", no ISO 8601 time of this century',
      ],
      [
        'BAD_TIME',
        { ChargePeriodEnd: '45553.9' },
        'ChargePeriodEnd is "45553.9", no ISO 8601 time of this century',
      ],
      [
        'BAD_PERIOD',
        { ChargePeriodEnd: '2024-09-18T21:00:00Z' },
        'ChargePeriodStart and ChargePeriodEnd are 2024-09-18T22:00:00Z and 2024-09-18T21:00:00Z',
      ],
      ['BAD_TAGS', { Tags: 'Application=x' }, 'Tags is "Application=x", no JSON object'],
      ['BAD_TAGS', { Tags: '"text"' }, 'Tags is ""text"", no JSON object'],
      [
        'LOSSY_ID',
        { SubAccountId: '1.23457E+11' },
        'SubAccountId is "1.23457E+11", digits that a spreadsheet has cut',
      ],
      [
        'LOSSY_ID',
        { BillingAccountId: '1,23457E+11' },
        'BillingAccountId is "1,23457E+11", digits that a spreadsheet has cut',
      ],
    ];
    const rows = await bench.mappedText(
      csvOf(cases.flatMap(([, columns]) => [focusRow(columns), focusRow()])),
    );
    expect(rows.map((row) => [row['error_code'], row['error_reason']])).toEqual(
      cases.flatMap(([code, , reason]) => [
        [code, reason],
        [null, null],
      ]),
    );
  });

  it('does not follow from a null contracted cost, an unknown value or a column that is not there', async () => {
    const { ChargeCategory: _, ...without } = focusRow({ ContractedCost: null, PricingCategory: 'Haggled' });
    const [row] = await bench.mappedText(csvOf([without]));
    expect(row).toMatchObject({
      error_code: null,
      contracted_cost: null,
      pricing_category: 'Haggled',
      charge_category: null,
    });
  });

  it('is every row of a bill that a German spreadsheet has saved', async () => {
    const mangled = focusRow({
      BilledCost: '0,0000123',
      BillingPeriodStart: '01.09.2024 00:00',
      SubAccountId: '2,10988E+11',
    });
    const rows = await bench.mappedText(csvOf([mangled, mangled], { delimiter: ';' }));
    expect(rows.map((row) => row['error_code'])).toEqual(['BAD_TIME', 'BAD_TIME']);
  });
});

describe('a FOCUS Parquet file', () => {
  const given = [
    focusRow({
      BilledCost: '0.1',
      ListCost: '123456.789',
      Tags: '{"b": "2", "a": "1"}',
      SubAccountId: '0123',
    }),
  ];
  const time = (name: string, type: string): Record<string, string> => ({
    [name]: `CAST(CAST("${name}" AS TIMESTAMP) AS ${type})`,
  });
  it.each<[string, Record<string, string>]>([
    ['texts', {}],
    ['doubles', { BilledCost: 'CAST(BilledCost AS DOUBLE)', ListCost: 'CAST(ListCost AS DOUBLE)' }],
    [
      'decimals',
      { BilledCost: 'CAST(BilledCost AS DECIMAL(38,18))', ListCost: 'CAST(ListCost AS DECIMAL(18,6))' },
    ],
    ['floats', { BilledCost: 'CAST(BilledCost AS FLOAT)' }],
    ['timestamps', { ...time('ChargePeriodStart', 'TIMESTAMP'), ...time('ChargePeriodEnd', 'TIMESTAMP_NS') }],
    [
      'dates and zones',
      {
        ...time('BillingPeriodStart', 'DATE'),
        ChargePeriodStart: 'CAST("ChargePeriodStart" AS TIMESTAMPTZ)',
      },
    ],
    ['tags as a map', { Tags: `from_json(Tags, '"MAP(VARCHAR, VARCHAR)"')` }],
    ['tags as a list', { Tags: 'map_entries(from_json(Tags, \'"MAP(VARCHAR, VARCHAR)"\'))' }],
    ['tags as a struct', { Tags: `from_json(Tags, '{"a": "VARCHAR", "b": "VARCHAR", "c": "VARCHAR"}')` }],
    ['tags as JSON', { Tags: 'CAST(Tags AS JSON)' }],
    ['texts as bytes', { ServiceName: 'encode(ServiceName)' }],
  ])('has the same charges with %s', async (_, types) => {
    const path = await writeParquetBill(bench.connection, bench.path('types.parquet'), given, types);
    const rows = await bench.rows(
      `SELECT row_number, error_reason, billed_cost, list_cost, billing_month, billing_period_start, charge_period_start, charge_period_end,
        service_name, sub_account_id, to_json(${tagMapSql('tags')}) AS tags FROM (${await bench.mappedSql(path)})`,
    );
    expect(rows).toEqual([
      {
        row_number: '1',
        error_reason: null,
        billed_cost: '0.100000000000',
        list_cost: '123456.789000000000',
        billing_month: '2024-09-01',
        billing_period_start: '2024-09-01 00:00:00',
        charge_period_start: '2024-09-18 22:00:00',
        charge_period_end: '2024-09-18 23:00:00',
        service_name: 'Amazon EC2',
        sub_account_id: '0123',
        tags: '{"a":"1","b":"2"}',
      },
    ]);
  });

  it('has bad rows in quarantine by their number', async () => {
    const path = await writeParquetBill(
      bench.connection,
      bench.path('bad.parquet'),
      [focusRow(), focusRow({ BilledCost: 'NaN' })],
      {
        BilledCost: 'CAST(BilledCost AS DOUBLE)',
      },
    );
    const rows = await bench.mapped(path);
    expect(rows.map((row) => [row['row_number'], row['error_code']])).toEqual([
      ['1', null],
      ['2', 'BAD_NUMBER'],
    ]);
  });
});
