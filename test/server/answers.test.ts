import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAuthenticate } from '../../src/access/authenticate.ts';
import { issueToken } from '../../src/access/issue-token.ts';
import type { TenantId } from '../../src/core/ids.ts';
import { tenantId } from '../../src/core/ids.ts';
import type { OpenEngine } from '../../src/server.ts';
import { openEngine } from '../../src/server.ts';
import { graphql } from '../generated/gql.ts';
import type { CostQuery, PagedQuery, TypedDocumentString } from '../generated/graphql.ts';
import type { GraphqlResult, Harness } from '../support/graphql-harness.ts';
import { startGraphql } from '../support/graphql-harness.ts';
import { makeDeployment } from './deployment.ts';

const secret = 'a secret of the tests, long enough';
let opened: OpenEngine;
let harness: Harness;
let remove: () => Promise<void>;
beforeAll(async () => {
  const deployment = await makeDeployment();
  remove = deployment.remove;
  opened = await openEngine(deployment.config);
  harness = await startGraphql(opened.engine, {
    authenticate: createAuthenticate({ kind: 'secret', secret }),
  });
});
afterAll(async () => {
  await harness.close();
  await opened[Symbol.asyncDispose]();
  await remove();
});

async function send(tenant: string, query: string, variables?: unknown): Promise<GraphqlResult> {
  // The tenants of the deployment have good names.
  const token = await issueToken(
    { tenant: tenantId(tenant) as TenantId, subject: 'test', scopes: ['read'], ttlSeconds: 60 },
    secret,
  );
  const response = await fetch(`${harness.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as GraphqlResult;
}

/** The data of a typed operation that succeeds. */
async function ask<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  tenant = 'demo',
): Promise<Result> {
  const { data, errors } = await send(tenant, document.toString(), variables);
  expect(errors).toBeUndefined();
  return data as Result;
}

const SEPTEMBER = { month: '2024-09' };

const byService = graphql(`
  query ByService($query: CostQuery!) {
    costs(query: $query) {
      currency
      from
      to
      version
      rows {
        totalCount
        nodes {
          time
          isRemainder
          keys {
            value
          }
          effectiveCost
          chargeCount
        }
      }
      columns(metrics: [EFFECTIVE_COST, CHARGE_COUNT]) {
        rowCount
        columns {
          name
          values
        }
      }
      totals {
        effectiveCost
        chargeCount
      }
      conservation {
        source
        attributed
        unattributed
        excluded
        hidden
        holds
      }
    }
  }
`);

describe('answers over real bills', () => {
  it('are exact, add up to the totals, and are proved', async () => {
    const query: CostQuery = { period: SEPTEMBER, groupBy: ['service_name'] };
    const { costs } = await ask(byService, { query });
    expect(costs).toMatchObject({
      currency: 'USD',
      from: '2024-09-01T00:00:00Z',
      to: '2024-10-01T00:00:00Z',
      rows: {
        totalCount: 3,
        nodes: [
          { time: null, keys: [{ value: 'AWS Lambda' }], effectiveCost: '-1.000000000000', chargeCount: '1' },
          { time: null, keys: [{ value: 'Amazon EC2' }], effectiveCost: '14.750000000000', chargeCount: '2' },
          { time: null, keys: [{ value: 'Amazon S3' }], effectiveCost: '2.000000000001', chargeCount: '1' },
        ],
      },
      totals: { effectiveCost: '15.750000000001', chargeCount: '4' },
      conservation: {
        source: '15.750000000001',
        attributed: '15.750000000001',
        unattributed: '0.000000000000',
        excluded: '0.000000000000',
        hidden: '0.000000000000',
        holds: true,
      },
    });
  });

  it('are the same as rows and as columns, at every granularity', async () => {
    for (const granularity of ['TOTAL', 'DAY', 'HOUR', 'MONTH'] as const) {
      const query: CostQuery = { period: SEPTEMBER, groupBy: ['service_name', 'region_id'], granularity };
      const { costs } = await ask(byService, { query });
      const rows = costs?.rows.nodes.map(({ time, keys, effectiveCost, chargeCount }) => [
        ...(granularity === 'TOTAL' ? [] : [time]),
        ...keys.map(({ value }) => value),
        effectiveCost,
        chargeCount,
      ]);
      const columns = costs?.columns.columns ?? [];
      const turned = Array.from({ length: costs?.columns.rowCount ?? 0 }, (_, i) =>
        columns.map(({ values }) => values[i]),
      );
      expect(turned).toEqual(rows);
      expect(rows?.length).toBe(4);
    }
  });

  it('keep what top leaves out as a remainder, and prove what having hides', async () => {
    const top: CostQuery = { period: SEPTEMBER, groupBy: ['service_name'], top: { count: 1 } };
    const { costs } = await ask(byService, { query: top });
    expect(costs?.rows.nodes).toMatchObject([
      { isRemainder: false, keys: [{ value: 'Amazon EC2' }], effectiveCost: '14.750000000000' },
      { isRemainder: true, keys: [{ value: null }], effectiveCost: '1.000000000001' },
    ]);
    const having: CostQuery = {
      period: SEPTEMBER,
      groupBy: ['service_name'],
      having: [{ metric: 'EFFECTIVE_COST', gt: '2' }],
    };
    const hidden = await ask(byService, { query: having });
    expect(hidden.costs).toMatchObject({
      rows: { totalCount: 2 },
      conservation: { hidden: '-1.000000000000', holds: true },
    });
  });

  it('drill down to rows that add up to the row, also where they are nested', async () => {
    const { costs } = await ask(
      graphql(`
        query DrillDown($query: CostQuery!) {
          costs(query: $query) {
            rows {
              nodes {
                keys {
                  value
                }
                effectiveCost
                costs(groupBy: ["region_id"]) {
                  totals {
                    effectiveCost
                  }
                  rows {
                    nodes {
                      keys {
                        value
                      }
                      effectiveCost
                      share
                      costs(groupBy: ["tag:Application"]) {
                        rows {
                          nodes {
                            keys {
                              value
                              label
                            }
                            effectiveCost
                          }
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      `),
      { query: { period: SEPTEMBER, groupBy: ['service_name'] } },
    );
    const compute = costs?.rows.nodes[1];
    expect(compute).toMatchObject({
      keys: [{ value: 'Amazon EC2' }],
      costs: {
        totals: { effectiveCost: '14.750000000000' },
        rows: {
          nodes: [
            {
              keys: [{ value: 'eu-west-1' }],
              effectiveCost: '4.250000000000',
              share: '0.288135593220',
              costs: {
                rows: {
                  nodes: [{ keys: [{ value: null, label: '(none)' }], effectiveCost: '4.250000000000' }],
                },
              },
            },
            {
              keys: [{ value: 'us-east-1' }],
              costs: {
                rows: {
                  nodes: [
                    { keys: [{ value: 'ordering', label: 'ordering' }], effectiveCost: '10.500000000000' },
                  ],
                },
              },
            },
          ],
        },
      },
    });
    for (const row of costs?.rows.nodes ?? [])
      expect(row.costs?.totals.effectiveCost).toBe(row.effectiveCost);
  });

  it('drill into what a drill-down leaves over, and on', async () => {
    const { data, errors } = await send(
      'demo',
      `{ costs(query: { period: { month: "2024-09" } }) { rows { nodes {
         costs(groupBy: ["service_name"], top: { count: 1 }) { rows { nodes {
           isRemainder
           distinct(of: "service_name") { count }
           costs(groupBy: ["tag:Application"], top: { count: 1 }) { rows { nodes {
             keys { label }
             costs(groupBy: ["service_name"]) { rows { nodes { keys { value } effectiveCost } } } } } } } } } } } } }`,
    );
    expect(errors).toBeUndefined();
    const inside = (value: string, effectiveCost: string) => ({
      rows: { nodes: [{ keys: [{ value }], effectiveCost }] },
    });
    const nodes = data.costs.rows.nodes[0].costs.rows.nodes;
    expect(nodes.map((node: { distinct: unknown }) => node.distinct)).toEqual([
      { count: '1' },
      { count: '2' },
    ]);
    expect(nodes[1]).toMatchObject({
      isRemainder: true,
      costs: {
        rows: {
          nodes: [
            { keys: [{ label: 'archive' }], costs: inside('Amazon S3', '2.000000000001') },
            { keys: [{ label: '(other)' }], costs: inside('AWS Lambda', '-1.000000000000') },
          ],
        },
      },
    });
  });

  it('compare two months: groups of either have a row', async () => {
    const { costs } = await ask(
      graphql(`
        query Change($query: CostQuery!) {
          costs(query: $query) {
            rows {
              nodes {
                keys {
                  value
                }
                effectiveCost
                change {
                  before
                  absolute
                  ratio
                }
              }
            }
            totals {
              change {
                before
                absolute
              }
            }
          }
        }
      `),
      {
        query: {
          period: { month: '2024-10' },
          compare: SEPTEMBER,
          groupBy: ['service_name'],
          orderBy: [{ change: { metric: 'EFFECTIVE_COST' } }],
        },
      },
    );
    expect(
      costs?.rows.nodes.map(({ keys, change }) => [keys[0]?.value, change?.absolute, change?.ratio]),
    ).toEqual([
      ['Amazon EC2', '5.250000000000', '0.355932203390'],
      ['Amazon RDS', '5.000000000000', null],
      ['AWS Lambda', '1.000000000000', '-1.000000000000'],
      ['Amazon S3', '-2.000000000001', '-1.000000000000'],
    ]);
    expect(costs?.totals.change).toEqual({ before: '15.750000000001', absolute: '9.249999999999' });
  });

  it('count under conditions and tell distinct values', async () => {
    const { costs } = await ask(
      graphql(`
        query Conditions($query: CostQuery!) {
          costs(query: $query) {
            totals {
              untagged: amount(
                of: EFFECTIVE_COST
                where: { dimension: { key: "tag:Application", isNull: true } }
              )
              credits: amount(
                of: CHARGE_COUNT
                where: { dimension: { key: "service_name", endsWith: "Lambda" } }
              )
              distinct(of: "region_id") {
                count
                exact
              }
            }
          }
        }
      `),
      { query: { period: SEPTEMBER } },
    );
    expect(costs?.totals).toEqual({
      untagged: '3.250000000000',
      credits: '1',
      distinct: { count: '2', exact: true },
    });
  });

  it('page without gap, at the version of the first page', async () => {
    const paged = graphql(`
      query Paged($query: CostQuery!, $after: String) {
        costs(query: $query) {
          version
          rows(first: 1, after: $after) {
            nodes {
              keys {
                value
              }
            }
            pageInfo {
              hasNextPage
              endCursor
            }
          }
        }
      }
    `);
    const query: CostQuery = { period: SEPTEMBER, groupBy: ['service_name'] };
    const values: unknown[] = [];
    let after: string | null = null;
    for (let hasNextPage = true; hasNextPage;) {
      const { costs }: PagedQuery = await ask(paged, { query, after });
      values.push(...(costs?.rows.nodes.map(({ keys }) => keys[0]?.value) ?? []));
      hasNextPage = costs?.rows.pageInfo.hasNextPage ?? false;
      after = costs?.rows.pageInfo.endCursor ?? null;
    }
    expect(values).toEqual(['AWS Lambda', 'Amazon EC2', 'Amazon S3']);
  });

  it('refuse to add up currencies, unless grouped by them', async () => {
    const text = byService.toString();
    const mixed = await send('acme', text, { query: { period: SEPTEMBER } });
    expect(mixed.errors).toMatchObject([{ extensions: { code: 'MIXED_CURRENCIES' } }]);
    const { costs } = await ask(
      byService,
      { query: { period: SEPTEMBER, groupBy: ['billing_currency'] } },
      'acme',
    );
    expect(costs).toMatchObject({
      currency: null,
      rows: { nodes: [{ effectiveCost: '3.000000000000' }, { effectiveCost: '7.000000000000' }] },
      totals: { effectiveCost: null, chargeCount: '2' },
    });
  });

  it('explain themselves without running, and with analyze after running', async () => {
    const explained = graphql(`
      query Explained($query: CostQuery!, $analyze: Boolean!) {
        costs(query: $query) {
          explain(analyze: $analyze) {
            fingerprint
            text
            mermaid
            planningMs
            nodes {
              operator
              store
              statement
              statistics {
                age
                confidence
                columns {
                  key
                  distinct
                  confidence
                }
              }
            }
            rules {
              rule
              fired
            }
            pruning {
              filesTotal
              filesRead
            }
            estimate {
              rows
              usd
            }
            actual {
              rows
            }
          }
        }
      }
    `);
    const query: CostQuery = { period: SEPTEMBER, groupBy: ['service_name', 'charge_category'] };
    const plan = (await ask(explained, { query, analyze: false })).costs?.explain;
    expect(
      plan?.nodes.some(({ store, statement }) => store === 'DUCKDB' && statement?.includes('SELECT')),
    ).toBe(true);
    const statistics = plan?.nodes.find(({ operator }) => operator.startsWith('Aggregate'))?.statistics;
    expect(statistics).toEqual({
      age: expect.stringMatching(/^PT[\d.]+S$/),
      confidence: 'COUNTED',
      columns: [
        { key: 'service_name', distinct: '4', confidence: 'COUNTED' },
        { key: 'charge_category', distinct: '1', confidence: 'COUNTED' },
      ],
    });
    expect(plan?.actual).toBeNull();
    expect(plan?.mermaid).toContain('flowchart');
    expect(plan?.pruning.filesRead).toBeLessThan(plan?.pruning.filesTotal ?? 0);
    const ran = (await ask(explained, { query, analyze: true })).costs?.explain;
    expect(ran?.fingerprint).toBe(plan?.fingerprint);
    expect(ran?.actual).not.toBeNull();
  });

  it('never cross tenants, by no cursor, version or name', async () => {
    const query: CostQuery = { period: SEPTEMBER, groupBy: ['service_name'] };
    const mine = await ask(byService, { query });
    const other = await send('acme', byService.toString(), {
      query: { ...query, knowledge: { version: mine.costs?.version } },
    });
    expect(other.errors).toMatchObject([{ extensions: { code: 'VERSION_EXPIRED' } }]);
    const page = (tenant: string, after: string) =>
      send(
        tenant,
        `{ costs(query: { period: { month: "2024-09" }, groupBy: ["service_name"], filter: { dimension: { key: "billing_currency", in: ["USD"] } } }) {
          rows(first: 1 ${after}) { totalCount pageInfo { endCursor } } } }`,
      );
    const { data } = await page('demo', '');
    const foreign = await page('acme', `after: "${data.costs.rows.pageInfo.endCursor}"`);
    expect(foreign.errors).toMatchObject([{ extensions: { code: 'BAD_CURSOR' } }]);
    const near = await send(
      'acme',
      '{ costs(query: { period: { month: "2024-09" }, groupBy: ["tag:Aplication"] }) { version } }',
    );
    expect(JSON.stringify(near.errors)).not.toContain('Application"');
    const values = await send('acme', '{ dimension(key: "service_name") { values { nodes { value } } } }');
    expect(values.data.dimension.values.nodes).toEqual([{ value: 'Dienst' }, { value: 'Secret Service' }]);
  });

  it('list dimensions, sources and freshness', async () => {
    const { data } = await send(
      'demo',
      `{ dimensions(origin: TAG) { nodes { key origin } }
         sources { nodes { name format charges quarantined billedThrough } }
         freshness { billedThrough complete } }`,
    );
    expect(data).toMatchObject({
      dimensions: { nodes: [{ key: 'tag:Application', origin: 'TAG' }] },
      sources: { nodes: [{ name: 'focus', charges: '6', quarantined: '0' }] },
    });
  });
});
