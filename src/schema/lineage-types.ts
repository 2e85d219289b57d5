/** `row.lineage`: the charges, shares, drivers and rules that an amount is made of. */
import type { Metric as MetricName } from '../catalog/metrics.ts';
import { digest } from '../core/digest.ts';
import { costError } from '../core/errors.ts';
import { formatDecimal } from '../core/decimal.ts';
import { formatInstant } from '../core/time-range.ts';
import type {
  BoundQuery,
  LineageItem as LineageItemModel,
  LineageStep as LineageStepModel,
  OriginCharge,
  RuleReference,
} from '../execute/engine.ts';
import { CostRow, DimensionValue } from './amounts-types.ts';
import { builder } from './builder.ts';
import { checkFirst, checkVersion } from './catalog-types.ts';
import type { Context } from './context.ts';
import { Metric } from './inputs.ts';
import { PageInfo, pageInfoOf } from './page-types.ts';
import type { PageOf } from './pages.ts';
import { cursorsOf, offsetOf } from './pages.ts';
import { AWAITS } from './plain-lists.ts';
import { runOptions } from './run-options.ts';
import type { RowModel } from './view.ts';
import { dimensionValue, parentRowOf } from './view.ts';

const RuleRef = builder.objectRef<RuleReference>('RuleRef').implement({
  description:
    'Where in the rules: the line of a rule, a split, or of the dimension whose `otherwise` it is.',
  fields: (t) => ({
    ruleSet: t.exposeID('ruleSet', { description: 'The version of the rules.' }),
    dimension: t.expose('dimension', { type: 'DimensionKey' }),
    rule: t.exposeString('name'),
    line: t.exposeInt('line', { nullable: true }),
  }),
});

const LineageStep = builder.objectRef<LineageStepModel>('LineageStep').implement({
  description: 'A rule that gave a value (share 1), or a split that passed on a part.',
  fields: (t) => ({
    rule: t.expose('rule', { type: RuleRef }),
    numerator: t.field({ type: 'Decimal', resolve: ({ numerator }) => formatDecimal(numerator) }),
    denominator: t.field({ type: 'Decimal', resolve: ({ denominator }) => formatDecimal(denominator) }),
    method: t.exposeString('method', {
      description:
        'RULE or OTHERWISE; of a split what gave the weights: TELEMETRY, COST, FIXED, EVEN, or where the driver had none SPREAD_DAY, EVEN, VALUE or UNATTRIBUTED.',
    }),
    driver: t.exposeString('driver', {
      nullable: true,
      description: 'The stream of units, or the key whose cost weighs.',
    }),
  }),
});

const Charge = builder.objectRef<OriginCharge>('Charge').implement({
  description: 'A line of a bill.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Unique within the batch.' }),
    from: t.field({ type: 'DateTime', resolve: ({ from }) => formatInstant(from) }),
    to: t.field({ type: 'DateTime', resolve: ({ to }) => formatInstant(to) }),
    source: t.exposeString('source'),
    batch: t.exposeID('batch'),
    keys: t.field({
      type: [DimensionValue],
      description: "The row's dimensions, those that splits gave values to, and the usual ones.",
      resolve: ({ keys }) => keys.map(({ key, value }) => dimensionValue(key, value)),
    }),
    amount: t.field({
      type: 'Decimal',
      description: "Before any split; under PRORATED the part in the row's time.",
      resolve: ({ amount }) => formatDecimal(amount),
    }),
    currency: t.expose('currency', { type: 'CurrencyCode' }),
  }),
});

/** Null until there are rates to convert by. */
const ExchangeRate = builder
  .objectRef<{ date: string; base: string; quote: string; rate: string }>('ExchangeRate')
  .implement({
    fields: (t) => ({
      date: t.expose('date', { type: 'DateTime' }),
      base: t.expose('base', { type: 'CurrencyCode' }),
      quote: t.expose('quote', { type: 'CurrencyCode' }),
      rate: t.expose('rate', { type: 'Decimal' }),
    }),
  });

const LineageItem = builder.objectRef<LineageItemModel>('LineageItem').implement({
  description:
    "One contribution: amount = origin amount × the steps' shares × exchange rate, cut to 12 places, + rounding (the units of 10^-12 that the share-out gave or took).",
  fields: (t) => ({
    amount: t.field({ type: 'Decimal', resolve: ({ amount }) => formatDecimal(amount) }),
    origin: t.expose('origin', { type: Charge }),
    steps: t.field({ type: [LineageStep], resolve: ({ steps }) => [...steps] }),
    exchangeRate: t.field({ type: ExchangeRate, nullable: true, resolve: () => null }),
    rounding: t.field({ type: 'Decimal', resolve: ({ rounding }) => formatDecimal(rounding) }),
  }),
});

type EdgeModel = { readonly node: LineageItemModel; readonly cursor: string };

const LineageEdge = builder.objectRef<EdgeModel>('LineageEdge').implement({
  fields: (t) => ({
    node: t.expose('node', { type: LineageItem }),
    cursor: t.exposeString('cursor'),
  }),
});

const LineageConnection = builder.objectRef<PageOf<LineageItemModel>>('LineageConnection').implement({
  fields: (t) => ({
    edges: t.field({
      type: [LineageEdge],
      resolve: ({ items, offset, cursors }) =>
        items.map((node, i) => ({ node, cursor: cursors.seal(offset + i + 1) })),
    }),
    nodes: t.field({ type: [LineageItem], resolve: ({ items }) => [...items] }),
    pageInfo: t.field({ type: PageInfo, resolve: pageInfoOf }),
    totalCount: t.exposeInt('totalCount'),
  }),
});

/** The table that a row is of. */
export type LineageOf = { readonly bound: BoundQuery; readonly scope: string; readonly limitMs: number };

type LineageArguments = {
  readonly first: number;
  readonly after?: string | null | undefined;
  readonly of: MetricName;
};

async function lineagePage(
  row: RowModel,
  { first, after, of }: LineageArguments,
  context: Context,
): Promise<PageOf<LineageItemModel>> {
  const { lineageOf } = row.place.view;
  if (lineageOf === null) {
    const reason = 'Rows inside other rows have no lineage';
    throw costError('BAD_QUERY', { reason, hint: 'Group the table by the keys of both, and ask its rows.' });
  }
  const { bound, scope, limitMs } = lineageOf;
  const { engine, principal } = context;
  const { kept: _kept, ...parent } = parentRowOf(row);
  const own = digest(['lineage', scope, parent, of]);
  const cursors = cursorsOf(engine.cursors, principal.tenant, own, bound.version);
  if (after) checkVersion(cursors.open(after), bound.version);
  const page = { offset: offsetOf({ after }, cursors.open), limit: checkFirst(first) };
  const options = runOptions(context, limitMs);
  const { items, totalCount } = await engine.lineage(bound, { ...parent, kept: null }, of, page, options);
  return { items: [...items], offset: page.offset, totalCount, cursors };
}

builder.objectField(CostRow, 'lineage', (t) =>
  t.field({
    type: LineageConnection,
    nullable: true,
    description:
      "The charges, shares, drivers and rules that this row's amount is made of; their amounts add up to it. The largest first, whatever their sign.",
    extensions: { [AWAITS]: true },
    args: {
      first: t.arg.int({ required: true, defaultValue: 20 }),
      after: t.arg.string(),
      of: t.arg({ type: Metric, required: true, defaultValue: 'EFFECTIVE_COST' }),
    },
    resolve: lineagePage,
  }),
);
