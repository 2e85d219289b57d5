import { builder } from './builder.ts';
import { Filter, Metric } from './inputs.ts';
import type { AmountsModel, ChangeModel, DimensionValueModel, RowModel } from './view.ts';
import { amountOf, changeOf, distinctOf, shareOf, sharedCostOf, unitCostOf } from './view.ts';

const DistinctCount = builder.objectRef<{ count: string; exact: boolean }>('DistinctCount').implement({
  fields: (t) => ({
    count: t.expose('count', { type: 'BigInt' }),
    exact: t.exposeBoolean('exact'),
  }),
});

const Change = builder.objectRef<ChangeModel>('Change').implement({
  fields: (t) => ({
    before: t.expose('before', { type: 'Decimal' }),
    absolute: t.expose('absolute', { type: 'Decimal' }),
    ratio: t.expose('ratio', {
      type: 'Decimal',
      nullable: true,
      description: 'absolute ÷ before: 0.25 is a quarter more. Null where before is 0.',
    }),
  }),
});

const Amounts = builder.interfaceRef<AmountsModel>('Amounts').implement({
  description:
    'Amounts over some set of charges. Null where the metric has no meaning for the set (quantities of mixed units).',
  fields: (t) => {
    const metric = t.arg({ type: Metric, required: true, defaultValue: 'EFFECTIVE_COST' });
    return {
      effectiveCost: t.expose('effectiveCost', { type: 'Decimal', nullable: true }),
      billedCost: t.expose('billedCost', { type: 'Decimal', nullable: true }),
      listCost: t.expose('listCost', { type: 'Decimal', nullable: true }),
      contractedCost: t.expose('contractedCost', { type: 'Decimal', nullable: true }),
      consumedQuantity: t.expose('consumedQuantity', { type: 'Decimal', nullable: true }),
      consumedUnit: t.exposeString('consumedUnit', { nullable: true }),
      pricingQuantity: t.expose('pricingQuantity', { type: 'Decimal', nullable: true }),
      pricingUnit: t.exposeString('pricingUnit', { nullable: true }),
      chargeCount: t.expose('chargeCount', {
        type: 'BigInt',
        description:
          'Distinct source charges; under splits one charge counts in each row that has a part of it.',
      }),
      amount: t.field({
        type: 'Decimal',
        nullable: true,
        description:
          'A metric over the charges that also meet `where` (untagged, credits, one purchase option…), from the same scan.',
        args: { of: t.arg({ type: Metric, required: true }), where: t.arg({ type: Filter }) },
        resolve: (amounts, { of, where }) => amountOf(amounts, of, where),
      }),
      sharedCost: t.field({
        type: 'Decimal',
        nullable: true,
        description: 'The part that came by splits of shared cost.',
        args: { of: metric },
        resolve: (amounts, { of }) => sharedCostOf(amounts, of),
      }),
      distinct: t.field({
        type: DistinctCount,
        description:
          "Number of distinct values; exact up to the server's limit, then an estimate that says so.",
        args: { of: t.arg({ type: 'DimensionKey', required: true }) },
        resolve: (amounts, { of }) => distinctOf(amounts, of),
      }),
      share: t.field({
        type: 'Decimal',
        nullable: true,
        description: "Part of the table's total, 0 to 1.",
        args: { of: metric },
        resolve: (amounts, { of }) => shareOf(amounts, of),
      }),
      unitCost: t.field({
        type: 'Decimal',
        nullable: true,
        description:
          'Cost per unit of a telemetry stream over the same keys and time; null where the stream has none.',
        args: { per: t.arg.string({ required: true }), of: metric },
        resolve: (amounts, { per, of }) => unitCostOf(amounts, per, of),
      }),
      change: t.field({
        type: Change,
        nullable: true,
        description: 'Against `compare`; null without it.',
        args: { of: metric },
        resolve: (amounts, { of }) => changeOf(amounts, of),
      }),
    };
  },
});

export const DimensionValue = builder.objectRef<DimensionValueModel>('DimensionValue').implement({
  description:
    'A value of a dimension; `value` is null for charges that have none (MISSING: untagged, unattributed) and for the remainder of top.',
  fields: (t) => ({
    dimension: t.expose('dimension', { type: 'DimensionKey' }),
    value: t.exposeString('value', { nullable: true }),
    kind: t.expose('kind', {
      type: builder.enumType('ValueKind', { values: ['VALUE', 'MISSING', 'REMAINDER'] }),
    }),
    label: t.exposeString('label'),
  }),
});

export const CostTotals = builder.objectRef<AmountsModel>('CostTotals').implement({ interfaces: [Amounts] });

/** Its fields are in cost-types.ts: rows hold tables, and tables rows. */
export const CostRow = builder.objectRef<RowModel>('CostRow');
builder.objectType(CostRow, { interfaces: [Amounts] });
