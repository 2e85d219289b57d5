import { describe, expect, it } from 'vitest';
import { formatInstant } from '../../../src/core/time-range.ts';
import {
  GROUP_BY_MAX,
  HAVING_MAX,
  ORDER_BY_MAX,
  TOP_COUNT_MAX,
  bindQuery,
} from '../../../src/planner/bind/bind-query.ts';
import { providerDimensions } from '../../../src/catalog/dimensions.ts';
import type { CostQuery } from '../../../src/planner/cost-query.ts';
import { DEMO } from '../../support/plans.ts';
import { NOW, costQuery } from '../../support/questions.ts';

const own = { tagKeys: new Set(['Application', 'CostCenter']), ruled: new Map() };
const bind = (query: Partial<CostQuery>, now = NOW) => bindQuery(DEMO, costQuery(query), own, now);
const metric = { metric: 'EFFECTIVE_COST', direction: 'DESC' } as const;
const top = { count: 3, metric: 'EFFECTIVE_COST', by: null, remainder: true } as const;

function failure(query: Partial<CostQuery>): unknown {
  try {
    return bind(query);
  } catch (error) {
    return error;
  }
}

describe('a question', () => {
  it('is of the tenant that asks, with all names and bounds resolved', () => {
    const { question, isRelative } = bind({
      granularity: 'MONTH',
      groupBy: ['service_name', 'tag:Application'],
      top,
      having: [{ metric: 'BILLED_COST', gt: '12.50', lte: '1e3' }],
    });
    expect(question).toMatchObject({
      tenant: DEMO,
      period: { from: Date.parse('2018-10-01'), to: Date.parse('2018-11-01') },
      compare: null,
      filter: { kind: 'true' },
      top: { count: 3, by: ['service_name', 'tag:Application'] },
      having: [
        { metric: 'BILLED_COST', op: 'gt', value: 12_500_000_000_000n },
        { metric: 'BILLED_COST', op: 'lte', value: 1_000_000_000_000_000n },
      ],
    });
    expect(question.buckets?.labels.map(formatInstant)).toEqual(['2018-10-01T00:00:00Z']);
    expect(isRelative).toBe(false);
  });

  it('orders by what is asked, then by time and the keys that are not named: a total order', () => {
    const { question } = bind({
      granularity: 'DAY',
      groupBy: ['region_id', 'service_name'],
      orderBy: [{ metric }, { dimension: { key: 'service_name', direction: 'DESC' } }],
    });
    expect(question.sort).toEqual([
      { by: 'metric', metric: 'EFFECTIVE_COST', direction: 'DESC' },
      { by: 'key', column: 'service_name', direction: 'DESC' },
      { by: 'key', column: '$time', direction: 'ASC' },
      { by: 'key', column: 'region_id', direction: 'ASC' },
    ]);
    expect(bind({ groupBy: ['region_id'] }).question.sort).toEqual([
      { by: 'key', column: 'region_id', direction: 'ASC' },
    ]);
  });

  it('ranks each dimension once', () => {
    const by = ['region_id', 'region_id'];
    expect(bind({ groupBy: ['region_id', 'source'], top: { ...top, by } }).question.top?.by).toEqual([
      'region_id',
    ]);
  });

  it.each<[boolean, Partial<CostQuery>]>([
    [false, { period: { from: '2018-10-01T00:00:00Z', to: '2018-10-02T00:00:00Z' } }],
    [false, { period: { month: '2018-11' } }],
    [true, { period: { last: 'P1D' } }],
    [true, { period: { toDate: 'MONTH' } }],
    [true, { period: { previous: 'MONTH' } }],
    [true, { compare: { previous: 'MONTH' } }],
    [false, { period: { month: '2018-10' }, compare: { month: '2018-09' } }],
    [true, { period: { month: '2018-11' }, compare: { month: '2018-10' } }], // Cut where November runs.
  ])('follows the clock: %s for %j', (isRelative, query) => {
    expect(bind(query).isRelative).toBe(isRelative);
  });

  it('has as many buckets of the compared period as that has', () => {
    const { question } = bind({
      granularity: 'DAY',
      period: { month: '2018-02' },
      compare: { month: '2018-01' },
    });
    expect(question.buckets?.labels).toHaveLength(28);
    expect(question.compareBuckets?.labels).toHaveLength(31);
  });
});

describe('a wrong question', () => {
  it('an unknown dimension, with the nearest known ones', () => {
    expect(failure({ groupBy: ['servce_name'] })).toMatchObject({
      code: 'UNKNOWN_DIMENSION',
      message: 'No dimension has the key "servce_name"',
      hint: 'Did you mean service_name?',
    });
    expect(failure({ groupBy: ['tag:application'] })).toMatchObject({
      hint: 'Did you mean tag:Application?',
    });
    expect(failure({ filter: { dimension: { key: 'regionId', in: [] } } })).toMatchObject({
      hint: 'Did you mean region_id?',
    });
    expect(failure({ groupBy: ['quite something else'] })).toMatchObject({
      hint: 'Query.dimensions lists the keys; tags are written tag:NAME.',
    });
  });

  it.each<[string, Partial<CostQuery>, RegExp]>([
    [
      'a dimension named twice',
      { groupBy: ['region_id', 'source', 'region_id'] },
      /groupBy names region_id twice/,
    ],
    ['top of none', { groupBy: ['region_id'], top: { ...top, count: 0 } }, /top.count is 0/],
    ['top of less than none', { groupBy: ['region_id'], top: { ...top, count: -1 } }, /top.count is -1/],
    [
      'top of too many',
      { groupBy: ['region_id'], top: { ...top, count: TOP_COUNT_MAX + 1 } },
      /top.count is 1001/,
    ],
    [
      'top by what is not grouped',
      { groupBy: ['region_id'], top: { ...top, by: ['source'] } },
      /top.by names source, groupBy does not/,
    ],
    ['top without groups', { top }, /top has nothing to rank/],
    ['top by nothing', { groupBy: ['region_id'], top: { ...top, by: [] } }, /top has nothing to rank/],
    [
      'order by change without compare',
      { orderBy: [{ change: metric }] },
      /orderBy names change, but there is no compare/,
    ],
    [
      'order by what is not grouped',
      { orderBy: [{ dimension: { key: 'source', direction: 'ASC' } }] },
      /orderBy names source, groupBy does not/,
    ],
    ['order by time without time', { orderBy: [{ time: 'ASC' }] }, /time at granularity TOTAL/],
    ['order by nothing', { orderBy: [{}] }, /entry of orderBy is empty/],
    ['having without a bound', { having: [{ metric: 'LIST_COST' }] }, /having on LIST_COST has no bound/],
    ['having with a word', { having: [{ metric: 'LIST_COST', gt: 'much' }] }, /having: "much" is no number/],
    [
      'having with more than an amount can be',
      { having: [{ metric: 'LIST_COST', lt: '1e26' }] },
      /"1e26" is beyond every amount/,
    ],
    [
      'having with less than an amount can be',
      { having: [{ metric: 'LIST_COST', gt: '-1e26' }] },
      /"-1e26" is beyond every amount/,
    ],
    ['having with an empty text', { having: [{ metric: 'LIST_COST', gt: '' }] }, /having: "" is no number/],
    [
      'spreading over billing periods',
      { timing: 'PRORATED', timeAxis: 'BILLING_PERIOD' },
      /PRORATED spreads a charge over its charge period/,
    ],
  ])('%s', (_, query, message) => {
    const error = failure(query);
    expect(error).toMatchObject({ code: 'BAD_QUERY', hint: expect.stringMatching(/./) });
    expect(String(error)).toMatch(message);
  });

  it('more of anything than the limit', () => {
    const keys = providerDimensions.map((dimension) => dimension.key).slice(0, GROUP_BY_MAX + 1);
    const having = { metric: 'LIST_COST', gt: '1' } as const;
    const repeat = <T>(item: T, count: number) => Array.from({ length: count }, () => item);
    const limits: readonly (readonly [Partial<CostQuery>, Partial<CostQuery>])[] = [
      [{ groupBy: keys.slice(1) }, { groupBy: keys }],
      [{ having: repeat(having, HAVING_MAX) }, { having: repeat(having, HAVING_MAX + 1) }],
      [{ orderBy: repeat({ metric }, ORDER_BY_MAX) }, { orderBy: repeat({ metric }, ORDER_BY_MAX + 1) }],
    ];
    limits.forEach(([within, over]) => {
      expect(failure(within)).toHaveProperty('question');
      expect(failure(over)).toMatchObject({ code: 'TOO_LARGE' });
    });
    expect(bind({ groupBy: ['region_id'], top: { ...top, count: TOP_COUNT_MAX } }).question.top?.count).toBe(
      1_000,
    );
  });

  it('no more than the largest amount that stores compare with', () => {
    const lt = `${'9'.repeat(26)}.${'9'.repeat(12)}`;
    expect(bind({ having: [{ metric: 'LIST_COST', lt }] }).question.having[0]?.value).toBe(10n ** 38n - 1n);
  });

  it('periods and zones, of the compared period too', () => {
    expect(failure({ period: {} })).toMatchObject({ code: 'BAD_PERIOD' });
    expect(failure({ compare: { month: 'x' } })).toMatchObject({
      code: 'BAD_PERIOD',
      message: 'compare.month: "x" is no month',
    });
    expect(failure({ timeZone: 'Europe/Berlon' })).toMatchObject({ code: 'BAD_TIME_ZONE' });
    const years = { period: { from: '2000-01-01T00:00:00Z', to: '2020-01-01T00:00:00Z' } };
    expect(failure({ ...years, granularity: 'HOUR' })).toMatchObject({ code: 'TOO_LARGE' });
  });
});
