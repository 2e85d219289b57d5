import type { CostError } from '../core/errors.ts';
import { costError, isCostError } from '../core/errors.ts';
import type { Rows } from '../connectors/connector.ts';
import { continueLabels } from '../planner/bind/make-buckets.ts';
import type { Measure, ReadMeasure } from '../planner/measures.ts';
import { isMergeable, measure, measuresOf } from '../planner/measures.ts';
import { before } from '../planner/plan.ts';
import type { Predicate } from '../planner/predicate.ts';
import { TRUE } from '../planner/predicate.ts';
import type { Question, Wanted } from '../planner/question.ts';
import { unique } from '../planner/question-to-logical.ts';
import { answerParent, dealOut } from './answer-parents.ts';
import { bindWanted } from './bind-wanted.ts';
import type { QuestionRunner } from './run-question.ts';
import type { DrillDownPlan, Level } from './drill-down.ts';
import { ownQuestion, parentName, planDrillDown } from './drill-down.ts';
import type { Answer, BoundQuery, DrillDownQuery, ParentRow, WantedInput } from './engine.ts';
import { outsideTop } from './outside-top.ts';
import { splitPage } from './page-rows.ts';

/** Groups that one level of drill-downs may have over all its parents. */
export const DRILL_DOWN_GROUPS_MAX = 200_000;

type Path = readonly ParentRow[];

/** Per parent, in order, an answer or why there is none; parents that are remainder rows of the root's top are a question of their own. */
export async function answerDrillDown(
  bound: BoundQuery,
  path: readonly DrillDownQuery[],
  wanted: WantedInput,
  parents: readonly Path[],
  signal: AbortSignal,
  runner: QuestionRunner,
): Promise<(Answer | CostError)[]> {
  const { groupBy, top } = bound.question;
  const answers = new Map<Path, Answer | CostError>();
  const answerAll = async (paths: readonly Path[], inside: Predicate, rootKeys: readonly string[]) => {
    if (paths.length === 0) return;
    const kept = paths.map((rows) => keepKeys(rows, groupBy, rootKeys));
    const found = await answerLevel({ bound, path, wanted, inside, rootKeys, signal, runner }, kept);
    for (const [i, answer] of found.entries()) answers.set(paths[i] ?? [], answer);
  };
  const answerable = parents.filter((rows) => !rows.slice(1).some((row) => row.isRemainder));
  const [named, rest] = [false, true].map((which) =>
    answerable.filter(([root]) => root?.isRemainder === which),
  );
  await answerAll(named ?? [], TRUE, groupBy);
  if (rest && rest.length > 0) {
    const outside = await outsideTop(bound, signal, runner);
    const openKeys = groupBy.filter((key) => !top?.by.includes(key));
    if (isCostError(outside)) for (const rows of rest) answers.set(rows, outside);
    else await answerAll(rest, outside, openKeys);
  }
  return parents.map((rows) => answers.get(rows) ?? innerRemainder());
}

function innerRemainder(): CostError {
  const reason = 'A remainder row inside a drill-down cannot be drilled into further';
  const hint = 'Drill into named rows, or into the remainder of the outer table.';
  return costError('BAD_QUERY', { reason, hint });
}

/** A remainder row is named by the keys that top left open. */
function keepKeys(rows: Path, groupBy: readonly string[], rootKeys: readonly string[]): Path {
  const [root, ...inner] = rows;
  if (!root || rootKeys.length === groupBy.length) return rows;
  return [{ ...root, values: rootKeys.map((key) => root.values[groupBy.indexOf(key)] ?? null) }, ...inner];
}

type LevelInput = {
  readonly bound: BoundQuery;
  readonly path: readonly DrillDownQuery[];
  readonly wanted: WantedInput;
  readonly inside: Predicate;
  readonly rootKeys: readonly string[];
  readonly signal: AbortSignal;
  readonly runner: QuestionRunner;
};

async function answerLevel(input: LevelInput, parents: readonly Path[]): Promise<Answer[]> {
  const { bound, path, signal, runner } = input;
  const started = performance.now();
  const query = path.at(-1);
  if (!query) throw new Error('a drill-down has a path');
  if (query.top?.remainder && input.wanted.rows && input.wanted.rows.distinct.length > 0) {
    const reason = 'distinct in the rows of a drill-down whose top has a remainder';
    throw costError('BAD_QUERY', { reason, hint: 'Set remainder: false, or ask distinct in totals.' });
  }
  const plan = planDrillDown(bound, path, parents, input.inside, input.rootKeys);
  const own = ownQuestion(bound, query, plan.own);
  const wanted = bindWanted({ ...input.wanted, conservation: [] }, own, bound.state, [], bound.predicateOf);
  const currencyCheck = bound.currencies.length > 1 ? [leastCurrency, greatestCurrency] : [];
  const measures = unique([...neededMeasures(wanted, own), ...currencyCheck]);
  const groups = await runGroups(plan, measures, plan.question.groupBy, bound, signal, runner);
  const totals = await distinctTotals(plan, wanted, bound, signal, runner);
  const dealt = dealOut(groups, plan.levels);
  const dealtTotals = totals && dealOut(totals.rows, totals.levels);
  const timeLabels = own.buckets ? continueLabels(own.buckets, own.compareBuckets?.labels.length ?? 0) : [];
  return parents.map((rows) => {
    const name = parentName(rows, plan.levels);
    const totalRows = totals ? { rows: totals.rows, index: dealtTotals?.get(name)?.[0] ?? null } : null;
    const answer = answerParent(
      groups,
      dealt.get(name) ?? [],
      { own: plan.own, question: own, wanted, measures },
      totalRows,
    );
    return {
      rows: answer.rows,
      totalCount: answer.totalCount,
      totals: answer.totals,
      timeLabels,
      currency: answer.isEmpty ? null : currencyOf(bound.currencies, answer.summary),
      conservation: new Map(),
      ms: performance.now() - started,
    };
  });
}

const leastCurrency = measure('min', 'billing_currency');
const greatestCurrency = measure('max', 'billing_currency');

/** The one currency inside a parent, or null where there are several, one per row. */
function currencyOf(currencies: readonly string[], summary: ReadMeasure): string | null {
  if (currencies.length <= 1) return currencies[0] ?? null;
  const names = [leastCurrency.name, greatestCurrency.name];
  const found = new Set(
    [...names, ...names.map(before)].map(summary).filter((value) => typeof value === 'string'),
  );
  const [only] = found;
  return found.size === 1 ? (only ?? null) : null;
}

function neededMeasures(wanted: Wanted, own: Omit<Question, 'wanted'>): Measure[] {
  const ordering = [
    ...(own.top ? [own.top.metric] : []),
    ...own.sort.flatMap((key) => (key.by === 'key' ? [] : [key.metric])),
  ];
  const mergeableTotals = wanted.totals?.measures.filter(isMergeable) ?? [];
  return unique([
    measure('count', null),
    ...(wanted.rows?.measures ?? []),
    ...mergeableTotals,
    ...ordering.flatMap((metric) => measuresOf(metric)),
  ]);
}

async function runGroups(
  plan: DrillDownPlan,
  measures: readonly Measure[],
  groupBy: readonly string[],
  bound: BoundQuery,
  signal: AbortSignal,
  runner: QuestionRunner,
): Promise<Rows> {
  const rows = { measures, offset: 0, limit: DRILL_DOWN_GROUPS_MAX };
  const sort = plan.question.sort.filter(
    (key) => key.by === 'key' && (key.column === '$time' || groupBy.includes(key.column)),
  );
  const question: Question = {
    ...plan.question,
    groupBy,
    sort,
    wanted: { rows, totals: null, excluded: null },
  };
  const { results } = await runner.run(question, bound.state, signal);
  const part = results.get('rows');
  if (!part) throw new Error('rows were wanted');
  const page = splitPage(part.rows);
  if (page.totalCount > DRILL_DOWN_GROUPS_MAX) {
    throw costError('TOO_LARGE', {
      what: 'groups of a drill-down',
      actual: page.totalCount,
      limit: DRILL_DOWN_GROUPS_MAX,
    });
  }
  return page.rows;
}

/** Distinct counts do not add up over a parent's rows: they are counted per parent, in a pass of their own. */
async function distinctTotals(
  plan: DrillDownPlan,
  wanted: Wanted,
  bound: BoundQuery,
  signal: AbortSignal,
  runner: QuestionRunner,
): Promise<{ rows: Rows; levels: readonly Level[] } | null> {
  const measures = wanted.totals?.measures ?? [];
  if (measures.every(isMergeable) && plan.question.timing === 'START') return null;
  const keys = [...new Set(plan.levels.flatMap((level) => level.keys))];
  const parentBuckets = plan.levels.map((level) => level.buckets).find((buckets) => buckets !== null) ?? null;
  const granularity = parentBuckets?.granularity ?? 'TOTAL';
  const question: DrillDownPlan['question'] = { ...plan.question, buckets: parentBuckets, granularity };
  if (plan.levels.filter((level) => level.buckets !== null).length > 1) {
    const reason = 'distinct in the totals of a drill-down under two granularities';
    throw costError('BAD_QUERY', { reason, hint: 'Ask distinct in the rows, or drop a granularity.' });
  }
  const levels = plan.levels.map((level) => ({
    ...level,
    bucketOf: parentBuckets?.labels.map((_, i) => i) ?? [],
  }));
  return { rows: await runGroups({ ...plan, question }, measures, keys, bound, signal, runner), levels };
}
