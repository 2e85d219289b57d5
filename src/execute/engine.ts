import type { RuleError } from '../attribution/read-tree.ts';
import type { Close } from '../catalog/close.ts';
import type { PublishedRules, RulesText, RulesVersion } from '../catalog/published-rules.ts';
import type { TelemetryCall, TelemetryRow } from '../catalog/telemetry.ts';
import type { CostError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import type { Decimal } from '../core/decimal.ts';
import type { Instant, TimeRange } from '../core/time-range.ts';
import type { Metric } from '../catalog/metrics.ts';
import type { SourceSummary } from '../catalog/sources.ts';
import type { Dimension, DimensionOrigin } from '../catalog/dimensions.ts';
import type { Rows } from '../connectors/connector.ts';
import type { RollupAdvice } from '../planner/advise/advise.ts';
import type { CostQuery, FilterInput, KnowledgeInput, PeriodInput } from '../planner/cost-query.ts';
import type { Question } from '../planner/question.ts';
import type { ReadMeasure } from '../planner/measures.ts';
import type { RollupFacts } from '../planner/rollup-facts.ts';
import type { StoreName } from '../planner/plan.ts';
import type { Predicate } from '../planner/predicate.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import type { Explanation } from '../planner/explain.ts';

/**
 * Answers questions for any front door (GraphQL now; SQL and files later). Every call names the tenant of the
 * verified token; nothing is shared between tenants but the machine.
 */
export type CostEngine = {
  /** Checks and resolves a query, and pins the state of knowledge that it is answered from. */
  readonly bind: (
    tenant: TenantId,
    query: CostQuery,
    wanted: WantedInput,
    now: Instant,
  ) => Promise<BoundQuery>;
  readonly answer: (bound: BoundQuery, options: RunOptions) => Promise<Answer>;
  /**
   * The same question inside rows: `path` holds the drill-downs from the root table inwards, the last is the one
   * asked; each of `parents` is as long as `path`: a row of the root table, a row of path[0] inside it, and so on.
   * One planned query for all parents, some more for those in remainder rows, distinct counts and compared buckets,
   * never one per parent; per parent, in order, an answer or why there is none.
   */
  readonly drillDown: (
    bound: BoundQuery,
    path: readonly DrillDownQuery[],
    wanted: WantedInput,
    parents: readonly (readonly ParentRow[])[],
    options: RunOptions,
  ) => Promise<readonly (Answer | CostError)[]>;
  /**
   * What the amount of a row of the root table is made of. @throws BAD_QUERY for what has no lineage
   */
  readonly lineage: (
    bound: BoundQuery,
    row: ParentRow,
    of: Metric,
    page: { readonly offset: number; readonly limit: number },
    options: RunOptions,
  ) => Promise<Lineage>;
  /** Plans without running; with analyze runs it as well and adds what happened. */
  readonly explain: (bound: BoundQuery, analyze: boolean, options: RunOptions) => Promise<Explanation>;
  /**
   * Two states of knowledge, and those between them that differ from the one before in one cause alone.
   *
   * @throws BAD_QUERY where groups could not be set beside each other (compare, having, top), and all that bind throws
   */
  readonly bindRestatement: (request: RestatementRequest) => Promise<BoundRestatement>;
  /** What rules change that are published over others; null where the tenant has no bills to show it on. */
  readonly bindEffect: (request: EffectRequest) => Promise<BoundRestatement | null>;
  /** @throws MIXED_CURRENCIES, BAD_QUERY where totals of the two states cannot be set beside each other */
  readonly restate: (bound: BoundRestatement, options: RunOptions) => Promise<Restatement>;
  /** The groups of either state: those that differ most first, then by time and keys. */
  readonly restatedRows: (
    bound: BoundRestatement,
    page: { readonly offset: number; readonly limit: number },
    options: RunOptions,
  ) => Promise<{ readonly rows: readonly RestatedRow[]; readonly totalCount: number }>;
  readonly dimensions: (tenant: TenantId) => Promise<readonly DimensionSummary[]>;
  /** Values in code point order, missing last; `search` is a part of the value, ignoring case. */
  readonly dimensionValues: (
    tenant: TenantId,
    input: { key: string; search: string | null; period: PeriodInput | null; offset: number; limit: number },
    options: RunOptions,
  ) => Promise<{ values: readonly (string | null)[]; totalCount: number; version: string }>;
  readonly rules: RuleBook;
  readonly closes: CloseBook;
  readonly sources: (tenant: TenantId) => Promise<readonly SourceSummary[]>;
  readonly rollups: (tenant: TenantId) => Promise<readonly RollupFacts[]>;
  /** From what was needed in the last `days` UTC days, today included: 1 to NEEDS_DAYS_MAX. */
  readonly rollupAdvice: (tenant: TenantId, days: number, now: Instant) => Promise<RollupAdvice>;
  readonly freshness: (tenant: TenantId, period: TimeRange | null) => Promise<Freshness>;
  readonly loadTelemetry: LoadTelemetry;
  /** Signs and opens cursors: a forged, foreign or stale one is BAD_CURSOR. */
  readonly cursors: CursorCodec;
};

/**
 * Loads driver data into a stream, all of the rows or none.
 *
 * @throws BAD_TELEMETRY, BAD_NAME where the rows cannot be of the stream; OVERLOADED, LOCKED and others: then nothing
 *   has changed
 */
export type LoadTelemetry = (
  tenant: TenantId,
  stream: string,
  rows: readonly TelemetryRow[],
  signal: AbortSignal,
) => Promise<TelemetryCall>;

export type RunOptions = {
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  /** Where the planner may choose no other store; then also STORE_UNABLE is thrown. */
  readonly forceStore: StoreName | null;
  /** When the operation started, by `performance.now()`: what it keeps itself is no news to its own explain. */
  readonly startedAt: number;
  /** No earlier answer may stand for this one, nor is this one kept. */
  readonly noCache: boolean;
  /** Names of rules that planning leaves out. */
  readonly rulesOff: ReadonlySet<string>;
};

/** What the selection set of an operation asks of one table. */
export type WantedInput = {
  readonly rows: {
    readonly metrics: readonly Metric[];
    /** `amount(of:, where:)`. */
    readonly amounts: readonly { readonly of: Metric; readonly where: FilterInput }[];
    readonly distinct: readonly string[];
    /** `sharedCost(of:)`. */
    readonly shared?: readonly Metric[];
    /** Streams of `unitCost(per:)`. */
    readonly streams?: readonly string[];
    readonly offset: number;
    readonly limit: number;
  } | null;
  readonly totals: {
    readonly metrics: readonly Metric[];
    readonly amounts: readonly { readonly of: Metric; readonly where: FilterInput }[];
    readonly distinct: readonly string[];
    readonly shared?: readonly Metric[];
    readonly streams?: readonly string[];
  } | null;
  /** Metrics whose conservation is asked. */
  readonly conservation: readonly Metric[];
};

/**
 * A row of a table that is drilled into: its keys in groupBy order, its bucket (null at TOTAL), whether it is the
 * remainder of top, and `kept` of the answer that it is in.
 */
export type ParentRow = {
  readonly values: Tuple;
  readonly bucket: number | null;
  readonly isRemainder: boolean;
  readonly kept: readonly Tuple[] | null;
};
/** Values of several dimensions. */
export type Tuple = readonly (string | null)[];
/** What `CostRow.costs` asks inside a row. */
export type DrillDownQuery = Pick<CostQuery, 'groupBy' | 'granularity' | 'filter' | 'orderBy' | 'top'>;

/** A question bound to a pinned state. Opaque to front doors but for what is shown. */
export type BoundQuery = {
  readonly question: Question;
  readonly version: string;
  readonly warnings: readonly Warning[];
  /** The normal form of a condition, as in the names of measures: `metricValue(read, of, bound.predicateOf(where))`. */
  readonly predicateOf: (where: FilterInput) => Predicate;
  /** What the question was bound from, and the pinned state it is answered from: the engine's own. */
  readonly query: CostQuery;
  readonly state: TenantState;
  /** The metrics whose conservation is asked. */
  readonly conserved: readonly Metric[];
  /** The streams whose units rows, and totals, are asked to hold. */
  readonly streams: Streams;
  /** The currencies that statistics leave possible; one or none settles the currency of the answer. */
  readonly currencies: readonly string[];
};

export type Streams = { readonly rows: readonly string[]; readonly totals: readonly string[] };

export type Warning = { readonly code: string; readonly message: string; readonly hint: string | null };

export type Answer = {
  /** The page asked for, in order, without the summary row. */
  readonly rows: Rows | null;
  /** Start of each bucket number in `$time`; empty at TOTAL. */
  readonly timeLabels: readonly Instant[];
  /** All rows there are, whatever the page. */
  readonly totalCount: number | null;
  /** Of a drill-down with top: what was kept of `top.by`, whatever the page; null otherwise. */
  readonly kept: readonly Tuple[] | null;
  readonly totals: ReadMeasure | null;
  /** Of how the answer was made. */
  readonly warnings: readonly Warning[];
  readonly currency: string | null;
  readonly conservation: ReadonlyMap<Metric, Conservation>;
  readonly ms: number;
};

/** A page of the contributions, the largest first. */
export type Lineage = { readonly items: readonly LineageItem[]; readonly totalCount: number };
/**
 * amount = amount of the origin × the shares of the steps, cut to 12 places toward zero, + rounding.
 */
export type LineageItem = {
  readonly amount: Decimal;
  readonly origin: OriginCharge;
  /** In the order in which they apply. */
  readonly steps: readonly LineageStep[];
  readonly rounding: Decimal;
};
export type OriginCharge = {
  /** Unique within the batch. */
  readonly id: string;
  readonly batch: string;
  readonly source: string;
  readonly from: Instant;
  readonly to: Instant;
  readonly keys: readonly { readonly key: string; readonly value: string | null }[];
  /** Under PRORATED the part in the row's time. */
  readonly amount: Decimal;
  readonly currency: string;
};
export type LineageStep = {
  readonly rule: RuleReference;
  readonly numerator: Decimal;
  readonly denominator: Decimal;
  readonly method: string;
  /** The stream, or the key whose cost weighs. */
  readonly driver: string | null;
};
/** `name` of a rule, of a split, or `otherwise`. */
export type RuleReference = {
  readonly ruleSet: string;
  readonly dimension: string;
  readonly name: string;
  readonly line: number;
};

export type Conservation = {
  readonly source: Decimal;
  readonly attributed: Decimal;
  readonly unattributed: Decimal;
  readonly excluded: Decimal;
  readonly hidden: Decimal;
  readonly holds: boolean;
};

export type Freshness = {
  readonly billedThrough: Instant | null;
  readonly sealedThrough: Instant | null;
  readonly newestEvent: Instant | null;
  readonly complete: boolean;
};

export type DimensionSummary = Dimension & { readonly cardinality: number; readonly origin: DimensionOrigin };

/** In the order that they are applied in. What a deployment has no data of yet is never a cause. */
export const causeKinds = [
  'LATE_EVENTS',
  'ESTIMATE_TO_BILL',
  'DATA',
  'TAGS',
  'PRICES',
  'EXCHANGE_RATES',
  'TELEMETRY',
  'RULES',
] as const;
export type CauseKind = (typeof causeKinds)[number];

export type RestatementRequest = {
  readonly tenant: TenantId;
  /** Without knowledge of its own: `from` and `to` name the states. */
  readonly query: CostQuery;
  readonly of: Metric;
  readonly from: KnowledgeInput;
  readonly to: KnowledgeInput;
  readonly now: Instant;
};

export type EffectRequest = {
  readonly tenant: TenantId;
  readonly change: RulesChange;
  /** Null: the period closed last, else the last whole month with bills, by the dimensions that change. */
  readonly query: CostQuery | null;
  readonly now: Instant;
};

/** `after` may be rules that are checked and not published. */
export type RulesChange = { readonly before: RulesVersion | null; readonly after: PublishedRules };

/** `from`, and after each cause in turn the state that it leads to; the last is the one walked to. */
export type BoundRestatement = {
  readonly of: Metric;
  readonly from: BoundQuery;
  readonly steps: readonly [RestatementStep, ...RestatementStep[]];
  /** Of both states: cursors carry it. */
  readonly version: string;
};

export type RestatementStep = {
  readonly kind: CauseKind;
  /** In words: what changed. */
  readonly detail: string;
  /** The very question of the step before where nothing did. */
  readonly bound: BoundQuery;
};

/** The causes' deltas sum to after − before. Amounts in the units of the metric, as `metricValue` gives them. */
export type Restatement = {
  readonly before: bigint;
  readonly after: bigint;
  readonly causes: readonly {
    readonly kind: CauseKind;
    readonly delta: bigint;
    readonly detail: string;
  }[];
};

export type RestatedRow = {
  /** Start of its bucket; null at TOTAL. */
  readonly time: Instant | null;
  readonly values: Tuple;
  readonly before: bigint;
  readonly after: bigint;
};

/** A tenant's attribution rules by version. */
export type RuleBook = {
  /** Newest first. */
  readonly versions: (tenant: TenantId) => Promise<readonly RulesVersion[]>;
  /** As it was published. */
  readonly text: (tenant: TenantId, version: number) => Promise<RulesText>;
  readonly dimensions: (tenant: TenantId, version: RulesVersion) => Promise<readonly DimensionSummary[]>;
  /** @throws RULES_CHANGED, UNKNOWN_RULES */
  readonly publish: (request: PublishRequest) => Promise<PublishOutcome>;
};

export type PublishRequest = {
  readonly tenant: TenantId;
  readonly source: string;
  /** The text of a file that the rules name; null where there is none. */
  readonly lookupFile: (file: string) => string | null;
  /** The version that the rules were made from, `0` for none; null where any may have been published since. */
  readonly baseVersion: string | null;
  /** Checks all and publishes nothing. */
  readonly dryRun: boolean;
  readonly by: string;
  readonly at: Instant;
};

export type PublishOutcome =
  /** `isNew`: false where the newest version was the very same. */
  | {
      readonly kind: 'published';
      readonly version: RulesVersion;
      readonly isNew: boolean;
      readonly change: RulesChange;
    }
  | { readonly kind: 'valid'; readonly change: RulesChange }
  | { readonly kind: 'refused'; readonly errors: readonly RuleError[] };

/** A tenant's named states of knowledge. */
export type CloseBook = {
  /** Newest first. */
  readonly list: (tenant: TenantId) => Promise<readonly CloseSummary[]>;
  /** @throws BAD_PERIOD, BAD_REQUEST, CLOSE_EXISTS, CLOSE_INCOMPLETE */
  readonly close: (request: CloseRequest) => Promise<CloseSummary>;
};

export type CloseRequest = {
  readonly tenant: TenantId;
  /** Calendar forms are cut in UTC. */
  readonly period: PeriodInput;
  readonly name: string;
  readonly by: string;
  readonly now: Instant;
};

export type CloseSummary = Close & {
  /** The version of every answer to a question about just this period at this close. */
  readonly version: string;
  readonly rules: number | null;
};

export type CursorCodec = {
  /** @param scope what the cursor belongs to: the field and its arguments; a cursor opens only in the same scope */
  readonly seal: (tenant: TenantId, scope: string, version: string, offset: number) => string;
  /** @throws BAD_CURSOR */
  readonly open: (
    tenant: TenantId,
    scope: string,
    cursor: string,
  ) => { readonly version: string; readonly offset: number };
};
