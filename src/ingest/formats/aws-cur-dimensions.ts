import { fileURLToPath } from 'node:url';
import type { ResourceDimensionName, RowDimensionName } from '../../catalog/charge-columns.ts';
import { isCommitmentFee, usageTypes } from './aws-cur-amounts.ts';
import { NO_TEXT } from './charge-relation.ts';
import { sqlPath, sqlTexts } from './sql-text.ts';

const TYPE = 'line_item_line_item_type';
const CATEGORIES_FILE = fileURLToPath(
  new URL('../../../data/mappings/aws-service-categories.csv', import.meta.url),
);

/** One row per product code (a test holds that), so that the join keeps the rows as they are. */
export const serviceCategoryJoin = `
LEFT JOIN read_csv(${sqlPath(CATEGORIES_FILE)}, auto_detect = false, header = true, delim = ',',
  columns = {'product_code': 'VARCHAR', 'product_category': 'VARCHAR'}) AS category ON product_code = line_item_product_code`;

/** The texts of a charge; `nameTag` is where the user's tag `Name` is read. */
export function awsCurDimensions(
  nameTag: string | null,
): Readonly<Record<RowDimensionName | ResourceDimensionName, string>> {
  return {
    ...whatIsCharged,
    ...commitment,
    availability_zone: availabilityZone,
    billing_account_id: 'bill_payer_account_id',
    billing_account_name: 'bill_payer_account_name',
    billing_account_type: NO_TEXT,
    billing_currency: 'upper(line_item_currency_code)',
    capacity_reservation_id: NO_TEXT,
    capacity_reservation_status: NO_TEXT,
    invoice_id: 'bill_invoice_id',
    invoice_issuer_name: 'coalesce(bill_invoicing_entity, line_item_legal_entity)',
    pricing_currency: NO_TEXT,
    provider_name: `'AWS'`,
    publisher_name: 'line_item_legal_entity',
    region_id: 'coalesce(product_region_code, product_region)',
    region_name: `CASE WHEN coalesce(product_location_type, 'AWS Region') = 'AWS Region' THEN product_location END`,
    resource_id: 'line_item_resource_id',
    resource_name:
      nameTag === null ? NO_TEXT : `CASE WHEN line_item_resource_id IS NOT NULL THEN ${nameTag} END`,
    resource_type: resourceType,
    sub_account_id: 'line_item_usage_account_id',
    sub_account_name: 'line_item_usage_account_name',
    sub_account_type: NO_TEXT,
  };
}

/** AWS writes the region for a zone where there is none. */
const availabilityZone = `CASE WHEN line_item_availability_zone <> coalesce(product_region_code, product_region, '')
    THEN line_item_availability_zone END`;

const whatIsCharged = {
  charge_category: `CASE WHEN part = 1 THEN 'Usage' ELSE CASE ${TYPE}
    WHEN 'Usage' THEN 'Usage'
    WHEN 'DiscountedUsage' THEN 'Usage'
    WHEN 'SavingsPlanCoveredUsage' THEN 'Usage'
    WHEN 'SavingsPlanNegation' THEN 'Usage'
    WHEN 'RIFee' THEN 'Purchase'
    WHEN 'Fee' THEN 'Purchase'
    WHEN 'SavingsPlanRecurringFee' THEN 'Purchase'
    WHEN 'SavingsPlanUpfrontFee' THEN 'Purchase'
    WHEN 'Tax' THEN 'Tax'
    WHEN 'Credit' THEN 'Credit'
    WHEN 'BundledDiscount' THEN 'Usage'
    WHEN 'Discount' THEN 'Usage'
    WHEN 'EdpDiscount' THEN 'Usage'
    WHEN 'PrivateRateDiscount' THEN 'Usage'
    ELSE 'Adjustment' END END`,
  charge_class: `CASE WHEN ${TYPE} = 'Refund' OR bill_bill_type = 'Refund' THEN 'Correction' END`,
  charge_description: `CASE WHEN part = 1 THEN 'Unused: ' ELSE '' END || coalesce(line_item_line_item_description, line_item_usage_type)`,
  charge_frequency: `CASE
    WHEN part = 1 OR ${TYPE} IN (${sqlTexts(usageTypes)}) OR ${TYPE} = 'SavingsPlanNegation' OR ends_with(${TYPE}, 'Discount') THEN 'Usage-Based'
    WHEN ${TYPE} IN ('RIFee', 'SavingsPlanRecurringFee') THEN 'Recurring'
    WHEN ${TYPE} IN ('Fee', 'Tax') AND bill_bill_type = 'Anniversary' THEN 'Recurring'
    ELSE 'One-Time' END`,
  consumed_unit: `CASE WHEN part = 0 AND ${TYPE} IN (${sqlTexts(usageTypes)}) THEN pricing_unit END`,
  pricing_category: `CASE
    WHEN part = 1 OR ${TYPE} IN ('DiscountedUsage', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation') THEN 'Committed'
    WHEN ${TYPE} = 'Usage' AND (pricing_term = 'Spot' OR contains(line_item_usage_type, 'SpotUsage')) THEN 'Dynamic'
    WHEN ${TYPE} IN ('Usage', 'Fee') OR ${isCommitmentFee} OR ends_with(${TYPE}, 'Discount') THEN 'Standard' END`,
  pricing_unit: 'pricing_unit',
  service_category: `coalesce(product_category, 'Other')`,
  service_name: 'coalesce(product_product_name, product_servicename, line_item_product_code)',
  service_subcategory: NO_TEXT,
  sku_id: 'product_sku',
  sku_meter: 'line_item_usage_type',
  sku_price_details: skuPriceDetails(),
  sku_price_id: 'coalesce(pricing_rate_code, pricing_rate_id)',
} as const;

/** Of the line's own commitment: RIs are bought as usage, savings plans as spend. */
const commitmentId = 'coalesce(savings_plan_savings_plan_arn, reservation_reservation_arn)';
const commitment = {
  commitment_discount_category: `CASE WHEN savings_plan_savings_plan_arn IS NOT NULL THEN 'Spend'
    WHEN reservation_reservation_arn IS NOT NULL THEN 'Usage' END`,
  commitment_discount_id: commitmentId,
  commitment_discount_name: NO_TEXT,
  commitment_discount_status: `CASE WHEN ${commitmentId} IS NULL THEN NULL WHEN part = 1 THEN 'Unused'
    WHEN ${TYPE} IN ('DiscountedUsage', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation') THEN 'Used' END`,
  commitment_discount_type: `CASE WHEN savings_plan_savings_plan_arn IS NOT NULL THEN 'Savings Plan'
    WHEN reservation_reservation_arn IS NOT NULL THEN 'Reserved Instance' END`,
  commitment_discount_unit: `CASE WHEN ${TYPE} IN ('DiscountedUsage', 'RIFee') THEN coalesce(pricing_unit, 'Hrs')
    WHEN ${TYPE} IN ('SavingsPlanCoveredUsage', 'SavingsPlanRecurringFee') THEN upper(line_item_currency_code) END`,
} as const;

/** FOCUS's own keys where there is one, `x_` for the operation, which has no column. */
function skuPriceDetails(): string {
  const members = [
    ['InstanceType', 'product_instance_type'],
    ['OperatingSystem', 'product_operating_system'],
    ['x_Operation', 'line_item_operation'],
  ].map(
    ([key, column]) =>
      `CASE WHEN ${column} IS NOT NULL THEN '"${key}":' || CAST(to_json(${column}) AS VARCHAR) END`,
  );
  return `'{' || nullif(concat_ws(',', ${members.join(', ')}), '') || '}'`;
}

/** `ec2:instance`, `rds:db`, `s3:bucket`: of the ARN, or of what a bare id tells. */
const resourceType = (() => {
  const id = 'line_item_resource_id';
  const service = `split_part(${id}, ':', 3)`;
  const rest = `split_part(${id}, ':', 6)`;
  return `CASE WHEN ${id} IS NULL THEN NULL
    WHEN starts_with(${id}, 'arn:') THEN CASE
      WHEN ${service} = 's3' THEN 's3:bucket'
      WHEN strpos(${rest}, '/') > 1 THEN ${service} || ':' || split_part(${rest}, '/', 1)
      WHEN split_part(${id}, ':', 7) <> '' THEN ${service} || ':' || ${rest}
      ELSE ${service} END
    WHEN line_item_product_code = 'AmazonS3' THEN 's3:bucket'
    WHEN regexp_full_match(${id}, '(i|vol|snap|nat|eni)-[0-9a-f]+') THEN CASE split_part(${id}, '-', 1)
      WHEN 'i' THEN 'ec2:instance'
      WHEN 'vol' THEN 'ec2:volume'
      WHEN 'snap' THEN 'ec2:snapshot'
      WHEN 'nat' THEN 'ec2:natgateway'
      ELSE 'ec2:network-interface' END END`;
})();
