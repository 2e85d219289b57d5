import type { Connector, Rows } from '../connectors/connector.ts';
import type { Ask, Estimate, PhysicalPlan, Plan, StoreName } from '../planner/plan.ts';
import type { Admission } from './admission.ts';
import type { Meter } from './meter.ts';
import { compare } from './operators/compare.ts';
import { having } from './operators/having.ts';
import { mergeAggregate } from './operators/merge-aggregate.ts';
import { page } from './operators/page.ts';
import { top } from './operators/top.ts';
import { union } from './operators/union.ts';

/** What one Ask came to: its rows and its time in the store, waiting not counted. */
export type AskRun = { readonly ask: Ask; readonly rows: number; readonly ms: number };
export type PlanResult = { readonly rows: Rows; readonly asks: readonly AskRun[] };
export type RunLimits = { readonly signal: AbortSignal; readonly rowsMax: number };

/**
 * Runs a physical plan: all Asks at once, each as admission lets it, then the server's part over their rows.
 *
 * @throws what stores throw, OVERLOADED, TOO_LARGE, QUERY_TOO_EXPENSIVE; rejects with the signal's reason when it aborts
 */
export async function runPlan(
  plan: PhysicalPlan,
  stores: ReadonlyMap<StoreName, Connector>,
  admission: Admission,
  meter: Meter,
  limits: RunLimits,
): Promise<PlanResult> {
  const asks: AskRun[] = [];
  const runAsk = async (ask: Ask): Promise<Rows> => {
    const store = stores.get(ask.store);
    if (!store) throw new Error(`the plan names the store ${ask.store}, which is not there`);
    const { rows, ms } = await admission.run(costOf(ask.estimate), limits.signal, () =>
      meter.run(ask, limits, (bounded) => store.run(ask, bounded)),
    );
    asks.push({ ask, rows: rows.length, ms });
    return rows;
  };
  return { rows: await runNode(plan, runAsk), asks };
}

function costOf(estimate: Estimate): number {
  return estimate.ms;
}

async function runNode(plan: Plan, runAsk: (ask: Ask) => Promise<Rows>): Promise<Rows> {
  const run = (child: Plan) => runNode(child, runAsk);
  switch (plan.kind) {
    case 'Ask':
      return runAsk(plan);
    case 'Empty':
      return { length: 0, columns: new Map(plan.columns.map((name) => [name, []])) };
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
