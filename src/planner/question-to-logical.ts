import { chargeColumns } from '../catalog/charge-columns.ts';
import { placeOf } from '../catalog/dimensions.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import type { Metric } from '../catalog/metrics.ts';
import type { TimeRange } from '../core/time-range.ts';
import { ceilHour } from '../core/time-range.ts';
import type { GroupsAsked } from './attribute/attribute-groups.ts';
import { allocateGroups, sharesOut } from './attribute/allocate-groups.ts';
import type { Measure } from './measures.ts';
import { isMergeable, measure, measuresOf, unique } from './measures.ts';
import type { Aggregate, LogicalPlan, Plan } from './plan.ts';
import { TIME } from './plan.ts';
import type { Dictionary, Predicate } from './predicate.ts';
import { not, testedKeys } from './predicate.ts';
import type { Question } from './question.ts';
import type { TimeBuckets } from './time-buckets.ts';

/** One plan per part of the answer; null where it is not wanted, or follows from another part. */
export type LogicalParts = {
  readonly rows: LogicalPlan | null;
  readonly totals: LogicalPlan | null;
  readonly excluded: LogicalPlan | null;
  /** The totals are the summary row of `rows`. */
  readonly totalsFromRows: boolean;
};

/**
 * What is asked, in the algebra, with nothing optimised: all columns, tests on dimensions as they were written.
 *
 * @param state whose rules define the tenant's own dimensions, and share costs out
 */
export function questionToLogical(asked: Question, state: TenantState): LogicalParts {
  const question = { ...asked, state };
  const { rows, totals, excluded } = question.wanted;
  const totalsFromRows = rows !== null && totals !== null && summaryIsTotals(question, totals.measures);
  const rowMeasures = rows && unique([...rows.measures, ...(totalsFromRows ? totals.measures : [])]);
  return {
    rows: rows && rowMeasures && logical(rowsPlan(question, rowMeasures, rows.offset, rows.limit)),
    totals:
      totals && !totalsFromRows ? logical(totalsPlan(question, totals.measures, question.filter)) : null,
    excluded:
      excluded &&
      logical(totalsPlan({ ...question, compare: null }, excluded.measures, not(question.filter))),
    totalsFromRows,
  };
}

function logical(plan: Plan): LogicalPlan {
  return plan as LogicalPlan; // The one constructor of the brand: built of Scans only.
}

/**
 * Rows add up to the totals where every charge is in exactly one row and nothing is hidden. Under PRORATED, and where
 * it is shared out, a charge counts in several rows; distinct counts do not add up.
 */
function summaryIsTotals(question: Ruled, measures: readonly Measure[]): boolean {
  const hides = question.having.length > 0 || (question.top !== null && !question.top.remainder);
  const { groupBy, filter: predicate, state, splits } = question;
  const isShared = sharesOut({ groupBy, measures, predicate }, { state, splits });
  return !hides && !isShared && question.timing === 'START' && measures.every(isMergeable);
}

/** With the state that it is answered from. */
type Ruled = Question & { readonly state: TenantState };

function rowsPlan(question: Ruled, measures: readonly Measure[], offset: number, limit: number): Plan {
  const keys = [...(question.buckets ? [TIME] : []), ...question.groupBy];
  const needed = unique([
    measure('count', null),
    ...measures,
    ...orderingMetrics(question).flatMap((metric) => measuresOf(metric)),
  ]);
  const compared = comparePeriods(question, keys, needed, question.filter);
  const having: Plan =
    question.having.length > 0 ? { kind: 'Having', tests: question.having, input: compared } : compared;
  const top: Plan = question.top
    ? { kind: 'Top', ...question.top, keys, measures: needed, input: having }
    : having;
  return { kind: 'Page', sort: question.sort, offset, limit, measures: needed, input: top };
}

/** Metrics that having, top or the order look at, selected or not. */
function orderingMetrics(question: Question): Metric[] {
  return [
    ...question.having.map((test) => test.metric),
    ...(question.top ? [question.top.metric] : []),
    ...question.sort.flatMap((key) => (key.by === 'key' ? [] : [key.metric])),
  ];
}

function totalsPlan(question: Ruled, measures: readonly Measure[], filter: Predicate): Plan {
  const whole = { ...question, buckets: null, compareBuckets: null };
  return comparePeriods(whole, [], unique([measure('count', null), ...measures]), filter);
}

function comparePeriods(
  question: Ruled,
  groupBy: readonly string[],
  measures: readonly Measure[],
  predicate: Predicate,
): Plan {
  const asked = { groupBy, measures, predicate };
  const current = aggregatePlan(question, question.period, question.buckets, asked);
  if (!question.compare) return current;
  const earlier = aggregatePlan(question, question.compare, question.compareBuckets, asked);
  return { kind: 'Compare', keys: groupBy, measures, current, earlier };
}

function aggregatePlan(
  question: Ruled,
  period: TimeRange,
  buckets: TimeBuckets | null,
  asked: GroupsAsked,
): Plan {
  const range = { from: ceilHour(period.from), to: ceilHour(period.to) };
  const areStarts = question.timing === 'START' && question.axis === 'CHARGE_PERIOD';
  const { state, splits } = question;
  return allocateGroups(asked, {
    state,
    range,
    buckets,
    areStarts,
    splits,
    charges: (base, part, hours) => chargesPlan(question, part, hours ?? buckets, base),
  });
}

/** Groups of charges by base dimensions. */
function chargesPlan(
  question: Question,
  range: TimeRange,
  buckets: TimeBuckets | null,
  { groupBy, measures, predicate }: GroupsAsked,
): Aggregate {
  const axis = question.axis === 'BILLING_PERIOD' ? 'billing_period_start' : 'charge_period_start';
  const within = question.timing === 'PRORATED' ? 'overlap' : 'start';
  const columns = chargeColumns.map((column) => column.name);
  const { tenant } = question;
  let plan: Plan = {
    kind: 'Scan',
    tenant,
    rollup: null,
    range,
    within,
    axis,
    batches: null,
    columns,
    files: null,
  };
  for (const { dictionary, keys } of dictionaryKeys(groupBy, measures, predicate)) {
    plan = { kind: 'Lookup', dictionary, columns: keys, input: plan };
  }
  if (predicate.kind !== 'true') plan = { kind: 'Filter', predicate, input: plan };
  if (buckets !== null || question.timing === 'PRORATED') {
    plan = { kind: 'Bucket', timing: question.timing, axis, buckets, clip: range, input: plan };
  }
  return { kind: 'Aggregate', step: 'single', groupBy, measures, input: plan };
}

/** The dictionaries' dimensions that groups, filters, conditions or distinct counts look at. */
function dictionaryKeys(
  groupBy: readonly string[],
  measures: readonly Measure[],
  predicate: Predicate,
): { dictionary: Dictionary; keys: string[] }[] {
  const tested = [predicate, ...measures.map((each) => each.where)].flatMap(testedKeys);
  const counted = measures.flatMap((each) =>
    isMergeable(each) || each.column === null ? [] : [each.column],
  );
  const keys = [...new Set([...groupBy.filter((key) => key !== TIME), ...tested, ...counted])];
  const of = (kind: 'resource' | 'tag') => keys.filter((key) => placeOf(key).kind === kind);
  return [
    { dictionary: 'resources' as const, keys: of('resource') },
    { dictionary: 'tags' as const, keys: of('tag') },
  ].filter((entry) => entry.keys.length > 0);
}
