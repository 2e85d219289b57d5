import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TenantState } from '../../src/catalog/tenant-state.ts';
import type { Connector, Rows } from '../../src/connectors/connector.ts';
import { openDuckdb } from '../../src/connectors/duckdb/duckdb-connector.ts';
import { planQuery } from '../../src/planner/plan-query.ts';
import { logicalToPushed } from '../../src/planner/logical-to-pushed.ts';
import type { LogicalPlan, PhysicalPlan } from '../../src/planner/plan.ts';
import { questionToLogical } from '../../src/planner/question-to-logical.ts';
import type { Question } from '../../src/planner/question.ts';
import { chargesArbitrary, isLive, questionArbitrary } from '../support/arbitraries.ts';
import type { Charge, Row } from '../support/charge.ts';
import { comparable } from '../support/comparable.ts';
import { readRows } from '../support/flat-table.ts';
import { stateOf, writeLake } from '../support/lake-fixture.ts';
import { oneEngineSql } from '../support/one-engine-sql.ts';
import type { QuestionAnswer } from '../support/question-reference.ts';
import { answerQuestion } from '../support/question-reference.ts';
import { reference } from '../support/reference.ts';

const CASES = Number(process.env['COSTGRAPH_FUZZ_CASES'] ?? 300);
/** Generous: what is bounded is the number of cases. */
const TIMEOUT_MS = 60_000 + CASES * 1_000;
const SEED = Number(process.env['COSTGRAPH_FUZZ_SEED'] ?? Date.now() % 2 ** 31);

function answerByPlan(
  question: Question,
  charges: readonly Charge[],
  rewritten: (plan: LogicalPlan) => LogicalPlan = (plan) => plan,
): QuestionAnswer {
  const parts = questionToLogical(question);
  const run = (plan: LogicalPlan | null) => plan && reference(rewritten(plan), charges);
  const rows = run(parts.rows);
  return {
    rows,
    totals: (parts.totalsFromRows ? rows : run(parts.totals))?.[0] ?? null,
    excluded: run(parts.excluded)?.[0] ?? null,
  };
}

async function answerBySql(question: Question, connection: DuckDBConnection): Promise<QuestionAnswer> {
  const sql = oneEngineSql(question);
  const run = async (statement: { sql: string; columns: readonly string[] } | null) =>
    statement && (await readRows(connection, statement.sql, statement.columns));
  const rows = await run(sql.rows);
  const [summary = {}] = sql.rowCount ? await readRows(connection, sql.rowCount, ['$rows']) : [];
  return {
    rows: rows && [summary, ...rows],
    totals: (await run(sql.totals))?.[0] ?? null,
    excluded: (await run(sql.excluded))?.[0] ?? null,
  };
}

async function answerByStore(
  question: Question,
  state: TenantState,
  duckdb: Connector,
  finish: 'store' | 'server',
): Promise<QuestionAnswer> {
  const { parts, totalsFromRows } = planQuery(question, state, [duckdb], { finish, rulesOff: new Set() });
  const answers = new Map<string, Row[]>();
  for (const { name, plan } of parts) answers.set(name, await run(plan));
  const rows = answers.get('rows') ?? null;
  return {
    rows,
    totals: (totalsFromRows ? rows : answers.get('totals'))?.[0] ?? null,
    excluded: answers.get('excluded')?.[0] ?? null,
  };

  async function run(plan: PhysicalPlan): Promise<Row[]> {
    if (plan.kind !== 'Ask') return reference(plan, []);
    const signal = new AbortController().signal;
    const { rows } = await duckdb.run(plan, { rowsMax: 100_000, signal });
    return rowsOf(rows);
  }
}

function rowsOf(rows: Rows): Row[] {
  return Array.from({ length: rows.length }, (_, i) =>
    Object.fromEntries([...rows.columns].map(([name, values]) => [name, values[i] ?? null])),
  );
}

describe(`answers agree (COSTGRAPH_FUZZ_SEED=${SEED})`, { timeout: TIMEOUT_MS }, () => {
  it('the logical plan says what the question says, and no rule changes it', () => {
    const property = fc.property(
      chargesArbitrary({ minLength: 0, maxLength: 40 }),
      questionArbitrary,
      fc.constantFrom(1, 1_000_000),
      (all, question, scale) => {
        const charges = all.filter(isLive);
        const state = stateOf(charges, undefined, scale);
        const judged = comparable(question, answerQuestion(question, charges));
        expect(comparable(question, answerByPlan(question, charges))).toEqual(judged);
        const byRules = answerByPlan(question, charges, (plan) => logicalToPushed(plan, { state }).plan);
        expect(comparable(question, byRules)).toEqual(judged);
      },
    );
    fc.assert(property, { numRuns: CASES, seed: SEED });
  });

  it('plain SQL says the same, and so does the store', async () => {
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    const folder = await mkdtemp(path.join(os.tmpdir(), 'costgraph-differential-'));
    const duckdb = await openDuckdb({ threads: 2, memoryMb: 500, tempDirectory: folder });
    for (let lake = 0; lake < Math.ceil(CASES / 50); lake++) {
      const [charges = []] = fc.sample(chargesArbitrary({ minLength: 80, maxLength: 160 }), {
        seed: SEED + lake,
        numRuns: 1,
      });
      const live = charges.filter(isLive);
      const own = path.join(folder, String(lake));
      await mkdir(own);
      const state = await writeLake(connection, own, charges);
      const property = fc.asyncProperty(questionArbitrary, async (question) => {
        const judged = comparable(question, answerQuestion(question, live));
        const bySql = { ...comparable(question, await answerBySql(question, connection)), summary: null };
        expect(bySql).toEqual({ ...judged, summary: null });
        expect(comparable(question, await answerByStore(question, state, duckdb, 'store'))).toEqual(judged);
      });
      await fc.assert(property, { numRuns: 50, seed: SEED + lake });
    }
    await duckdb[Symbol.asyncDispose]();
    connection.disconnectSync();
    instance.closeSync();
    await rm(folder, { recursive: true });
  });
});
