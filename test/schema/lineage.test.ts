import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { LIST_FIRST_MAX } from '../../src/schema/catalog-types.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import { focusRow } from '../support/focus-file.ts';
import type { GraphqlResult, Harness } from '../support/graphql-harness.ts';
import { startGraphql } from '../support/graphql-harness.ts';

const RULES = `version: 1
dimensions:
  - key: application
    rules:
      - name: by its tag
        valueOf: { key: 'tag:Application' }
  - key: team
    rules: [{ value: shop, when: { key: application, in: [web] } }]
    otherwise: platform
splits:
  - name: shared by agreement
    when: { key: application, in: [shared] }
    to: [customer]
    by: { fixed: { a: '0.5', b: '0.25' } }
`;
const acme = tenant('acme');
const other = tenant('other');
let who = acme;
let deployment: Deployment;
let harness: Harness;
beforeAll(async () => {
  deployment = await openTestDeployment();
  harness = await startGraphql(deployment.engine, {
    authenticate: async () => ({ tenant: who, subject: 'ada', scopes: new Set(['read'] as const) }),
  });
  await load(acme, '');
  await load(other, '0');
  const request = {
    source: RULES,
    lookupFile: () => null,
    baseVersion: null,
    dryRun: false,
    by: 'ada',
    at: 0,
  };
  const published = await deployment.engine.rules.publish({ tenant: acme, ...request, at: Date.now() });
  expect(published.kind).toBe('published');
});
afterAll(async () => {
  await harness.close();
  await deployment[Symbol.asyncDispose]();
});

/** Three charges; those of the other tenant cost ten times as much. */
async function load(owner: typeof acme, zeros: string) {
  const charge = (service: string, cost: string, tags: string | null) =>
    focusRow({ ServiceName: service, EffectiveCost: `${cost}${zeros}`, Tags: tags, RegionId: 'eu-west-1' });
  await deployment.load(owner, 'focus', [
    charge('EC2', '10', '{"Application":"shared"}'),
    charge('S3', '-4', '{"Application":"shared"}'),
    charge('RDS', '3', '{"Application":"web"}'),
  ]);
}

const ITEM = `amount rounding
  origin { amount currency source from to keys { dimension value } }
  steps { rule { ruleSet dimension rule line } numerator denominator method driver }
  exchangeRate { rate }`;

function ask(
  query: string,
  lineage: string,
  fields = `nodes { ${ITEM} } totalCount`,
): Promise<GraphqlResult> {
  return harness.ask(`{
    costs(query: { period: { month: "2024-09" } ${query} }) {
      rows { nodes { keys { value kind } effectiveCost isRemainder lineage${lineage} { ${fields} } } }
    }
  }`);
}

async function rowsOf(query: string, lineage = '') {
  const { data, errors } = await ask(query, lineage);
  expect(errors).toBeUndefined();
  return data.costs.rows.nodes;
}

const amounts = (row: { lineage: { nodes: { amount: string }[] } }) =>
  row.lineage.nodes.map(({ amount }) => Number(amount));

describe('lineage', () => {
  it('names the charge, the share and the split that an amount came of, with its line', async () => {
    const [a, b, none] = await rowsOf('groupBy: ["customer"]');
    expect([a, b, none].map(amounts)).toEqual([
      [6.666666666666, -2.666666666666],
      [3.333333333334, -1.333333333334],
      [3],
    ]);
    expect([a, b, none].map(({ effectiveCost }) => Number(effectiveCost))).toEqual([4, 2, 3]);
    expect(b.lineage.nodes[0]).toEqual({
      amount: '3.333333333334',
      rounding: '0.000000000001',
      exchangeRate: null,
      origin: {
        amount: '10.000000000000',
        currency: 'USD',
        source: 'focus',
        from: '2024-09-18T22:00:00Z',
        to: '2024-09-18T23:00:00Z',
        keys: [
          { dimension: 'customer', value: 'b' },
          { dimension: 'service_name', value: 'EC2' },
          { dimension: 'sub_account_id', value: '210987654321' },
          { dimension: 'region_id', value: 'eu-west-1' },
          { dimension: 'charge_category', value: 'Usage' },
        ],
      },
      steps: [
        {
          rule: { ruleSet: '1', dimension: 'customer', rule: 'shared by agreement', line: 11 },
          numerator: '1.000000000000',
          denominator: '3.000000000000',
          method: 'FIXED',
          driver: null,
        },
      ],
    });
    expect(none.lineage.nodes[0].steps).toEqual([]);
  });

  it('names the rules that gave the dimensions of a row', async () => {
    const [platform, shop] = await rowsOf('groupBy: ["team", "application"]');
    const stepsOf = (row: typeof shop) =>
      row.lineage.nodes[0].steps.map(({ rule, method }: typeof row) => [rule.rule, rule.line, method]);
    expect(stepsOf(shop)).toEqual([
      ['team#1', 8, 'RULE'],
      ['by its tag', 5, 'RULE'],
    ]);
    expect(stepsOf(platform)).toEqual([
      ['otherwise', 7, 'OTHERWISE'],
      ['by its tag', 5, 'RULE'],
    ]);
    expect(amounts(platform)).toEqual([10, -4]);
  });

  it('is of the bucket and the filter of the row, before splits where the question is', async () => {
    const query =
      'granularity: DAY, splits: NONE, filter: { dimension: { key: "service_name", in: ["S3", "RDS"] } }';
    expect((await rowsOf(query)).map(amounts)).toEqual([[-4, 3]]);
  });

  it('adds up to the remainder of top', async () => {
    const [first, rest] = await rowsOf('groupBy: ["service_name"], top: { count: 1 }');
    expect(amounts(first)).toEqual([10]);
    expect(rest.isRemainder).toBe(true);
    expect(amounts(rest)).toEqual([-4, 3]);
  });

  it('is paged', async () => {
    const fields = 'edges { cursor node { amount } } pageInfo { hasNextPage endCursor } totalCount';
    const page = async (after: string) => {
      const { data, errors } = await ask('', `(first: 2 ${after})`, fields);
      return errors?.[0]?.extensions.code ?? data.costs.rows.nodes[0].lineage;
    };
    const first = await page('');
    expect(first).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: true }, edges: { length: 2 } });
    const cursor = first.pageInfo.endCursor;
    expect(first.edges[1].cursor).toBe(cursor);
    expect(await page(`after: "${cursor}"`)).toMatchObject({
      edges: [{ node: { amount: '3.000000000000' } }],
      pageInfo: { hasNextPage: false },
    });
    expect(await page(`after: "${cursor}", of: BILLED_COST`)).toBe('BAD_CURSOR');
    who = other;
    expect(await page(`after: "${cursor}"`)).toBe('BAD_CURSOR');
    who = acme;
  });

  it("is of the caller's tenant alone", async () => {
    who = other;
    expect((await rowsOf('')).map(amounts)).toEqual([[100, -40, 30]]);
    who = acme;
    expect((await rowsOf('')).map(amounts)).toEqual([[10, -4, 3]]);
  });

  it('is refused for counts, for pages too large, and for rows inside other rows, which stand without it', async () => {
    const errorOf = async (lineage: string) => {
      const { data, errors } = await ask('', lineage);
      expect(data.costs.rows.nodes[0]).toMatchObject({ effectiveCost: '9.000000000000', lineage: null });
      return errors?.[0]?.extensions.code;
    };
    expect(await errorOf('(of: CHARGE_COUNT)')).toBe('BAD_QUERY');
    expect(await errorOf(`(first: ${LIST_FIRST_MAX + 1})`)).toBe('BAD_PAGE');
    expect(await errorOf('(first: -1)')).toBe('BAD_PAGE');
    const { data, errors } = await harness.ask(`{
      costs(query: { period: { month: "2024-09" } }) {
        rows { nodes { costs(groupBy: ["service_name"]) { rows { nodes { lineage { totalCount } } } } } }
      }
    }`);
    expect(data.costs.rows.nodes[0].costs.rows.nodes[0]).toEqual({ lineage: null });
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'BAD_QUERY',
      hint: expect.stringContaining('Group'),
    });
  });
});
