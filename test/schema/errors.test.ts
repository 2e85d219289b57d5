import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { COMPLEXITY_MAX } from '../../src/schema/complexity.ts';
import { ALIASES_MAX, DEPTH_MAX, FIELDS_MAX, TOKENS_MAX } from '../../src/schema/document-limits.ts';
import { costError } from '../../src/core/errors.ts';
import type { Canned } from '../support/canned-engine.ts';
import { cannedEngine } from '../support/canned-engine.ts';
import type { Harness } from '../support/graphql-harness.ts';
import { startGraphql } from '../support/graphql-harness.ts';

const canned: Canned = { rows: [], totals: { count: 0n } };
let harness: Harness;
beforeAll(async () => {
  harness = await startGraphql(cannedEngine(canned).engine);
});
afterAll(() => harness.close());

const costs = (query: string, selection = 'version') => `costs(query: { ${query} }) { ${selection} }`;
const OCTOBER = 'period: { month: "2018-10" }';

async function codeOf(operation: string, variables?: Record<string, unknown>): Promise<string | undefined> {
  const { errors } = await harness.ask(operation, variables);
  expect(errors?.every(({ message, extensions }) => message !== '' && extensions.hint !== '')).toBe(true);
  return errors?.[0]?.extensions.code;
}

describe('errors of the schema', () => {
  it.each([
    ['UNKNOWN_DIMENSION', costs(`${OCTOBER}, groupBy: ["servce_name"]`)],
    ['BAD_PERIOD', costs('period: { from: "2018-10-02T00:00:00Z", to: "2018-10-01T00:00:00Z" }')],
    ['BAD_PERIOD', costs('period: { month: "2018-10", last: "P1D" }')],
    ['BAD_TIME_ZONE', costs(`${OCTOBER}, timeZone: "Europe/Berln"`)],
    ['BAD_FILTER', costs(`${OCTOBER}, filter: { dimension: { key: "region_id" } }`)],
    ['BAD_QUERY', costs(`${OCTOBER}, groupBy: ["region_id"], top: { count: 0 }`)],
    ['BAD_QUERY', costs(`${OCTOBER}, deadline: "PT0S"`)],
    ['BAD_QUERY', costs(`${OCTOBER}, deadline: "P1M"`)],
    ['UNKNOWN_CLOSE', costs(`${OCTOBER}, knowledge: { close: "2018" }`)],
    ['BAD_REQUEST', costs('period: { from: "2018-10-01", to: "2018-11-01" }')],
    ['BAD_REQUEST', costs(`${OCTOBER}, currency: "usd"`)],
    ['BAD_REQUEST', costs(`${OCTOBER}, having: [{ metric: EFFECTIVE_COST, gt: "much" }]`)],
    ['BAD_REQUEST', costs(`${OCTOBER}, filter: { any: [], all: [] }`)],
    ['BAD_REQUEST', costs(OCTOBER, 'verson')],
    ['BAD_REQUEST', 'costs {'],
  ])('%s: %s', async (code, field) => {
    expect(await codeOf(`{ ${field} }`)).toBe(code);
  });

  it('say what may have been meant, for fields, enums and dimensions', async () => {
    const messages = await Promise.all(
      [
        costs(OCTOBER, 'verson'),
        costs(`${OCTOBER}, granularity: DAYS`),
        costs(`${OCTOBER}, groupBy: ["servce_name"]`),
      ].map(async (field) => {
        const { errors } = await harness.ask(`{ ${field} }`);
        return `${errors?.[0]?.message} ${errors?.[0]?.extensions.hint}`;
      }),
    );
    expect(messages[0]).toContain('Did you mean "version"');
    expect(messages[1]).toContain('Did you mean the enum value "DAY"');
    expect(messages[2]).toContain('Did you mean service_name');
  });

  it('name the variable that is wrong', async () => {
    const operation = 'query Q($q: CostQuery!) { costs(query: $q) { version } }';
    const { errors } = await harness.ask(operation, {
      q: { period: { month: '2018-10' }, granularity: 'DAYS' },
    });
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_REQUEST' } }]);
    expect(errors?.[0]?.message).toMatch(/\$q.*granularity.*"DAYS".*Did you mean/);
    expect(await codeOf(operation, {})).toBe('BAD_REQUEST');
    expect(
      await codeOf(operation, { q: { period: { month: '2018-10' }, filter: { any: [], not: { all: [] } } } }),
    ).toBe('BAD_REQUEST');
  });

  it('take numbers for decimals only where JSON keeps them exact', async () => {
    const operation =
      'query Q($v: Decimal) { costs(query: { period: { month: "2018-10" }, having: [{ metric: EFFECTIVE_COST, gt: $v }] }) { version } }';
    expect(await harness.ask(operation, { v: 12.5 })).not.toHaveProperty('errors');
    expect(await harness.ask(operation, { v: '12345678901234567890.123456789012' })).not.toHaveProperty(
      'errors',
    );
    expect(await codeOf(operation, { v: 0.1234567890123456 })).toBe('BAD_REQUEST');
  });

  it('leave sibling tables standing', async () => {
    const { data, errors } = await harness.ask(
      `{ good: ${costs(OCTOBER, 'from')} bad: ${costs(`${OCTOBER}, groupBy: ["x"]`)} }`,
    );
    expect(data).toEqual({ good: { from: '2018-10-01T00:00:00Z' }, bad: null });
    expect(errors).toMatchObject([{ path: ['bad'], extensions: { code: 'UNKNOWN_DIMENSION' } }]);
  });

  it('tell nothing of what they do not know', async () => {
    const error = new Error('SELECT secret FROM charges', { cause: new Error('password') });
    const broken = await startGraphql(cannedEngine({ ...canned, error }).engine);
    onTestFinished(() => broken.close());
    const { data, errors } = await broken.ask(`{ ${costs(OCTOBER, 'totals { effectiveCost }')} }`);
    expect(data).toEqual({ costs: null });
    expect(errors).toEqual([
      {
        message: 'Something went wrong on our side',
        locations: [{ line: 1, column: 3 }],
        path: ['costs'],
        extensions: { code: 'INTERNAL', hint: 'The log has the details under this time.' },
      },
    ]);
  });

  it('keep the names of our files to the log', async () => {
    const error = costError('TABLE_DAMAGED', {
      file: '/var/lake/demo/charges/1.avro',
      reason: 'it is cut off',
    });
    const engine = { ...cannedEngine(canned).engine, bind: () => Promise.reject(error) };
    const broken = await startGraphql(engine);
    onTestFinished(() => broken.close());
    const { errors } = await broken.ask(`{ ${costs(OCTOBER)} }`);
    expect(errors).toMatchObject([{ extensions: { code: 'STORE_FAILED' }, path: ['costs'] }]);
    expect(JSON.stringify(errors)).not.toContain('lake/demo');
  });

  it('keep the code of a store that failed', async () => {
    const error = costError('STORE_FAILED', { store: 'DUCKDB', reason: 'it is out of memory' });
    const broken = await startGraphql(cannedEngine({ ...canned, error }).engine);
    onTestFinished(() => broken.close());
    const { errors } = await broken.ask(`{ ${costs(OCTOBER, 'totals { effectiveCost }')} }`);
    expect(errors).toMatchObject([{ extensions: { code: 'STORE_FAILED' }, path: ['costs'] }]);
  });
});

describe('limits of an operation', () => {
  const nested = (levels: number): string =>
    levels === 0 ? 'totals { chargeCount }' : `rows { nodes { costs { ${nested(levels - 1)} } } }`;

  it(`allows a depth of ${DEPTH_MAX}, through fragments too, and no more`, async () => {
    // costs, three for each level, totals, chargeCount.
    const levels = Math.floor((DEPTH_MAX - 3) / 3);
    const shallow = `{ ${costs(OCTOBER, nested(levels).replaceAll('rows {', 'rows(first: 1) {'))} }`;
    expect(await harness.ask(shallow)).not.toHaveProperty('errors');
    expect(await codeOf(`{ ${costs(OCTOBER, nested(levels + 1))} }`)).toBe('QUERY_TOO_DEEP');
    const inFragments = `{ ${costs(OCTOBER, '...T')} } fragment T on CostTable { ${nested(levels + 1)} }`;
    expect(await codeOf(inFragments)).toBe('QUERY_TOO_DEEP');
  });

  it('ends with fragments that spread themselves', async () => {
    const cycle = `{ ${costs(OCTOBER, '...A')} } fragment A on CostTable { ...B } fragment B on CostTable { ...A }`;
    expect(await codeOf(cycle)).toBe('BAD_REQUEST');
  });

  it(`allows ${ALIASES_MAX} aliases, ${FIELDS_MAX} fields and ${TOKENS_MAX} tokens`, async () => {
    const aliases = (count: number) =>
      Array.from({ length: count }, (_, i) => `v${i}: viewer { tenant }`).join(' ');
    expect(await harness.ask(`{ ${aliases(ALIASES_MAX)} }`)).not.toHaveProperty('errors');
    expect(await codeOf(`{ ${aliases(ALIASES_MAX + 1)} }`)).toBe('QUERY_TOO_COMPLEX');
    // Each table has ten.
    const table = costs(OCTOBER, 'version from to warnings { code message } missing { from to }');
    const fields = (count: number) =>
      `{ ${Array.from({ length: count / 10 }, (_, i) => `t${i}: ${table}`).join(' ')} }`;
    expect(await harness.ask(fields(FIELDS_MAX))).not.toHaveProperty('errors');
    expect(await codeOf(`{ viewer { tenant } ${fields(FIELDS_MAX).slice(1)}`)).toBe('QUERY_TOO_COMPLEX');
    expect(await codeOf(`{ viewer { ${'a '.repeat(TOKENS_MAX)} } }`)).toBe('QUERY_TOO_COMPLEX');
  });

  it(`allows an answer of ${COMPLEXITY_MAX} values by its page sizes, whether given or not`, async () => {
    const drillDown = (first: string) =>
      `query Q($n: Int = 1000) { ${costs(OCTOBER, `rows(first: ${first}) { nodes { costs { rows(first: $n) { nodes { time } } } } }`)} }`;
    expect(await harness.ask(drillDown('100'))).not.toHaveProperty('errors');
    expect(await codeOf(drillDown('1000'))).toBe('QUERY_TOO_COMPLEX');
    expect(await harness.ask(drillDown('1000'), { n: 100 })).not.toHaveProperty('errors');
    expect(await codeOf(drillDown('10000'), { n: 100 })).toBe('QUERY_TOO_COMPLEX');
    // Where it is not given, less is expected than is allowed.
    const ofDefaults = (levels: number): string =>
      levels === 0 ? 'version' : costs(OCTOBER, nested(levels));
    expect(await harness.ask(`{ ${ofDefaults(4)} }`)).not.toHaveProperty('errors');
    expect(await codeOf(`{ ${ofDefaults(5)} }`)).toBe('QUERY_TOO_COMPLEX');
    const inFragment = `{ ${costs(OCTOBER, '...T')} } fragment T on CostTable {
      ${Array.from({ length: 60 }, (_, i) => `r${i}: rows(first: 10000) { nodes { time isRemainder } }`).join(' ')} }`;
    expect(await codeOf(inFragment)).toBe('QUERY_TOO_COMPLEX');
  });

  it('is fast to refuse fragments that multiply', async () => {
    const fragments = Array.from(
      { length: 100 },
      (_, i) => `fragment F${i} on CostTable { ...F${i + 1} ...F${i + 1} }`,
    ).join(' ');
    const started = performance.now();
    await harness.ask(`{ ${costs(OCTOBER, '...F0')} } ${fragments} fragment F100 on CostTable { version }`);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('lets the whole schema be introspected', async () => {
    const { getIntrospectionQuery } = await import('graphql');
    const { data, errors } = await harness.ask(
      getIntrospectionQuery({ inputValueDeprecation: true, oneOf: true, specifiedByUrl: true }),
    );
    expect(errors).toBeUndefined();
    expect(data.__schema.types.length).toBeGreaterThan(50);
  });
});
