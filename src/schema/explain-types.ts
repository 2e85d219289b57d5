import { formatInstant, formatSeconds } from '../core/time-range.ts';
import type {
  Candidate as CandidateModel,
  ExplainedNode,
  Explanation,
  PlanCost as PlanCostModel,
  RuleTrace as RuleTraceModel,
} from '../planner/explain.ts';
import type {
  UsedColumn as UsedColumnModel,
  UsedStatistics as UsedStatisticsModel,
} from '../planner/explain-statistics.ts';
import type { Pruning as PruningModel } from '../planner/plan.ts';
import { builder } from './builder.ts';
import { decimalOfEstimate, wholeNumber } from './estimated-numbers.ts';

function instantOrNull(instant: number | null): string | null {
  return instant === null ? null : formatInstant(instant);
}

const Skipped = builder.objectRef<PruningModel['skipped'][number]>('Skipped').implement({
  fields: (t) => ({
    reason: t.exposeString('reason'),
    files: t.exposeInt('files'),
    bytes: t.field({ type: 'BigInt', resolve: ({ bytes }) => wholeNumber(bytes) }),
  }),
});

const Pruning = builder.objectRef<PruningModel>('Pruning').implement({
  description: 'Totals stand beside what was skipped, by reason.',
  fields: (t) => ({
    filesTotal: t.exposeInt('filesTotal'),
    filesRead: t.exposeInt('filesRead'),
    bytesTotal: t.field({ type: 'BigInt', resolve: ({ bytesTotal }) => wholeNumber(bytesTotal) }),
    bytesRead: t.field({ type: 'BigInt', resolve: ({ bytesRead }) => wholeNumber(bytesRead) }),
    skipped: t.field({ type: [Skipped], resolve: ({ skipped }) => skipped }),
  }),
});

const PlanCost = builder.objectRef<PlanCostModel>('PlanCost').implement({
  description:
    'rows out, bytes read, milliseconds, and US dollars by the configured price of each store. qError = max(est/actual, actual/est) of rows.',
  fields: (t) => ({
    rows: t.field({ type: 'BigInt', resolve: ({ rows }) => wholeNumber(rows) }),
    bytes: t.field({ type: 'BigInt', resolve: ({ bytes }) => wholeNumber(bytes) }),
    ms: t.exposeFloat('ms'),
    usd: t.field({ type: 'Decimal', resolve: ({ usd }) => decimalOfEstimate(usd) }),
    qError: t.exposeFloat('qError', { nullable: true }),
  }),
});

const StatisticsConfidence = builder.enumType('StatisticsConfidence', {
  description:
    'COUNTED: over all charges. SAMPLED: over some of them. SKETCHED: within some per cent. ASSUMED: nothing was measured.',
  values: {
    COUNTED: { value: 'counted' },
    SAMPLED: { value: 'sampled' },
    SKETCHED: { value: 'sketched' },
    ASSUMED: { value: 'assumed' },
  } as const,
});

const UsedColumn = builder.objectRef<UsedColumnModel>('ColumnStatistics').implement({
  description: 'Null where it was not measured in each source that is read.',
  fields: (t) => ({
    key: t.exposeString('key'),
    distinct: t.field({
      type: 'BigInt',
      nullable: true,
      description: 'Distinct values of the source with most, a missing one among them.',
      resolve: ({ values }) => (values === null ? null : wholeNumber(values)),
    }),
    frequentValues: t.exposeInt('frequent', {
      description: 'How many values there are of which the frequency is known.',
    }),
    nullShare: t.exposeFloat('nullShare', { nullable: true, description: 'Of the charges, 0 to 1.' }),
    confidence: t.expose('confidence', { type: StatisticsConfidence }),
  }),
});

const UsedStatistics = builder.objectRef<UsedStatisticsModel>('NodeStatistics').implement({
  description:
    'What the rows of a node are estimated by: the charges of batches, and the columns that it looks at.',
  fields: (t) => ({
    confidence: t.expose('confidence', {
      type: StatisticsConfidence,
      description: 'Of the worst of the columns.',
    }),
    measuredFrom: t.field({
      type: 'DateTime',
      description: 'When the oldest of the numbers was measured: a batch is measured as it is imported.',
      resolve: ({ measuredFrom }) => formatInstant(measuredFrom),
    }),
    age: t.field({
      type: 'Duration',
      description: 'Of the oldest of the numbers.',
      resolve: ({ measuredFrom }, _args, { now }) => formatSeconds(Math.max(0, now - measuredFrom)),
    }),
    columns: t.field({ type: [UsedColumn], resolve: ({ columns }) => columns }),
  }),
});

const PlanNode = builder.objectRef<ExplainedNode>('PlanNode').implement({
  fields: (t) => ({
    id: t.exposeID('id'),
    parent: t.exposeID('parent', { nullable: true }),
    operator: t.exposeString('operator', {
      description: 'Ask, Merge, Attribute, Allocate, Sort, Limit, ...',
    }),
    detail: t.exposeString('detail'),
    store: t.exposeString('store', {
      description: 'REDIS, DUCKDB, TRINO, CACHE, SERVER, or the name of a later engine.',
    }),
    statement: t.exposeString('statement', {
      nullable: true,
      description: 'What is sent to the store: SQL, or Redis commands.',
    }),
    from: t.field({ type: 'DateTime', nullable: true, resolve: ({ from }) => instantOrNull(from) }),
    to: t.field({ type: 'DateTime', nullable: true, resolve: ({ to }) => instantOrNull(to) }),
    pin: t.exposeString('pin', {
      nullable: true,
      description: 'Snapshot, rollup version or hot epoch that the node reads.',
    }),
    pushed: t.stringList({ resolve: ({ pushed }) => pushed }),
    residual: t.stringList({ resolve: ({ residual }) => residual }),
    pruning: t.expose('pruning', { type: Pruning, nullable: true }),
    statistics: t.expose('statistics', {
      type: UsedStatistics,
      nullable: true,
      description: 'Null for nodes that are not estimated by statistics.',
    }),
    estimate: t.expose('estimate', { type: PlanCost }),
    actual: t.expose('actual', { type: PlanCost, nullable: true }),
  }),
});

const RuleTrace = builder.objectRef<RuleTraceModel>('RuleTrace').implement({
  fields: (t) => ({
    rule: t.exposeString('rule'),
    fired: t.exposeBoolean('fired'),
    reason: t.exposeString('reason'),
    before: t.exposeString('before', { nullable: true }),
    after: t.exposeString('after', { nullable: true }),
  }),
});

const Candidate = builder.objectRef<CandidateModel>('Candidate').implement({
  fields: (t) => ({
    from: t.field({ type: 'DateTime', resolve: ({ from }) => formatInstant(from) }),
    to: t.field({ type: 'DateTime', resolve: ({ to }) => formatInstant(to) }),
    store: t.exposeString('store'),
    source: t.exposeString('source'),
    chosen: t.exposeBoolean('chosen'),
    estimate: t.expose('estimate', { type: PlanCost }),
    reason: t.exposeString('reason'),
  }),
});

const CacheUse = builder.objectRef<Explanation['cache']>('CacheUse').implement({
  fields: (t) => ({
    hit: t.exposeBoolean('hit'),
    partsFromCache: t.exposeInt('partsFromCache'),
    partsTotal: t.exposeInt('partsTotal'),
  }),
});

export const Explain = builder.objectRef<Explanation>('Explain').implement({
  description: 'An execution plan, estimated and, with analyze, measured.',
  fields: (t) => ({
    fingerprint: t.exposeID('fingerprint', {
      description: 'The same for queries that differ only in literals.',
    }),
    text: t.exposeString('text', { description: 'The plan as an indented tree, one node a line.' }),
    mermaid: t.exposeString('mermaid', { description: 'The plan as a Mermaid flowchart.' }),
    nodes: t.field({ type: [PlanNode], resolve: ({ nodes }) => nodes }),
    rules: t.field({
      type: [RuleTrace],
      description: 'Every rewrite rule that was tried, in order, and why it did or did not fire.',
      resolve: ({ rules }) => rules,
    }),
    candidates: t.field({
      type: [Candidate],
      description:
        'Every way to answer each stretch of time that was considered, its estimated cost, and why it lost.',
      resolve: ({ candidates }) => candidates,
    }),
    pruning: t.expose('pruning', { type: Pruning }),
    estimate: t.expose('estimate', {
      type: PlanCost,
      description: 'What the planner expects; actual is null without analyze.',
    }),
    actual: t.expose('actual', { type: PlanCost, nullable: true }),
    planningMs: t.exposeFloat('planningMs'),
    cache: t.expose('cache', { type: CacheUse }),
    planCached: t.exposeBoolean('planCached', {
      description: 'True where the plan was made earlier for the same shape.',
    }),
  }),
});
