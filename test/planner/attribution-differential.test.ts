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
import { rules } from '../../src/planner/logical-to-pushed.ts';
import type { PlanOptions } from '../../src/planner/plan-query.ts';
import { defaultPlanOptions } from '../../src/planner/plan-query.ts';
import { aboutAttributes } from '../support/about-attributes.ts';
import { answerByPlan, answerByStore } from '../support/answers.ts';
import { chargesArbitrary, isLive, questionArbitrary } from '../support/arbitraries.ts';
import type { Charge } from '../support/charge.ts';
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
import { driversOf, knownStreams, streamsArbitrary, writeTelemetry } from '../support/telemetry-fixture.ts';

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
});

/** Of up to a thousand: what is shared out together times its weights fits 127 bits. */
function withSmallAmounts(charge: Charge): Charge {
  const amounts = Object.entries(charge.amounts).map(([column, units]) => [column, units % 10n ** 15n]);
  return { ...charge, amounts: Object.fromEntries(amounts) };
}
