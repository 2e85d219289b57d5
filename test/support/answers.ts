import type { DuckDBConnection } from '@duckdb/node-api';
import type { TenantState } from '../../src/catalog/tenant-state.ts';
import type { Connector, Rows } from '../../src/connectors/connector.ts';
import { chooseSources } from '../../src/planner/choose-sources.ts';
import { normalize, pushDown } from '../../src/planner/logical-to-pushed.ts';
import type { QuestionAnswers } from '../../src/execute/answer-cache.ts';
import type { PlanRunner } from '../../src/execute/run-plan.ts';
import { runPlan } from '../../src/execute/run-plan.ts';
import type { LogicalPlan } from '../../src/planner/plan.ts';
import type { PlanOptions, QueryPlan } from '../../src/planner/plan-query.ts';
import { defaultPlanOptions, planQuery } from '../../src/planner/plan-query.ts';
import type { Question } from '../../src/planner/question.ts';
import { questionToLogical } from '../../src/planner/question-to-logical.ts';
import type { Charge, Row } from './charge.ts';
import { readRows } from './flat-table.ts';
import type { Statement } from './one-engine-sql.ts';
import { oneEngineSql } from './one-engine-sql.ts';
import type { QuestionAnswer } from './question-reference.ts';
import { duckdbOffer } from './fixed-state.ts';
import { reference } from './reference.ts';
import { noAnswers, unlimitedRunner } from './unlimited.ts';

/** The ways to an answer that are set side by side; the judge's own is question-reference.ts. */

const ROWS_MAX = 100_000;

/** The logical plan in the reference, over any of the sources, rewritten by the rules but for those that are off. */
export function answerByPlan(
  question: Question,
  charges: readonly Charge[],
  state: TenantState,
  options: PlanOptions,
): QuestionAnswer {
  const parts = questionToLogical(question, state);
  const run = (plan: LogicalPlan | null) => {
    if (plan === null) return null;
    const normalized = normalize(plan, { state }, options.rulesOff).plan;
    const { plan: sourced } = chooseSources(normalized, state, [duckdbOffer], options);
    const { plan: pushed } = pushDown(sourced, { state }, options.rulesOff);
    return reference(pushed, charges, state.rules?.ruleSet ?? null);
  };
  const rows = run(parts.rows);
  return {
    rows,
    totals: (parts.totalsFromRows ? rows : run(parts.totals))?.[0] ?? null,
    excluded: run(parts.excluded)?.[0] ?? null,
  };
}

/** The physical plan over the lake's files. */
export async function answerByStore(
  question: Question,
  state: TenantState,
  duckdb: Connector,
  options: PlanOptions = defaultPlanOptions,
  kept: QuestionAnswers = noAnswers,
): Promise<QuestionAnswer> {
  const runner = { ...unlimitedRunner(duckdb), answers: kept };
  return answerPlanned(planQuery(question, state, [duckdb], options), runner);
}

/** What a plan gives; those that share scans are run with the same runner. */
export async function answerPlanned(
  { parts, totalsFromRows }: QueryPlan,
  runner: PlanRunner,
): Promise<QuestionAnswer> {
  const limits = { rowsMax: ROWS_MAX, signal: new AbortController().signal };
  const answers = new Map<string, Row[]>();
  for (const { name, plan } of parts) {
    const { rows } = await runPlan(plan, runner, limits);
    answers.set(name, rowsOf(rows));
  }
  const rows = answers.get('rows') ?? null;
  return {
    rows,
    totals: (totalsFromRows ? rows : answers.get('totals'))?.[0] ?? null,
    excluded: answers.get('excluded')?.[0] ?? null,
  };
}

function rowsOf(rows: Rows): Row[] {
  return Array.from({ length: rows.length }, (_, i) =>
    Object.fromEntries([...rows.columns].map(([name, values]) => [name, values[i] ?? null])),
  );
}

/** Plain SQL over the table `flat`. Its summary row has the number of rows alone. */
export async function answerBySql(question: Question, connection: DuckDBConnection): Promise<QuestionAnswer> {
  const sql = oneEngineSql(question);
  const run = async (statement: Statement | null) =>
    statement && (await readRows(connection, statement.sql, statement.columns));
  const rows = await run(sql.rows);
  const { offset = 0, limit = 0 } = question.wanted.rows ?? {};
  return {
    rows: rows && [{ $rows: BigInt(rows.length) }, ...rows.slice(offset, offset + limit)],
    totals: (await run(sql.totals))?.[0] ?? null,
    excluded: (await run(sql.excluded))?.[0] ?? null,
  };
}
