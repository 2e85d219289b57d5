import { explainPlan } from '../planner/explain-plan.ts';
import type { Explanation } from '../planner/explain.ts';
import type { Ask } from '../planner/plan.ts';
import type { BoundQuery } from './engine.ts';
import type { QuestionRunner } from './run-question.ts';

/** The plan of a question; nothing is run. */
export function explainOnly({ question, state }: BoundQuery, runner: QuestionRunner): Explanation {
  const { plan, planningMs } = runner.plan(question, state);
  const report = (ask: Ask) => ({ statement: statementOf(ask, runner), rows: null, ms: null });
  return explainPlan(plan, state, report, { planningMs, totalMs: null });
}

/** The plan of a question, and what happened when it was run. */
export async function explainAnalyze(
  { question, state }: BoundQuery,
  runner: QuestionRunner,
  signal: AbortSignal,
): Promise<Explanation> {
  const started = performance.now();
  const planned = runner.plan(question, state);
  const { plan, planningMs, results } = await runner.run(question, state, signal, { planned });
  const totalMs = performance.now() - started;
  const ran = new Map([...results.values()].flatMap((result) => result.asks.map((each) => [each.ask, each])));
  const report = (ask: Ask) => {
    const actual = ran.get(ask);
    return { statement: statementOf(ask, runner), rows: actual?.rows ?? null, ms: actual?.ms ?? null };
  };
  return explainPlan(plan, state, report, { planningMs, totalMs });
}

function statementOf(ask: Ask, { stores }: QuestionRunner): string {
  const store = stores.get(ask.store);
  if (!store) throw new Error(`the plan names the store ${ask.store}, which is not there`);
  return store.statement(ask);
}
