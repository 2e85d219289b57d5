/** Rollups and the advice on them. Creating and dropping is the command line's: building is the work of a process of its own. */
import { requireScope } from '../access/scopes.ts';
import { NEEDS_DAYS_MAX } from '../catalog/needs.ts';
import { costError } from '../core/errors.ts';
import type {
  PerDay,
  RollupAdvice as RollupAdviceModel,
  RollupToAdd as RollupToAddModel,
  RollupToDrop as RollupToDropModel,
  RollupToKeep as RollupToKeepModel,
} from '../planner/advise/advise.ts';
import type { RollupFacts } from '../planner/rollup-facts.ts';
import { builder } from './builder.ts';
import { decimalOfEstimate, wholeNumber } from './estimated-numbers.ts';

const RollupGrain = builder.enumType('RollupGrain', {
  values: { HOUR: { value: 'hour' }, DAY: { value: 'day' } } as const,
});

const LeftOutAttribute = builder.objectRef<RollupFacts['leftOut'][number]>('LeftOutAttribute').implement({
  fields: (t) => ({
    attribute: t.expose('attribute', { type: 'DimensionKey' }),
    distinct: t.field({
      type: 'BigInt',
      description: 'The most distinct values that a batch of such a part has.',
      resolve: ({ distinct }) => wholeNumber(distinct),
    }),
    parts: t.exposeInt('parts'),
  }),
});

const Rollup = builder.objectRef<RollupFacts>('Rollup').implement({
  description:
    'Charges put together by hour or day and attributes. Rows, bytes and parts are of live batches.',
  fields: (t) => ({
    name: t.exposeString('name'),
    grain: t.expose('grain', { type: RollupGrain }),
    attributes: t.field({ type: ['DimensionKey'], resolve: ({ attributes }) => attributes }),
    rows: t.field({ type: 'BigInt', resolve: ({ rows }) => wholeNumber(rows) }),
    bytes: t.field({ type: 'BigInt', resolve: ({ bytes }) => wholeNumber(bytes) }),
    parts: t.exposeInt('parts'),
    batchesWithout: t.idList({
      description: 'Batches without a part: these are answered from charges.',
      resolve: ({ batchesWithout }) => batchesWithout,
    }),
    leftOut: t.field({
      type: [LeftOutAttribute],
      description: 'Attributes that would make some parts too large, and are left out of them.',
      resolve: ({ leftOut }) => leftOut,
    }),
  }),
});

const UsePerDay = builder.objectRef<PerDay>('UsePerDay').implement({
  description: 'Of an average day: bytes read, milliseconds, and US dollars by the price of the store.',
  fields: (t) => ({
    bytes: t.field({ type: 'BigInt', resolve: ({ bytes }) => wholeNumber(bytes) }),
    ms: t.exposeFloat('ms'),
    usd: t.field({ type: 'Decimal', resolve: ({ usd }) => decimalOfEstimate(usd) }),
  }),
});

const RollupToAdd = builder.objectRef<RollupToAddModel>('RollupToAdd').implement({
  fields: (t) => ({
    name: t.exposeString('name'),
    grain: t.expose('grain', { type: RollupGrain }),
    attributes: t.field({ type: ['DimensionKey'], resolve: ({ attributes }) => attributes }),
    times: t.exposeInt('times', { description: 'How often stores were asked what it would make cheaper.' }),
    saves: t.expose('saves', { type: UsePerDay }),
    rows: t.field({ type: 'BigInt', resolve: ({ rows }) => wholeNumber(rows) }),
    bytes: t.field({ type: 'BigInt', resolve: ({ bytes }) => wholeNumber(bytes) }),
    buildMs: t.exposeFloat('buildMs'),
    command: t.exposeString('command', { description: 'Creates it.' }),
    reason: t.exposeString('reason'),
  }),
});

const RollupToDrop = builder.objectRef<RollupToDropModel>('RollupToDrop').implement({
  fields: (t) => ({
    name: t.exposeString('name'),
    times: t.exposeInt('times', { description: 'How often it answered.' }),
    rows: t.field({
      type: 'BigInt',
      description: 'That dropping it frees.',
      resolve: ({ rows }) => wholeNumber(rows),
    }),
    bytes: t.field({ type: 'BigInt', resolve: ({ bytes }) => wholeNumber(bytes) }),
    costs: t.expose('costs', { type: UsePerDay, description: 'What would become dearer.' }),
    command: t.exposeString('command', { description: 'Drops it.' }),
    reason: t.exposeString('reason'),
  }),
});

const RollupToKeep = builder.objectRef<RollupToKeepModel>('RollupToKeep').implement({
  fields: (t) => ({
    name: t.exposeString('name'),
    times: t.exposeInt('times', { description: 'How often it answered.' }),
    saves: t.expose('saves', { type: UsePerDay }),
    reason: t.exposeString('reason'),
  }),
});

const RollupAdvice = builder.objectRef<RollupAdviceModel>('RollupAdvice').implement({
  description:
    'Follows from what questions were observed to need and how long that took; all of it is expectation.',
  fields: (t) => ({
    days: t.exposeInt('days'),
    observedDays: t.exposeInt('observedDays', {
      description: 'UTC days from the first on which anything was observed until today.',
    }),
    times: t.exposeInt('times', { description: 'How often stores were asked.' }),
    isEnough: t.exposeBoolean('isEnough', { description: 'Whether that is enough to propose anything.' }),
    add: t.field({ type: [RollupToAdd], resolve: ({ add }) => add }),
    drop: t.field({ type: [RollupToDrop], resolve: ({ drop }) => drop }),
    keep: t.field({ type: [RollupToKeep], resolve: ({ keep }) => keep }),
    notes: t.stringList({ resolve: ({ notes }) => notes }),
  }),
});

builder.queryFields((t) => ({
  rollups: t.field({
    type: [Rollup],
    description: 'All there are: 20 at most.',
    resolve: (_root, _args, { engine, principal }) => engine.rollups(principal.tenant),
  }),
  rollupAdvice: t.field({
    type: RollupAdvice,
    description: `Which rollups to create and which to drop, by the questions of the last \`days\` UTC days (1 to ${NEEDS_DAYS_MAX}), today included. Needs the scope admin.`,
    args: { days: t.arg.int({ required: true, defaultValue: 7 }) },
    resolve: (_root, { days }, { engine, principal, now }) => {
      requireScope(principal, 'admin');
      if (days >= 1 && days <= NEEDS_DAYS_MAX) return engine.rollupAdvice(principal.tenant, days, now);
      throw costError('BAD_REQUEST', { reason: `days: ${days}`, hint: `Give 1 to ${NEEDS_DAYS_MAX}.` });
    },
  }),
}));
