import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { csvOf, writeParquetBill } from '../../support/focus-file.ts';
import type { BillRow } from '../../support/focus-file.ts';
import { BillBench } from './mapped-bill.ts';
import type { MappedRow } from './mapped-bill.ts';

let bench: BillBench;
beforeAll(async () => {
  bench = await BillBench.open();
});
afterAll(async () => bench[Symbol.asyncDispose]());

let lines = 0;

/** A line of a CUR as AWS writes it to CSV; columns that a month lacks are left out by not giving them. */
function line(type: string, cost: string, columns: BillRow = {}): BillRow {
  lines += 1;
  return {
    'identity/LineItemId': `line${lines}`,
    'identity/TimeInterval': '2024-09-18T22:00:00Z/2024-09-18T23:00:00Z',
    'bill/InvoiceId': '',
    'bill/BillType': 'Anniversary',
    'bill/PayerAccountId': '012345678901',
    'bill/BillingPeriodStartDate': '2024-09-01T00:00:00Z',
    'bill/BillingPeriodEndDate': '2024-10-01T00:00:00Z',
    'lineItem/UsageAccountId': '000000000123',
    'lineItem/LineItemType': type,
    'lineItem/UsageStartDate': '2024-09-18T22:00:00Z',
    'lineItem/UsageEndDate': '2024-09-18T23:00:00Z',
    'lineItem/ProductCode': 'AmazonEC2',
    'lineItem/UsageType': 'BoxUsage:m5.large',
    'lineItem/CurrencyCode': 'USD',
    'lineItem/UsageAmount': '2',
    'lineItem/UnblendedCost': cost,
    ...columns,
  };
}

/** As Parquet and Athena name them. */
function athena(row: BillRow): BillRow {
  const name = (header: string): string =>
    header
      .replaceAll(/[:/]/g, '_')
      .replaceAll(/([A-Z])/g, '_$1')
      .replaceAll(/_+/g, '_')
      .toLowerCase();
  return Object.fromEntries(Object.entries(row).map(([header, value]) => [name(header), value]));
}

const amounts = (row: MappedRow | undefined): unknown[] =>
  ['charge_category', 'billed_cost', 'effective_cost', 'list_cost', 'contracted_cost'].map((name) => {
    const value = row?.[name] ?? null;
    return value !== null && /^-?\d/.test(value) ? Number(value) : value;
  });

async function map(...rows: readonly BillRow[]): Promise<readonly MappedRow[]> {
  return bench.mappedText(csvOf(rows));
}

describe('a line of a CUR', () => {
  it('becomes a charge', async () => {
    const [row] = await map(
      line('Usage', '0.192', {
        'lineItem/ResourceId': 'i-0123456789abcdef0',
        'lineItem/LineItemDescription': '$0.096 per hour',
        'lineItem/AvailabilityZone': 'us-east-1a',
        'lineItem/UnblendedRate': '0.0960000000',
        'product/ProductName': 'Amazon Elastic Compute Cloud',
        'product/region': 'us-east-1',
        'product/location': 'US East (N. Virginia)',
        'product/sku': 'SKU1',
        'product/instanceType': 'm5.large',
        'pricing/RateId': '42',
        'pricing/unit': 'Hrs',
        'pricing/publicOnDemandCost': '0.2',
        'pricing/publicOnDemandRate': '0.1',
        'resourceTags/user:Name': 'web "1"',
        'resourceTags/user:cost-center': 'cc',
        'resourceTags/aws:createdBy': 'me',
        'resourceTags/user:Empty': '',
      }),
    );
    expect(row).toMatchObject({
      error_code: null,
      charge_key: `line${lines} 2024-09-18T22:00:00Z/2024-09-18T23:00:00Z Usage`,
      billed_cost: '0.192000000000',
      effective_cost: '0.192000000000',
      list_cost: '0.200000000000',
      contracted_cost: '0.192000000000',
      consumed_quantity: '2.000000000000',
      consumed_unit: 'Hrs',
      pricing_quantity: '2.000000000000',
      contracted_unit_price: '0.096000000000',
      list_unit_price: '0.100000000000',
      availability_zone: 'us-east-1a',
      billing_account_id: '012345678901',
      charge_category: 'Usage',
      charge_class: null,
      charge_description: '$0.096 per hour',
      charge_frequency: 'Usage-Based',
      commitment_discount_id: null,
      invoice_id: null,
      pricing_category: 'Standard',
      provider_name: 'AWS',
      region_id: 'us-east-1',
      region_name: 'US East (N. Virginia)',
      service_category: 'Compute',
      service_name: 'Amazon Elastic Compute Cloud',
      sku_id: 'SKU1',
      sku_meter: 'BoxUsage:m5.large',
      sku_price_id: '42',
      sku_price_details: '{"InstanceType":"m5.large"}',
      sub_account_id: '000000000123',
      resource_id: 'i-0123456789abcdef0',
      resource_name: 'web "1"',
      resource_type: 'ec2:instance',
      tags: '{"Name":"web \\"1\\"","aws:createdBy":"me","cost-center":"cc"}',
    });
  });

  it('is the same from Parquet, with the tags that its column names still tell', async () => {
    const row = athena(
      line('Usage', '0.1', { 'resourceTags/user:CostCenter': 'cc', 'resourceTags/aws:createdBy': 'me' }),
    );
    const path = await writeParquetBill(bench.connection, bench.path('cur.parquet'), [row], {
      line_item_unblended_cost: 'CAST(line_item_unblended_cost AS DOUBLE)',
      line_item_usage_start_date: 'CAST(line_item_usage_start_date AS TIMESTAMP)',
    });
    const [mapped] = await bench.mapped(path);
    expect(mapped).toMatchObject({
      error_code: null,
      billed_cost: '0.100000000000',
      charge_period_start: '2024-09-18 22:00:00',
      tags: '{"CostCenter":"cc","aws:createdBy":"me"}',
    });
  });

  it('that is neither usage nor of a commitment is billed and effective alike', async () => {
    const cases = [
      ['Tax', 'Tax', null, null],
      ['Credit', 'Credit', null, null],
      ['Refund', 'Adjustment', 'Correction', null],
      ['Fee', 'Purchase', null, 'Standard'],
      ['EdpDiscount', 'Usage', null, 'Standard'],
      ['BundledDiscount', 'Usage', null, 'Standard'],
      ['PrivateRateDiscount', 'Usage', null, 'Standard'],
      ['SomethingNew', 'Adjustment', null, null],
    ] as const;
    const rows = await map(...cases.map(([type]) => line(type, '-1.5')));
    expect(rows.map(amounts)).toEqual(cases.map(([, category]) => [category, -1.5, -1.5, -1.5, -1.5]));
    expect(
      rows.map((row) => [row['charge_class'], row['pricing_category'], row['consumed_quantity']]),
    ).toEqual(cases.map(([, , correction, pricing]) => [correction, pricing, null]));
  });

  it('of spot usage has a dynamic price', async () => {
    const [byType, byTerm] = await map(
      line('Usage', '1', { 'lineItem/UsageType': 'USE1-SpotUsage:m5.large', 'pricing/term': '' }),
      line('Usage', '1', { 'pricing/term': 'Spot' }),
    );
    expect([byType?.['pricing_category'], byTerm?.['pricing_category']]).toEqual(['Dynamic', 'Dynamic']);
  });

  it('ends at the next second after its last', async () => {
    const [row] = await map(line('Fee', '1', { 'lineItem/UsageEndDate': '2024-09-30T23:59:59Z' }));
    expect(row).toMatchObject({ charge_period_end: '2024-10-01 00:00:00' });
  });

  it('has no zone where AWS names the region', async () => {
    const [row] = await map(
      line('Usage', '1', { 'lineItem/AvailabilityZone': 'us-east-1', 'product/region': 'us-east-1' }),
    );
    expect(row).toMatchObject({ availability_zone: null, region_id: 'us-east-1' });
  });
});

describe('reservations', () => {
  const arn = { 'reservation/ReservationARN': 'arn:aws:ec2:us-east-1:1:reserved-instances/r' };
  const used = line('DiscountedUsage', '0', {
    ...arn,
    'reservation/EffectiveCost': '0.06',
    'pricing/publicOnDemandCost': '0.1',
  });
  const fee = line('RIFee', '44.64', {
    ...arn,
    'reservation/EffectiveCost': '0',
    'reservation/UnusedAmortizedUpfrontFeeForBillingPeriod': '1.5',
    'reservation/UnusedRecurringFee': '2.25',
    'reservation/UnusedQuantity': '45',
    'reservation/TotalReservedUnits': '744',
  });

  it('cost their amortised part where they are used, and the rest as a charge of its own', async () => {
    const upfront = line('Fee', '500', { ...arn, 'bill/BillType': 'Purchase' });
    const rows = await map(used, fee, upfront);
    expect(rows.map(amounts)).toEqual([
      ['Usage', 0, 0.06, 0.1, 0.1],
      ['Purchase', 44.64, 0, 0, 0],
      ['Usage', 0, 3.75, 0, 0],
      ['Purchase', 500, 0, 0, 0],
    ]);
    expect(
      rows.map((row) => [
        row['row_number'],
        row['commitment_discount_status'],
        row['commitment_discount_quantity'],
        row['charge_frequency'],
      ]),
    ).toEqual([
      ['1', 'Used', '2.000000000000', 'Usage-Based'],
      ['2', null, '744.000000000000', 'Recurring'],
      ['2', 'Unused', '45.000000000000', 'Usage-Based'],
      ['3', null, null, 'One-Time'],
    ]);
    expect(new Set(rows.map((row) => row['charge_key'])).size).toBe(4);
    expect(rows[2]).toMatchObject({
      commitment_discount_type: 'Reserved Instance',
      commitment_discount_category: 'Usage',
      commitment_discount_unit: 'Hrs',
      pricing_category: 'Committed',
    });
  });

  it('have no unused charge when all was used', async () => {
    const rows = await map({
      ...fee,
      'reservation/UnusedAmortizedUpfrontFeeForBillingPeriod': '0',
      'reservation/UnusedRecurringFee': '',
    });
    expect(rows.map(amounts)).toEqual([['Purchase', 44.64, 0, 0, 0]]);
  });

  it('are effective as billed in a report that does not amortise', async () => {
    const rows = await map(line('DiscountedUsage', '0', arn), line('RIFee', '44.64', arn));
    expect(rows.map(amounts)).toEqual([
      ['Usage', 0, 0, 0, 0],
      ['Purchase', 44.64, 44.64, 0, 0],
    ]);
  });

  it('go into quarantine without their amortised cost', async () => {
    const [row] = await map({ ...used, 'reservation/EffectiveCost': '' });
    expect(row).toMatchObject({
      error_code: 'NULL_COST',
      error_reason: 'the effective cost of this DiscountedUsage is missing',
    });
  });
});

describe('savings plans', () => {
  const plan = { 'savingsPlan/SavingsPlanARN': 'arn:aws:savingsplans::1:savingsplan/s' };
  const covered = line('SavingsPlanCoveredUsage', '0.1', {
    ...plan,
    'savingsPlan/SavingsPlanEffectiveCost': '0.07',
    'pricing/publicOnDemandCost': '0.1',
  });
  const negation = line('SavingsPlanNegation', '-0.1', plan);
  const recurring = line('SavingsPlanRecurringFee', '1', {
    ...plan,
    'savingsPlan/TotalCommitmentToDate': '1.5',
    'savingsPlan/UsedCommitment': '0.07',
  });

  it('bill their fee, and cost what they cover', async () => {
    const rows = await map(covered, negation, recurring, line('SavingsPlanUpfrontFee', '100', plan));
    expect(rows.map(amounts)).toEqual([
      ['Usage', 0.1, 0.07, 0.1, 0.1],
      ['Usage', -0.1, 0, 0, 0],
      ['Purchase', 1, 0, 0, 0],
      ['Usage', 0, 1.43, 0, 0],
      ['Purchase', 100, 0, 0, 0],
    ]);
    expect(
      rows.map((row) => [
        row['commitment_discount_type'],
        row['commitment_discount_category'],
        row['commitment_discount_status'],
        row['pricing_category'],
      ]),
    ).toEqual([
      ['Savings Plan', 'Spend', 'Used', 'Committed'],
      ['Savings Plan', 'Spend', 'Used', 'Committed'],
      ['Savings Plan', 'Spend', null, 'Standard'],
      ['Savings Plan', 'Spend', 'Unused', 'Committed'],
      ['Savings Plan', 'Spend', null, 'Standard'],
    ]);
  });
});

describe('a report of an account with discounts', () => {
  it('counts net costs where it has them', async () => {
    const net = (type: string, cost: string, columns: BillRow): BillRow =>
      line(type, cost, { 'lineItem/NetUnblendedCost': '', ...columns });
    const rows = await map(
      net('Usage', '10', { 'lineItem/NetUnblendedCost': '9', 'pricing/publicOnDemandCost': '11' }),
      net('Usage', '10', {}),
      net('EdpDiscount', '-1', { 'lineItem/NetUnblendedCost': '0' }),
      net('DiscountedUsage', '0', { 'reservation/EffectiveCost': '5', 'reservation/NetEffectiveCost': '4' }),
      net('SavingsPlanCoveredUsage', '3', {
        'lineItem/NetUnblendedCost': '2.5',
        'savingsPlan/SavingsPlanEffectiveCost': '2',
        'savingsPlan/NetSavingsPlanEffectiveCost': '1.5',
      }),
      net('RIFee', '8', {
        'lineItem/NetUnblendedCost': '7',
        'reservation/UnusedRecurringFee': '2',
        'reservation/NetUnusedRecurringFee': '1.75',
        'reservation/NetUnusedAmortizedUpfrontFeeForBillingPeriod': '0.25',
      }),
    );
    expect(rows.map(amounts)).toEqual([
      ['Usage', 9, 9, 11, 9],
      ['Usage', 10, 10, 10, 10],
      ['Usage', 0, 0, 0, 0],
      ['Usage', 0, 4, 0, 0],
      ['Usage', 2.5, 1.5, 2.5, 2.5],
      ['Purchase', 7, 0, 0, 0],
      ['Usage', 0, 2, 0, 0],
    ]);
  });
});

describe('a CUR line in quarantine', () => {
  it('says why, and leaves the others alone', async () => {
    const cases: readonly (readonly [string, BillRow, string])[] = [
      ['NULL_COST', { 'lineItem/UnblendedCost': '' }, 'lineItem/UnblendedCost is missing'],
      [
        'BAD_NUMBER',
        { 'lineItem/UsageAmount': '1.234,5' },
        'lineItem/UsageAmount is "1.234,5", no number below 10^18',
      ],
      [
        'BAD_TIME',
        { 'lineItem/UsageStartDate': '9/18/2024 22:00' },
        'lineItem/UsageStartDate is "9/18/2024 22:00", no ISO 8601 time of this century',
      ],
      ['MISSING_VALUE', { 'lineItem/LineItemType': '' }, 'lineItem/LineItemType is missing'],
      ['MISSING_VALUE', { 'lineItem/CurrencyCode': '' }, 'lineItem/CurrencyCode is missing'],
      [
        'LOSSY_ID',
        { 'bill/PayerAccountId': '1.23457E+10' },
        'bill/PayerAccountId is "1.23457E+10", digits that a spreadsheet has cut',
      ],
      [
        'LOSSY_ID',
        { 'lineItem/UsageAccountId': '11254002932' },
        'lineItem/UsageAccountId is "11254002932", an account id without its leading zeros',
      ],
    ];
    const rows = await map(
      ...cases.flatMap(([, columns]) => [line('Usage', '1', columns), line('Usage', '1')]),
    );
    expect(rows.map((row) => [row['error_code'], row['error_reason']])).toEqual(
      cases.flatMap(([code, , reason]) => [
        [code, reason],
        [null, null],
      ]),
    );
  });

  it('is one row, though a good one would be two charges', async () => {
    const rows = await map(
      line('RIFee', 'x', { 'reservation/EffectiveCost': '0', 'reservation/UnusedRecurringFee': '2' }),
    );
    expect(rows.map((row) => row['error_code'])).toEqual(['BAD_NUMBER']);
  });
});

it('leaves CUR 2.0 to a format of its own: its tags are in one column', async () => {
  const text = csvOf([{ ...athena(line('Usage', '1')), resource_tags: '{}' }]);
  await expect(bench.mappedText(text)).rejects.toMatchObject({
    code: 'UNKNOWN_FORMAT',
    message: expect.stringContaining('CUR 2.0'),
  });
});
