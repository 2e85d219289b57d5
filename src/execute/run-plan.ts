import type { Connector, Rows } from '../connectors/connector.ts';
import { isCostError } from '../core/errors.ts';
import type { Ask, Estimate, Keep, OneSet, PhysicalPlan, Plan, StoreName } from '../planner/plan.ts';
import type { Admission } from './admission.ts';
import type { QuestionAnswers } from './answer-cache.ts';
import type { Meter } from './meter.ts';
import { compare } from './operators/compare.ts';
import { columnOf, noRows, textTuple, tupleReader } from './operators/group-rows.ts';
import { having } from './operators/having.ts';
import { mergeAggregate } from './operators/merge-aggregate.ts';
import { oneSet } from './operators/one-set.ts';
import { page } from './operators/page.ts';
import { top } from './operators/top.ts';
import { union } from './operators/union.ts';
import { takeRows } from './page-rows.ts';
import type { SharedRuns } from './shared-runs.ts';

/** What one Ask came to: its rows and its time in the store, waiting not counted. */
export type AskRun = { readonly ask: Ask; readonly rows: number; readonly ms: number };
export type PlanResult = { readonly rows: Rows; readonly asks: readonly AskRun[] };
export type RunLimits = { readonly signal: AbortSignal; readonly rowsMax: number };

/** What Asks are run with. */
export type AskRunner = {
  readonly stores: ReadonlyMap<StoreName, Connector>;
  readonly admission: Admission;
  readonly meter: Meter;
  /** Told of each Ask that a store answered: once, however many plans wait for it. */
  readonly observe: (run: AskRun) => void;
};

/** What a plan is run with. */
export type PlanRunner = AskRunner & {
  /** Those that planning saw; the plan names no others. */
  readonly answers: QuestionAnswers;
  /** For Asks that other plans hold, too. */
  readonly shared: SharedRuns;
};

/**
 * Runs a physical plan: all Asks at once, each as admission lets it, then the server's part over their rows.
 *
 * @throws what stores throw, OVERLOADED, TOO_LARGE, QUERY_TOO_EXPENSIVE; rejects with the signal's reason when it aborts
 */
export async function runPlan(
  plan: PhysicalPlan,
  runner: PlanRunner,
  limits: RunLimits,
): Promise<PlanResult> {
  const asks: AskRun[] = [];
  return { rows: await runNode(plan, runner, limits, (run) => asks.push(run)), asks };
}

type Report = (run: AskRun) => void;

async function runNode(plan: Plan, runner: PlanRunner, limits: RunLimits, report: Report): Promise<Rows> {
  const run = (child: Plan) => runNode(child, runner, limits, report);
  switch (plan.kind) {
    case 'Ask': {
      const { rows, asks } = await runAsk(plan, runner, limits);
      for (const run of asks) report(run);
      return rows;
    }
    case 'OneSet':
      return runOneSet(plan, runner, limits, report);
    case 'Kept':
      return runner.answers.take(plan.key);
    case 'Keep': {
      const key = plan.units.map((unit) => unit.key).join(' ');
      // Others may wait for it too: their signals are not this one's.
      return runner.answers.once(key, limits.signal, async (signal) => {
        const rows = await runNode(plan.input, runner, { ...limits, signal }, report);
        return keepRows(plan, rows, runner.answers);
      });
    }
    case 'Empty':
      return noRows(plan.columns);
    case 'Union':
      return union(await Promise.all(plan.inputs.map(run)));
    case 'Aggregate':
      return mergeAggregate(plan, await run(plan.input));
    case 'Compare': {
      const [current, earlier] = await Promise.all([run(plan.current), run(plan.earlier)]);
      return compare(plan, current, earlier);
    }
    case 'Having':
      return having(plan, await run(plan.input));
    case 'Top':
      return top(plan, await run(plan.input));
    case 'Page':
      return page(plan, await run(plan.input));
    default:
      throw new Error(`${plan.kind} is the work of a store`);
  }
}

/** Nothing that is shared can fail a question that could be answered without it. */
async function runOneSet(plan: OneSet, runner: PlanRunner, limits: RunLimits, report: Report): Promise<Rows> {
  try {
    const { rows, asks } = await runner.shared(plan.input, limits);
    for (const run of asks) report(run);
    return oneSet(plan, rows);
  } catch (error) {
    if (limits.signal.aborted || isOverload(error)) throw error;
    return runNode(plan.alone, runner, limits, report);
  }
}

/** Asking again, alone, would add to it. */
function isOverload(error: unknown): boolean {
  return isCostError(error) && error.code === 'OVERLOADED';
}

/** One Ask, within admission and the meter. */
export async function runAsk(
  ask: Ask,
  { stores, admission, meter, observe }: AskRunner,
  limits: RunLimits,
): Promise<PlanResult> {
  const store = stores.get(ask.store);
  if (!store) throw new Error(`the plan names the store ${ask.store}, which is not there`);
  const { rows, ms } = await admission.run(costOf(ask.estimate), limits.signal, () =>
    meter.run(ask, limits, (bounded) => store.run(ask, bounded)),
  );
  const run = { ask, rows: rows.length, ms };
  observe(run);
  return { rows, asks: [run] };
}

function costOf(estimate: Estimate): number {
  return estimate.ms;
}

/** Each unit's rows are kept by themselves; what goes up is all of them. */
function keepRows({ by, columns, units }: Keep, rows: Rows, answers: QuestionAnswers): Rows {
  const only = (some: Rows): Rows => ({
    length: some.length,
    columns: new Map(columns.map((name) => [name, columnOf(some, name)])),
  });
  const all = only(rows);
  const [first] = units;
  if (by.length === 0) {
    if (first) answers.keep(first.key, all);
    return all;
  }
  const tuple = tupleReader(rows, by);
  const indexes = Map.groupBy(
    Array.from({ length: rows.length }, (_, i) => i),
    tuple,
  );
  for (const { key, values } of units) {
    answers.keep(key, takeRows(all, indexes.get(textTuple(values)) ?? []));
  }
  return all;
}
