import { estimateValues } from '../attribution/estimate-values.ts';
import type { Dimension } from '../catalog/dimensions.ts';
import { providerDimensions, tagDimension } from '../catalog/dimensions.ts';
import type { PublishedRules } from '../catalog/published-rules.ts';
import type { TelemetryLoad } from '../catalog/telemetry.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import { compareText } from '../core/code-point-order.ts';
import { ALL_TIME, HOUR_MS } from '../core/time-range.ts';
import { keyChecker } from '../planner/bind/bind-query.ts';
import { resolvePeriod } from '../planner/bind/resolve-period.ts';
import type { PeriodInput } from '../planner/cost-query.ts';
import { measure } from '../planner/measures.ts';
import type { Predicate } from '../planner/predicate.ts';
import { TRUE } from '../planner/predicate.ts';
import type { Question } from '../planner/question.ts';
import { versionOf } from './bind-bound.ts';
import type { QuestionRunner } from './run-question.ts';
import { runRows } from './run-question.ts';
import type { DimensionSummary } from './engine.ts';

/**
 * The dimensions of every tenant, then the tags of this one and those of its rules, each with its estimated number of
 * values.
 */
export function listDimensions(state: TenantState): DimensionSummary[] {
  const tags = [...state.tagKeys].sort(compareText).map(tagDimension);
  return summarizeDimensions(state, [...providerDimensions, ...tags, ...state.ruled.values()], state.rules);
}

/** @param rules that define those of the dimensions that rules define */
export function summarizeDimensions(
  { statistics, telemetry }: TenantState,
  dimensions: Iterable<Dimension>,
  rules: PublishedRules | null,
): DimensionSummary[] {
  const ofKey = (key: string) => statistics.get(key)?.distinct ?? 0;
  const ofStream = (stream: string) => keysAnHour(telemetry.get(stream)?.loads ?? []);
  return [...dimensions].map((dimension) => {
    const { key, origin } = dimension;
    const isRuled = rules !== null && origin === 'RULE';
    const cardinality = isRuled ? estimateValues(rules.ruleSet, key, { ofKey, ofStream }) : ofKey(key);
    return { ...dimension, cardinality };
  });
}

/** About as many as the keys of a stream have values together, where it is loaded by the hour: nothing else is known of it. */
function keysAnHour(loads: readonly TelemetryLoad[]): number {
  return Math.max(0, ...loads.map(({ rows, from, to }) => Math.ceil((rows * HOUR_MS) / (to - from))));
}

/** The distinct values of a dimension among live charges: a question grouped by it. */
export async function answerDimensionValues(
  state: TenantState,
  input: {
    readonly key: string;
    readonly search: string | null;
    readonly period: PeriodInput | null;
    readonly offset: number;
    readonly limit: number;
  },
  signal: AbortSignal,
  runner: QuestionRunner,
): Promise<{ values: readonly (string | null)[]; totalCount: number; version: string }> {
  keyChecker(state)(input.key);
  const period = input.period ? resolvePeriod(input.period, 'UTC', Date.now()).range : ALL_TIME;
  const filter: Predicate =
    input.search === null || input.search === ''
      ? TRUE
      : {
          kind: 'test',
          key: input.key,
          test: { op: 'contains', value: input.search, ignoreCase: true },
          orNull: false,
        };
  const question: Question = {
    tenant: state.tenant,
    period,
    compare: null,
    axis: 'CHARGE_PERIOD',
    timing: 'START',
    granularity: 'TOTAL',
    timeZone: 'UTC',
    buckets: null,
    compareBuckets: null,
    splits: 'APPLIED',
    groupBy: [input.key],
    filter,
    having: [],
    top: null,
    sort: [{ by: 'key', column: input.key, direction: 'ASC' }],
    wanted: {
      rows: { measures: [measure('count', null)], offset: input.offset, limit: input.limit },
      totals: null,
      excluded: null,
    },
  };
  const page = await runRows(runner, question, state, signal, ['period']);
  const values = (page.rows.columns.get(input.key) ?? []).map((value) =>
    typeof value === 'string' ? value : null,
  );
  return { values, totalCount: page.totalCount, version: versionOf(question, state, null) };
}
