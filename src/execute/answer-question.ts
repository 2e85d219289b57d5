import type { Metric } from '../catalog/metrics.ts';
import { decimalFromUnits } from '../core/decimal.ts';
import type { Decimal } from '../core/decimal.ts';
import { costError } from '../core/errors.ts';
import { sharesOut } from '../planner/attribute/allocate-groups.ts';
import { continueLabels } from '../planner/bind/make-buckets.ts';
import type { ReadMeasure } from '../planner/measures.ts';
import { measure } from '../planner/measures.ts';
import { metrics } from '../catalog/metrics.ts';
import { before } from '../planner/plan.ts';
import type { Predicate } from '../planner/predicate.ts';
import type { PartName, QueryPlan } from '../planner/plan-query.ts';
import type { Question } from '../planner/question.ts';
import type { Answer, BoundQuery, Conservation, Warning } from './engine.ts';
import { hides } from './bind-wanted.ts';
import { rawMeasure, unattributedIn } from './unattributed.ts';
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
export function rawSum(read: ReadMeasure | null, metric: Metric, where?: Predicate): Decimal {
  const value = read?.(rawMeasure(metric, where).name);
  return decimalFromUnits(typeof value === 'bigint' ? value : 0n);
}

/**
 * A charge may have parts that meet the filter and parts that don't: of the count are excluded those of which no part
 * does, which is what is left of all.
 */
function isCountOfParts(
  { question, state }: Pick<BoundQuery, 'question' | 'state'>,
  metric: Metric,
): boolean {
  const { filter: predicate, splits } = question;
  const isCount = metrics[metric].column === null;
  return isCount && sharesOut({ groupBy: [], measures: [], predicate }, { state, splits });
}

/**
 * source = attributed + unattributed + excluded, and what the rows do not show is hidden. Where they hide nothing, rows
 * that were asked for must add up to the totals, which of shared costs are known without sharing them out.
 */
export function proveConservation(
  { question, state }: Pick<BoundQuery, 'question' | 'state'>,
  metric: Metric,
  sums: {
    readonly source: Decimal;
    readonly totals: ReadMeasure | null;
    readonly excluded: ReadMeasure | null;
    readonly shown: ReadMeasure | null;
  },
): Conservation {
  const total = rawSum(sums.totals, metric);
  const excluded = isCountOfParts({ question, state }, metric)
    ? decimalFromUnits(sums.source - total)
    : rawSum(sums.excluded, metric);
  const notShown = sums.shown === null ? 0n : total - rawSum(sums.shown, metric);
  const hidden = decimalFromUnits(hides(question) ? notShown : 0n);
  const where = unattributedIn(question.groupBy, state);
  const name = rawMeasure(metric, where).name;
  const inRows = question.wanted.rows?.measures.some((each) => each.name === name) ?? false;
  const unattributed =
    where.kind === 'false' ? decimalFromUnits(0n) : rawSum(inRows ? sums.shown : sums.totals, metric, where);
  const attributed = decimalFromUnits(total - unattributed);
  // Counts of rows do not add up where charges are in several.
  const addsUp = hides(question) || metrics[metric].column === null || notShown === 0n;
  const holds = addsUp && sums.source === total + excluded;
  return { source: sums.source, attributed, unattributed, excluded, hidden, holds };
}
