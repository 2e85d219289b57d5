/** What can be summed. `unitColumn`: a sum over mixed units means nothing and is answered with null. */
export type Metric =
  | 'EFFECTIVE_COST'
  | 'BILLED_COST'
  | 'LIST_COST'
  | 'CONTRACTED_COST'
  | 'CONSUMED_QUANTITY'
  | 'PRICING_QUANTITY'
  | 'CHARGE_COUNT';

export type MetricDefinition = {
  readonly metric: Metric;
  /** Field name in GraphQL. */
  readonly field: string;
  /** Column of `charges` that is summed; null for the count of charges. */
  readonly column: string | null;
  readonly unitColumn: string | null;
  readonly isMoney: boolean;
};

function money(metric: Metric, field: string, column: string): MetricDefinition {
  return { metric, field, column, unitColumn: null, isMoney: true };
}

export const metrics: Readonly<Record<Metric, MetricDefinition>> = {
  EFFECTIVE_COST: money('EFFECTIVE_COST', 'effectiveCost', 'effective_cost'),
  BILLED_COST: money('BILLED_COST', 'billedCost', 'billed_cost'),
  LIST_COST: money('LIST_COST', 'listCost', 'list_cost'),
  CONTRACTED_COST: money('CONTRACTED_COST', 'contractedCost', 'contracted_cost'),
  CONSUMED_QUANTITY: {
    metric: 'CONSUMED_QUANTITY',
    field: 'consumedQuantity',
    column: 'consumed_quantity',
    unitColumn: 'consumed_unit',
    isMoney: false,
  },
  PRICING_QUANTITY: {
    metric: 'PRICING_QUANTITY',
    field: 'pricingQuantity',
    column: 'pricing_quantity',
    unitColumn: 'pricing_unit',
    isMoney: false,
  },
  CHARGE_COUNT: {
    metric: 'CHARGE_COUNT',
    field: 'chargeCount',
    column: null,
    unitColumn: null,
    isMoney: false,
  },
};
