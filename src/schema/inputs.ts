/** Enums and input types of the contract. The types of their values are those of the planner. */
import type { FilterInput, PeriodInput } from '../planner/cost-query.ts';
import { builder } from './builder.ts';

export const Granularity = builder.enumType('Granularity', {
  values: ['TOTAL', 'HOUR', 'DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR'],
});
export const Metric = builder.enumType('Metric', {
  values: [
    'EFFECTIVE_COST',
    'BILLED_COST',
    'LIST_COST',
    'CONTRACTED_COST',
    'CONSUMED_QUANTITY',
    'PRICING_QUANTITY',
    'CHARGE_COUNT',
  ],
});
const Direction = builder.enumType('Direction', { values: ['ASC', 'DESC'] });
const CostBasis = builder.enumType('CostBasis', {
  description:
    'BILLS_ONLY: provider bills. WITH_ESTIMATES: bills, and where no bill covers the time yet, priced usage events.',
  values: ['BILLS_ONLY', 'WITH_ESTIMATES'],
});
const Timing = builder.enumType('Timing', {
  description:
    'Where a charge that spans several buckets counts: at its start, or in each bucket by its share of the span (parts sum to the charge exactly).',
  values: ['START', 'PRORATED'],
});
const TimeAxis = builder.enumType('TimeAxis', { values: ['CHARGE_PERIOD', 'BILLING_PERIOD'] });
const SplitView = builder.enumType('SplitView', { values: ['APPLIED', 'NONE'] });
const CalendarUnit = builder.enumType('CalendarUnit', {
  values: ['DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR'],
});
const OnUnavailable = builder.enumType('OnUnavailable', {
  description: 'What to do when a store cannot answer in time.',
  values: ['FAIL', 'PARTIAL'],
});
export const DimensionOrigin = builder.enumType('DimensionOrigin', { values: ['PROVIDER', 'TAG', 'RULE'] });

export const Period = builder.inputRef<PeriodInput>('PeriodInput').implement({
  description:
    "Exactly one form: `from` and `to` (half-open), `last` counted back from now, a calendar `month` (2018-10), the unit so far (`toDate: MONTH`), or the unit before (`previous: MONTH`). Calendar forms are cut in the query's time zone. The resolved bounds are in the answer.",
  fields: (t) => ({
    from: t.field({ type: 'DateTime' }),
    to: t.field({ type: 'DateTime' }),
    last: t.field({ type: 'Duration' }),
    month: t.string(),
    toDate: t.field({ type: CalendarUnit }),
    previous: t.field({ type: CalendarUnit }),
  }),
});

export const Knowledge = builder.inputType('KnowledgeInput', {
  fields: (t) => ({
    asOf: t.field({
      type: 'DateTime',
      description:
        "State of the data (charges, telemetry, prices, rates) at this instant, or at a named close, or exactly the one that an earlier answer's `version` names; at most one of the three.",
    }),
    close: t.string(),
    version: t.id(),
    rules: t.id({ description: 'Rule set version; default: the newest published at that state.' }),
  }),
});

const DimensionFilter = builder.inputType('DimensionFilter', {
  description:
    '`key` and exactly one test (BAD_FILTER otherwise). A missing value (null) meets only `isNull: true`, or a test with `includeNull`; `not` is the complement: every charge meets a filter or its negation. Text compares by code point unless `ignoreCase`; `matches` is an RE2 expression over the whole value.',
  fields: (t) => ({
    key: t.field({ type: 'DimensionKey', required: true }),
    in: t.stringList(),
    notIn: t.stringList(),
    includeNull: t.boolean(),
    startsWith: t.string(),
    endsWith: t.string(),
    contains: t.string(),
    matches: t.string(),
    isNull: t.boolean(),
    ignoreCase: t.boolean(),
  }),
});

export const Filter = builder.inputRef<FilterInput>('FilterInput').implement({
  description: 'Exactly one field. `all: []` is true, `any: []` is false.',
  isOneOf: true,
  fields: (t) => ({
    all: t.field({ type: [Filter] }),
    any: t.field({ type: [Filter] }),
    not: t.field({ type: Filter }),
    dimension: t.field({ type: DimensionFilter }),
  }),
});

const Having = builder.inputType('HavingInput', {
  fields: (t) => ({
    metric: t.field({ type: Metric, required: true }),
    gt: t.field({ type: 'Decimal' }),
    gte: t.field({ type: 'Decimal' }),
    lt: t.field({ type: 'Decimal' }),
    lte: t.field({ type: 'Decimal' }),
  }),
});

const MetricOrder = builder.inputType('MetricOrder', {
  fields: (t) => ({
    metric: t.field({ type: Metric, required: true }),
    direction: t.field({ type: Direction, required: true, defaultValue: 'DESC' }),
  }),
});
const DimensionOrder = builder.inputType('DimensionOrder', {
  fields: (t) => ({
    key: t.field({ type: 'DimensionKey', required: true }),
    direction: t.field({ type: Direction, required: true, defaultValue: 'ASC' }),
  }),
});
export const Order = builder.inputType('OrderInput', {
  description:
    'Default order: time, then the keys by code point, nulls last; keys always break ties, whatever is selected. having, then top, then orderBy.',
  isOneOf: true,
  fields: (t) => ({
    metric: t.field({ type: MetricOrder }),
    change: t.field({ type: MetricOrder }),
    dimension: t.field({ type: DimensionOrder }),
    time: t.field({ type: Direction }),
  }),
});

export const Top = builder.inputType('TopInput', {
  description:
    'The `count` largest groups by `metric` over the whole period; the rest is one remainder row, so rows always add up to totals.',
  fields: (t) => ({
    count: t.int({ required: true }),
    metric: t.field({ type: Metric, required: true, defaultValue: 'EFFECTIVE_COST' }),
    by: t.field({
      type: ['DimensionKey'],
      description:
        'The dimensions whose combinations are ranked; default: all of groupBy. The others stay open under each.',
    }),
    remainder: t.boolean({ required: true, defaultValue: true }),
  }),
});

export const CostQueryInput = builder.inputType('CostQuery', {
  fields: (t) => ({
    period: t.field({ type: Period, required: true }),
    granularity: t.field({ type: Granularity, required: true, defaultValue: 'TOTAL' }),
    groupBy: t.field({ type: ['DimensionKey'], required: true, defaultValue: [] }),
    filter: t.field({ type: Filter }),
    having: t.field({ type: [Having], required: true, defaultValue: [] }),
    orderBy: t.field({ type: [Order], required: true, defaultValue: [] }),
    top: t.field({ type: Top }),
    currency: t.field({
      type: 'CurrencyCode',
      description:
        'Currency of the answer. Without it, charges in more than one currency are an error (MIXED_CURRENCIES).',
    }),
    basis: t.field({ type: CostBasis, required: true, defaultValue: 'WITH_ESTIMATES' }),
    timing: t.field({ type: Timing, required: true, defaultValue: 'START' }),
    timeAxis: t.field({ type: TimeAxis, required: true, defaultValue: 'CHARGE_PERIOD' }),
    splits: t.field({
      type: SplitView,
      required: true,
      defaultValue: 'APPLIED',
      description: 'NONE shows costs before shared costs are split.',
    }),
    compare: t.field({
      type: Period,
      description:
        'A second period to set beside the first (`change`): groups of either period have a row. Calendar periods are compared by the same elapsed part; month ends clamp.',
    }),
    knowledge: t.field({
      type: Knowledge,
      required: true,
      defaultValue: {},
      description: 'Answer as it was, or would have been, known: default is now, with the newest rules.',
    }),
    timeZone: t.string({
      required: true,
      defaultValue: 'UTC',
      description: 'IANA time zone that days, weeks and months are cut in.',
    }),
    onUnavailable: t.field({ type: OnUnavailable, required: true, defaultValue: 'FAIL' }),
    deadline: t.field({
      type: 'Duration',
      description: "Upper bound for this query; the server's own limit still holds.",
    }),
  }),
});
/** The value of a `CostQuery` argument, defaults applied by GraphQL. */
export type CostQueryArgument = typeof CostQueryInput.$inferInput;
