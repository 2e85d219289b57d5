/**
 * Goal: what the tenant's rules say of charges is the same, whoever says it. Method: random rules and questions about
 * their dimensions over random charges, answered by a judge that attributes charge by charge and knows no plan, by the
 * plan in a reference interpreter, and by the planner's physical plan through the real store over real files.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import * as fc from 'fast-check';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connector } from '../../src/connectors/connector.ts';
import { openDuckdb } from '../../src/connectors/duckdb/duckdb-connector.ts';
import type { TimeRange } from '../../src/core/time-range.ts';
import { HOUR_MS } from '../../src/core/time-range.ts';
import { rules } from '../../src/planner/logical-to-pushed.ts';
import { measure } from '../../src/planner/measures.ts';
import type { PlanOptions } from '../../src/planner/plan-query.ts';
import { defaultPlanOptions } from '../../src/planner/plan-query.ts';
import { TRUE } from '../../src/planner/predicate.ts';
import type { Question } from '../../src/planner/question.ts';
import { aboutAttributes } from '../support/about-attributes.ts';
import { answerByPlan, answerByStore } from '../support/answers.ts';
import { TENANT, anchors, chargesArbitrary, isLive, questionArbitrary } from '../support/arbitraries.ts';
import type { Row } from '../support/charge.ts';
import { comparable } from '../support/comparable.ts';
import { stateOf, writeLake } from '../support/lake-fixture.ts';
import { answerQuestion } from '../support/question-reference.ts';
import {
  aboutRules,
  aboutSplits,
  ruleSetArbitrary,
  splitRuleSetArbitrary,
  withRules,
} from '../support/rule-arbitraries.ts';
import { SEED } from '../support/seeded.ts';
import {
  driversOf,
  knownStreams,
  streamsArbitrary,
  withSmallAmounts,
  writeTelemetry,
} from '../support/telemetry-fixture.ts';

/** `npm run fuzz` raises it. */
const CASES = Number(process.env['COSTGRAPH_FUZZ_CASES'] ?? 500);
/** Of shared costs: these take ten times as long. */
const SHARED_CASES = Math.ceil(CASES / 10);
const QUESTIONS_PER_LAKE = 50;
const SHARED_PER_LAKE = 25;
/** Generous: what is bounded is the number of cases. */
const TIMEOUT_MS = 60_000 + CASES * 1_000;
const ruleNames = rules.map((rule) => rule.name);

const askedArbitrary = fc.record({
  question: fc
    .tuple(fc.oneof(questionArbitrary, questionArbitrary.map(aboutAttributes)), fc.nat(4))
    .map(([question, offset]) => aboutRules(question, offset)),
  ruleSet: ruleSetArbitrary,
  rulesOff: fc.oneof(fc.constant([]), fc.subarray(ruleNames)),
  scale: fc.constantFrom(1, 1_000_000),
  finish: fc.constantFrom('store' as const, 'server' as const, 'auto' as const),
});

const splitArbitrary = fc.record({
  question: fc.tuple(questionArbitrary, fc.nat(6)).map(([question, offset]) => aboutSplits(question, offset)),
  ruleSet: splitRuleSetArbitrary,
  rulesOff: fc.oneof(fc.constant([]), fc.subarray(ruleNames)),
  scale: fc.constantFrom(1, 1_000_000),
  finish: fc.constantFrom('store' as const, 'server' as const, 'auto' as const),
});

describe(`attributed answers agree (seed: COSTGRAPH_FUZZ_SEED=${SEED})`, { timeout: TIMEOUT_MS }, () => {
  let folder: string;
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;
  let duckdb: Connector;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'costgraph-attribution-'));
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

  it('of the logical plan and of the question itself', () => {
    const property = fc.property(
      chargesArbitrary({ minLength: 0, maxLength: 40 }, false),
      askedArbitrary,
      (all, { question, ruleSet, rulesOff, scale }) => {
        const charges = all.filter(isLive);
        const judged = comparable(question, answerQuestion(question, charges, ruleSet));
        const state = withRules(stateOf(charges, { scale }), ruleSet);
        const options = { ...defaultPlanOptions, rulesOff: new Set(rulesOff) };
        expect(comparable(question, answerByPlan(question, charges, state, options))).toEqual(judged);
      },
    );
    fc.assert(property, { numRuns: CASES, seed: SEED });
  });

  it('of the store and of the judge', async () => {
    for (let lake = 0; lake * QUESTIONS_PER_LAKE < CASES; lake++) {
      const seed = SEED + lake;
      const size = { minLength: 50, maxLength: 120 };
      const [charges = []] = fc.sample(chargesArbitrary(size, lake % 2 === 1), { seed, numRuns: 1 });
      const own = path.join(folder, String(lake));
      await mkdir(own);
      const { tables } = await writeLake(connection, own, charges);
      const live = charges.filter(isLive);
      const property = fc.asyncProperty(askedArbitrary, async (asked) => {
        const { question, ruleSet, rulesOff, scale, finish } = asked;
        const judged = comparable(question, answerQuestion(question, live, ruleSet));
        const state = withRules(stateOf(live, { tables, scale }), ruleSet);
        const options: PlanOptions = { ...defaultPlanOptions, finish, rulesOff: new Set(rulesOff) };
        const byStore = await answerByStore(question, state, duckdb, options);
        expect(comparable(question, byStore)).toEqual(judged);
      });
      await fc.assert(property, { seed, numRuns: Math.min(CASES, QUESTIONS_PER_LAKE) });
    }
  });

  it('of the store and of the judge, once costs are shared out', async () => {
    for (let lake = 0; lake * SHARED_PER_LAKE < SHARED_CASES; lake++) {
      const seed = SEED + lake;
      const size = { minLength: 50, maxLength: 120 };
      const [drawn = []] = fc.sample(chargesArbitrary(size, lake % 2 === 1), { seed, numRuns: 1 });
      const charges = drawn.map(withSmallAmounts);
      const own = path.join(folder, `split-${lake}`);
      await mkdir(own);
      const [streams = []] = fc.sample(streamsArbitrary, { seed, numRuns: 1 });
      const drivers = driversOf(streams);
      const tables = {
        ...(await writeLake(connection, own, charges)).tables,
        telemetry: await writeTelemetry(connection, own, streams),
      };
      const live = charges.filter(isLive);
      const property = fc.asyncProperty(splitArbitrary, async (asked) => {
        const { question, ruleSet, rulesOff, scale, finish } = asked;
        const judged = comparable(question, answerQuestion(question, live, ruleSet, drivers), true);
        const telemetry = knownStreams(streams);
        const state = { ...withRules(stateOf(live, { tables, scale }), ruleSet), telemetry };
        const options: PlanOptions = { ...defaultPlanOptions, finish, rulesOff: new Set(rulesOff) };
        const byStore = await answerByStore(question, state, duckdb, options);
        expect(comparable(question, byStore, true)).toEqual(judged);
      });
      await fc.assert(property, { seed, numRuns: SHARED_PER_LAKE });
    }
  });

  it('of parts and of wholes, of times as of groups', async () => {
    const [drawn = []] = fc.sample(chargesArbitrary({ minLength: 120, maxLength: 120 }, false), {
      seed: SEED,
      numRuns: 1,
    });
    const [streams = []] = fc.sample(streamsArbitrary, { seed: SEED, numRuns: 1 });
    const charges = drawn.map(withSmallAmounts);
    const own = path.join(folder, 'laws');
    await mkdir(own);
    const tables = {
      ...(await writeLake(connection, own, charges)).tables,
      telemetry: await writeTelemetry(connection, own, streams),
    };
    const base = { ...stateOf(charges.filter(isLive), { tables }), telemetry: knownStreams(streams) };
    const property = fc.asyncProperty(lawArbitrary, async ({ ruleSet, finer, coarser, cut }) => {
      const state = withRules(base, ruleSet);
      const sums = async (groupBy: readonly string[], period: TimeRange, splits: Question['splits']) => {
        const question = sumsBy(groupBy, period, splits);
        const { rows } = await answerByStore(question, state, duckdb);
        return (rows ?? []).slice(1);
      };
      const [all, first, second] = [WHOLE, { from: WHOLE.from, to: cut }, { from: cut, to: WHOLE.to }];
      const fine = await sums([...coarser, ...finer], all, 'APPLIED');
      const halves = [
        ...(await sums([...coarser, ...finer], first, 'APPLIED')),
        ...(await sums([...coarser, ...finer], second, 'APPLIED')),
      ];
      expect(addedUp(halves, [...coarser, ...finer])).toEqual(addedUp(fine, [...coarser, ...finer]));
      expect(addedUp(await sums(coarser, all, 'APPLIED'), coarser)).toEqual(addedUp(fine, coarser));
      expect(addedUp(await sums([], all, 'NONE'), [])).toEqual(addedUp(fine, []));
    });
    await fc.assert(property, { seed: SEED, numRuns: Math.ceil(CASES / 100) });
  });
});

const WHOLE: TimeRange = { from: Date.parse('2018-09-01T00:00Z'), to: Date.parse('2019-02-01T00:00Z') };
const SUMMED = ['effective_cost', 'billed_cost'].map((column) => measure('sum', column));
const lawKeys = ['team', 'environment', 'customer', '$split', 'region_id', 'tag:Team', 'charge_category'];

const lawArbitrary = fc
  .record({
    ruleSet: splitRuleSetArbitrary,
    keys: fc.shuffledSubarray(lawKeys, { minLength: 1, maxLength: 4 }),
    left: fc.nat(3),
    cut: fc.tuple(fc.constantFrom(...anchors), fc.constantFrom(0, 1, 12)),
  })
  .map(({ ruleSet, keys, left, cut: [anchor, hours] }) => ({
    ruleSet,
    coarser: keys.slice(0, left),
    finer: keys.slice(left),
    cut: Math.ceil(anchor / HOUR_MS) * HOUR_MS + hours * HOUR_MS,
  }));

function sumsBy(groupBy: readonly string[], period: TimeRange, splits: Question['splits']): Question {
  return {
    tenant: TENANT,
    period,
    compare: null,
    axis: 'CHARGE_PERIOD',
    timing: 'START',
    granularity: 'TOTAL',
    timeZone: 'UTC',
    buckets: null,
    compareBuckets: null,
    splits,
    groupBy,
    filter: TRUE,
    having: [],
    top: null,
    sort: groupBy.map((column) => ({ by: 'key', column, direction: 'ASC' })),
    wanted: { rows: { measures: SUMMED, offset: 0, limit: 100_000 }, totals: null, excluded: null },
  };
}

/** Sums by the values of some of the keys; what comes to nothing is left out. */
function addedUp(rows: readonly Row[], keys: readonly string[]): Record<string, string> {
  const sums = new Map<string, bigint>();
  for (const row of rows) {
    for (const { name } of SUMMED) {
      const id = JSON.stringify([name, ...keys.map((key) => row[key] ?? null)]);
      sums.set(id, (sums.get(id) ?? 0n) + BigInt(row[name] ?? 0n));
    }
  }
  return Object.fromEntries(
    [...sums]
      .filter(([, sum]) => sum !== 0n)
      .map(([id, sum]) => [id, String(sum)])
      .sort(),
  );
}
