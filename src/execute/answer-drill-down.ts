import type { CostError } from '../core/errors.ts';
import { isCostError } from '../core/errors.ts';
import type { Instant } from '../core/time-range.ts';
import { sharesOut } from '../planner/attribute/allocate-groups.ts';
import type { Measure, ReadMeasure } from '../planner/measures.ts';
import { isMergeable, measure, measuresOf, unique } from '../planner/measures.ts';
import { before } from '../planner/plan.ts';
import type { Predicate } from '../planner/predicate.ts';
import { TRUE } from '../planner/predicate.ts';
import type { Wanted } from '../planner/question.ts';
import { answerParent } from './answer-parents.ts';
import { bindWanted } from './bind-wanted.ts';
import { dealOut, pathNames } from './deal-out.ts';
import type { DrillDownPlan, Grouping, OwnQuestion } from './drill-down.ts';
import { ownQuestion, planDrillDown } from './drill-down.ts';
import type { Answer, BoundQuery, DrillDownQuery, ParentRow, WantedInput } from './engine.ts';
import type { NestedBuckets } from './nested-buckets.ts';
import { labelsInside } from './nested-buckets.ts';
import { outsideTop } from './outside-top.ts';
import { takeRows } from './page-rows.ts';
import type { GroupRunner, Groups } from './run-groups.ts';
import { runGroups } from './run-groups.ts';
import type { QuestionRunner } from './run-question.ts';
import { streamsOf } from './unit-costs.ts';
import { unitsOfParents } from './unit-costs-of-parents.ts';

type Path = readonly ParentRow[];

/**
 * Per parent, in order, an answer or why there is none. Parents in the remainder of the root's top are a question of
 * their own, and so are those in a remainder further in: what it takes to answer them does not burden the others.
 */
export async function answerDrillDown(
  bound: BoundQuery,
  path: readonly DrillDownQuery[],
  wanted: WantedInput,
  parents: readonly Path[],
  signal: AbortSignal,
  runner: QuestionRunner,
): Promise<(Answer | CostError)[]> {
  const answers = new Map<Path, Answer | CostError>();
  const refuse = (paths: readonly Path[], error: CostError) => {
    for (const rows of paths) answers.set(rows, error);
  };
  const answerAll = async (paths: readonly Path[], inside: Predicate, rootKeys: readonly string[]) => {
    if (paths.length === 0) return;
    const kept = paths.map((rows) => keepKeys(rows, bound.question.groupBy, rootKeys));
    try {
      const found = await answerLevel({ bound, path, wanted, inside, rootKeys, signal, runner }, kept);
      for (const [i, answer] of found.entries()) answers.set(paths[i] ?? [], answer);
    } catch (error) {
      if (signal.aborted || !isCostError(error)) throw error;
      refuse(paths, error);
    }
  };
  const some = (ofRoot: boolean, further: boolean) =>
    parents.filter(
      ([root, ...rows]) => root?.isRemainder === ofRoot && rows.some((row) => row.isRemainder) === further,
    );
  const { groupBy, top } = bound.question;
  for (const further of [false, true]) await answerAll(some(false, further), TRUE, groupBy);
  const rest = parents.filter(([root]) => root?.isRemainder);
  const outside = rest.length > 0 ? await outsideTop(bound, signal, runner) : TRUE;
  if (isCostError(outside)) refuse(rest, outside);
  else {
    const openKeys = groupBy.filter((key) => !top?.by.includes(key));
    for (const further of [false, true]) await answerAll(some(true, further), outside, openKeys);
  }
  return parents.map((rows) => {
    const answer = answers.get(rows);
    if (answer === undefined) throw new Error('every parent is asked about');
    return answer;
  });
}

/** A remainder row of the root is named by the keys that top left open: what it is outside of is in the question. */
function keepKeys(rows: Path, groupBy: readonly string[], rootKeys: readonly string[]): Path {
  const [root, ...inner] = rows;
  if (!root?.isRemainder) return rows;
  const values = rootKeys.map((key) => root.values[groupBy.indexOf(key)] ?? null);
  return [{ ...root, values, isRemainder: false }, ...inner];
}

type LevelInput = GroupRunner & {
  readonly path: readonly DrillDownQuery[];
  readonly wanted: WantedInput;
  readonly inside: Predicate;
  readonly rootKeys: readonly string[];
};

async function answerLevel(input: LevelInput, parents: readonly Path[]): Promise<Answer[]> {
  const { bound, path } = input;
  const started = performance.now();
  const query = path.at(-1);
  if (!query) throw new Error('a drill-down has a path');
  const question = ownQuestion(bound, query);
  const wanted = bindWanted(
    { ...input.wanted, conservation: [] },
    question,
    bound.state,
    [],
    bound.predicateOf,
  );
  const plan = planDrillDown(bound, path, parents, input.inside, input.rootKeys);
  const isFiner = plan.remainders.size > 0;
  const measures = neededMeasures(wanted, question, bound.currencies);
  const isMerged = isFiner || question.top?.remainder === true;
  const groupsOf = await dealtGroups(plan, plan.groups, measures, isMerged, input);
  const totalsOf = await totalsOfParents(plan, wanted, isFiner, input);
  const labelsOf = labelReader(plan.groups.time);
  const asked = { question, wanted, paths: plan.groups.time.paths, isFiner };
  const addUnits = await unitsOfParents(plan, question, streamsOf(input.wanted), parents, input);
  return parents.map((rows, i) => {
    const name = pathNames(rows, plan.levels).at(-1) ?? '';
    const groups = groupsOf(name);
    const { summary, ...answer } = answerParent(groups, asked, totalsOf && totalsOf(name));
    return {
      ...addUnits(i, answer),
      timeLabels: labelsOf(rows),
      currency: groups.rows.length === 0 ? null : currencyOf(bound.currencies, summary),
      conservation: new Map(),
      warnings: [],
      ms: performance.now() - started,
    };
  });
}

/** By the name of a parent's path: the groups in it. */
type GroupsOf = (name: string) => Groups;

async function dealtGroups(
  plan: DrillDownPlan,
  grouping: Grouping,
  measures: readonly Measure[],
  isMerged: boolean,
  run: GroupRunner,
): Promise<GroupsOf> {
  const groups = await runGroups(plan.question, grouping, measures, isMerged, run);
  const deal = (rows: Groups['rows']) => {
    const dealt = dealOut(rows, grouping.time.paths, plan.levels, plan.remainders);
    return (name: string) => takeRows(rows, dealt.get(name) ?? []);
  };
  const rowsOf = deal(groups.rows);
  const valuesOf = [...groups.values].map(([each, rows]) => [each, deal(rows)] as const);
  return (name) => ({
    rows: rowsOf(name),
    measures: groups.measures,
    values: new Map(valuesOf.map(([each, of]) => [each, of(name)])),
  });
}

/**
 * Distinct counts do not add up over a parent's rows, nor counts of charges that are spread over several: they are
 * counted per parent, in a pass of their own. Null where the totals follow from the rows.
 */
async function totalsOfParents(
  plan: DrillDownPlan,
  wanted: Wanted,
  isFiner: boolean,
  run: GroupRunner,
): Promise<GroupsOf | null> {
  const measures = wanted.totals?.measures ?? [];
  const { timing, filter: predicate, splits } = plan.question;
  const shared = { groupBy: plan.groups.keys, measures, predicate };
  const isSpread = timing === 'PRORATED' || sharesOut(shared, { state: run.bound.state, splits });
  if (measures.every(isMergeable) && !isSpread) return null;
  return dealtGroups(plan, plan.parents, measures, isFiner, run);
}

/** Parents in the same bucket share the labels of their rows. */
function labelReader(time: NestedBuckets): (rows: Path) => readonly Instant[] {
  const known = new Map<string, readonly Instant[]>();
  return (rows) => {
    const path = rows.map(({ bucket }) => bucket);
    const labels = known.get(path.join()) ?? labelsInside(time, path);
    known.set(path.join(), labels);
    return labels;
  };
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

function neededMeasures(wanted: Wanted, own: OwnQuestion, currencies: readonly string[]): Measure[] {
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
    ...(currencies.length > 1 ? [leastCurrency, greatestCurrency] : []),
  ]);
}
