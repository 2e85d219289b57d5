/**
 * Goal: same question, same charges, same answer, whoever answers. Method: random questions over random charges,
 * answered by a judge that knows no plan, by the plan with and without rules in a reference interpreter, by the
 * planner's physical plan through the real store over real files, and by plain SQL over one flat table.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import * as fc from 'fast-check';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TenantState } from '../../src/catalog/tenant-state.ts';
import type { Connector } from '../../src/connectors/connector.ts';
import { openDuckdb } from '../../src/connectors/duckdb/duckdb-connector.ts';
import { compareText } from '../../src/core/code-point-order.ts';
import { rules } from '../../src/planner/logical-to-pushed.ts';
import type { Measure } from '../../src/planner/measures.ts';
import { isMergeable, measure } from '../../src/planner/measures.ts';
import type { SortKey } from '../../src/planner/plan.ts';
import type { PlanOptions } from '../../src/planner/plan-query.ts';
import { defaultPlanOptions, planQuery } from '../../src/planner/plan-query.ts';
import { planTemplates } from '../../src/planner/plan-templates.ts';
import type { Predicate } from '../../src/planner/predicate.ts';
import { TRUE, mapLeaves, not } from '../../src/planner/predicate.ts';
import type { Question } from '../../src/planner/question.ts';
import { aboutAttributes } from '../support/about-attributes.ts';
import { answerByPlan, answerBySql, answerByStore } from '../support/answers.ts';
import { chargesArbitrary, isLive, questionArbitrary as anyQuestion } from '../support/arbitraries.ts';
import type { Charge, Row } from '../support/charge.ts';
import { comparable } from '../support/comparable.ts';
import { stateOf, writeLake } from '../support/lake-fixture.ts';
import { merge } from '../support/meaning.ts';
import { answerQuestion } from '../support/question-reference.ts';
import { SEED } from '../support/seeded.ts';

/** `npm run fuzz` raises it. */
const CASES = Number(process.env['COSTGRAPH_FUZZ_CASES'] ?? 1_000);
const QUESTIONS_PER_LAKE = 50;
/** Generous: what is bounded is the number of cases. */
const TIMEOUT_MS = 60_000 + CASES * 1_000;
const ruleNames = rules.map((rule) => rule.name);
const CHARGES = { minLength: 50, maxLength: 120 };

/** Half of them such that rollups can answer them. */
const questionArbitrary = fc.oneof(anyQuestion, anyQuestion.map(aboutAttributes));

/** By turns, one source after the other: each stretch of time may be answered by another one. */
const pickArbitrary = fc.option(
  fc.infiniteStream(fc.nat(10)).map((turns): NonNullable<PlanOptions['pick']> => {
    return (able) => able[(turns.next().value ?? 0) % able.length] ?? '';
  }),
);

describe(`answers agree (seed: COSTGRAPH_FUZZ_SEED=${SEED})`, { timeout: TIMEOUT_MS }, () => {
  let folder: string;
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;
  let duckdb: Connector;
  let lakes = 0;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'costgraph-differential-'));
    instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    connection = await instance.connect();
    duckdb = await openDuckdb({ threads: 1, memoryMb: 500, tempDirectory: folder });
  });

  afterAll(async () => {
    await duckdb[Symbol.asyncDispose]();
    connection.closeSync();
    instance.closeSync();
    await rm(folder, { recursive: true });
  });

  async function newLake(charges: readonly Charge[]): Promise<TenantState> {
    const own = path.join(folder, String(lakes++));
    await mkdir(own);
    return writeLake(connection, own, charges);
  }

  /** Checks many questions over each of several lakes. What fails is shrunk: the question first, then the charges. */
  async function overLakes<Asked>(
    cases: number,
    asked: fc.Arbitrary<Asked>,
    check: (asked: Asked, live: readonly Charge[], state: TenantState) => Promise<void>,
  ): Promise<void> {
    for (let lake = 0; lake * QUESTIONS_PER_LAKE < cases; lake++) {
      const seed = SEED + lake;
      // Every other lake has values inline that found no room in the dictionaries.
      const [charges = []] = fc.sample(chargesArbitrary(CHARGES, lake % 2 === 1), { seed, numRuns: 1 });
      const checkOver = async (some: readonly Charge[], each: Asked) =>
        check(each, some.filter(isLive), await newLake(some));
      const state = await newLake(charges);
      const live = charges.filter(isLive);
      const property = fc.asyncProperty(asked, (each) => check(each, live, state));
      const result = await fc.check(property, { seed, numRuns: Math.min(cases, QUESTIONS_PER_LAKE) });
      if (result.counterexample === null) continue;
      const [each] = result.counterexample;
      const few = await fewestCharges(charges, (some) => checkOver(some, each));
      process.stderr.write(`${fc.stringify({ lake, seed: SEED, asked: each, charges: few })}\n`);
      await checkOver(few, each);
      throw new Error('the case failed over many charges, but not over the few that were left');
    }
  }

  it('of the logical plan and of the question itself, before and after the rules', () => {
    const property = fc.property(
      fc.boolean().chain((overBudget) => chargesArbitrary({ minLength: 0, maxLength: 40 }, overBudget)),
      questionArbitrary,
      // Rules that weigh their gain fire where there are many charges.
      fc.constantFrom(1, 1_000_000),
      fc.subarray(ruleNames),
      pickArbitrary,
      (all, question, scale, some, pick) => {
        const charges = all.filter(isLive);
        const judged = comparable(question, answerQuestion(question, charges));
        const state = stateOf(charges, { scale });
        for (const off of [ruleNames, [], some, ...ruleNames.map((name) => [name])]) {
          const rulesOff = new Set(off);
          const byPlan = answerByPlan(question, charges, state, { ...defaultPlanOptions, rulesOff, pick });
          expect(comparable(question, byPlan)).toEqual(judged);
        }
      },
    );
    fc.assert(property, { numRuns: CASES, seed: SEED });
  });

  it('of the store, of plain SQL and of the judge', async () => {
    const asked = fc.record({
      question: questionArbitrary,
      finish: fc.constantFrom('store', 'server'),
      rulesOff: fc.oneof(fc.constant([]), fc.subarray(ruleNames)),
      pick: pickArbitrary,
      scale: fc.constantFrom(1, 1_000_000),
    });
    await overLakes(CASES, asked, async (each, live, { tables }) => {
      const { question, finish, rulesOff, scale, pick } = each;
      const judged = comparable(question, answerQuestion(question, live));
      const bySql = comparable(question, await answerBySql(question, connection));
      expect({ ...bySql, summary: null }).toEqual({ ...judged, summary: null });
      const state = stateOf(live, { tables, scale });
      const options: PlanOptions = { ...defaultPlanOptions, finish, pick, rulesOff: new Set(rulesOff) };
      const byStore = await answerByStore(question, state, duckdb, options);
      expect(comparable(question, byStore)).toEqual(judged);
    });
  });

  it('of a plan that was made for other values, and of the judge', async () => {
    const asked = fc.tuple(questionArbitrary, fc.constantFrom('a', 'Usage', 'b|'), fc.nat(3));
    await overLakes(CASES / 5, asked, async ([question, word, offset], live, state) => {
      const templates = planTemplates(() => 0);
      const options = { ...defaultPlanOptions, templates };
      const first = planQuery(question, state, [duckdb], options);
      const other = withOtherValues(question, word, offset);
      const again = planQuery(other, state, [duckdb], options);
      const judged = comparable(other, answerQuestion(other, live));
      const byStore = await answerByStore(other, state, duckdb, options);
      expect(comparable(other, byStore)).toEqual(judged);
      // Normal forms depend on values, so another question may have another shape; the same one has not.
      expect(first.isCached && first.parts.length > 0).toBe(false);
      if (again.parts.length > 0) expect(planQuery(other, state, [duckdb], options).isCached).toBe(true);
    });
  });

  it('of a whole and of its parts, cut in time or by a predicate', async () => {
    const asked = fc.record({
      question: questionArbitrary,
      cut: fc.oneof(fc.constant('predicate' as const), fc.double({ min: 0, max: 1, noNaN: true })),
    });
    await overLakes(CASES / 5, asked, async ({ question, cut }, _live, state) => {
      const measures = sumsOf(question, cut !== 'predicate');
      const whole = plainTable(question, measures, cut === 'predicate' ? TRUE : question.filter);
      const ask = async (part: Question) => (await answerByStore(part, state, duckdb)).rows ?? [];
      const parts = cut === 'predicate' ? cutByPredicate(whole, question.filter) : cutInTime(whole, cut);
      const [all = [], left = [], right = []] = [await ask(whole), await ask(parts[0]), await ask(parts[1])];
      expect(mergedRows(whole, measures, [...left.slice(1), ...right.slice(1)])).toEqual(
        mergedRows(whole, measures, all.slice(1)),
      );
    });
  });

  it('of the rows together and of the totals', async () => {
    await overLakes(CASES / 5, questionArbitrary, async (question, _live, state) => {
      const measures = sumsOf(question, true);
      const rows = { measures, offset: 0, limit: 1 };
      const table: Question = {
        ...question,
        having: [],
        top: question.top && { ...question.top, remainder: true },
        wanted: { rows, totals: null, excluded: null },
      };
      const whole: Question = { ...table, wanted: { rows: null, totals: { measures }, excluded: null } };
      const answer = async (asked: Question) => comparable(asked, await answerByStore(asked, state, duckdb));
      expect((await answer(table)).summary).toEqual((await answer(whole)).totals);
    });
  });
});

/** The same question about other values: of the filter, of the page. */
function withOtherValues(question: Question, word: string, offset: number): Question {
  const filter = mapLeaves(question.filter, (leaf) => {
    if (leaf.kind !== 'test' || !('values' in leaf.test)) return leaf;
    const values = [...new Set([...leaf.test.values.slice(0, 2), word])].sort(compareText);
    return { ...leaf, test: { ...leaf.test, values } };
  });
  const { rows } = question.wanted;
  return { ...question, filter, wanted: { ...question.wanted, rows: rows && { ...rows, offset } } };
}

/** Measures that add up over disjoint parts; under PRORATED a charge counts in several. */
function sumsOf({ wanted, timing }: Question, acrossTime: boolean): Measure[] {
  const asked = [...(wanted.rows?.measures ?? []), measure('sum', 'billed_cost'), measure('count', null)];
  const summed = asked.filter(
    (each) => isMergeable(each) && !(each.fn === 'count' && acrossTime && timing === 'PRORATED'),
  );
  return [...new Map(summed.map((each) => [each.name, each])).values()].filter(
    ({ fn }) => !(timing === 'PRORATED' && acrossTime && (fn === 'min' || fn === 'max')),
  );
}

/** The groups of a question over its whole period, all of them and nothing else. */
function plainTable(question: Question, measures: readonly Measure[], filter: Predicate): Question {
  return {
    ...question,
    filter,
    compare: null,
    granularity: 'TOTAL',
    buckets: null,
    compareBuckets: null,
    having: [],
    top: null,
    sort: question.groupBy.map((column): SortKey => ({ by: 'key', column, direction: 'ASC' })),
    wanted: { rows: { measures, offset: 0, limit: 10_000 }, totals: null, excluded: null },
  };
}

function cutInTime(whole: Question, at: number): [Question, Question] {
  const { from, to } = whole.period;
  const cut = from + Math.floor((to - from) * at);
  return [
    { ...whole, period: { from, to: cut } },
    { ...whole, period: { from: cut, to } },
  ];
}

function cutByPredicate(whole: Question, filter: Predicate): [Question, Question] {
  return [
    { ...whole, filter },
    { ...whole, filter: not(filter) },
  ];
}

function mergedRows(question: Question, measures: readonly Measure[], rows: readonly Row[]): Row[] {
  const id = (row: Row) => JSON.stringify(question.groupBy.map((key) => row[key] ?? null));
  return [...Map.groupBy(rows, id)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, members]) => ({
      key,
      ...Object.fromEntries(
        measures.map((each) => [
          each.name,
          merge(
            each,
            members.map((row) => row[each.name] ?? null),
          ),
        ]),
      ),
    }));
}

/** Halves, quarters… are left out as long as the check still fails without them. */
async function fewestCharges(
  charges: readonly Charge[],
  check: (some: readonly Charge[]) => Promise<void>,
): Promise<readonly Charge[]> {
  const fails = (some: readonly Charge[]) =>
    check(some).then(
      () => false,
      () => true,
    );
  let few = charges;
  for (let size = Math.ceil(charges.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < few.length;) {
      const some = few.toSpliced(at, size);
      if (await fails(some)) few = some;
      else at += size;
    }
  }
  return few;
}
