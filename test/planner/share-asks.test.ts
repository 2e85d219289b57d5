import { describe, expect, it } from 'vitest';

import type { TenantState } from '../../src/catalog/tenant-state.ts';
import type { CostQuery } from '../../src/planner/cost-query.ts';
import { estimateUse } from '../../src/planner/estimate-use.ts';
import { explainPlan } from '../../src/planner/explain-plan.ts';
import { formatPlan } from '../../src/planner/format-plan.ts';
import type { Ask } from '../../src/planner/plan.ts';
import { asksOf } from '../../src/planner/plan-tree.ts';
import type { QueryPlan } from '../../src/planner/plan-query.ts';
import { planQuery } from '../../src/planner/plan-query.ts';
import type { Wanted } from '../../src/planner/question.ts';
import { shareAsks } from '../../src/planner/share-asks.ts';
import { dedent } from '../support/dedent.ts';
import { duckdbOffer, fixedState, rolledUpState } from '../support/fixed-state.ts';
import { question } from '../support/questions.ts';

type Asked = readonly [query: Partial<CostQuery>, wanted?: Partial<Wanted>];

function share(
  asked: readonly Asked[],
  { state = fixedState, fits = () => true }: { state?: TenantState; fits?: (ask: Ask) => boolean } = {},
): QueryPlan[] {
  const plans = asked.map(([query, wanted]) => planQuery(question(query, wanted), state, [duckdbOffer]));
  return shareAsks(plans, state, [duckdbOffer], fits);
}

function asksIn(plans: readonly QueryPlan[]): Ask[] {
  return [...new Set(plans.flatMap(({ parts }) => parts.flatMap(({ plan }) => asksOf(plan))))];
}

const by = (...groupBy: string[]): Asked => [{ groupBy }];
const textOf = (plans: readonly QueryPlan[]) =>
  asksIn(plans)
    .map(({ fragment }) => formatPlan(fragment))
    .join('\n');
/** Every dimension has so many values that groups are as many as charges. */
const diverse: TenantState = {
  ...fixedState,
  statistics: new Map(
    [...fixedState.statistics].map(([key, known]) => [key, { ...known, distinct: 60_000 }]),
  ),
};

describe('shareAsks', () => {
  it('reads once for groups that are few when all are told apart, by making the fine ones first', () => {
    expect(textOf(share([by('service_name'), by('charge_category'), by()]))).toBe(
      dedent`
        GroupingSets final (), (charge_category), (service_name): count, sum(effective_cost)
          Aggregate partial by (charge_category, service_name): count, sum(effective_cost)
            Scan charges charge_period_start [2018-10-01T00:00Z, 2018-11-01T00:00Z) 2/4 files, time proven (charge_period_start, effective_cost, charge_category, service_name)
      `,
    );
  });

  it('groups each charge in several ways where the fine groups would be many', () => {
    const plans = share([
      by('service_name', 'region_id'),
      by('sub_account_id', 'charge_category'),
      [{ granularity: 'DAY' }],
    ]);
    expect(textOf(plans)).toBe(
      dedent`
        GroupingSets single (sub_account_id, charge_category), ($time), (service_name, region_id): count, sum(effective_cost)
          Bucket DAY in UTC
            Scan charges charge_period_start [2018-10-01T00:00Z, 2018-11-01T00:00Z) 2/4 files, time proven (charge_period_start, effective_cost, charge_category, sub_account_id, region_id, service_name)
      `,
    );
  });

  it('looks up after the fine groups, once for all', () => {
    expect(textOf(share([by('tag:Environment'), by('tag:CostCenter'), by('service_name')]))).toBe(
      dedent`
        GroupingSets final (tag:Environment), (tag:CostCenter), (service_name): count, sum(effective_cost)
          Lookup tags (tag:Environment, tag:CostCenter)
            Aggregate partial by (tag_set, service_name): count, sum(effective_cost)
              Scan charges charge_period_start [2018-10-01T00:00Z, 2018-11-01T00:00Z) 2/4 files, time proven (tag_set, charge_period_start, effective_cost, service_name)
      `,
    );
  });

  it('joins the parts of one question, which explain shows once and the guard counts once', () => {
    const having = [{ metric: 'EFFECTIVE_COST' as const, gt: '100' }];
    const apart = planQuery(question({ groupBy: ['service_name'], having }), fixedState, [duckdbOffer]);
    const [plan] = shareAsks([apart], fixedState, [duckdbOffer], () => true);
    if (!plan) throw new Error('the question has a plan');
    const [use, useApart] = [estimateUse(plan, fixedState), estimateUse(apart, fixedState)];
    expect(use.rows * 2n).toBe(useApart.rows);
    expect(use.ms).toBeLessThan(useApart.ms);
    expect(
      explainPlan(plan, fixedState, () => ({ statement: '', rows: null, ms: null }), {
        planningMs: 0,
        totalMs: null,
      }).text,
    ).toBe(
      dedent`
        rows:
          Page 100 from 0 by service_name
            Having EFFECTIVE_COST gt 100.000000000000
              OneSet by (service_name) of a shared scan
                Ask duckdb
                  GroupingSets final (), (service_name): count, sum(effective_cost)
                    Aggregate partial by (service_name): count, sum(effective_cost)
                      Scan charges charge_period_start [2018-10-01T00:00Z, 2018-11-01T00:00Z) 2/4 files, time proven (charge_period_start, effective_cost, service_name)
        totals:
          OneSet by () of a shared scan
            Ask duckdb, as above
      `,
    );
  });

  it.each<[string, readonly Asked[], TenantState?]>([
    [
      'groups as many as charges',
      [by('service_name', 'region_id'), by('resource_id', 'sub_account_id')],
      diverse,
    ],
    ['another time', [by('service_name'), [{ groupBy: ['region_id'], period: { month: '2018-11' } }]]],
    [
      'another filter',
      [
        by('service_name'),
        [{ groupBy: ['region_id'], filter: { dimension: { key: 'charge_category', in: ['Tax'] } } }],
      ],
    ],
    ['other buckets', [[{ granularity: 'DAY' }], [{ granularity: 'HOUR' }]]],
    [
      'charges that are spread over other buckets',
      [
        [{ timing: 'PRORATED' }, { totals: null }],
        [{ timing: 'PRORATED', granularity: 'DAY' }, { totals: null }],
      ],
    ],
    ['another source, that is cheaper for one', [by('service_name'), by('resource_id')], rolledUpState],
  ])('leaves apart: %s', (_, asked, state = fixedState) => {
    const plans = share(asked, { state });
    expect(asksIn(plans).every(({ fragment }) => fragment.kind !== 'GroupingSets')).toBe(true);
    expect(plans.every(({ rules }) => rules.every(({ rule }) => rule !== 'share-scans'))).toBe(true);
  });

  it('leaves apart what may not be run as one', () => {
    expect(asksIn(share([by('service_name'), by('region_id')], { fits: () => false }))).toHaveLength(2);
  });

  it('asks once for questions that differ only in what they show of the groups', () => {
    const [first, second] = share([
      by('service_name'),
      [{ groupBy: ['service_name'], having: [{ metric: 'BILLED_COST', gt: '1' }] }, { totals: null }],
    ]);
    expect(asksIn([first, second].flatMap((plan) => plan ?? []))).toHaveLength(1);
  });
});
