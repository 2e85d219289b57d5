import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { WantedInput } from '../../src/execute/engine.ts';
import { cannedEngine } from '../support/canned-engine.ts';
import type { Harness } from '../support/graphql-harness.ts';
import { startGraphql } from '../support/graphql-harness.ts';

const { engine, asked } = cannedEngine({
  rows: [{ keys: { service_name: 'Amazon EC2' }, measures: { count: 2n, 'sum(effective_cost)': 10n } }],
  totals: { count: 2n, 'sum(effective_cost)': 10n },
});
let harness: Harness;
beforeAll(async () => {
  harness = await startGraphql(engine);
});
afterAll(() => harness.close());
beforeEach(() => {
  for (const list of Object.values(asked)) list.length = 0;
});

const QUERY = 'query: { period: { month: "2018-10" }, groupBy: ["service_name"] }';

/** What a selection of the table asks of the engine. */
async function wantedBy(
  selection: string,
  { fragments = '', declare = '', variables = {} } = {},
): Promise<WantedInput> {
  const text = `query Q ${declare} { costs(${QUERY}) { ${selection} } } ${fragments}`;
  const { errors } = await harness.ask(text, variables);
  expect(errors).toBeUndefined();
  const [only, ...others] = asked.bind;
  expect(others).toEqual([]);
  if (!only) throw new Error('nothing was bound');
  return only.wanted;
}

const none = { metrics: [], amounts: [], distinct: [], shared: [], streams: [] };
const firstPage = { offset: 0, limit: 100 };

describe('what a selection asks of the engine', () => {
  it('asks for the metrics of the rows that are selected, and no others', async () => {
    expect(await wantedBy('rows { nodes { effectiveCost consumedUnit } }')).toEqual({
      rows: { ...none, metrics: ['CONSUMED_QUANTITY', 'EFFECTIVE_COST'], ...firstPage },
      totals: null,
      conservation: [],
    });
  });

  it('reads no rows for totals, and totals for a share of rows', async () => {
    expect(await wantedBy('totals { billedCost }')).toEqual({
      rows: null,
      totals: { ...none, metrics: ['BILLED_COST'] },
      conservation: [],
    });
    asked.bind.length = 0;
    expect(await wantedBy('rows { nodes { share(of: LIST_COST) } }')).toMatchObject({
      rows: { metrics: ['LIST_COST'] },
      totals: { metrics: ['LIST_COST'] },
    });
  });

  it('finds fields behind aliases, fragments, interfaces, edges and directives', async () => {
    const selection = `
      rows(first: 7) { ...Conn edges { node { ... on Amounts { listCost } billedCost @skip(if: true) } } }
      ... on CostTable { totals @include(if: $no) { effectiveCost } }`;
    const wanted = await wantedBy(selection, {
      declare: '($no: Boolean!)',
      variables: { no: false },
      fragments:
        'fragment Conn on CostRowConnection { nodes { cost: effectiveCost ...Row } } fragment Row on CostRow { chargeCount }',
    });
    expect(wanted.rows?.metrics.toSorted()).toEqual(['CHARGE_COUNT', 'EFFECTIVE_COST', 'LIST_COST']);
    expect(wanted).toMatchObject({ rows: { offset: 0, limit: 7 }, totals: null });
  });

  it('asks for conditional amounts once, whatever they are called', async () => {
    const filter = '{ dimension: { key: "tag:Application", isNull: true } }';
    const wanted = await wantedBy(
      `rows { nodes { a: amount(of: BILLED_COST, where: ${filter}) b: amount(of: BILLED_COST, where: $where) c: amount(of: LIST_COST) } }`,
      {
        declare: '($where: FilterInput)',
        variables: { where: { dimension: { key: 'tag:Application', isNull: true } } },
      },
    );
    expect(wanted.rows?.amounts).toEqual([
      { of: 'BILLED_COST', where: { dimension: { key: 'tag:Application', isNull: true } } },
    ]);
    expect(wanted.rows?.metrics).toEqual(['LIST_COST']);
  });

  it('covers the pages of several aliases by one stretch of rows', async () => {
    const { data } = await harness.ask(`{ costs(${QUERY}) { rows(first: 0) { pageInfo { endCursor } } } }`);
    expect(data.costs.rows.pageInfo.endCursor).toBeNull();
    asked.bind.length = 0;
    const wanted = await wantedBy(
      'a: rows(first: 5) { nodes { effectiveCost } } columns(first: 20, metrics: [LIST_COST]) { rowCount }',
    );
    expect(wanted.rows).toMatchObject({ offset: 0, limit: 20, metrics: ['EFFECTIVE_COST', 'LIST_COST'] });
  });

  it('runs nothing for what is known without: version, bounds and a plan', async () => {
    await wantedBy('version from to warnings { code } missing { from }');
    expect(asked.answer).toEqual([]);
    asked.bind.length = 0;
    const wanted = await wantedBy('explain { text }');
    expect(wanted).toMatchObject({ rows: { limit: 100 }, totals: { metrics: ['EFFECTIVE_COST'] } });
    expect(asked.answer).toEqual([]);
    expect(asked.explain).toEqual([false]);
  });

  it('answers a table once, however many of its fields are selected', async () => {
    await wantedBy('currency totals { effectiveCost } a: rows { totalCount } b: rows { totalCount }');
    expect(asked.answer).toHaveLength(1);
  });

  it('plans sibling tables of one operation by one clock, each by its own selection', async () => {
    await harness.ask(`{
      a: costs(query: { period: { last: "P1D" } }) { totals { effectiveCost } }
      b: costs(query: { period: { last: "P2D" } }) { totals { billedCost } }
    }`);
    expect(asked.bind.map(({ wanted }) => wanted.totals?.metrics)).toEqual([
      ['EFFECTIVE_COST'],
      ['BILLED_COST'],
    ]);
  });

  it('takes defaults and variables of the query as GraphQL coerces them', async () => {
    await harness.ask('query Q($q: CostQuery!) { costs(query: $q) { version } }', {
      q: {
        period: { month: '2018-10' },
        orderBy: [{ metric: { metric: 'EFFECTIVE_COST' } }],
        top: { count: 3 },
        groupBy: ['service_name'],
      },
    });
    expect(asked.bind[0]?.query).toMatchObject({
      granularity: 'TOTAL',
      orderBy: [{ metric: { metric: 'EFFECTIVE_COST', direction: 'DESC' } }],
      top: { count: 3, metric: 'EFFECTIVE_COST', by: null, remainder: true },
      timeZone: 'UTC',
      filter: null,
      compare: null,
    });
  });
});
