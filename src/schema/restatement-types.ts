/** What changed between two states of knowledge, and by what. */
import { digest } from '../core/digest.ts';
import { formatInstant } from '../core/time-range.ts';
import type { BoundRestatement, Restatement as Sums, RestatedRow } from '../execute/engine.ts';
import { causeKinds } from '../execute/engine.ts';
import { DimensionValue } from './amounts-types.ts';
import { builder } from './builder.ts';
import { checkFirst, checkVersion } from './catalog-types.ts';
import type { Context } from './context.ts';
import { CostQueryInput, Knowledge, Metric } from './inputs.ts';
import { PageInfo, pageInfoOf } from './page-types.ts';
import type { PageOf } from './pages.ts';
import { cursorsOf } from './pages.ts';
import { limitOf, runOptions } from './run-options.ts';
import { toCostQuery } from './table.ts';
import { dimensionValue, formatAmount } from './view.ts';

export type RestatementModel = {
  readonly bound: BoundRestatement;
  readonly limitMs: number;
  /** Computed once, by the first field that needs them. */
  readonly sums: () => Promise<Sums>;
};

export function restatementModel(
  context: Context,
  bound: BoundRestatement,
  limitMs: number,
): RestatementModel {
  let sums: Promise<Sums> | null = null;
  const compute = () => context.engine.restate(bound, runOptions(context, limitMs));
  return { bound, limitMs, sums: () => (sums ??= compute()) };
}

const CauseKind = builder.enumType('CauseKind', { values: causeKinds });

type Measured<Model> = Model & Pick<BoundRestatement, 'of'>;

const RestatementCause = builder.objectRef<Measured<Sums['causes'][number]>>('RestatementCause').implement({
  fields: (t) => ({
    kind: t.expose('kind', { type: CauseKind }),
    delta: t.field({ type: 'Decimal', resolve: ({ of, delta }) => formatAmount(of, delta) }),
    detail: t.exposeString('detail', { description: 'What changed, in words.' }),
  }),
});

type RowModel = Measured<RestatedRow> & { readonly groupBy: readonly string[] };

const RestatementRow = builder.objectRef<RowModel>('RestatementRow').implement({
  fields: (t) => ({
    time: t.field({
      type: 'DateTime',
      nullable: true,
      resolve: ({ time }) => (time === null ? null : formatInstant(time)),
    }),
    keys: t.field({
      type: [DimensionValue],
      resolve: ({ groupBy, values }) => groupBy.map((key, i) => dimensionValue(key, values[i] ?? null)),
    }),
    before: t.field({ type: 'Decimal', resolve: ({ of, before }) => formatAmount(of, before) }),
    after: t.field({ type: 'Decimal', resolve: ({ of, after }) => formatAmount(of, after) }),
    delta: t.field({
      type: 'Decimal',
      resolve: ({ of, before, after }) => formatAmount(of, after - before),
    }),
  }),
});

const RestatementRowConnection = builder.objectRef<PageOf<RowModel>>('RestatementRowConnection').implement({
  fields: (t) => ({
    nodes: t.field({ type: [RestatementRow], resolve: ({ items }) => items }),
    pageInfo: t.field({ type: PageInfo, resolve: pageInfoOf }),
    totalCount: t.exposeInt('totalCount'),
  }),
});

export const Restatement = builder.objectRef<RestatementModel>('Restatement').implement({
  description:
    'Causes are applied in the order of CauseKind; their deltas sum to after - before exactly. Causes that a deployment has no data of are left out.',
  fields: (t) => ({
    metric: t.field({ type: Metric, resolve: ({ bound }) => bound.of }),
    before: t.field({
      type: 'Decimal',
      resolve: async ({ bound, sums }) => formatAmount(bound.of, (await sums()).before),
    }),
    after: t.field({
      type: 'Decimal',
      resolve: async ({ bound, sums }) => formatAmount(bound.of, (await sums()).after),
    }),
    causes: t.field({
      type: [RestatementCause],
      resolve: async ({ bound: { of }, sums }) => (await sums()).causes.map((cause) => ({ ...cause, of })),
    }),
    rows: t.field({
      type: RestatementRowConnection,
      description: 'The groups of either state; those that differ most first, then by time and keys.',
      args: { first: t.arg.int({ required: true, defaultValue: 100 }), after: t.arg.string() },
      resolve: rowPage,
    }),
  }),
});

async function rowPage(
  { bound, limitMs }: RestatementModel,
  { first, after }: { readonly first: number; readonly after?: string | null | undefined },
  context: Context,
): Promise<PageOf<RowModel>> {
  const { engine, principal } = context;
  const limit = checkFirst(first);
  const { of, from, version } = bound;
  const { knowledge: _knowledge, ...asked } = from.query;
  const scope = digest(['restatement', of, asked]);
  const cursors = cursorsOf(engine.cursors, principal.tenant, scope, version);
  const opened = after ? cursors.open(after) : null;
  checkVersion(opened, version);
  const offset = opened?.offset ?? 0;
  const page = await engine.restatedRows(bound, { offset, limit }, runOptions(context, limitMs));
  const { groupBy } = from.question;
  const items = page.rows.map((row) => ({ ...row, of, groupBy }));
  return { items, offset, totalCount: page.totalCount, cursors };
}

builder.queryField('restatement', (t) =>
  t.field({
    type: Restatement,
    nullable: true,
    description:
      'What changed between two states of knowledge, split by cause. The query names no state of its own, and no compare, having or top; the order of its rows is fixed.',
    args: {
      query: t.arg({ type: CostQueryInput, required: true }),
      of: t.arg({ type: Metric, required: true, defaultValue: 'EFFECTIVE_COST' }),
      from: t.arg({ type: Knowledge, required: true }),
      to: t.arg({ type: Knowledge, required: true, defaultValue: {} }),
    },
    resolve: async (_root, { query, of, from, to }, context) => {
      const { engine, principal, now } = context;
      const limitMs = limitOf(context, query.deadline);
      const request = { tenant: principal.tenant, query: toCostQuery(query), of, from, to, now };
      return restatementModel(context, await engine.bindRestatement(request), limitMs);
    },
  }),
);
