/** What a tenant publishes about its costs: attribution rules by version, and closed periods. */
import { requireScope } from '../access/scopes.ts';
import type { LookupText, RulesText, RulesVersion } from '../catalog/published-rules.ts';
import { isCostError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import { formatInstant } from '../core/time-range.ts';
import { unreachable } from '../core/unreachable.ts';
import type { CloseSummary, PublishOutcome, RuleBook, RulesChange } from '../execute/engine.ts';
import { lookupAmong } from '../execute/read-rules.ts';
import { builder } from './builder.ts';
import type { Problem } from './rule-error.ts';
import { RuleError, problemOf } from './rule-error.ts';
import { Dimension, listPage } from './catalog-types.ts';
import type { Context } from './context.ts';
import type { CostQueryArgument } from './inputs.ts';
import { CostQueryInput, Period } from './inputs.ts';
import { PageInfo, pageInfoOf } from './page-types.ts';
import type { PageOf } from './pages.ts';
import { Restatement, restatementModel } from './restatement-types.ts';
import { limitOf } from './run-options.ts';
import { toCostQuery } from './table.ts';

const LookupFile = builder.objectRef<LookupText>('LookupFile').implement({
  description: 'A list or hierarchy that rules look values up in, as CSV.',
  fields: (t) => ({
    file: t.exposeString('file', { description: 'As the rules name it.' }),
    text: t.exposeString('text'),
  }),
});

const RuleSet = builder.objectRef<RulesVersion>('RuleSet').implement({
  description: 'One version of the attribution rules; it never changes.',
  fields: (t) => ({
    version: t.id({ description: '1, 2, 3…', resolve: ({ version }) => `${version}` }),
    source: t.string({
      description: 'The text, as it was published.',
      resolve: async ({ version }, _args, context) => (await textOf(context, version)).source,
    }),
    lookups: t.field({
      type: [LookupFile],
      description: 'The files that the text names, as they were published.',
      resolve: async ({ version }, _args, context) => (await textOf(context, version)).lookups,
    }),
    publishedAt: t.field({ type: 'DateTime', resolve: ({ publishedAt }) => formatInstant(publishedAt) }),
    publishedBy: t.exposeString('publishedBy'),
    dimensions: t.field({
      type: [Dimension],
      resolve: (version, _args, { engine, principal }) => engine.rules.dimensions(principal.tenant, version),
    }),
  }),
});

function textOf({ engine, principal }: Context, version: number): Promise<RulesText> {
  return engine.rules.text(principal.tenant, version);
}

const RuleSetConnection = builder.objectRef<PageOf<RulesVersion>>('RuleSetConnection').implement({
  fields: (t) => ({
    nodes: t.field({ type: [RuleSet], resolve: ({ items }) => items }),
    pageInfo: t.field({ type: PageInfo, resolve: pageInfoOf }),
    totalCount: t.exposeInt('totalCount'),
  }),
});

const Close = builder.objectRef<CloseSummary>('Close').implement({
  description: 'A close pins charges, rules, telemetry, prices and rates.',
  fields: (t) => ({
    name: t.exposeString('name'),
    from: t.field({ type: 'DateTime', resolve: ({ from }) => formatInstant(from) }),
    to: t.field({ type: 'DateTime', resolve: ({ to }) => formatInstant(to) }),
    version: t.exposeID('version', {
      description: 'That of every answer to a question about just this period at this close.',
    }),
    rules: t.id({ nullable: true, resolve: ({ rules }) => (rules === null ? null : `${rules}`) }),
    closedAt: t.field({ type: 'DateTime', resolve: ({ closedAt }) => formatInstant(closedAt) }),
    closedBy: t.exposeString('closedBy'),
  }),
});

const CloseEdge = builder.objectRef<{ readonly node: CloseSummary; readonly cursor: string }>('CloseEdge');
CloseEdge.implement({
  fields: (t) => ({ node: t.expose('node', { type: Close }), cursor: t.exposeString('cursor') }),
});

const CloseConnection = builder.objectRef<PageOf<CloseSummary>>('CloseConnection').implement({
  fields: (t) => ({
    edges: t.field({
      type: [CloseEdge],
      resolve: ({ items, offset, cursors }) =>
        items.map((node, i) => ({ node, cursor: cursors.seal(offset + i + 1) })),
    }),
    nodes: t.field({ type: [Close], resolve: ({ items }) => items }),
    pageInfo: t.field({ type: PageInfo, resolve: pageInfoOf }),
    totalCount: t.exposeInt('totalCount'),
  }),
});

type Payload<Done> = { readonly done: Done | null; readonly errors: readonly Problem[] };

/** What a caller can mend is told in the payload; all else fails the field. */
async function orProblems<Done>(doing: Promise<Done>): Promise<Payload<Done>> {
  try {
    return { done: await doing, errors: [] };
  } catch (error) {
    if (isCostError(error) && error.fault === 'caller') return { done: null, errors: [problemOf(error)] };
    throw error;
  }
}

type PublishPayload = Payload<RulesVersion> & {
  /** Null where there are errors. */
  readonly change: RulesChange | null;
  readonly effectOn: CostQueryArgument | null;
};

const PublishRulesPayload = builder.objectRef<PublishPayload>('PublishRulesPayload').implement({
  fields: (t) => ({
    ruleSet: t.expose('done', {
      type: RuleSet,
      nullable: true,
      description: 'The version that holds the rules; null after a dry run and where there are errors.',
    }),
    errors: t.expose('errors', { type: [RuleError] }),
    effect: t.field({
      type: Restatement,
      nullable: true,
      description:
        'What the rules change of effectOn, against those that were the newest before. Null where there are errors, and without effectOn where no bill is there to show it on.',
      resolve: async ({ change, effectOn }, _args, context) => {
        if (change === null) return null;
        const { engine, principal, now } = context;
        const query = effectOn && toCostQuery(effectOn);
        const bound = await engine.bindEffect({ tenant: principal.tenant, change, query, now });
        return bound && restatementModel(context, bound, limitOf(context, effectOn?.deadline));
      },
    }),
  }),
});

const ClosePeriodPayload = builder.objectRef<Payload<CloseSummary>>('ClosePeriodPayload').implement({
  fields: (t) => ({
    close: t.expose('done', { type: Close, nullable: true }),
    errors: t.expose('errors', { type: [RuleError] }),
  }),
});

const LookupFileInput = builder.inputType('LookupFileInput', {
  fields: (t) => ({ file: t.string({ required: true }), text: t.string({ required: true }) }),
});

builder.queryFields((t) => ({
  closes: t.field({
    type: CloseConnection,
    description: 'Newest first.',
    args: { first: t.arg.int({ required: true, defaultValue: 20 }), after: t.arg.string() },
    resolve: async (_root, page, context) => {
      const all = await context.engine.closes.list(context.principal.tenant);
      return listPage(all, page, ['closes'], (close) => close.name, context);
    },
  }),
  ruleSets: t.field({
    type: RuleSetConnection,
    description: 'Newest first.',
    args: { first: t.arg.int({ required: true, defaultValue: 20 }), after: t.arg.string() },
    resolve: async (_root, page, context) => {
      const all = await context.engine.rules.versions(context.principal.tenant);
      return listPage(all, page, ['rule sets'], ({ version }) => `${version}`, context);
    },
  }),
  ruleSet: t.field({
    type: RuleSet,
    nullable: true,
    description: 'Of the version, by default the newest; null where there is none such.',
    args: { version: t.arg.id() },
    resolve: async (_root, { version }, { engine, principal }) => {
      const [newest = null, ...others] = await engine.rules.versions(principal.tenant);
      if ((version ?? null) === null || newest === null) return newest;
      return [newest, ...others].find((one) => `${one.version}` === version) ?? null;
    },
  }),
}));

builder.mutationFields((t) => ({
  publishRules: t.field({
    type: PublishRulesPayload,
    description:
      'Validate and publish attribution rules (YAML or JSON text) as a new version; those of the newest version are no new one. With dryRun: change nothing. `baseVersion`: refuse if another version was published meanwhile (0: if any was). Needs the scope rules.',
    args: {
      source: t.arg.string({ required: true }),
      lookups: t.arg({
        type: [LookupFileInput],
        required: true,
        defaultValue: [],
        description: 'Files that the text names. Those that are left out are taken from the newest version.',
      }),
      dryRun: t.arg.boolean({ required: true, defaultValue: false }),
      effectOn: t.arg({
        type: CostQueryInput,
        description:
          'What `effect` is shown on; default: the period closed last, else the last whole month with bills, by the dimensions that change.',
      }),
      baseVersion: t.arg.id(),
    },
    resolve: async (_root, { source, lookups, dryRun, ...more }, { engine, principal, now }) => {
      requireScope(principal, 'rules');
      const { tenant, subject: by } = principal;
      const lookupFile = await lookupFiles(engine.rules, tenant, lookups);
      const baseVersion = more.baseVersion ?? null;
      const request = { tenant, source, lookupFile, baseVersion, dryRun, by, at: now };
      const { done, errors } = await orProblems(engine.rules.publish(request));
      const payload = done === null ? { done, errors, change: null } : payloadOf(done);
      return { ...payload, effectOn: more.effectOn ?? null };
    },
  }),
  closePeriod: t.field({
    type: ClosePeriodPayload,
    description:
      'Freeze a period as a named, reproducible state (a close); later restatements are shown against it. Refused where a source has no bill yet. Needs the scope rules.',
    args: { period: t.arg({ type: Period, required: true }), name: t.arg.string({ required: true }) },
    resolve: (_root, { period, name }, { engine, principal, now }) => {
      requireScope(principal, 'rules');
      const { tenant, subject: by } = principal;
      return orProblems(engine.closes.close({ tenant, period, name, by, now }));
    },
  }),
}));

/** The given ones, and for all others those of the newest version. */
async function lookupFiles(
  rules: RuleBook,
  tenant: TenantId,
  given: readonly LookupText[],
): Promise<(file: string) => string | null> {
  const [newest] = await rules.versions(tenant);
  const kept = newest ? (await rules.text(tenant, newest.version)).lookups : [];
  return lookupAmong([...kept, ...given]);
}

function payloadOf(outcome: PublishOutcome): Omit<PublishPayload, 'effectOn'> {
  switch (outcome.kind) {
    case 'published':
      return { done: outcome.version, errors: [], change: outcome.change };
    case 'valid':
      return { done: null, errors: [], change: outcome.change };
    case 'refused':
      return {
        done: null,
        errors: outcome.errors.map((error) => ({ code: 'BAD_RULES', ...error })),
        change: null,
      };
    default:
      return unreachable(outcome);
  }
}
