/**
 * Goal: an answer made of kept parts is the answer that would be made anew, whatever was imported meanwhile; and only
 * what an import changed is asked for again. Method: random questions, each over a tenant that gets one import after
 * the other, and whose period slides meanwhile, with and without kept answers; all that costs is what the store reads, so that
 * periods are cut at days wherever they can be.
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
import type { TimeRange } from '../../src/core/time-range.ts';
import { HOUR_MS } from '../../src/core/time-range.ts';
import { createAnswerCache } from '../../src/execute/answer-cache.ts';
import { makeBuckets } from '../../src/planner/bind/make-buckets.ts';
import { measuresOf } from '../../src/planner/measures.ts';
import { defaultPlanOptions } from '../../src/planner/plan-query.ts';
import type { Ask, SortKey } from '../../src/planner/plan.ts';
import { TIME } from '../../src/planner/plan.ts';
import { scansOf } from '../../src/planner/plan-tree.ts';
import type { Question } from '../../src/planner/question.ts';
import type { Granularity } from '../../src/planner/time-buckets.ts';
import { aboutAttributes } from '../support/about-attributes.ts';
import { answerByStore } from '../support/answers.ts';
import { TENANT, chargesArbitrary, isLive, questionArbitrary } from '../support/arbitraries.ts';
import type { Charge } from '../support/charge.ts';
import { comparable } from '../support/comparable.ts';
import { stateOf, writeLake } from '../support/lake-fixture.ts';
import { aboutSplits, splitRuleSetArbitrary, withRules } from '../support/rule-arbitraries.ts';
import { SEED } from '../support/seeded.ts';
import {
  knownStreams,
  streamsArbitrary,
  withSmallAmounts,
  writeTelemetry,
} from '../support/telemetry-fixture.ts';

const CASES = Math.ceil(Number(process.env['COSTGRAPH_FUZZ_CASES'] ?? 1_000) / 5);
const QUESTIONS_PER_LAKE = 25;

describe(`kept answers (seed: COSTGRAPH_FUZZ_SEED=${SEED})`, { timeout: 60_000 + CASES * 1_000 }, () => {
  let folder: string;
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;
  let duckdb: Connector;
  let asks: Ask[] = [];
  let lakes = 0;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'costgraph-kept-'));
    instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    connection = await instance.connect();
    const opened = await openDuckdb({ threads: 1, memoryMb: 500, tempDirectory: folder });
    duckdb = {
      ...opened,
      prices: { ...opened.prices, startupMs: 0, msPerFile: 0, msPerMillionGroups: 0 },
      run: (ask, limits) => {
        asks.push(ask);
        return opened.run(ask, limits);
      },
    };
  });

  afterAll(async () => {
    await duckdb[Symbol.asyncDispose]();
    connection.closeSync();
    instance.closeSync();
    await rm(folder, { recursive: true });
  });

  /** One state of the tenant after the other: of the batches first some are live, then others, then all. */
  async function statesOf(charges: readonly Charge[]): Promise<TenantState[]> {
    const own = path.join(folder, String(lakes++));
    await mkdir(own);
    const { tables } = await writeLake(connection, own, charges);
    const live = charges.filter(isLive);
    const ids = [...new Set(live.map(({ batch }) => batch))].sort();
    const without = (i: number) => live.filter(({ batch }) => ids.indexOf(batch) % 3 !== i);
    return [without(0), without(1), live, live].map((some) => stateOf(some, { tables }));
  }

  it('are those that would be made anew, after each import', async () => {
    const question = fc.tuple(
      fc.oneof(questionArbitrary, questionArbitrary.map(aboutAttributes)),
      fc.constantFrom('auto', 'store', 'server'),
    );
    for (let lake = 0; lake * QUESTIONS_PER_LAKE < CASES; lake++) {
      const seed = SEED + lake;
      const size = { minLength: 50, maxLength: 120 };
      const [charges = []] = fc.sample(chargesArbitrary(size, lake % 2 === 1), { seed, numRuns: 1 });
      const states = await statesOf(charges);
      const property = fc.asyncProperty(question, async ([asked, finish]) => {
        const cache = createAnswerCache(1e8);
        for (const [i, state] of states.entries()) {
          const question = i % 2 === 0 ? asked : slid(asked, HOUR_MS);
          const options = { ...defaultPlanOptions, finish };
          const anew = await answerByStore(question, state, duckdb, options);
          const answers = cache.forQuestion(TENANT);
          const kept = await answerByStore(question, state, duckdb, { ...options, kept: answers }, answers);
          expect(comparable(question, kept)).toEqual(comparable(question, anew));
        }
      });
      await fc.assert(property, { seed, numRuns: Math.min(CASES, QUESTIONS_PER_LAKE) });
    }
  });

  it('are those that would be made anew, after rules are published and driver data is loaded', async () => {
    const [charges = []] = fc.sample(chargesArbitrary({ minLength: 120, maxLength: 120 }, false), {
      seed: SEED,
      numRuns: 1,
    });
    const [streams = []] = fc.sample(streamsArbitrary, { seed: SEED, numRuns: 1 });
    const small = charges.map(withSmallAmounts);
    const [before, , after] = await statesOf(small);
    if (!before || !after) throw new Error('there are several states');
    const telemetry = await writeTelemetry(connection, folder, streams);
    const asked = fc.tuple(
      fc.tuple(questionArbitrary, fc.nat(6)).map(([question, offset]) => aboutSplits(question, offset)),
      fc.tuple(splitRuleSetArbitrary, splitRuleSetArbitrary),
    );
    const property = fc.asyncProperty(asked, async ([question, [first, second]]) => {
      const cache = createAnswerCache(1e8);
      const states = [before, after].flatMap((state) => {
        const loaded = {
          ...state,
          tables: { ...state.tables, telemetry },
          telemetry: knownStreams(streams.map((stream) => ({ ...stream, loads: stream.loads.slice(0, 1) }))),
        };
        const corrected = { ...loaded, telemetry: knownStreams(streams) };
        return [
          withRules(loaded, first, '1'),
          withRules(corrected, first, '1'),
          withRules(corrected, second, '2'),
        ];
      });
      for (const state of states) {
        const anew = await answerByStore(question, state, duckdb);
        const answers = cache.forQuestion(TENANT);
        const kept = await answerByStore(
          question,
          state,
          duckdb,
          { ...defaultPlanOptions, kept: answers },
          answers,
        );
        expect(comparable(question, kept)).toEqual(comparable(question, anew));
      }
    });
    await fc.assert(property, { seed: SEED, numRuns: Math.ceil(CASES / 20) });
  });

  it('leave nothing to ask the second time, and only the changed months after an import', async () => {
    const [charges = []] = fc.sample(chargesArbitrary({ minLength: 120, maxLength: 120 }, false), {
      seed: SEED,
      numRuns: 1,
    });
    const [before, , after] = await statesOf(charges);
    if (!before || !after) throw new Error('there are several states');
    const cache = createAnswerCache(1e8);
    const ask = async (state: TenantState) => {
      asks = [];
      const answers = cache.forQuestion(TENANT);
      await answerByStore(everything, state, duckdb, { ...defaultPlanOptions, kept: answers }, answers);
      return asks.flatMap(({ fragment }) => batchesRead(fragment)).sort();
    };
    expect((await ask(before)).length).toBeGreaterThan(1);
    expect(await ask(before)).toEqual([]);
    const known = new Set(before.batches.map(({ id }) => String(id)));
    const added = after.batches.map(({ id }) => String(id)).filter((id) => !known.has(id));
    expect(new Set(await ask(after))).toEqual(new Set(added));
    expect(await ask(before)).toEqual([]);
  });

  it.each<[string, Granularity, string]>([
    ['in all', 'TOTAL', 'UTC'],
    ['by day', 'DAY', 'UTC'],
    ['by local day', 'DAY', 'America/New_York'],
    ['by week', 'WEEK', 'UTC'],
  ])('leave the ends of a period to ask that slides within a day: %s', async (_, granularity, timeZone) => {
    const { state, ask } = await slidingOver(summer);
    const period = { from: Date.UTC(2018, 7, 10, 10), to: Date.UTC(2018, 8, 9, 10) };
    const time: SortKey = { by: 'key', column: TIME, direction: 'ASC' };
    const sort = granularity === 'TOTAL' ? described.sort : [time, ...described.sort];
    const question = { ...described, sort, ...cutBy(period, granularity, timeZone) };
    const whole = await ask(question, state);
    expect(whole.length).toBeGreaterThan(1);
    expect(await ask(question, state)).toEqual([]);
    const again = await ask(slid(question, HOUR_MS), state);
    expect(again.toSorted((a, b) => a.from - b.from)).toEqual([
      { from: period.from + HOUR_MS, to: Date.UTC(2018, 7, 11) },
      { from: Date.UTC(2018, 8, 9), to: period.to + HOUR_MS },
    ]);
  });

  it('leave the months at the ends to ask of a period that slides by days', async () => {
    const { state, ask } = await slidingOver(summer);
    const question = { ...described, period: { from: Date.UTC(2018, 6, 3), to: Date.UTC(2018, 8, 29) } };
    await ask(question, state);
    const again = await ask(slid(question, 24 * HOUR_MS), state);
    const [read] = asks.map(({ fragment }) => batchesRead(fragment));
    expect(again).toHaveLength(1);
    expect(new Set(read)).toEqual(new Set(['2018-07-01-1', '2018-09-01-1']));
  });

  async function slidingOver(charges: readonly Charge[]) {
    const own = path.join(folder, String(lakes++));
    await mkdir(own);
    const { tables } = await writeLake(connection, own, charges);
    const cache = createAnswerCache(1e8);
    /** The stretches of time that the store is asked for. */
    const ask = async (question: Question, state: TenantState) => {
      asks = [];
      const answers = cache.forQuestion(TENANT);
      const options = { ...defaultPlanOptions, kept: answers };
      const kept = await answerByStore(question, state, duckdb, options, answers);
      const ranges = asks.flatMap(({ fragment }) => scansOf(fragment).map(({ range }) => range));
      const anew = await answerByStore(question, state, duckdb);
      expect(comparable(question, kept)).toEqual(comparable(question, anew));
      return ranges;
    };
    return { state: stateOf(charges, { tables }), ask };
  }
});

/** A charge every six hours from July to September, of one source. */
const summer = Array.from({ length: 92 * 4 }, (_, i): Charge => {
  const from = Date.UTC(2018, 6, 1) + i * 6 * HOUR_MS;
  const month = new Date(from).getUTCMonth();
  const billingMonth = `2018-0${month + 1}-01`;
  return {
    tenant: TENANT,
    source: 'aws',
    batch: `${billingMonth}-1`,
    billingMonth,
    billing: { from: Date.UTC(2018, month, 1), to: Date.UTC(2018, month + 1, 1) },
    span: { from, to: from + HOUR_MS },
    resourceKey: null,
    tagSet: null,
    inlineResource: false,
    inlineTags: false,
    values: { charge_description: `d-${i % 3}`, billing_currency: 'USD' },
    amounts: { billed_cost: BigInt(i) },
  };
});

/** The same question some time later, as `last` makes it. */
function slid(question: Question, ms: number): Question {
  const { period, granularity, timeZone } = question;
  return { ...question, ...cutBy({ from: period.from + ms, to: period.to + ms }, granularity, timeZone) };
}

function cutBy(period: TimeRange, granularity: Granularity, timeZone: string) {
  const buckets = granularity === 'TOTAL' ? null : makeBuckets(granularity, timeZone, period);
  return { period, granularity, timeZone, buckets };
}

const year = { from: Date.UTC(2018, 0, 1), to: Date.UTC(2020, 0, 1) };
const everything: Question = {
  tenant: TENANT,
  period: year,
  compare: null,
  splits: 'APPLIED',
  axis: 'CHARGE_PERIOD',
  timing: 'START',
  granularity: 'TOTAL',
  timeZone: 'UTC',
  buckets: null,
  compareBuckets: null,
  groupBy: ['resource_id'],
  filter: { kind: 'true' },
  having: [],
  top: null,
  sort: [{ by: 'key', column: 'resource_id', direction: 'ASC' }],
  wanted: {
    rows: { measures: measuresOf('BILLED_COST'), offset: 0, limit: 100 },
    totals: null,
    excluded: null,
  },
};

/** By what is on the charges themselves, and in no rollup. */
const described: Question = {
  ...everything,
  groupBy: ['charge_description'],
  sort: [{ by: 'key', column: 'charge_description', direction: 'ASC' }],
};

function batchesRead(plan: Ask['fragment']): string[] {
  if (plan.kind === 'Scan') return (plan.files?.files ?? []).flatMap(({ batch }) => batch ?? []);
  return 'input' in plan ? batchesRead(plan.input) : [];
}
