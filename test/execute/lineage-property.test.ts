/**
 * Goal: an amount is the sum of what its lineage lists, to the last unit. Method: random rules, splits and questions over
 * random charges in real files; of some rows of each answer all contributions are asked for, page by page, and set beside
 * the row and beside the charges that they name.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import * as fc from 'fast-check';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAdmission } from '../../src/execute/admission.ts';
import { createAnswerCache } from '../../src/execute/answer-cache.ts';
import type { BoundQuery, LineageItem, ParentRow } from '../../src/execute/engine.ts';
import { answerLineage } from '../../src/execute/lineage.ts';
import type { PageRows } from '../../src/execute/page-rows.ts';
import { readRow } from '../../src/execute/page-rows.ts';
import type { QuestionRunner } from '../../src/execute/run-question.ts';
import { createQuestionRunners, runRows } from '../../src/execute/run-question.ts';
import type { RuleSet } from '../../src/attribution/rule-set.ts';
import type { Connector } from '../../src/connectors/connector.ts';
import { openDuckdb } from '../../src/connectors/duckdb/duckdb-connector.ts';
import { measuresOf, metricValue } from '../../src/planner/measures.ts';
import { REMAINDER, TIME } from '../../src/planner/plan.ts';
import { TRUE } from '../../src/planner/predicate.ts';
import type { Question } from '../../src/planner/question.ts';
import { chargesArbitrary, isLive, questionArbitrary } from '../support/arbitraries.ts';
import type { Charge } from '../support/charge.ts';
import { stateOf, writeLake } from '../support/lake-fixture.ts';
import { costQuery } from '../support/questions.ts';
import {
  aboutRules,
  aboutSplits,
  ruleSetArbitrary,
  splitRuleSetArbitrary,
  withRules,
} from '../support/rule-arbitraries.ts';
import { SEED } from '../support/seeded.ts';
import { unlimited } from '../support/unlimited.ts';

/** `npm run fuzz` raises it. */
const CASES = Number(process.env['COSTGRAPH_FUZZ_CASES'] ?? 60);
const TIMEOUT_MS = 60_000 + CASES * 2_000;
const ROWS_TRACED = 3;
const PAGE = 7;
/** A part is four roundings down, two of which are taken off: of each split it is wrong by less than two units. */
const ROUNDING_OF_A_SPLIT = 2n;
const splitMethods = new Set(['EVEN', 'FIXED', 'COST', 'VALUE', 'SPREAD_DAY']);
const signal = new AbortController().signal;

/** Of many groups the store makes the page, of few the server. */
const scale = fc.constantFrom(1, 1_000_000);

const asked = fc.oneof(
  fc.record({
    question: fc.tuple(questionArbitrary, fc.nat(4)).map(([question, i]) => aboutRules(question, i)),
    ruleSet: ruleSetArbitrary,
    scale,
  }),
  fc.record({
    question: fc.tuple(questionArbitrary, fc.nat(6)).map(([question, i]) => aboutSplits(question, i)),
    ruleSet: splitRuleSetArbitrary,
    scale,
  }),
  fc.record({
    question: fc.tuple(questionArbitrary, fc.nat(6)).map(([question, i]) => aboutSplits(question, i)),
    ruleSet: splitRuleSetArbitrary,
    scale,
  }),
);

function runnerOf(duckdb: Connector): QuestionRunner {
  const idle = { [Symbol.asyncDispose]: async () => undefined };
  return createQuestionRunners({
    connectors: [duckdb],
    admission: createAdmission(),
    guard: { ...idle, admit: async () => unlimited() },
    cache: createAnswerCache(0),
    actuals: { ...idle, add: () => undefined },
    needs: { ...idle, observe: () => undefined, observed: async () => [] },
  })({ forceStore: null, noCache: true, rulesOff: new Set(), startedAt: 0 });
}

function boundTo(question: Question, state: BoundQuery['state']): BoundQuery {
  const rest = {
    version: '',
    warnings: [],
    predicateOf: () => TRUE,
    conserved: [],
    currencies: [],
    streams: { rows: [], totals: [] },
  };
  return { ...rest, question, state, query: costQuery() };
}

function parentAt({ rows }: PageRows, i: number, { groupBy }: Question): ParentRow {
  const read = readRow(rows, i);
  const values = groupBy.map((key) => {
    const value = read(key);
    return typeof value === 'string' ? value : null;
  });
  const bucket = read(TIME);
  return {
    values,
    bucket: bucket === null ? null : Number(bucket),
    isRemainder: read(REMAINDER) === 1n,
    kept: null,
  };
}

async function allItems(bound: BoundQuery, row: ParentRow, runner: QuestionRunner): Promise<LineageItem[]> {
  const items: LineageItem[] = [];
  for (;;) {
    const page = { offset: items.length, limit: PAGE };
    const { items: more, totalCount } = await answerLineage(
      bound,
      row,
      'EFFECTIVE_COST',
      page,
      signal,
      runner,
    );
    items.push(...more);
    if (more.length === 0 || items.length >= totalCount) return items;
  }
}

function checkItem(
  { amount, origin, steps, rounding }: LineageItem,
  charges: readonly Charge[],
  isCut: boolean,
) {
  const charge = charges[Number(origin.id)];
  expect(charge).toMatchObject({ batch: origin.batch, source: origin.source, span: { from: origin.from } });
  if (!isCut) expect(origin.amount).toBe(charge?.amounts['effective_cost']);
  const passedOn = steps.reduce((all, { numerator }) => all * numerator, BigInt(origin.amount));
  const outOf = steps.reduce((all, { denominator }) => all * denominator, 1n);
  expect(amount).toBe(passedOn / outOf + rounding);
  // A share of more than all passes on what was rounded before it, enlarged.
  if (steps.some(({ numerator, denominator }) => numerator < 0n || numerator > denominator)) return;
  const size = rounding < 0n ? -rounding : BigInt(rounding);
  expect(size).toBeLessThanOrEqual(ROUNDING_OF_A_SPLIT * BigInt(steps.length));
}

/** Rules are named that give what is shown; what no split gave, some rule did. */
function checkRules({ origin, steps }: LineageItem, { dimensions, splits }: RuleSet) {
  const ruled = steps.filter(({ method }) => method === 'RULE' || method === 'OTHERWISE');
  const given = new Set(
    steps.filter((step) => !ruled.includes(step)).flatMap(({ rule }) => toOf(splits, rule.name)),
  );
  for (const { key, value } of origin.keys) {
    const dimension = dimensions.find((each) => each.key === key);
    if (dimension === undefined || given.has(key)) continue;
    const step = ruled.find(({ rule }) => rule.dimension === key);
    if (step === undefined) continue;
    const found = dimension.rules.find(({ name }) => name === step.rule.name)?.value;
    if (step.method === 'OTHERWISE') expect(value).toBe(dimension.otherwise);
    else if (found?.kind === 'value') expect(value).toBe(found.value);
    else expect(value).not.toBeNull();
  }
}

function toOf(splits: RuleSet['splits'], name: string): readonly string[] {
  return splits.find((split) => split.name === name)?.to ?? [];
}

/** The largest first, whatever their sign. */
function checkOrder(items: readonly LineageItem[]) {
  const sizes = items.map(({ amount }) => (amount < 0n ? -amount : BigInt(amount)));
  expect(sizes).toEqual(sizes.toSorted((a, b) => (a === b ? 0 : a > b ? -1 : 1)));
}

describe(`lineage adds up (seed: COSTGRAPH_FUZZ_SEED=${SEED})`, { timeout: TIMEOUT_MS }, () => {
  let folder: string;
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;
  let duckdb: Connector;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'costgraph-lineage-'));
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

  it('to every row, of rules and of splits', async () => {
    const [drawn = []] = fc.sample(chargesArbitrary({ minLength: 50, maxLength: 100 }, false), {
      seed: SEED,
      numRuns: 1,
    });
    const charges = drawn.map(withSmallAmounts);
    const own = path.join(folder, 'lake');
    await mkdir(own);
    const { tables } = await writeLake(connection, own, charges);
    const live = charges.filter(isLive);
    const runner = runnerOf(duckdb);
    let [traced, shared] = [0, 0];
    const property = fc.asyncProperty(
      asked,
      fc.nat(),
      async ({ question: drawnQuestion, ruleSet, scale }, from) => {
        const state = withRules(stateOf(live, { tables, scale }), ruleSet);
        const rows = { measures: measuresOf('EFFECTIVE_COST'), offset: 0, limit: 1_000 };
        const question = { ...drawnQuestion, wanted: { rows, totals: null, excluded: null } };
        const bound = boundTo(question, state);
        const answer = await runRows(runner, question, state, signal);
        for (let n = 0; n < Math.min(ROWS_TRACED, answer.rows.length); n++) {
          const i = (from + n) % answer.rows.length;
          const row = parentAt(answer, i, question);
          if (row.isRemainder && question.having.length > 0) continue;
          const items = await allItems(bound, row, runner);
          const sum = items.reduce((all, { amount }) => all + amount, 0n);
          expect(sum).toBe(metricValue(readRow(answer.rows, i), 'EFFECTIVE_COST') ?? 0n);
          checkOrder(items);
          for (const item of items) {
            checkItem(item, charges, question.timing === 'PRORATED');
            checkRules(item, ruleSet);
            const isDecided = (key: string) => item.steps.some(({ rule }) => rule.dimension === key);
            const ruled = question.groupBy.filter((key) => state.ruled.has(key));
            const ofRow = item.origin.keys.filter(({ key, value }) => ruled.includes(key) && value !== null);
            expect(ofRow.every(({ key }) => isDecided(key))).toBe(true);
          }
          traced += items.length;
          shared += items.filter(({ steps }) => steps.some(({ method }) => splitMethods.has(method))).length;
        }
      },
    );
    await fc.assert(property, { seed: SEED, numRuns: CASES, endOnFailure: true });
    expect(traced).toBeGreaterThan(CASES);
    expect(shared).toBeGreaterThan(0);
  });
});

/** Of up to a thousand: what is shared out together times its weights fits 127 bits. */
function withSmallAmounts(charge: Charge): Charge {
  const amounts = Object.entries(charge.amounts).map(([column, units]) => [column, units % 10n ** 15n]);
  return { ...charge, amounts: Object.fromEntries(amounts) };
}
