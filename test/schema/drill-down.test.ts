import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { DRILL_DOWN_ROWS_MAX } from '../../src/schema/drill-down.ts';
import type { CannedRow } from '../support/canned-engine.ts';
import { cannedEngine } from '../support/canned-engine.ts';
import type { Harness } from '../support/graphql-harness.ts';
import { startGraphql } from '../support/graphql-harness.ts';

const UNIT = 10n ** 12n;
const inside = (dimension: string, value: string): CannedRow => ({
  keys: { [dimension]: value },
  measures: { count: 1n, 'sum(effective_cost)': UNIT },
});

const { engine, asked } = cannedEngine({
  rows: ['EC2', 'S3', 'RDS'].map((name, i) => ({ ...inside('service_name', name), bucket: i })),
  totals: { count: 4n, 'sum(effective_cost)': 4n * UNIT },
  // The rows inside a row carry its path in their value, so that a mix-up shows.
  drillDown: (parents, path) => {
    const [dimension = ''] = path.at(-1)?.groupBy ?? [];
    const trail = parents.map((parent) => parent.values.join('+')).join('/');
    return [inside(dimension, `${trail}/a`), inside(dimension, `${trail}/b`)];
  },
});
let harness: Harness;
beforeAll(async () => {
  harness = await startGraphql(engine);
});
afterAll(() => harness.close());
beforeEach(() => {
  asked.drillDown.length = 0;
});

async function askRows(selection: string, variables?: Record<string, unknown>, declare = '') {
  const { data, errors } = await harness.ask(
    `query Q ${declare} { costs(query: { period: { month: "2018-10" }, granularity: DAY, groupBy: ["service_name"] }) {
      rows { nodes { ${selection} } }
    } }`,
    variables,
  );
  expect(errors).toBeUndefined();
  return data.costs.rows.nodes;
}

describe('drill-down', () => {
  it('of all rows of a table is one query, and each row gets its own answer', async () => {
    const nodes = await askRows(
      'keys { value } costs(groupBy: ["region_id"]) { rows { totalCount nodes { keys { value } share } } totals { effectiveCost } }',
    );
    expect(asked.drillDown).toHaveLength(1);
    expect(asked.drillDown[0]).toMatchObject({
      path: [{ groupBy: ['region_id'], granularity: 'TOTAL', filter: null, orderBy: [], top: null }],
      wanted: {
        rows: { metrics: ['EFFECTIVE_COST'], offset: 0, limit: 100 },
        totals: { metrics: ['EFFECTIVE_COST'] },
      },
      parents: [
        [{ values: ['EC2'], bucket: 0, isRemainder: false, kept: null }],
        [{ values: ['S3'], bucket: 1, isRemainder: false }],
        [{ values: ['RDS'], bucket: 2, isRemainder: false }],
      ],
    });
    expect(nodes[1]).toEqual({
      keys: [{ value: 'S3' }],
      costs: {
        rows: {
          totalCount: 2,
          nodes: [
            { keys: [{ value: 'S3/a' }], share: '0.250000000000' },
            { keys: [{ value: 'S3/b' }], share: '0.250000000000' },
          ],
        },
        totals: { effectiveCost: '4.000000000000' },
      },
    });
  });

  it('inside a drill-down is one query for all rows of that depth', async () => {
    const nodes = await askRows(
      'costs(groupBy: ["region_id"]) { rows { nodes { costs(groupBy: ["sub_account_id"]) { rows(first: 1) { nodes { keys { value } } } } } } }',
    );
    expect(asked.drillDown.map(({ parents }) => parents.length)).toEqual([3, 6]);
    expect(asked.drillDown[1]?.path.map(({ groupBy }) => groupBy)).toEqual([
      ['region_id'],
      ['sub_account_id'],
    ]);
    expect(asked.drillDown[1]?.parents[1]).toEqual([
      { values: ['EC2'], bucket: 0, isRemainder: false, kept: null },
      { values: ['EC2/b'], bucket: null, isRemainder: false, kept: null },
    ]);
    expect(nodes[2].costs.rows.nodes[1].costs.rows.nodes).toEqual([{ keys: [{ value: 'RDS/RDS/b/a' }] }]);
  });

  it('under two names is one query where arguments and selections are equal, else one each', async () => {
    await askRows(
      `
      a: costs(groupBy: ["region_id"]) { totals { effectiveCost } }
      b: costs(groupBy: $keys) { totals { effectiveCost } }
      c: costs(groupBy: ["region_id"]) { totals { billedCost } }`,
      { keys: ['region_id'] },
      '($keys: [DimensionKey!]!)',
    );
    expect(asked.drillDown.map(({ wanted }) => wanted.totals?.metrics)).toEqual([
      ['EFFECTIVE_COST'],
      ['BILLED_COST'],
    ]);
  });

  it('pages in step: a cursor from one row goes on in every row', async () => {
    const selection = (page: string) =>
      `costs(groupBy: ["region_id"]) { rows(first: 1 ${page}) { nodes { keys { value } } pageInfo { endCursor } } }`;
    const [first] = await askRows(selection(''));
    const nodes = await askRows(selection(`after: "${first.costs.rows.pageInfo.endCursor}"`));
    expect(nodes.map((node: { costs: { rows: { nodes: unknown } } }) => node.costs.rows.nodes)).toEqual([
      [{ keys: [{ value: 'EC2/b' }] }],
      [{ keys: [{ value: 'S3/b' }] }],
      [{ keys: [{ value: 'RDS/b' }] }],
    ]);
    expect(asked.bind.at(-1)?.query.knowledge.version).toMatch(/^v-/);
  });
});

describe('a failing drill-down', () => {
  it('is one that answers more rows than an operation may have', async () => {
    const many = cannedEngine({
      rows: Array.from({ length: 200 }, (_, i) => inside('service_name', `s${i}`)),
      totals: {},
      drillDown: () => Array.from({ length: 1_000 }, (_, i) => inside('region_id', `r${i}`)),
    });
    const large = await startGraphql(many.engine);
    const ask = (parents: number) =>
      large.ask(`{ costs(query: { period: { month: "2018-10" }, groupBy: ["service_name"] }) {
        rows(first: ${parents}) { nodes { costs(groupBy: ["region_id"]) { rows(first: 1000) { totalCount } } } } } }`);
    const most = DRILL_DOWN_ROWS_MAX / 1_000;
    expect(await ask(most)).not.toHaveProperty('errors');
    const { data, errors } = await ask(most + 1);
    await large.close();
    expect(data.costs.rows.nodes[0]).toEqual({ costs: null });
    expect(errors).toHaveLength(most + 1);
    expect(errors?.[0]?.extensions.code).toBe('TOO_LARGE');
  });

  it('leaves the rows that it was asked in', async () => {
    const failing = cannedEngine({ rows: [inside('service_name', 'EC2')], totals: {} });
    const broken = await startGraphql({
      ...failing.engine,
      drillDown: () => Promise.reject(new Error('select * from secret')),
    });
    const { data, errors } = await broken.ask(
      '{ costs(query: { period: { month: "2018-10" }, groupBy: ["service_name"] }) { rows { nodes { keys { value } costs { totals { effectiveCost } } } } } }',
    );
    await broken.close();
    expect(data.costs.rows.nodes).toEqual([{ keys: [{ value: 'EC2' }], costs: null }]);
    expect(errors).toMatchObject([
      {
        message: 'Something went wrong on our side',
        path: ['costs', 'rows', 'nodes', 0, 'costs'],
        extensions: { code: 'INTERNAL' },
      },
    ]);
    expect(JSON.stringify(errors)).not.toContain('secret');
  });
});
