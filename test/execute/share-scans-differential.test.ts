/**
 * Goal: questions that share scans get the answers that each would get alone. Method: random sets of questions about
 * the same rows, planned one by one, made to share by prices that favour one form or the other, run in the real store;
 * beside them a judge that knows no plan.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import * as fc from 'fast-check';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TenantState } from '../../src/catalog/tenant-state.ts';
import type { Connector } from '../../src/connectors/connector.ts';
import { openDuckdb } from '../../src/connectors/duckdb/duckdb-connector.ts';
import { createAnswerCache } from '../../src/execute/answer-cache.ts';
import {
  haveOneBucket,
  joinOverGroups,
  joinOverRows,
  setsOf,
  takeApart,
} from '../../src/planner/join-groups.ts';
import { defaultPlanOptions, planQuery } from '../../src/planner/plan-query.ts';
import type { QueryPlan } from '../../src/planner/plan-query.ts';
import { TIME } from '../../src/planner/plan.ts';
import { asksOf, outputColumns } from '../../src/planner/plan-tree.ts';
import type { SortKey } from '../../src/planner/plan.ts';
import type { Question } from '../../src/planner/question.ts';
import { shareAsks } from '../../src/planner/share-asks.ts';
import { aboutAttributes } from '../support/about-attributes.ts';
import { answerPlanned } from '../support/answers.ts';
import { TENANT, chargesArbitrary, isLive, questionArbitrary } from '../support/arbitraries.ts';
import type { Charge, Row } from '../support/charge.ts';
import { comparable } from '../support/comparable.ts';
import { stateOf, writeLake } from '../support/lake-fixture.ts';
import { answerQuestion } from '../support/question-reference.ts';
import { reference } from '../support/reference.ts';
import { SEED } from '../support/seeded.ts';
import { unlimitedRunner } from '../support/unlimited.ts';

/** `npm run fuzz` raises it. */
const CASES = Math.ceil(Number(process.env['COSTGRAPH_FUZZ_CASES'] ?? 1_000) / 8);
const SETS_PER_LAKE = 25;

const oneQuestion = fc.oneof(questionArbitrary, questionArbitrary.map(aboutAttributes));

/** Questions about the rows of the first: of its time, mostly its filter, its buckets or none. */
const questionsArbitrary = fc
  .tuple(
    oneQuestion,
    fc.array(fc.tuple(oneQuestion, fc.boolean(), fc.constantFrom(true, true, true, false)), {
      minLength: 1,
      maxLength: 4,
    }),
  )
  .map(([first, others]) => [
    first,
    ...others.map(([other, isCut, isFiltered]) => aboutRowsOf(first, other, isCut, isFiltered)),
  ]);

function aboutRowsOf(first: Question, other: Question, isCut: boolean, isFiltered: boolean): Question {
  const { period, compare, axis, timing, timeZone } = first;
  const { granularity, buckets, compareBuckets } = isCut
    ? first
    : { granularity: 'TOTAL' as const, buckets: null, compareBuckets: null };
  const sort = other.sort.filter(
    (each) => (each.by !== 'key' || each.column !== TIME) && (each.by !== 'change' || compare !== null),
  );
  const byTime: SortKey[] = buckets ? [{ by: 'key', column: TIME, direction: 'ASC' }] : [];
  return {
    ...other,
    period,
    compare,
    axis,
    timing,
    timeZone,
    granularity,
    buckets,
    compareBuckets,
    filter: isFiltered ? first.filter : other.filter,
    sort: [...sort, ...byTime],
  };
}

/** Starts that are dear make all share that can; whether over rows or over fine groups, what a row takes. */
const pricesArbitrary = fc.record({
  startupMs: fc.constantFrom(0, 2, 1_000, 1_000),
  msPerFile: fc.constant(0.05),
  msPerMegabyte: fc.constant(0.5),
  msPerMillionRows: fc.constantFrom(0, 20, 1e9),
  msPerMillionGroups: fc.constant(0),
  usdPerHour: fc.constant(0.1),
});

describe(
  `questions together (seed: COSTGRAPH_FUZZ_SEED=${SEED})`,
  { timeout: 60_000 + CASES * 5_000 },
  () => {
    let folder: string;
    let instance: DuckDBInstance;
    let connection: DuckDBConnection;
    let duckdb: Connector;

    beforeAll(async () => {
      folder = await mkdtemp(path.join(os.tmpdir(), 'costgraph-share-'));
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

    /** Of a lake of its own per so many cases, the state after each of two imports, with the charges that are live in it. */
    async function overLakes<T>(
      cases: number,
      arbitrary: fc.Arbitrary<T>,
      check: (asked: T, scale: number, states: readonly Known[]) => Promise<void>,
    ): Promise<void> {
      for (let lake = 0; lake * SETS_PER_LAKE < cases; lake++) {
        const seed = SEED + lake;
        const size = { minLength: 50, maxLength: 120 };
        const [charges = []] = fc.sample(chargesArbitrary(size, lake % 2 === 1), { seed, numRuns: 1 });
        const own = await mkdtemp(path.join(folder, 'lake-'));
        const { tables } = await writeLake(connection, own, charges);
        const live = charges.filter(isLive);
        const some = live.filter(({ batch }) => batch !== live[0]?.batch);
        // What is shared depends on how many charges there are.
        const scales = fc.constantFrom(1, 1_000_000, 1_000_000);
        const property = fc.asyncProperty(arbitrary, scales, (asked, scale) =>
          check(
            asked,
            scale,
            [some, live].map((known) => ({ charges: known, state: stateOf(known, { tables, scale }) })),
          ),
        );
        await fc.assert(property, { seed, numRuns: Math.min(cases, SETS_PER_LAKE) });
      }
    }

    it('get the answers that each would get alone, of the store and of what it gave before', async () => {
      const asked = fc.tuple(questionsArbitrary, pricesArbitrary);
      const forms = new Map<string, number>();
      await overLakes(CASES, asked, async ([questions, prices], _scale, states) => {
        const cache = createAnswerCache(1e8);
        // What was kept of the first state is not asked for in the second.
        for (const { charges, state } of states) {
          const answers = cache.forQuestion(TENANT);
          const options = { ...defaultPlanOptions, kept: answers };
          const apart = questions.map((question) => planQuery(question, state, [duckdb], options));
          const plans = shareAsks(apart, state, [{ ...duckdb, prices }], () => true);
          countForms(forms, plans);
          const runner = { ...unlimitedRunner(duckdb), answers };
          const found = await Promise.all(plans.map((plan) => answerPlanned(plan, runner)));
          for (const [i, question] of questions.entries()) {
            const answer = found[i];
            if (answer === undefined) throw new Error('each plan has an answer');
            expect(comparable(question, answer)).toEqual(
              comparable(question, answerQuestion(question, charges)),
            );
          }
        }
      });
      expect(forms.get('single')).toBeGreaterThan(CASES / 40);
      expect(forms.get('final')).toBeGreaterThan(CASES / 40);
    });

    it('mean in either form what each means, wherever they can be joined', async () => {
      const counts = { joined: 0, single: 0, final: 0 };
      await overLakes(CASES * 2, questionsArbitrary, async (questions, _scale, [, known]) => {
        if (known === undefined) throw new Error('there are two states');
        const { charges, state } = known;
        const asks = questions.flatMap((question) =>
          planQuery(question, state, [duckdb]).parts.flatMap(({ plan }) => asksOf(plan)),
        );
        const taken = asks.flatMap(({ fragment }) => takeApart(fragment) ?? []);
        for (const all of Map.groupBy(taken, ({ key }) => key).values()) {
          if (!haveOneBucket(all)) continue;
          counts.joined += 1;
          for (const form of [joinOverRows(all), joinOverGroups(all)]) {
            if (form === null) continue;
            counts[form.step] += 1;
            const { numbers } = setsOf(all);
            const rows = reference(form, charges);
            for (const [i, { root }] of all.entries()) {
              const own = rows.filter((row) => row['$set'] === BigInt(numbers[i] ?? -1));
              expect(sorted(own, outputColumns(root))).toEqual(
                sorted(reference(root, charges), outputColumns(root)),
              );
            }
          }
        }
      });
      expect(counts.single).toBeGreaterThan(counts.joined / 2);
      expect(counts.final).toBeGreaterThan(counts.joined / 2);
    });
  },
);

type Known = { readonly charges: readonly Charge[]; readonly state: TenantState };

function sorted(rows: readonly Row[], columns: readonly string[]): string[] {
  return rows.map((row) => columns.map((name) => `${row[name]}`).join('|')).sort();
}

function countForms(forms: Map<string, number>, plans: readonly QueryPlan[]): void {
  const asks = new Set(plans.flatMap(({ parts }) => parts.flatMap(({ plan }) => asksOf(plan))));
  for (const { fragment } of asks) {
    if (fragment.kind === 'GroupingSets') forms.set(fragment.step, (forms.get(fragment.step) ?? 0) + 1);
  }
}
