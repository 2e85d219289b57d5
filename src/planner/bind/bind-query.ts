import { costError } from '../../core/errors.ts';
import { parseDecimal } from '../../core/decimal.ts';
import type { TenantId } from '../../core/ids.ts';
import { nearNames } from '../../core/near.ts';
import type { Instant, TimeRange } from '../../core/time-range.ts';
import type { OwnDimensions } from '../../catalog/dimensions.ts';
import { findDimension, providerDimensions } from '../../catalog/dimensions.ts';
import type { CostQuery, HavingInput, OrderInput } from '../cost-query.ts';
import type { HavingTest, SortKey } from '../plan.ts';
import { TIME } from '../plan.ts';
import type { Question } from '../question.ts';
import { bindFilter } from './bind-filter.ts';
import { makeBuckets } from './make-buckets.ts';
import { resolveCompare, resolvePeriod } from './resolve-period.ts';

export const GROUP_BY_MAX = 12;
export const TOP_COUNT_MAX = 1_000;
export const ORDER_BY_MAX = 12;
export const HAVING_MAX = 12;
/** Stores compare as decimal(38,12), which every amount fits. */
const HAVING_UNITS_LIMIT = 10n ** 38n;

/** A question still without what is wanted of it, and what the resolving found. */
export type Bound = {
  readonly question: Omit<Question, 'wanted'>;
  /** Whether the bounds depend on the clock. */
  readonly isRelative: boolean;
};

/**
 * Checks a query against the names that the tenant knows, and resolves periods, zones and defaults.
 *
 * @throws UNKNOWN_DIMENSION, BAD_PERIOD, BAD_TIME_ZONE, BAD_FILTER, BAD_QUERY, TOO_LARGE
 */
export function bindQuery(tenant: TenantId, query: CostQuery, own: OwnDimensions, now: Instant): Bound {
  const checkKey = keyChecker(own);
  const period = resolvePeriod(query.period, query.timeZone, now);
  const compare = query.compare && resolveCompare(query.compare, period, query.timeZone, now);
  checkGroupBy(query.groupBy, checkKey);
  const buckets = (range: TimeRange) =>
    query.granularity === 'TOTAL' ? null : makeBuckets(query.granularity, query.timeZone, range);
  const question: Bound['question'] = {
    tenant,
    period: period.range,
    compare,
    axis: query.timeAxis,
    timing: query.timing,
    granularity: query.granularity,
    timeZone: query.timeZone,
    buckets: buckets(period.range),
    compareBuckets: compare && buckets(compare),
    splits: query.splits,
    groupBy: query.groupBy,
    filter: query.filter ? bindFilter(query.filter, checkKey) : { kind: 'true' },
    having: bindHaving(query.having),
    top: bindTop(query),
    sort: bindSort(query.orderBy, query),
  };
  if (query.timing === 'PRORATED' && query.timeAxis === 'BILLING_PERIOD') {
    const reason = 'timing PRORATED spreads a charge over its charge period; timeAxis is BILLING_PERIOD';
    throw costError('BAD_QUERY', { reason, hint: 'Use timeAxis CHARGE_PERIOD, or timing START.' });
  }
  const isAbsolute = (input: CostQuery['period'] | null) =>
    !input || Boolean(input.from) || Boolean(input.month);
  const isRelative =
    !isAbsolute(query.period) || !isAbsolute(query.compare) || cutByClock(query, compare, now);
  return { question, isRelative };
}

/** A running calendar month cuts the compared period by the clock even where both are named outright. */
function cutByClock(query: CostQuery, compare: TimeRange | null, now: Instant): boolean {
  if (!compare || !query.compare?.month || !query.period.month) return false;
  return resolvePeriod(query.compare, query.timeZone, now).range.to !== compare.to;
}

/** A check that throws UNKNOWN_DIMENSION with the nearest known keys. */
export function keyChecker(own: OwnDimensions): (key: string) => void {
  return (key) => {
    if (findDimension(key, own)) return;
    const known = [
      ...providerDimensions.map((dimension) => dimension.key),
      ...own.ruled.keys(),
      ...[...own.tagKeys].map((tag) => `tag:${tag}`),
    ];
    throw costError('UNKNOWN_DIMENSION', { key, near: nearNames(key, known) });
  };
}

/** @throws UNKNOWN_DIMENSION, TOO_LARGE, BAD_QUERY where a dimension is named twice */
export function checkGroupBy(groupBy: readonly string[], checkKey: (key: string) => void): void {
  if (groupBy.length > GROUP_BY_MAX) {
    throw costError('TOO_LARGE', {
      what: 'dimensions in groupBy',
      actual: groupBy.length,
      limit: GROUP_BY_MAX,
    });
  }
  groupBy.forEach(checkKey);
  const repeated = groupBy.find((key, i) => groupBy.indexOf(key) !== i);
  if (repeated !== undefined) {
    throw costError('BAD_QUERY', {
      reason: `groupBy names ${repeated} twice`,
      hint: 'Name each dimension once.',
    });
  }
}

function bindHaving(inputs: readonly HavingInput[]): HavingTest[] {
  if (inputs.length > HAVING_MAX) {
    throw costError('TOO_LARGE', { what: 'tests in having', actual: inputs.length, limit: HAVING_MAX });
  }
  return inputs.flatMap((input) => {
    const tests = (['gt', 'gte', 'lt', 'lte'] as const).flatMap((op) => {
      const text = input[op];
      if (text === null || text === undefined) return [];
      const value = parseDecimal(text);
      const bad = (reason: string, hint: string) => costError('BAD_QUERY', { reason, hint });
      if (value === null) throw bad(`having: "${text}" is no number`, 'Write it as in "12.50".');
      if (value >= HAVING_UNITS_LIMIT || value <= -HAVING_UNITS_LIMIT)
        throw bad(`having: "${text}" is beyond every amount`, 'Give at most 26 digits before the point.');
      return [{ metric: input.metric, op, value }];
    });
    if (tests.length === 0) {
      const reason = `having on ${input.metric} has no bound`;
      throw costError('BAD_QUERY', { reason, hint: 'Give gt, gte, lt or lte.' });
    }
    return tests;
  });
}

/** @throws BAD_QUERY */
export function bindTop(query: Pick<CostQuery, 'top' | 'groupBy'>): Question['top'] {
  const { top, groupBy } = query;
  if (!top) return null;
  if (top.count < 1 || top.count > TOP_COUNT_MAX) {
    const reason = `top.count is ${top.count}`;
    throw costError('BAD_QUERY', { reason, hint: `Give 1 to ${TOP_COUNT_MAX}.` });
  }
  const by = top.by ?? groupBy;
  const stranger = by.find((key) => !groupBy.includes(key));
  if (stranger !== undefined) {
    throw costError('BAD_QUERY', {
      reason: `top.by names ${stranger}, groupBy does not`,
      hint: 'Rank by dimensions of groupBy.',
    });
  }
  if (by.length === 0) {
    throw costError('BAD_QUERY', { reason: 'top has nothing to rank', hint: 'Name dimensions in groupBy.' });
  }
  return { count: top.count, by: [...new Set(by)], metric: top.metric, remainder: top.remainder };
}

/** The asked order, then time and the keys as far as they are not named: a total order. */
export function bindSort(
  orderBy: readonly OrderInput[],
  context: { readonly granularity: string; readonly groupBy: readonly string[]; readonly compare: unknown },
): SortKey[] {
  if (orderBy.length > ORDER_BY_MAX) {
    throw costError('TOO_LARGE', { what: 'keys in orderBy', actual: orderBy.length, limit: ORDER_BY_MAX });
  }
  const sort = orderBy.map((input) => bindSortKey(input, context));
  const keys = [...(context.granularity === 'TOTAL' ? [] : [TIME]), ...context.groupBy];
  const named = new Set(sort.flatMap((key) => (key.by === 'key' ? [key.column] : [])));
  const rest = keys.filter((column) => !named.has(column));
  return [...sort, ...rest.map((column): SortKey => ({ by: 'key', column, direction: 'ASC' }))];
}

function bindSortKey(
  input: OrderInput,
  context: { readonly granularity: string; readonly groupBy: readonly string[]; readonly compare: unknown },
): SortKey {
  const bad = (reason: string, hint: string) => costError('BAD_QUERY', { reason, hint });
  if (input.metric) return { by: 'metric', ...input.metric };
  if (input.change) {
    if (!context.compare)
      throw bad('orderBy names change, but there is no compare', 'Give the second period as compare.');
    return { by: 'change', ...input.change };
  }
  if (input.dimension) {
    const { key, direction } = input.dimension;
    if (!context.groupBy.includes(key))
      throw bad(`orderBy names ${key}, groupBy does not`, 'Order by dimensions of groupBy.');
    return { by: 'key', column: key, direction };
  }
  if (input.time) {
    if (context.granularity === 'TOTAL')
      throw bad('orderBy names time at granularity TOTAL', 'Choose a granularity.');
    return { by: 'key', column: TIME, direction: input.time };
  }
  throw bad('An entry of orderBy is empty', 'Give metric, change, dimension or time.');
}
