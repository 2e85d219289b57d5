import type { Amount, MetricName } from './charge-relation.ts';
import { NO_AMOUNT } from './charge-relation.ts';
import { sqlName, sqlTexts } from './sql-text.ts';

/**
 * The amounts of a CUR line. A line is one charge (part 0); the fee of a commitment whose period has an
 * unused part is two: what is paid (billed, not effective), and what was not used (part 1: effective, not
 * billed).
 *
 * billed     net or else unblended cost, as the line says. Savings-plan usage keeps its on-demand price and its
 *            negation the opposite, as on the bill: together they bill nothing.
 * effective  usage under a commitment: its amortised cost; the commitment's fees and negations: 0; else billed.
 * list       usage: public on-demand cost; fees and negations of commitments: 0, as the usage has it; else billed.
 * contracted usage: what it costs before commitments; as list for commitments; else billed.
 */
export type AwsCurAmounts = {
  readonly metrics: Readonly<Record<MetricName, Amount>>;
  /** SQL of the parts of a line. */
  readonly parts: string;
  /** SQL of part 0's effective cost, to be checked before the line is split. */
  readonly effectiveOfLine: string;
};

/** Usage types of a line: it has a quantity and a price. */
export const usageTypes = ['Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage'] as const;
export const commitmentFeeTypes = ['RIFee', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee'] as const;
const TYPE = 'line_item_line_item_type';

/** The upfront fee of a reservation is a `Fee` that names it. */
export const isReservationFee = `(${TYPE} = 'Fee' AND reservation_reservation_arn IS NOT NULL)`;
export const isCommitmentFee = `(${TYPE} IN (${sqlTexts(commitmentFeeTypes)}) OR ${isReservationFee})`;
const isUsage = `${TYPE} IN (${sqlTexts(usageTypes)})`;

/** Older reports, and those of accounts without commitments, lack the amortised costs: then effective is billed. */
export function awsCurAmounts(file: {
  readonly amortisesReservations: boolean;
  readonly amortisesSavingsPlans: boolean;
}): AwsCurAmounts {
  const effectiveOfLine: Amount = (n) => effective(n, file);
  const unusedTypes = [
    ...(file.amortisesReservations ? ['RIFee'] : []),
    ...(file.amortisesSavingsPlans ? ['SavingsPlanRecurringFee'] : []),
  ];
  const hasUnused =
    unusedTypes.length === 0 ? 'false' : `${TYPE} IN (${sqlTexts(unusedTypes)}) AND ${unused(sqlName)} <> 0`;
  const ofLine = (line: Amount, ofUnused: Amount): Amount => {
    return (n) => `CASE WHEN part = 0 THEN ${line(n)} ELSE ${ofUnused(n)} END`;
  };
  const metrics: Record<MetricName, Amount> = {
    billed_cost: ofLine(billed, zero),
    effective_cost: ofLine(effectiveOfLine, unused),
    list_cost: ofLine(list, zero),
    contracted_cost: ofLine(contracted, zero),
    consumed_quantity: ofLine(
      (n) => `CASE WHEN ${isUsage} THEN ${n('line_item_usage_amount')} END`,
      NO_AMOUNT,
    ),
    pricing_quantity: ofLine(pricingQuantity, (n) => n('reservation_unused_quantity')),
    contracted_unit_price: ofLine(contractedUnitPrice, NO_AMOUNT),
    list_unit_price: ofLine(
      (n) => `CASE WHEN ${isUsage} THEN ${n('pricing_public_on_demand_rate')} END`,
      NO_AMOUNT,
    ),
    commitment_discount_quantity: ofLine(commitmentQuantity, unusedCommitmentQuantity),
    pricing_currency_contracted_unit_price: NO_AMOUNT,
    pricing_currency_effective_cost: NO_AMOUNT,
    pricing_currency_list_unit_price: NO_AMOUNT,
  };
  return {
    metrics,
    parts: `CASE WHEN ${hasUnused} THEN [0, 1] ELSE [0] END`,
    effectiveOfLine: effectiveOfLine(sqlName),
  };
}

const zero: Amount = () => '0';

const billed: Amount = (n) =>
  `coalesce(${n('line_item_net_unblended_cost')}, ${n('line_item_unblended_cost')})`;

function effective(
  n: Parameters<Amount>[0],
  file: { readonly amortisesReservations: boolean; readonly amortisesSavingsPlans: boolean },
): string {
  const cases: string[] = [];
  if (file.amortisesReservations) {
    const amortised = `coalesce(${n('reservation_net_effective_cost')}, ${n('reservation_effective_cost')})`;
    cases.push(`WHEN ${TYPE} = 'DiscountedUsage' THEN ${amortised}`);
    cases.push(`WHEN ${TYPE} = 'RIFee' OR ${isReservationFee} THEN 0`);
  }
  if (file.amortisesSavingsPlans) {
    const amortised = `coalesce(${n('savings_plan_net_savings_plan_effective_cost')}, ${n('savings_plan_savings_plan_effective_cost')})`;
    cases.push(`WHEN ${TYPE} = 'SavingsPlanCoveredUsage' THEN ${amortised}`);
    cases.push(
      `WHEN ${TYPE} IN ('SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee', 'SavingsPlanNegation') THEN 0`,
    );
  }
  return cases.length === 0 ? billed(n) : `CASE ${cases.join(' ')} ELSE ${billed(n)} END`;
}

const unused: Amount = (n) => {
  const upfront = `coalesce(${n('reservation_net_unused_amortized_upfront_fee_for_billing_period')}, ${n('reservation_unused_amortized_upfront_fee_for_billing_period')}, 0)`;
  const recurring = `coalesce(${n('reservation_net_unused_recurring_fee')}, ${n('reservation_unused_recurring_fee')}, 0)`;
  const plan = `coalesce(${n('savings_plan_total_commitment_to_date')}, 0) - coalesce(${n('savings_plan_used_commitment')}, 0)`;
  return `CASE WHEN ${TYPE} = 'RIFee' THEN ${upfront} + ${recurring} ELSE ${plan} END`;
};

const list: Amount = (n) => `CASE WHEN ${isCommitmentFee} OR ${TYPE} = 'SavingsPlanNegation' THEN 0
    WHEN ${isUsage} THEN coalesce(${n('pricing_public_on_demand_cost')}, ${billed(n)}) ELSE ${billed(n)} END`;

const contracted: Amount = (n) => `CASE WHEN ${isCommitmentFee} OR ${TYPE} = 'SavingsPlanNegation' THEN 0
    WHEN ${TYPE} = 'DiscountedUsage' THEN coalesce(${n('pricing_public_on_demand_cost')}, ${billed(n)}) ELSE ${billed(n)} END`;

const pricingQuantity: Amount = (n) =>
  `CASE WHEN ${isUsage} OR ${isCommitmentFee} OR ${TYPE} = 'Fee' THEN ${n('line_item_usage_amount')} END`;

/** Usage under a reservation is priced 0 by its line, which is no contract's price. */
const contractedUnitPrice: Amount = (n) => `CASE WHEN ${TYPE} IN ('Usage', 'SavingsPlanCoveredUsage')
    THEN coalesce(${n('line_item_net_unblended_rate')}, ${n('line_item_unblended_rate')}) END`;

/** Reservations in hours, savings plans in money. */
const commitmentQuantity: Amount = (n) => `CASE ${TYPE}
    WHEN 'DiscountedUsage' THEN ${n('line_item_usage_amount')}
    WHEN 'RIFee' THEN ${n('reservation_total_reserved_units')}
    WHEN 'SavingsPlanCoveredUsage' THEN ${n('savings_plan_savings_plan_effective_cost')}
    WHEN 'SavingsPlanRecurringFee' THEN ${n('savings_plan_total_commitment_to_date')} END`;

const unusedCommitmentQuantity: Amount = (n) =>
  `CASE WHEN ${TYPE} = 'RIFee' THEN ${n('reservation_unused_quantity')} ELSE ${unused(n)} END`;
