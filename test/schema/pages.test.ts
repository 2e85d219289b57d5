import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { COLUMNS_FIRST_MAX, ROWS_FIRST_MAX } from '../../src/schema/selection.ts';
import { cannedEngine } from '../support/canned-engine.ts';
import type { Harness } from '../support/graphql-harness.ts';
import { startGraphql } from '../support/graphql-harness.ts';

const { engine, asked } = cannedEngine({
  rows: Array.from({ length: 5 }, (_, i) => ({
    keys: { service_name: `s${i}` },
    measures: { count: 1n },
  })),
  totals: { count: 5n },
});
let harness: Harness;
beforeAll(async () => {
  harness = await startGraphql(engine);
});
afterAll(() => harness.close());
beforeEach(() => {
  asked.bind.length = 0;
});

const PAGE_INFO = 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';

function costs(selection: string, query = ''): string {
  return `costs(query: { period: { month: "2018-10" }, groupBy: ["service_name"] ${query} }) { ${selection} }`;
}
const valuesOf = (connection: { nodes: { keys: { value: string }[] }[] }): unknown[] =>
  connection.nodes.map((node) => node.keys[0]?.value);

describe('pages', () => {
  it('follow each other without gap or repetition, pinned to the version of the first', async () => {
    const page = (after: string) =>
      harness.ask(
        `{ ${costs(`version rows(first: 2 ${after}) { nodes { keys { value } } ${PAGE_INFO} }`)} }`,
      );
    const first = await page('');
    const { rows, version } = first.data.costs;
    expect(valuesOf(rows)).toEqual(['s0', 's1']);
    expect(rows.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const second = await page(`after: "${rows.pageInfo.endCursor}"`);
    expect(valuesOf(second.data.costs.rows)).toEqual(['s2', 's3']);
    expect(second.data.costs.rows.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
    expect(asked.bind[1]?.query.knowledge).toEqual({ version, rules: null });
    const third = await page(`after: "${second.data.costs.rows.pageInfo.endCursor}"`);
    expect(valuesOf(third.data.costs.rows)).toEqual(['s4']);
    expect(third.data.costs.rows.pageInfo).toMatchObject({ hasNextPage: false });
    const past = await page(`after: "${third.data.costs.rows.pageInfo.endCursor}"`);
    expect(past.data.costs.rows).toEqual({
      nodes: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: true, startCursor: null, endCursor: null },
    });
  });

  it('start after any edge, and columns after a cursor of rows', async () => {
    const { data } = await harness.ask(`{ ${costs('rows { edges { cursor node { keys { value } } } }')} }`);
    const { cursor, node } = data.costs.rows.edges[2];
    expect(node.keys[0].value).toBe('s2');
    const next = await harness.ask(
      `{ ${costs(`columns(first: 1, after: "${cursor}") { columns { values } }`)} }`,
    );
    expect(next.data.costs.columns.columns[0].values).toEqual(['s3']);
  });

  it('of several aliases are cut from one stretch', async () => {
    const start = await harness.ask(`{ ${costs(`rows(first: 3) { ${PAGE_INFO} }`)} }`);
    const { endCursor } = start.data.costs.rows.pageInfo;
    const { data } = await harness.ask(
      `{ ${costs(`
      a: rows(first: 1) { nodes { keys { value } } }
      b: rows(first: 2, after: "${endCursor}") { nodes { keys { value } } }`)} }`,
    );
    expect([data.costs.a, data.costs.b].map(valuesOf)).toEqual([['s0'], ['s3', 's4']]);
    expect(asked.bind.at(-1)?.wanted.rows).toMatchObject({ offset: 0, limit: 5 });
  });

  it('are refused after a cursor of another query, another version, or nobody', async () => {
    const { data } = await harness.ask(`{ ${costs(`rows(first: 1) { ${PAGE_INFO} }`)} }`);
    const { endCursor } = data.costs.rows.pageInfo;
    const attempts = [
      costs(`rows(after: "${endCursor}") { totalCount }`, ', granularity: DAY'),
      costs(`rows(after: "${endCursor}") { totalCount }`, ', knowledge: { version: "v-other" }'),
      costs(`rows(after: "forged") { totalCount }`),
    ];
    for (const attempt of attempts) {
      const { data, errors } = await harness.ask(`{ ${attempt} }`);
      expect(data).toEqual({ costs: null });
      expect(errors).toMatchObject([{ path: ['costs'], extensions: { code: 'BAD_CURSOR' } }]);
    }
  });

  it.each([
    ['rows', -1],
    ['rows', ROWS_FIRST_MAX + 1],
    ['columns', COLUMNS_FIRST_MAX + 1],
  ])('%s(first: %i) is BAD_PAGE', async (field, first) => {
    const selection = field === 'rows' ? 'totalCount' : 'rowCount';
    const { errors } = await harness.ask(`{ ${costs(`${field}(first: ${first}) { ${selection} }`)} }`);
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_PAGE' } }]);
  });
});

describe('lists of the catalog', () => {
  it('page through dimensions by key and label, and through the values of one', async () => {
    const tags =
      '{ dimensions(origin: TAG, first: 1) { totalCount nodes { key origin cardinality } pageInfo { hasNextPage endCursor } } }';
    const { data } = await harness.ask(tags);
    expect(data.dimensions).toMatchObject({
      totalCount: 2,
      nodes: [{ key: 'tag:Application', origin: 'TAG', cardinality: '3' }],
      pageInfo: { hasNextPage: true },
    });
    const after = data.dimensions.pageInfo.endCursor;
    const next = await harness.ask(
      `{ dimensions(origin: TAG, first: 1, after: "${after}") { nodes { key } } }`,
    );
    expect(next.data.dimensions.nodes).toEqual([{ key: 'tag:Environment' }]);
    const foreign = await harness.ask(`{ dimensions(after: "${after}") { totalCount } }`);
    expect(foreign.errors).toMatchObject([{ extensions: { code: 'BAD_CURSOR' } }]);

    const found = await harness.ask('{ dimensions(search: "SERVICE N") { nodes { key label } } }');
    expect(found.data.dimensions.nodes).toEqual([{ key: 'service_name', label: 'Service Name' }]);
    const values = await harness.ask(
      '{ dimension(key: "service_name") { values(first: 5) { totalCount nodes { value label } } } none: dimension(key: "x") { key } }',
    );
    expect(values.data).toEqual({
      dimension: {
        values: {
          totalCount: 3,
          nodes: [
            { value: 'Amazon EC2', label: 'Amazon EC2' },
            { value: 'Amazon S3', label: 'Amazon S3' },
            { value: null, label: '(none)' },
          ],
        },
      },
      none: null,
    });
  });

  it('say who asks and how fresh the data is', async () => {
    const { data } = await harness.ask(
      '{ viewer { tenant subject scopes } freshness { billedThrough newestEvent lag complete } sources { totalCount } }',
    );
    expect(data).toEqual({
      viewer: { tenant: 'demo', subject: 'local', scopes: ['read', 'write', 'rules', 'admin'] },
      freshness: { billedThrough: '2018-11-01T00:00:00Z', newestEvent: null, lag: null, complete: true },
      sources: { totalCount: 0 },
    });
  });
});
