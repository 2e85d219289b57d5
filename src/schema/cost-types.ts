import type { Metric as MetricName } from '../catalog/metrics.ts';
import type { Conservation as ConservationModel } from '../execute/engine.ts';
import { formatInstant } from '../core/time-range.ts';
import { CostRow, CostTotals, DimensionValue } from './amounts-types.ts';
import { builder } from './builder.ts';
import { Freshness } from './catalog-types.ts';
import { Explain } from './explain-types.ts';
import { CostQueryInput, Filter, Granularity, Metric, Order, Top } from './inputs.ts';
import type { Edges } from './page-types.ts';
import { PageInfo, pageInfoOf } from './page-types.ts';
import type { PageOf } from './pages.ts';
import { offsetOf } from './pages.ts';
import { AWAITS, plainList } from './plain-lists.ts';
import { runOptions } from './run-options.ts';
import type { TableModel } from './table.ts';
import { answerTable, bindTable } from './table.ts';
import type { ColumnModel, RowModel, View } from './view.ts';
import { columnModels, formatMetric, keyOf, rowModels, totalsModel } from './view.ts';

type EdgeModel = { readonly node: RowModel; readonly cursor: () => string };

const CostRowEdge = builder.objectRef<EdgeModel>('CostRowEdge').implement({
  fields: (t) => ({
    node: t.expose('node', { type: CostRow }),
    cursor: t.string({ resolve: ({ cursor }) => cursor() }),
  }),
});

const CostRowConnection = builder.objectRef<PageOf<RowModel>>('CostRowConnection').implement({
  fields: (t) => ({
    edges: t.field({
      type: [CostRowEdge],
      resolve: ({ items, offset, cursors }, _args, context, info) => {
        const edges = items.map((node, i) => ({ node, cursor: () => cursors.seal(offset + i + 1) }));
        return plainList(edges, context, info);
      },
    }),
    nodes: t.field({
      type: [CostRow],
      resolve: ({ items }, _args, context, info) => plainList(items, context, info),
    }),
    pageInfo: t.field({ type: PageInfo, resolve: pageInfoOf }),
    totalCount: t.exposeInt('totalCount'),
  }),
});

const Column = builder.objectRef<ColumnModel>('Column').implement({
  description:
    '`values[i]` belongs to row i; times as RFC 3339, amounts as exact decimals, null where a charge has no value.',
  fields: (t) => ({
    name: t.exposeString('name', {
      description:
        '`time`, the key of a dimension, or the name that a metric has as a field (`effectiveCost`).',
    }),
    kind: t.expose('kind', {
      type: builder.enumType('ColumnKind', { values: ['TIME', 'DIMENSION', 'METRIC'] }),
    }),
    values: t.expose('values', { type: ['String'], nullable: { list: false, items: true } }),
  }),
});

const ColumnTable = builder.objectRef<Edges & { columns: ColumnModel[] }>('ColumnTable').implement({
  fields: (t) => ({
    columns: t.field({
      type: [Column],
      resolve: ({ columns }, _args, context, info) => plainList(columns, context, info),
    }),
    rowCount: t.exposeInt('length'),
    totalCount: t.exposeInt('totalCount'),
    pageInfo: t.field({ type: PageInfo, resolve: (page) => page }),
  }),
});

type PageArguments = { readonly first: number; readonly after?: string | null | undefined };

/** The rows of a page, as positions in the answer. */
function stretchOf({ answer, cursors, window }: View, { first, after }: PageArguments) {
  const offset = offsetOf({ after }, cursors.open);
  const from = offset - window.offset;
  const to = Math.min(from + first, answer.rows?.length ?? 0);
  return { from, to: Math.max(from, to), offset, totalCount: answer.totalCount ?? 0, cursors };
}

function rowPage(view: View, page: PageArguments): PageOf<RowModel> {
  const { from, to, ...rest } = stretchOf(view, page);
  return { items: rowModels(view, from, to), ...rest };
}

function columnPage(view: View, page: PageArguments & { readonly metrics: readonly MetricName[] }) {
  const { from, to, ...rest } = stretchOf(view, page);
  return { length: to - from, columns: columnModels(view, from, to, page.metrics), ...rest };
}

const CostBreakdown = builder.objectRef<View>('CostBreakdown').implement({
  fields: (t) => ({
    rows: t.field({
      type: CostRowConnection,
      args: { first: t.arg.int({ required: true, defaultValue: 100 }), after: t.arg.string() },
      resolve: rowPage,
    }),
    columns: t.field({
      type: ColumnTable,
      args: {
        first: t.arg.int({ required: true, defaultValue: 1000 }),
        after: t.arg.string(),
        metrics: t.arg({ type: [Metric], required: true, defaultValue: ['EFFECTIVE_COST'] }),
      },
      resolve: columnPage,
    }),
    totals: t.field({ type: CostTotals, resolve: totalsModel }),
  }),
});

builder.objectFields(CostRow, (t) => ({
  time: t.expose('time', {
    type: 'DateTime',
    nullable: true,
    description: "Start of the row's time bucket; null at granularity TOTAL.",
  }),
  keys: t.expose('keys', {
    type: [DimensionValue],
    description: 'One per `groupBy`, in that order.',
  }),
  key: t.field({
    type: DimensionValue,
    args: { dimension: t.arg({ type: 'DimensionKey', required: true }) },
    resolve: (row, { dimension }) => keyOf(row, dimension),
  }),
  isRemainder: t.exposeBoolean('isRemainder', {
    description: 'True for the row that stands for everything outside `top`.',
  }),
  costs: t.field({
    type: CostBreakdown,
    nullable: true,
    description:
      'Drill down: the same question inside this row, with other groups. Rows of one table are planned as one query.',
    extensions: { [AWAITS]: true },
    args: {
      groupBy: t.arg({ type: ['DimensionKey'], required: true, defaultValue: [] }),
      granularity: t.arg({ type: Granularity, required: true, defaultValue: 'TOTAL' }),
      filter: t.arg({ type: Filter }),
      orderBy: t.arg({ type: [Order], required: true, defaultValue: [] }),
      top: t.arg({ type: Top }),
    },
    resolve: (row, _args, _context, { fieldNodes: [node] }) => {
      const { selection, loadDrillDown } = row.place.view;
      const drillDown = node && selection.drillDowns.get(node);
      if (!drillDown) throw new Error('a drill-down was executed and not selected');
      return loadDrillDown(row, drillDown);
    },
  }),
}));

type NamedConservation = ConservationModel & { readonly metric: MetricName };
const conservationParts = ['source', 'attributed', 'unattributed', 'excluded', 'hidden'] as const;

const Conservation = builder.objectRef<NamedConservation>('Conservation').implement({
  description: `source: all charges of the period that the caller may see, summed from the raw charges by a path of its
own. source = attributed + unattributed + excluded (by the filter), exactly; totals = attributed +
unattributed = sum of the rows + hidden (by having, or top without remainder). Unattributed: null in a
grouped rule dimension; those charges are a visible row.`,
  fields: (t) => {
    const part = (name: (typeof conservationParts)[number]) =>
      t.field({ type: 'Decimal', resolve: (parent) => formatMetric(parent.metric, parent[name]) ?? '' });
    return {
      metric: t.expose('metric', { type: Metric }),
      source: part('source'),
      attributed: part('attributed'),
      unattributed: part('unattributed'),
      excluded: part('excluded'),
      hidden: part('hidden'),
      holds: t.exposeBoolean('holds'),
    };
  },
});

const TimeRange = builder.objectRef<{ from: number; to: number }>('TimeRange').implement({
  fields: (t) => ({
    from: t.field({ type: 'DateTime', resolve: ({ from }) => formatInstant(from) }),
    to: t.field({ type: 'DateTime', resolve: ({ to }) => formatInstant(to) }),
  }),
});

const Warning = builder
  .objectRef<{ code: string; message: string; hint: string | null }>('Warning')
  .implement({
    fields: (t) => ({
      code: t.exposeString('code'),
      message: t.exposeString('message'),
      hint: t.exposeString('hint', { nullable: true }),
    }),
  });

function answered({ view }: TableModel): View {
  if (view) return view;
  throw new Error('a field was executed that was not selected');
}

const CostTable = builder.objectRef<TableModel>('CostTable').implement({
  fields: (t) => ({
    rows: t.field({
      type: CostRowConnection,
      args: { first: t.arg.int({ required: true, defaultValue: 100 }), after: t.arg.string() },
      resolve: (table, page) => rowPage(answered(table), page),
    }),
    columns: t.field({
      type: ColumnTable,
      description:
        'The same rows as columns: what charts and data frames want, and several times faster for large tables.',
      args: {
        first: t.arg.int({ required: true, defaultValue: 1000 }),
        after: t.arg.string(),
        metrics: t.arg({ type: [Metric], required: true, defaultValue: ['EFFECTIVE_COST'] }),
      },
      resolve: (table, page) => columnPage(answered(table), page),
    }),
    totals: t.field({ type: CostTotals, resolve: (table) => totalsModel(answered(table)) }),
    currency: t.field({
      type: 'CurrencyCode',
      nullable: true,
      description:
        'Null where the table is empty, or grouped by billing_currency with more than one (money totals are then null).',
      resolve: (table) => answered(table).answer.currency,
    }),
    from: t.field({ type: 'DateTime', resolve: ({ bound }) => formatInstant(bound.question.period.from) }),
    to: t.field({ type: 'DateTime', resolve: ({ bound }) => formatInstant(bound.question.period.to) }),
    conservation: t.field({
      type: Conservation,
      nullable: true,
      description: 'Proof that nothing was lost or doubled.',
      args: { of: t.arg({ type: Metric, required: true, defaultValue: 'EFFECTIVE_COST' }) },
      resolve: (table, { of }) => {
        const found = answered(table).answer.conservation.get(of);
        return found ? { ...found, metric: of } : null;
      },
    }),
    missing: t.field({
      type: [TimeRange],
      description: 'Stretches that a partial answer lacks (onUnavailable: PARTIAL); empty otherwise.',
      resolve: () => [],
    }),
    freshness: t.field({
      type: Freshness,
      resolve: ({ bound }, _args, { engine, principal }) =>
        engine.freshness(principal.tenant, bound.question.period),
    }),
    version: t.id({
      description:
        'Digest of all that the answer depends on: resolved bounds, data, hot epoch, rules, telemetry, prices, rates. Same query and version, same answer; cursors carry it, and knowledge.version asks for it again while it is retained (else VERSION_EXPIRED).',
      resolve: ({ bound }) => bound.version,
    }),
    warnings: t.field({
      type: [Warning],
      resolve: ({ bound, view }) => [...bound.warnings, ...(view?.answer.warnings ?? [])],
    }),
    explain: t.field({
      type: Explain,
      nullable: true,
      description:
        'How the answer is, or would be, made. `analyze` runs the query and adds what happened. Where nothing else is selected: the plan of the first 100 rows and the totals of effectiveCost.',
      args: { analyze: t.arg.boolean({ required: true, defaultValue: false }) },
      resolve: ({ bound, limitMs }, { analyze }, context) =>
        context.engine.explain(bound, analyze, runOptions(context, limitMs)),
    }),
  }),
});

builder.queryField('costs', (t) =>
  t.field({
    type: CostTable,
    nullable: true,
    description: `Costs of the caller's tenant. The selection set decides what is read: a metric that is not
selected is neither scanned nor computed, and selecting only \`explain\` runs nothing. Sibling
\`costs\` fields of one operation (aliases) are planned together and share scans.
Null with an error in \`errors\`, so that one failed table leaves its siblings standing.`,
    args: { query: t.arg({ type: CostQueryInput, required: true }) },
    resolve: async (_root, { query }, context, info) => {
      const binding = await bindTable(context, info, `${info.path.key}`, info.fieldNodes, query);
      return answerTable(context, binding);
    },
  }),
);
