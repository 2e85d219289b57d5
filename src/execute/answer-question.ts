import type { Metric } from '../catalog/metrics.ts';
import { decimalFromUnits } from '../core/decimal.ts';
import type { Decimal } from '../core/decimal.ts';
import { costError } from '../core/errors.ts';
import { continueLabels } from '../planner/bind/make-buckets.ts';
import type { ReadMeasure } from '../planner/measures.ts';
import { measure } from '../planner/measures.ts';
import { metrics } from '../catalog/metrics.ts';
import { before } from '../planner/plan.ts';
import type { PartName, QueryPlan } from '../planner/plan-query.ts';
import type { Question } from '../planner/question.ts';
import type { Answer, BoundQuery, Conservation, Warning } from './engine.ts';
import { hides } from './bind-wanted.ts';
import type { PageRows } from './page-rows.ts';
import { readRow, splitPage } from './page-rows.ts';
import type { PlanResult } from './run-plan.ts';

/** Puts the results of a plan's parts together: page, totals, currency. */
export function assembleAnswer(
  bound: BoundQuery,
  plan: QueryPlan,
  results: ReadonlyMap<PartName, PlanResult>,
): Omit<Answer, 'conservation' | 'ms'> & { readonly summary: ReadMeasure | null } {
  const page = pageOf(results);
  const totalsPart = results.get('totals');
  const totals = plan.totalsFromRows
    ? (page?.summary ?? null)
    : totalsPart
      ? readRow(totalsPart.rows, 0)
      : null;
  const currency = currencyOf(bound, totals ?? page?.summary ?? null);
  return {
    rows: page?.rows ?? null,
    totalCount: page?.totalCount ?? null,
    kept: null,
    timeLabels: labelsOf(bound.question),
    warnings: plan.isPlain ? [planningBudgetWarning] : [],
    totals,
    currency,
    summary: page?.summary ?? null,
  };
}

const planningBudgetWarning: Warning = {
  code: 'PLANNING_BUDGET',
  message: 'There were too many ways to answer for all of them to be weighed: the charges were read.',
  hint: 'Ask for a shorter period, or drop rollups that are not needed.',
};

function pageOf(results: ReadonlyMap<PartName, PlanResult>): PageRows | null {
  const part = results.get('rows');
  return part ? splitPage(part.rows) : null;
}

function labelsOf(question: Question): readonly number[] {
  if (!question.buckets) return [];
  return continueLabels(question.buckets, question.compareBuckets?.labels.length ?? 0);
}

/**
 * The currency of all charges of the answer, or null where there is none, or one per group.
 *
 * @throws MIXED_CURRENCIES, NO_EXCHANGE_RATE
 */
function currencyOf(bound: BoundQuery, totals: ReadMeasure | null): string | null {
  const { currencies, question, query } = bound;
  if (isEmpty(totals)) return null;
  const found = currencies.length > 1 ? foundCurrencies(totals) : currencies;
  const [only] = found;
  const asked = query.currency;
  const foreign = asked === null ? undefined : found.find((currency) => currency !== asked);
  if (asked !== null && foreign !== undefined)
    throw costError('NO_EXCHANGE_RATE', { base: foreign, quote: asked });
  if (found.length <= 1) return only ?? null;
  if (question.groupBy.includes('billing_currency')) return null;
  throw costError('MIXED_CURRENCIES', { currencies: found });
}

function isEmpty(totals: ReadMeasure | null): boolean {
  const count = measure('count', null).name;
  return totals !== null && (totals(count) ?? 0n) === 0n && (totals(before(count)) ?? 0n) === 0n;
}

/** The least and the greatest currency of both periods: one if they are equal. */
function foundCurrencies(totals: ReadMeasure | null): string[] {
  const names = [measure('min', 'billing_currency').name, measure('max', 'billing_currency').name];
  const read = [...names, ...names.map(before)].map((name) => totals?.(name));
  return [...new Set(read.filter((value) => typeof value === 'string'))].sort();
}

/** Sums by which conservation is proved: quantities regardless of unit; counts in units of 1, as metricValue gives them. */
export function rawSum(read: ReadMeasure | null, metric: Metric): Decimal {
  const { column } = metrics[metric];
  const name = column === null ? measure('count', null).name : measure('sum', column).name;
  const value = read?.(name);
  return decimalFromUnits(typeof value === 'bigint' ? value : 0n);
}

/** source = attributed + unattributed + excluded, and what the rows do not show is hidden. */
export function proveConservation(
  question: Question,
  metric: Metric,
  sums: {
    readonly source: Decimal;
    readonly totals: ReadMeasure | null;
    readonly excluded: ReadMeasure | null;
    readonly shown: ReadMeasure | null;
  },
): Conservation {
  const attributed = rawSum(sums.totals, metric);
  const excluded = rawSum(sums.excluded, metric);
  const hidden = hides(question)
    ? decimalFromUnits(attributed - rawSum(sums.shown, metric))
    : decimalFromUnits(0n);
  // Without rules of their own, tenants have no dimension that could leave a charge unattributed.
  const unattributed = decimalFromUnits(0n);
  const holds = sums.source === attributed + unattributed + excluded;
  return { source: sums.source, attributed, unattributed, excluded, hidden, holds };
}
