import type { SourceSummary } from '../catalog/sources.ts';
import { digest } from '../core/digest.ts';
import { costError } from '../core/errors.ts';
import { formatInstant, formatSeconds } from '../core/time-range.ts';
import type { DimensionSummary, Freshness as FreshnessModel } from '../execute/engine.ts';
import { DimensionValue } from './amounts-types.ts';
import { builder } from './builder.ts';
import type { Context } from './context.ts';
import { DimensionOrigin, Period } from './inputs.ts';
import { PageInfo, pageInfoOf } from './page-types.ts';
import type { PageOf } from './pages.ts';
import { cursorsOf, offsetOf } from './pages.ts';
import { runOptions } from './run-options.ts';
import type { DimensionValueModel } from './view.ts';
import { dimensionValue } from './view.ts';

export const LIST_FIRST_MAX = 1_000;

export const Freshness = builder.objectRef<FreshnessModel>('Freshness').implement({
  fields: (t) => ({
    billedThrough: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Everything up to here has its provider bill.',
      resolve: ({ billedThrough }) => instantOrNull(billedThrough),
    }),
    sealedThrough: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Everything up to here is sealed in the cold store; after it the hot store answers.',
      resolve: ({ sealedThrough }) => instantOrNull(sealedThrough),
    }),
    newestEvent: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Newest usage event seen.',
      resolve: ({ newestEvent }) => instantOrNull(newestEvent),
    }),
    lag: t.field({
      type: 'Duration',
      nullable: true,
      description: 'From the newest usage event until now.',
      resolve: ({ newestEvent }, _args, { now }) =>
        newestEvent === null ? null : formatSeconds(Math.max(0, now - newestEvent)),
    }),
    complete: t.exposeBoolean('complete'),
  }),
});

const DimensionValueConnection = builder
  .objectRef<PageOf<DimensionValueModel>>('DimensionValueConnection')
  .implement({
    fields: (t) => ({
      nodes: t.field({ type: [DimensionValue], resolve: ({ items }) => items }),
      pageInfo: t.field({ type: PageInfo, resolve: pageInfoOf }),
      totalCount: t.exposeInt('totalCount'),
    }),
  });

export const Dimension = builder.objectRef<DimensionSummary>('Dimension').implement({
  fields: (t) => ({
    key: t.expose('key', { type: 'DimensionKey' }),
    label: t.exposeString('label'),
    origin: t.expose('origin', { type: DimensionOrigin }),
    description: t.exposeString('description', { nullable: true }),
    cardinality: t.field({
      type: 'BigInt',
      description: "Estimated number of distinct values over the tenant's data.",
      resolve: ({ cardinality }) => BigInt(Math.round(cardinality)).toString(),
    }),
    values: t.field({
      type: DimensionValueConnection,
      args: {
        first: t.arg.int({ required: true, defaultValue: 50 }),
        after: t.arg.string(),
        search: t.arg.string(),
        period: t.arg({ type: Period }),
      },
      resolve: async ({ key }, { first, after, search, period }, context) => {
        const limit = checkFirst(first);
        const scope = digest(['values', key, search ?? null, period ?? null]);
        const { engine, principal } = context;
        const opened = after ? engine.cursors.open(principal.tenant, scope, after) : null;
        const offset = opened?.offset ?? 0;
        const { values, totalCount, version } = await engine.dimensionValues(
          principal.tenant,
          { key, search: search ?? null, period: period ?? null, offset, limit },
          runOptions(context, context.timeLimitMs),
        );
        checkVersion(opened, version);
        const items = values.map((value) => dimensionValue(key, value));
        const cursors = cursorsOf(engine.cursors, principal.tenant, scope, version);
        return { items, offset, totalCount, cursors };
      },
    }),
  }),
});

const DimensionConnection = builder.objectRef<PageOf<DimensionSummary>>('DimensionConnection').implement({
  fields: (t) => ({
    nodes: t.field({ type: [Dimension], resolve: ({ items }) => items }),
    pageInfo: t.field({ type: PageInfo, resolve: pageInfoOf }),
    totalCount: t.exposeInt('totalCount'),
  }),
});

const Source = builder.objectRef<SourceSummary>('Source').implement({
  fields: (t) => ({
    name: t.exposeString('name'),
    format: t.exposeString('format'),
    billedThrough: t.field({
      type: 'DateTime',
      nullable: true,
      resolve: ({ billedThrough }) => instantOrNull(billedThrough),
    }),
    lastBatch: t.exposeID('lastBatch', { nullable: true }),
    lastLoadedAt: t.field({
      type: 'DateTime',
      nullable: true,
      resolve: ({ lastLoadedAt }) => instantOrNull(lastLoadedAt),
    }),
    charges: t.field({ type: 'BigInt', resolve: ({ charges }) => `${charges}` }),
    quarantined: t.field({ type: 'BigInt', resolve: ({ quarantined }) => `${quarantined}` }),
  }),
});

const SourceConnection = builder.objectRef<PageOf<SourceSummary>>('SourceConnection').implement({
  fields: (t) => ({
    nodes: t.field({ type: [Source], resolve: ({ items }) => items }),
    pageInfo: t.field({ type: PageInfo, resolve: pageInfoOf }),
    totalCount: t.exposeInt('totalCount'),
  }),
});

const Viewer = builder.objectRef<Context['principal']>('Viewer').implement({
  fields: (t) => ({
    tenant: t.exposeID('tenant'),
    subject: t.exposeString('subject'),
    scopes: t.stringList({ resolve: ({ scopes }) => [...scopes] }),
  }),
});

builder.queryFields((t) => ({
  dimensions: t.field({
    type: DimensionConnection,
    args: {
      first: t.arg.int({ required: true, defaultValue: 50 }),
      after: t.arg.string(),
      search: t.arg.string(),
      origin: t.arg({ type: DimensionOrigin }),
    },
    resolve: async (_root, { search, origin, ...page }, context) => {
      const all = await context.engine.dimensions(context.principal.tenant);
      const part = (search ?? '').toLowerCase();
      const found = all.filter(
        (dimension) =>
          (!origin || dimension.origin === origin) &&
          (dimension.key.toLowerCase().includes(part) || dimension.label.toLowerCase().includes(part)),
      );
      return listPage(found, page, ['dimensions', part, origin ?? null], (each) => each.key, context);
    },
  }),
  dimension: t.field({
    type: Dimension,
    nullable: true,
    args: { key: t.arg({ type: 'DimensionKey', required: true }) },
    resolve: async (_root, { key }, { engine, principal }) => {
      const all = await engine.dimensions(principal.tenant);
      return all.find((dimension) => dimension.key === key) ?? null;
    },
  }),
  sources: t.field({
    type: SourceConnection,
    args: { first: t.arg.int({ required: true, defaultValue: 50 }), after: t.arg.string() },
    resolve: async (_root, page, context) => {
      const all = await context.engine.sources(context.principal.tenant);
      return listPage(all, page, ['sources'], (source) => source.name, context);
    },
  }),
  freshness: t.field({
    type: Freshness,
    resolve: (_root, _args, { engine, principal }) => engine.freshness(principal.tenant, null),
  }),
  viewer: t.field({ type: Viewer, resolve: (_root, _args, { principal }) => principal }),
}));

/** A page of a list that is short enough to be at hand; its version is the names that it holds. */
export function listPage<Item>(
  all: readonly Item[],
  { first, after }: { readonly first: number; readonly after?: string | null | undefined },
  list: unknown,
  nameOf: (item: Item) => string,
  { engine, principal }: Context,
): PageOf<Item> {
  const limit = checkFirst(first);
  const version = digest(all.map(nameOf));
  const cursors = cursorsOf(engine.cursors, principal.tenant, digest(list), version);
  if (after) checkVersion(cursors.open(after), version);
  const offset = offsetOf({ after }, cursors.open);
  return { items: all.slice(offset, offset + limit), offset, totalCount: all.length, cursors };
}

/** @throws BAD_PAGE */
export function checkFirst(first: number): number {
  if (first >= 0 && first <= LIST_FIRST_MAX) return first;
  const hint = `Give 0 to ${LIST_FIRST_MAX}, and go on with after.`;
  throw costError('BAD_PAGE', { reason: `first: ${first}`, hint });
}

/**
 * What lies before a page may have changed with the list: then the pages would not fit together.
 *
 * @throws VERSION_EXPIRED
 */
export function checkVersion(opened: { readonly version: string } | null, version: string): void {
  if (opened && opened.version !== version) throw costError('VERSION_EXPIRED', { version: opened.version });
}

function instantOrNull(instant: number | null): string | null {
  return instant === null ? null : formatInstant(instant);
}
