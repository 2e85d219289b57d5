/**
 * Goal: what changed between two states of knowledge is explained to the last unit. Method: random histories of bills,
 * rules and driver data through the real pipeline; restatements between any two of their states are held against plain
 * answers at these states, which were taken when they were the newest.
 */
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { TenantId } from '../../src/core/ids.ts';
import type { CauseKind, RestatedRow, RunOptions } from '../../src/execute/engine.ts';
import type { CostQuery, KnowledgeInput } from '../../src/planner/cost-query.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import type { BillRow } from '../support/focus-file.ts';
import { focusRow } from '../support/focus-file.ts';
import { costQuery } from '../support/questions.ts';
import { SEED } from '../support/seeded.ts';

/** Restatements looked at; `npm run fuzz` raises it. */
const CASES = Math.min(2_000, Number(process.env['COSTGRAPH_FUZZ_CASES'] ?? 500));
const RESTATEMENTS_A_HISTORY = 50;
const TIMEOUT_MS = 60_000 + CASES * 1_000;
const NOW = Date.parse('2024-11-15T12:00:00Z');
const options: RunOptions = {
  signal: new AbortController().signal,
  deadlineMs: 60_000,
  startedAt: Infinity,
  forceStore: null,
  noCache: false,
  rulesOff: new Set<string>(),
};

type Step =
  | { readonly kind: 'DATA'; readonly source: string; readonly rows: readonly BillRow[] }
  | { readonly kind: 'RULES'; readonly source: string }
  | { readonly kind: 'TELEMETRY'; readonly units: readonly (readonly [team: string, units: number])[] };

const teams = ['web', 'data', 'ops'];
const chargeArbitrary = fc
  .record({
    team: fc.constantFrom(...teams, null),
    service: fc.constantFrom('Compute', 'Shared'),
    hour: fc.integer({ min: 0, max: 2 }),
    units: fc.bigInt({ min: -(10n ** 14n), max: 10n ** 15n }),
  })
  .map(({ team, service, hour, units }) => {
    const cost = `${units}e-12`;
    return focusRow({
      BilledCost: cost,
      EffectiveCost: cost,
      ServiceName: service,
      ChargePeriodStart: `2024-09-18T0${hour}:00:00Z`,
      ChargePeriodEnd: `2024-09-18T0${hour + 1}:00:00Z`,
      Tags: team === null ? null : JSON.stringify({ team }),
    });
  });
const ruleTexts = [
  'version: 1\ndimensions:\n  - { key: team, rules: [{ coalesce: ["tag:team"] }] }\n',
  'version: 1\ndimensions:\n  - { key: team, rules: [{ value: web, when: { key: service_name, in: [Shared] } }], otherwise: ops }\n',
  `version: 1
dimensions:
  - { key: team, rules: [{ coalesce: ["tag:team"], when: { key: service_name, notIn: [Shared] } }] }
splits:
  - { when: { key: service_name, in: [Shared] }, to: [team], by: { telemetry: work, grain: hour }, noDriver: [spread: day] }
`,
];
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('DATA' as const),
    source: fc.constantFrom('aws', 'gcp'),
    rows: fc.array(chargeArbitrary, { minLength: 1, maxLength: 8 }),
  }),
  fc.record({ kind: fc.constant('RULES' as const), source: fc.constantFrom(...ruleTexts) }),
  fc.record({
    kind: fc.constant('TELEMETRY' as const),
    units: fc.array(fc.tuple(fc.constantFrom(...teams), fc.integer({ min: 0, max: 9 })), {
      minLength: 1,
      maxLength: 3,
    }),
  }),
);

let deployment: Deployment;
beforeAll(async () => {
  deployment = await openTestDeployment();
});
afterAll(() => deployment[Symbol.asyncDispose]());

async function take(who: TenantId, step: Step): Promise<void> {
  if (step.kind === 'DATA') await deployment.load(who, step.source, step.rows);
  else if (step.kind === 'RULES') await publish(who, step.source);
  else {
    const byTeam = new Map(step.units);
    const rows = [...byTeam].map(([value, units]) => ({
      time: '2024-09-18T01:00:00Z',
      keys: [{ dimension: 'team', value }],
      units: `${units}`,
    }));
    await deployment.engine.loadTelemetry(who, 'work', rows, options.signal);
  }
}

function publish(who: TenantId, source: string, dryRun = false) {
  const request = { tenant: who, source, lookupFile: () => null, baseVersion: null, dryRun, by: 'ada' };
  return deployment.engine.rules.publish({ ...request, at: Date.now() });
}

const byTeam: Partial<CostQuery> = { period: { month: '2024-09' }, groupBy: ['team'] };
const queries = [
  costQuery(byTeam),
  costQuery({ ...byTeam, granularity: 'HOUR', filter: { dimension: { key: 'team', in: ['web', 'ops'] } } }),
  costQuery({ ...byTeam, filter: { dimension: { key: 'team', isNull: true } }, groupBy: ['service_name'] }),
];

/** Total and groups, as questions answer them. */
async function said(who: TenantId, query: CostQuery, knowledge: KnowledgeInput = {}) {
  const metric = { metrics: ['EFFECTIVE_COST' as const], amounts: [], distinct: [] };
  const wanted = { rows: { ...metric, offset: 0, limit: 1_000 }, totals: metric, conservation: [] };
  const bound = await deployment.engine.bind(who, { ...query, knowledge }, wanted, NOW);
  const { rows, totals, timeLabels } = await deployment.engine.answer(bound, options);
  const column = (name: string) => rows?.columns.get(name) ?? [];
  const groups = Array.from({ length: rows?.length ?? 0 }, (_, i) => [
    JSON.stringify([
      timeLabels[Number(column('$time')[i] ?? 0)] ?? null,
      query.groupBy.map((key) => column(key)[i] ?? null),
    ]),
    column('sum(effective_cost)')[i] ?? 0n,
  ]);
  return {
    version: bound.version,
    total: totals?.('sum(effective_cost)') ?? 0n,
    groups: groups.sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1)),
  };
}

function groupsOf(rows: readonly RestatedRow[], of: 'before' | 'after') {
  return rows
    .map((row) => [JSON.stringify([row.time, row.values]), row[of]] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** A group that is not there, and one that sums to nothing, are both 0 in a restatement. */
function withoutZeros(groups: readonly (readonly unknown[])[]) {
  return groups.filter(([, amount]) => amount !== 0n);
}

describe(`restatements (seed: COSTGRAPH_FUZZ_SEED=${SEED})`, { timeout: TIMEOUT_MS }, () => {
  it('add up to the difference of two states, cause by cause, group by group', async () => {
    const met = new Set<CauseKind>();
    for (let history = 0; history * RESTATEMENTS_A_HISTORY < CASES; history++) {
      const who = tenant(`history-${history}`);
      const seed = SEED + history;
      const [steps = []] = fc.sample(fc.array(stepArbitrary, { minLength: 5, maxLength: 7 }), {
        seed,
        numRuns: 1,
      });
      await publish(who, ruleTexts[0] ?? '');
      await deployment.load(who, 'aws', [focusRow({ Tags: '{"team":"web"}' })]);
      const states = [await Promise.all(queries.map((query) => said(who, query)))];
      for (const step of steps) {
        await take(who, step);
        states.push(await Promise.all(queries.map((query) => said(who, query))));
      }
      const pairs = fc.record({
        query: fc.nat(queries.length - 1),
        from: fc.nat(steps.length),
        to: fc.nat(steps.length),
      });
      const property = fc.asyncProperty(pairs, async ({ query: which, from, to }) => {
        const [query, before, after] = [queries[which], states[from]?.[which], states[to]?.[which]];
        if (!query || !before || !after) throw new Error('each state was asked each question');
        const bound = await deployment.engine.bindRestatement({
          tenant: who,
          query,
          of: 'EFFECTIVE_COST',
          from: { version: before.version },
          to: { version: after.version },
          now: NOW,
        });
        const sums = await deployment.engine.restate(bound, options);
        expect(sums).toMatchObject({ before: before.total, after: after.total });
        expect(sums.causes.map(({ kind }) => kind)).toEqual(['DATA', 'TELEMETRY', 'RULES']);
        expect(sums.causes.reduce((sum, { delta }) => sum + delta, 0n)).toBe(sums.after - sums.before);
        const between = new Set<CauseKind>(
          steps.slice(Math.min(from, to), Math.max(from, to)).map(({ kind }) => kind),
        );
        const others = sums.causes.filter(({ kind }) => !between.has(kind));
        expect(others.filter(({ delta }) => delta !== 0n)).toEqual([]);
        const page = { offset: 0, limit: 1_000 };
        const { rows } = await deployment.engine.restatedRows(bound, page, options);
        expect(withoutZeros(groupsOf(rows, 'before'))).toEqual(withoutZeros(before.groups));
        expect(withoutZeros(groupsOf(rows, 'after'))).toEqual(withoutZeros(after.groups));
        for (const { kind, delta } of sums.causes) if (delta !== 0n) met.add(kind);
      });
      await fc.assert(property, {
        seed,
        numRuns: Math.min(CASES, RESTATEMENTS_A_HISTORY),
        endOnFailure: true,
      });
      for (const state of states) {
        const again = queries.map((query, i) => said(who, query, { version: state[i]?.version }));
        expect(await Promise.all(again)).toEqual(state);
      }
    }
    // Else the histories tell nothing.
    expect([...met].sort()).toEqual(['DATA', 'RULES', 'TELEMETRY']);
  });
});
