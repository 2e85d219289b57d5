import { squashName } from './bill-file.ts';
import type { BillFile, SourceColumn } from './bill-file.ts';
import { awsCurAmounts } from './aws-cur-amounts.ts';
import { awsCurDimensions, serviceCategoryJoin } from './aws-cur-dimensions.ts';
import type { TagColumn } from './aws-cur-tags.ts';
import { tagColumns, tagsJson } from './aws-cur-tags.ts';
import type { ChargeMapping, Check } from './charge-relation.ts';
import {
  chargeRelation,
  checkCurrency,
  checkLossyId,
  checkNumber,
  checkPeriod,
  checkTime,
  offending,
} from './charge-relation.ts';
import type { BillFormat, Recognition } from './format.ts';
import { sqlText } from './sql-text.ts';

/**
 * AWS Cost and Usage Report (legacy), whatever its container: headers as AWS writes them in CSV
 * (`lineItem/UnblendedCost`) or as Parquet and Athena do (`line_item_unblended_cost`). Columns differ by month
 * and account; all but the required ones may be missing.
 */
export const awsCurFormat: BillFormat = {
  name: 'aws-cur',
  mappingVersion: 1,
  recognises,
  mappedSelect: (file) => chargeRelation(file, awsCurMapping(file)),
};

const requiredColumns = [
  'line_item_line_item_type',
  'line_item_unblended_cost',
  'line_item_currency_code',
  'line_item_usage_start_date',
  'line_item_usage_end_date',
  'bill_billing_period_start_date',
  'bill_billing_period_end_date',
] as const;

const texts = [
  'bill_bill_type',
  'bill_invoice_id',
  'bill_invoicing_entity',
  'bill_payer_account_id',
  'bill_payer_account_name',
  'identity_line_item_id',
  'identity_time_interval',
  'line_item_availability_zone',
  'line_item_currency_code',
  'line_item_legal_entity',
  'line_item_line_item_description',
  'line_item_line_item_type',
  'line_item_operation',
  'line_item_product_code',
  'line_item_resource_id',
  'line_item_usage_account_id',
  'line_item_usage_account_name',
  'line_item_usage_type',
  'pricing_rate_code',
  'pricing_rate_id',
  'pricing_term',
  'pricing_unit',
  'product_instance_type',
  'product_location',
  'product_location_type',
  'product_operating_system',
  'product_product_name',
  'product_region',
  'product_region_code',
  'product_servicename',
  'product_sku',
  'reservation_reservation_arn',
  'savings_plan_savings_plan_arn',
] as const;

const numbers = [
  'line_item_net_unblended_cost',
  'line_item_net_unblended_rate',
  'line_item_unblended_cost',
  'line_item_unblended_rate',
  'line_item_usage_amount',
  'pricing_public_on_demand_cost',
  'pricing_public_on_demand_rate',
  'reservation_effective_cost',
  'reservation_net_effective_cost',
  'reservation_net_unused_amortized_upfront_fee_for_billing_period',
  'reservation_net_unused_recurring_fee',
  'reservation_total_reserved_units',
  'reservation_unused_amortized_upfront_fee_for_billing_period',
  'reservation_unused_quantity',
  'reservation_unused_recurring_fee',
  'savings_plan_net_savings_plan_effective_cost',
  'savings_plan_savings_plan_effective_cost',
  'savings_plan_total_commitment_to_date',
  'savings_plan_used_commitment',
] as const;

const times = [
  'bill_billing_period_start_date',
  'bill_billing_period_end_date',
  'line_item_usage_start_date',
  'line_item_usage_end_date',
] as const;

const known = new Set([...texts, ...numbers, ...times].map(squashName));

function recognises(columns: readonly SourceColumn[]): Recognition {
  const names = new Set(columns.map(({ name }) => squashName(name)));
  const missing = requiredColumns.filter((name) => !names.has(squashName(name)));
  // One column for all tags is CUR 2.0: read as legacy CUR it would lose them.
  const isCur2 = names.has('resourcetags');
  const problem =
    missing.length > 0 ? `it lacks ${missing.join(', ')}` : isCur2 ? 'it is a CUR 2.0 export' : null;
  return { columnsKnown: [...names].filter((name) => known.has(name)).length, problem };
}

function awsCurMapping(file: BillFile): ChargeMapping {
  const present = new Map(file.columns.map(({ name }) => [squashName(name), name]));
  const has = (name: string): boolean => present.has(squashName(name));
  const columnOf = (name: string): string => present.get(squashName(name)) ?? name;
  const tags = tagColumns(file.columns);
  const aliasOf = (tag: TagColumn): string => `tag_${tags.indexOf(tag)}`;
  const amounts = awsCurAmounts({
    amortisesReservations: has('reservation_effective_cost') || has('reservation_net_effective_cost'),
    amortisesSavingsPlans: has('savings_plan_savings_plan_effective_cost'),
  });
  const nameTag = tags.find(({ key }) => key === 'Name');
  return {
    texts,
    otherTexts: tags.map((tag) => ({ alias: aliasOf(tag), column: tag.column })),
    numbers,
    times,
    checks: checksOf(file, has, columnOf, amounts.effectiveOfLine),
    parts: amounts.parts,
    chargeKey: `identity_line_item_id || ' ' || coalesce(identity_time_interval, '') || ' ' || line_item_line_item_type || CASE WHEN part = 1 THEN ' unused' ELSE '' END`,
    chargeTimes: {
      billing_period_start: 'bill_billing_period_start_date',
      billing_period_end: exclusiveEnd('bill_billing_period_end_date'),
      charge_period_start: 'line_item_usage_start_date',
      charge_period_end: exclusiveEnd('line_item_usage_end_date'),
    },
    chargeMetrics: amounts.metrics,
    dimensions: awsCurDimensions(nameTag === undefined ? null : aliasOf(nameTag)),
    tags: tagsJson(tags, aliasOf),
    joins: serviceCategoryJoin,
  };
}

/** AWS writes the end of a fee's period as its last second. */
function exclusiveEnd(time: string): string {
  return `CASE WHEN epoch_us(${time}) % 60000000 = 59000000 THEN make_timestamptz(epoch_us(${time}) + 1000000) ELSE ${time} END`;
}

function checksOf(
  file: BillFile,
  has: (name: string) => boolean,
  columnOf: (name: string) => string,
  effectiveOfLine: string,
): readonly Check[] {
  const mangled = ['bill_payer_account_id', 'line_item_usage_account_id'].filter(has).flatMap((name) => [
    checkLossyId(name, columnOf(name)),
    // Account ids have 12 digits. Shorter by one to three: leading zeros were lost.
    {
      code: 'LOSSY_ID',
      when: `regexp_full_match(${name}, '[0-9]{9,11}')`,
      reason: offending(columnOf(name), name, 'an account id without its leading zeros'),
    } as const,
  ]);
  return [
    ...checkCurrency('line_item_currency_code', columnOf('line_item_currency_code')),
    ...times.flatMap((name) => checkTime(name, columnOf(name))),
    checkPeriod(
      'line_item_usage_start_date',
      'line_item_usage_end_date',
      `${columnOf('line_item_usage_start_date')} and ${columnOf('line_item_usage_end_date')}`,
    ),
    {
      code: 'MISSING_VALUE',
      when: 'line_item_line_item_type IS NULL',
      reason: sqlText(`${columnOf('line_item_line_item_type')} is missing`),
    },
    {
      code: 'NULL_COST',
      when: 'line_item_unblended_cost_source IS NULL',
      reason: sqlText(`${columnOf('line_item_unblended_cost')} is missing`),
    },
    ...numbers.filter(has).map((name) => checkNumber(name, columnOf(name))),
    {
      code: 'NULL_COST',
      when: `${effectiveOfLine} IS NULL`,
      reason: `'the effective cost of this ' || line_item_line_item_type || ' is missing'`,
    },
    ...(file.container === 'csv' ? mangled : []),
  ];
}
