import { describe, expect, it } from 'vitest';
import type { CostQuery } from '../../src/planner/cost-query.ts';
import { duckdbCapabilities } from '../../src/connectors/duckdb/duckdb-capabilities.ts';
import { explainPlan, fingerprintOf } from '../../src/planner/explain-plan.ts';
import { measure, measuresOf } from '../../src/planner/measures.ts';
import { defaultPlanOptions, planQuery } from '../../src/planner/plan-query.ts';
import { formatPlan } from '../../src/planner/format-plan.ts';
import type { StoreName } from '../../src/planner/plan.ts';
import type { StoreOffer } from '../../src/planner/pushed-to-physical.ts';
import type { Wanted } from '../../src/planner/question.ts';
import { duckdbOffer, fixedState, rolledUpState } from '../support/fixed-state.ts';
import { question } from '../support/questions.ts';

const plan = (query: Partial<CostQuery>, wanted: Partial<Wanted> = {}) =>
  planQuery(question(query, wanted), fixedState, [duckdbOffer]);
const onService = (...values: string[]) => ({ dimension: { key: 'service_name', in: values } });
const notRun = () => ({ statement: '', rows: null, ms: null });

describe('the fingerprint', () => {
  const print = (query: Partial<CostQuery>) => fingerprintOf(plan(query));
  const base = { groupBy: ['region_id'], filter: onService('CloudWatch Events') };

  it.each<[string, Partial<CostQuery>]>([
    ['values', { ...base, filter: onService('a', 'b') }],
    ['a period', { ...base, period: { month: '2018-11' } }],
    ['a period without data', { ...base, period: { month: '2020-01' } }],
    ['a value that no file holds', { ...base, filter: onService('zzz') }],
  ])('is the same where %s differs', (_, query) => expect(print(query)).toBe(print(base)));

  it.each<[string, Partial<CostQuery>]>([
    ['the groups', { ...base, groupBy: ['source'] }],
    ['the dimension of the filter', { ...base, filter: { dimension: { key: 'source', in: ['aws'] } } }],
    ['the test', { ...base, filter: { dimension: { key: 'service_name', notIn: ['a'] } } }],
    ['the case', { ...base, filter: { dimension: { key: 'service_name', in: ['a'], ignoreCase: true } } }],
    [
      'what missing values do',
      { ...base, filter: { dimension: { key: 'service_name', in: ['a'], includeNull: true } } },
    ],
    ['the granularity', { ...base, granularity: 'DAY' }],
    ['the order', { ...base, orderBy: [{ metric: { metric: 'LIST_COST', direction: 'ASC' } }] }],
    ['a comparison', { ...base, compare: { month: '2018-09' } }],
  ])('is another where %s differs', (_, query) => expect(print(query)).not.toBe(print(base)));
});

describe('the parts of a plan', () => {
  it('are those that are wanted', () => {
    const measures = measuresOf('BILLED_COST');
    const names = (wanted: Partial<Wanted>) => plan({}, wanted).parts.map((part) => part.name);
    expect(names({ rows: null, totals: null })).toEqual([]);
    expect(names({ rows: null })).toEqual(['totals']);
    expect(names({ excluded: { measures } })).toEqual(['rows', 'excluded']);
  });

  it('have no totals of their own where the rows add up to them', () => {
    expect(plan({ groupBy: ['source'] }).totalsFromRows).toBe(true);
    const top = { count: 1, metric: 'LIST_COST', by: null, remainder: false } as const;
    const distinct = { totals: { measures: [measure('count-distinct', 'region_id')] } };
    for (const other of [
      plan({ groupBy: ['source'], top }),
      plan({ having: [{ metric: 'LIST_COST', gt: '1' }] }),
      plan({ timing: 'PRORATED' }),
      plan({}, distinct),
    ]) {
      expect(other.totalsFromRows).toBe(false);
      expect(other.parts.map((part) => part.name)).toEqual(['rows', 'totals']);
    }
  });
});

describe('what explain is told', () => {
  it('each way to answer each stretch of time, that of the compared period too', () => {
    const { candidates } = plan({
      period: { month: '2018-11' },
      compare: { month: '2018-09' },
      groupBy: ['source'],
    });
    expect(candidates()).toHaveLength(1); // No file is of September.
    const both = plan({ period: { month: '2018-10' }, compare: { month: '2018-11' }, groupBy: ['source'] });
    expect(both.candidates().map(({ from, chosen }) => [new Date(from).toISOString(), chosen])).toEqual([
      ['2018-10-01T00:00:00.000Z', true],
      ['2018-11-01T00:00:00.000Z', true],
    ]);
  });

  it('what was left out, also where nothing is left to read', () => {
    const nothing = plan({ period: { month: '2020-01' }, groupBy: ['source'] });
    const { pruning, estimate } = explainPlan(nothing, fixedState, notRun, { planningMs: 1, totalMs: null });
    expect(pruning).toMatchObject({ filesTotal: 4, filesRead: 0, bytesTotal: 4_000_000, bytesRead: 0 });
    expect(pruning.skipped.map(({ reason, files }) => [reason, files])).toEqual([
      ['TIME', 3],
      ['NOT_LIVE', 1],
    ]);
    expect(estimate).toEqual({ rows: 0, bytes: 0, ms: 0, usd: 0, qError: null });
  });

  it('how many rows each node is expected to give', () => {
    const { nodes } = explainPlan(plan({ groupBy: ['service_name'] }), fixedState, notRun, {
      planningMs: 1,
      totalMs: null,
    });
    const rows = nodes.map(({ operator, estimate }) => [operator, estimate.rows]);
    expect(rows).toMatchInlineSnapshot(`
      [
        [
          "Page",
          20,
        ],
        [
          "Ask",
          19,
        ],
        [
          "Aggregate single",
          19,
        ],
        [
          "Scan",
          60000,
        ],
      ]
    `);
  });

  it('which rules fired, in their order, with the plan before and after', () => {
    const asked = plan({ groupBy: ['tag:CostCenter'] });
    const { rules } = explainPlan(asked, fixedState, notRun, { planningMs: 1, totalMs: null });
    expect(rules.map(({ rule, fired }) => [rule, fired])).toEqual([
      ['simplify-filter', false],
      ['narrow-scan-range', false],
      ['use-rollups', false],
      ['dictionary-test-to-id-set', false],
      ['push-filter-below-lookup', false],
      ['prune-columns', true],
      ['aggregate-before-lookup', true],
      ['totals-from-rows', true],
    ]);
    const fired = rules.find(({ rule }) => rule === 'aggregate-before-lookup');
    expect(fired?.before).toContain('Aggregate single by (tag:CostCenter)');
    expect(fired?.after).toContain('Aggregate partial by (tag_set)');
  });

  it('that a rule is off: it did not fire', () => {
    const rulesOff = new Set(['aggregate-before-lookup']);
    const options = { ...defaultPlanOptions, rulesOff };
    const { rules } = planQuery(
      question({ groupBy: ['tag:CostCenter'] }),
      fixedState,
      [duckdbOffer],
      options,
    );
    expect(rules.find(({ rule }) => rule === 'aggregate-before-lookup')).toMatchObject({
      fired: false,
      reason: 'switched off',
    });
  });
});

describe('the planning budget', () => {
  it('leaves the charges to be read where weighing all sources would take too long', () => {
    const asked = question({ groupBy: ['service_name'] });
    const within = planQuery(asked, rolledUpState, [duckdbOffer]);
    expect(within.isPlain).toBe(false);
    const over = planQuery(asked, rolledUpState, [duckdbOffer], { ...defaultPlanOptions, stepsMax: 2 });
    expect(over.isPlain).toBe(true);
    const text = ({ parts }: typeof over) => parts.map((part) => formatPlan(part.plan)).join();
    expect(text(within)).toContain('Scan rollup day');
    expect(text(over)).toContain('Scan charges');
  });
});

describe('a store', () => {
  it('is expected to read of files what the range covers of them', () => {
    const estimate = (period: CostQuery['period']) => plan({ period }).candidates()[0]?.estimate;
    const month = estimate({ from: '2018-10-01T00:00:00Z', to: '2018-10-31T00:00:00Z' });
    const day = estimate({ from: '2018-10-09T00:00:00Z', to: '2018-10-10T00:00:00Z' });
    expect(month?.bytes).toBeGreaterThan(0);
    expect(day?.bytes).toBeLessThan((month?.bytes ?? 0) / 5);
    expect(day?.ms).toBeLessThan(month?.ms ?? 0);
  });

  it('that cannot do what is asked is not chosen; where none can, that is said', () => {
    const { filter, nodes } = duckdbOffer.capabilities;
    const weak = {
      ...duckdbOffer,
      capabilities: { ...duckdbOffer.capabilities, filter: { ...filter, in: 'superset' as const } },
    };
    const asked = question({ filter: onService('CloudWatch Events') });
    const { candidates } = planQuery(asked, fixedState, [weak, duckdbOffer]);
    expect(candidates().map(({ chosen, reason }) => [chosen, reason])).toEqual([
      [false, 'cannot filter service_name in ("CloudWatch Events") exactly'],
      [true, 'cheapest of 1 that can answer'],
    ]);
    expect(() => planQuery(asked, fixedState, [weak])).toThrow(
      /no store can answer: cannot filter service_name/,
    );
    const blind = {
      ...duckdbOffer,
      capabilities: { ...duckdbOffer.capabilities, nodes: { ...nodes, Scan: false } },
    };
    expect(() => planQuery(question(), fixedState, [blind])).toThrow(/does no Scan/);
  });

  it('that is cheaper is chosen', () => {
    const slow = { ...duckdbOffer, prices: { ...duckdbOffer.prices, startupMs: 1_000 } };
    const { candidates } = planQuery(question(), fixedState, [slow, duckdbOffer]);
    expect(candidates().map(({ chosen, reason }) => [chosen, reason])).toEqual([
      [false, 'dearer than charges in DUCKDB'],
      [true, 'cheapest of 2 that can answer'],
    ]);
  });
});

describe('a forced store', () => {
  const trino: StoreOffer = {
    ...duckdbOffer,
    store: 'TRINO',
    capabilities: { ...duckdbCapabilities, prorate: false },
    prices: { ...duckdbOffer.prices, startupMs: 1_000 },
  };
  const forced = (query: Partial<CostQuery>, forceStore: StoreName | null) =>
    planQuery(question(query), fixedState, [duckdbOffer, trino], { ...defaultPlanOptions, forceStore });
  const weighed = (query: Partial<CostQuery>, forceStore: StoreName | null) =>
    forced(query, forceStore)
      .candidates()
      .map(({ store, chosen, reason }) => [store, chosen, reason]);

  it('is the one that is asked, dearer as it may be; the others are weighed and say why not', () => {
    expect(weighed({}, null)).toEqual([
      ['DUCKDB', true, 'cheapest of 2 that can answer'],
      ['TRINO', false, 'dearer than charges in DUCKDB'],
    ]);
    expect(weighed({}, 'TRINO')).toEqual([
      ['DUCKDB', false, 'not allowed by Costgraph-Force-Store'],
      ['TRINO', true, 'cheapest of 1 that can answer'],
    ]);
    expect(forced({}, 'TRINO').parts.map(({ plan }) => formatPlan(plan))).toEqual([
      expect.stringContaining('Ask trino'),
    ]);
  });

  it('that cannot answer is refused with its obstacle', () => {
    expect(() => forced({ timing: 'PRORATED' }, 'TRINO')).toThrow(
      expect.objectContaining({
        code: 'STORE_UNABLE',
        message: 'TRINO cannot answer this: it does not prorate',
      }),
    );
    expect(weighed({ timing: 'PRORATED' }, 'DUCKDB')[0]).toEqual([
      'DUCKDB',
      true,
      'cheapest of 1 that can answer',
    ]);
  });

  it('that is not there is refused, also where no store would be asked', () => {
    for (const period of [{ month: '2018-10' }, { month: '2020-01' }]) {
      expect(() => forced({ period }, 'REDIS')).toThrow(
        expect.objectContaining({ code: 'STORE_UNABLE', message: expect.stringContaining('REDIS') }),
      );
    }
  });
});
