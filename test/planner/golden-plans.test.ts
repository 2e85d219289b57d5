import { describe, expect, it } from 'vitest';
import type { CostQuery } from '../../src/planner/cost-query.ts';
import { formatPlan } from '../../src/planner/format-plan.ts';
import { formatRange } from '../../src/planner/plan.ts';
import { defaultPlanOptions, planQuery } from '../../src/planner/plan-query.ts';
import { duckdbOffer, fixedState, rolledUpState, ruledState } from '../support/fixed-state.ts';
import { question } from '../support/questions.ts';

/**
 * Whole questions to whole plans, shape only: no ids, no costs, so that a retuned coefficient rewrites nothing.
 * Read the difference before `npm run test:update`.
 */
const questions: Readonly<Record<string, Partial<CostQuery>>> = {
  'cost-of-a-month': {},
  'cost-by-service-and-day': { granularity: 'DAY', groupBy: ['service_name'] },
  'cost-by-service-in-berlin': { granularity: 'DAY', groupBy: ['service_name'], timeZone: 'Europe/Berlin' },
  'cost-of-one-service': {
    filter: { dimension: { key: 'service_name', in: ['CloudWatch Events'] } },
    groupBy: ['region_id'],
  },
  'cost-by-tag': { groupBy: ['tag:Environment'] },
  'cost-of-a-tag-by-resource': {
    groupBy: ['resource_id'],
    filter: { dimension: { key: 'tag:CostCenter', in: ['Cost001'] } },
  },
  'untagged-cost': {
    filter: { dimension: { key: 'tag:CostCenter', isNull: true } },
    groupBy: ['service_name'],
  },
  'top-services-with-remainder': {
    groupBy: ['service_name'],
    top: { count: 3, metric: 'EFFECTIVE_COST', by: null, remainder: true },
  },
  'movers-against-last-month': {
    period: { month: '2018-11' },
    compare: { month: '2018-10' },
    groupBy: ['service_name'],
    orderBy: [{ change: { metric: 'EFFECTIVE_COST', direction: 'DESC' } }],
  },
  'dear-services-only': { groupBy: ['service_name'], having: [{ metric: 'EFFECTIVE_COST', gt: '100' }] },
  'prorated-by-day': { granularity: 'DAY', timing: 'PRORATED' },
  'by-billing-month': { timeAxis: 'BILLING_PERIOD', granularity: 'MONTH', groupBy: ['invoice_id'] },
  contradiction: {
    filter: {
      all: [
        { dimension: { key: 'service_name', in: ['a', 'b'] } },
        { dimension: { key: 'service_name', in: ['c'] } },
      ],
    },
  },
  'folded-filter': {
    filter: {
      not: {
        any: [
          { dimension: { key: 'tag:CostCenter', notIn: ['Cost001', 'Cost002', 'Other'], includeNull: true } },
          { not: { dimension: { key: 'tag:CostCenter', startsWith: 'Cost' } } },
          { not: { dimension: { key: 'service_name', startsWith: 'Amazon' } } },
          { dimension: { key: 'billing_currency', isNull: true } },
        ],
      },
    },
  },
  'one-day-of-the-month': {
    groupBy: ['service_name'],
    filter: { dimension: { key: 'charge_period_start', startsWith: '2018-10-03' } },
  },
  'no-data-yet': { period: { month: '2020-01' }, groupBy: ['service_name'] },
};

const overRollups: Readonly<Record<string, Partial<CostQuery>>> = {
  'rolled-up-month-by-service': { granularity: 'MONTH', groupBy: ['service_name'] },
  'rolled-up-month-by-tag': {
    groupBy: ['tag:Environment'],
    filter: { dimension: { key: 'region_id', in: ['a'] } },
  },
  'rolled-up-by-account-left-out-of-days': { granularity: 'DAY', groupBy: ['sub_account_id'] },
  'rolled-up-half-months-in-berlin': {
    period: { from: '2018-10-15T10:00:00Z', to: '2018-11-02T00:00:00Z' },
    granularity: 'MONTH',
    timeZone: 'Europe/Berlin',
    groupBy: ['service_name'],
  },
};

const byRules: Readonly<Record<string, Partial<CostQuery>>> = {
  'rule-dimension-from-a-rollup': { granularity: 'MONTH', groupBy: ['team'] },
  'rule-dimension-filtered': {
    groupBy: ['region_id'],
    filter: { dimension: { key: 'team', in: ['compute'] } },
  },
  'split-by-driver-data': {
    groupBy: ['customer'],
    filter: { dimension: { key: 'tag:Environment', in: ['prod'] } },
  },
  'split-evenly': { granularity: 'DAY', groupBy: ['department'] },
};

describe('plans by rules', () => {
  it.each(Object.entries(byRules))('%s', async (name, query) => {
    const { parts } = planQuery(question(query, {}, ruledState), ruledState, [duckdbOffer]);
    const text = parts.map((part) => `${part.name}:\n${formatPlan(part.plan, 1)}\n`).join('');
    await expect(text).toMatchFileSnapshot(`plans/${name}.plan.txt`);
  });
});

describe('plans over rollups', () => {
  it.each(Object.entries(overRollups))('%s', async (name, query) => {
    const { parts, candidates } = planQuery(question(query), rolledUpState, [duckdbOffer]);
    const plans = parts.map((part) => `${part.name}:\n${formatPlan(part.plan, 1)}`);
    const ways = candidates().map(
      (each) => `${each.chosen ? '*' : '-'} ${formatRange(each)} ${each.source}: ${each.reason}`,
    );
    const text = [...plans, '-- candidates', ...ways, ''].join('\n');
    await expect(text).toMatchFileSnapshot(`plans/${name}.plan.txt`);
  });
});

describe('plans of whole questions', () => {
  it.each(Object.entries(questions))('%s', async (name, query) => {
    const plan = planQuery(question(query), fixedState, [duckdbOffer]);
    const parts = plan.parts.map((part) => `${part.name}:\n${formatPlan(part.plan, 1)}`);
    const fired = plan.rules.filter((rule) => rule.fired).map((rule) => rule.rule);
    const text = `${parts.join('\n')}\n-- fired: ${[...new Set(fired)].join(', ') || 'none'}\n`;
    await expect(text).toMatchFileSnapshot(`plans/${name}.plan.txt`);
  });

  it('finishes in the store when asked to: the whole plan is one Ask', async () => {
    const options = { ...defaultPlanOptions, finish: 'store' as const };
    const plan = planQuery(
      question(questions['movers-against-last-month'] ?? {}),
      fixedState,
      [duckdbOffer],
      options,
    );
    const [rows] = plan.parts;
    expect(rows?.plan.kind).toBe('Ask');
  });
});
