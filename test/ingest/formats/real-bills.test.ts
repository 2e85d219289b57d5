import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mappedColumns } from '../../../src/ingest/formats/format.ts';
import { detectFormat } from '../../../src/ingest/formats/detect-format.ts';
import { tagMapSql } from '../../../src/ingest/formats/tags-sql.ts';
import { BillBench } from './mapped-bill.ts';

const data = (name: string): string => fileURLToPath(new URL(`../../../data/${name}`, import.meta.url));

let bench: BillBench;
beforeAll(async () => {
  bench = await BillBench.open();
});
afterAll(async () => bench[Symbol.asyncDispose]());

/** Tables, so that each bill is mapped once. */
async function load(table: string, name: string): Promise<void> {
  await bench.connection.run(`CREATE TABLE ${table} AS ${await bench.mappedSql(data(name))}`);
}

describe.each([
  ['october', 'aws-cur/cur-2018-10.snappy.parquet', 119_307, 3, '4064.483131537900', '4195.957109317900'],
  ['november', 'aws-cur/cur-2018-11.snappy.parquet', 124_340, 1, '3505.326968126800', '3632.559846496800'],
  [
    'ordering_day',
    'ordering-2019-11-26/cur-2019-11-26.0x01.gz',
    7850,
    0,
    '89.170632878000',
    '89.170632878000',
  ],
])('the CUR of %s', (table, name, rows, unused, billed, effective) => {
  beforeAll(async () => load(table, name));

  it('adds up to the last digit', async () => {
    const [sums] = await bench.rows(
      `SELECT sum(billed_cost) AS billed, sum(effective_cost) AS effective, sum(residue) AS residue, count(error_code) AS bad FROM ${table}`,
    );
    expect(sums).toEqual({ billed, effective, residue: `0.${'0'.repeat(30)}`, bad: '0' });
  });

  it('has a charge per row and one per unused commitment, each with a key of its own', async () => {
    const [counts] = await bench.rows(
      `SELECT count(*) AS charges, count(DISTINCT charge_key) AS keys, count(DISTINCT row_number) AS rows, max(row_number) AS last,
        count(*) FILTER (commitment_discount_status = 'Unused') AS unused FROM ${table}`,
    );
    const charges = String(rows + unused);
    expect(counts).toEqual({ charges, keys: charges, rows: `${rows}`, last: `${rows}`, unused: `${unused}` });
  });

  it('has only whole periods: the last second of a month is its end', async () => {
    const [ends] = await bench.rows(
      `SELECT count(*) AS n FROM ${table} WHERE second(charge_period_end) <> 0`,
    );
    expect(ends).toEqual({ n: '0' });
  });
});

describe('the details of the CUR', () => {
  it('names tags as users do', async () => {
    const keys = await bench.rows(
      `SELECT DISTINCT unnest(map_keys(${tagMapSql('tags')})) AS key FROM november ORDER BY 1`,
    );
    expect(keys.map(({ key }) => key)).toEqual([
      'CostCenter',
      'Department',
      'Environment',
      'Name',
      'Tag21Nov',
      'Workload',
      'WorkloadType',
      'aws:autoscaling:groupName',
      'aws:createdBy',
      'aws:ec2spot:fleet-request-id',
    ]);
  });

  it('gives the application of the ordering day its cost', async () => {
    const [ordering] = await bench.rows(
      `SELECT sum(effective_cost) AS cost FROM ordering_day WHERE ${tagMapSql('tags')}['Application'] = 'ordering'`,
    );
    expect(ordering).toEqual({ cost: '56.027165974800' });
  });

  it('keeps the zeros of account ids and knows the kinds of resources', async () => {
    const accounts = await bench.rows(
      'SELECT DISTINCT sub_account_id AS id FROM ordering_day ORDER BY 1 LIMIT 1',
    );
    expect(accounts).toEqual([{ id: '011254002932' }]);
    const kinds = await bench.rows(
      'SELECT DISTINCT resource_type AS kind FROM october WHERE kind IS NOT NULL ORDER BY 1',
    );
    expect(kinds.map(({ kind }) => kind)).toEqual([
      'ec2:instance',
      'ec2:volume',
      'glue:crawler',
      'glue:devEndpoint',
      'kms:key',
      'logs:log-group',
      'rds:cluster',
      'rds:db',
      's3:bucket',
    ]);
  });

  it('splits the reservation fees of October into what was paid and what was not used', async () => {
    const groups = await bench.rows(
      `SELECT charge_category AS category, commitment_discount_status AS status, pricing_category AS pricing, sum(billed_cost) AS billed, sum(effective_cost) AS effective
       FROM october WHERE commitment_discount_id IS NOT NULL GROUP BY ALL ORDER BY 1, 2`,
    );
    expect(groups).toEqual([
      {
        category: 'Purchase',
        status: null,
        pricing: 'Standard',
        billed: '149.775379000000',
        effective: '0.000000000000',
      },
      {
        category: 'Usage',
        status: 'Unused',
        pricing: 'Committed',
        billed: '0.000000000000',
        effective: '48.995560790000',
      },
      {
        category: 'Usage',
        status: 'Used',
        pricing: 'Committed',
        billed: '0.000000000000',
        effective: '232.253795990000',
      },
    ]);
  });

  it('puts every product into a service category of FOCUS', async () => {
    const other = await bench.rows(
      `SELECT DISTINCT service_name AS name FROM november WHERE service_category = 'Other'`,
    );
    expect(other).toEqual([]);
  });
});

describe('the FOCUS sample', () => {
  beforeAll(async () => load('sample', 'focus-official/focus_sample_1000.csv'));

  it('adds up by provider, with nothing in quarantine', async () => {
    const sums = await bench.rows(
      'SELECT provider_name AS provider, count(*) AS n, count(error_code) AS bad, sum(billed_cost) AS billed FROM sample GROUP BY 1 ORDER BY 1',
    );
    expect(sums).toEqual([
      { provider: 'AWS', n: '942', bad: '0', billed: '18.006638618400' },
      { provider: 'Microsoft', n: '51', bad: '0', billed: '1.976514185860' },
      { provider: 'Oracle', n: '7', bad: '0', billed: '0.537073924730' },
    ]);
  });

  it('reads the text NULL as null, wrong case as right and keys without their spaces', async () => {
    const [nulls] = await bench.rows(
      `SELECT count(*) FILTER (availability_zone = 'NULL') AS texts, count(*) - count(contracted_cost) AS contracted, count(DISTINCT charge_frequency) AS frequencies FROM sample`,
    );
    expect(nulls).toEqual({ texts: '0', contracted: '7', frequencies: '2' });
    const spaced = await bench.rows(
      `SELECT DISTINCT key FROM (SELECT unnest(map_keys(${tagMapSql('tags')})) AS key FROM sample) WHERE key <> trim(key)`,
    );
    expect(spaced).toEqual([]);
  });

  it('has exactly the columns of the contract', async () => {
    const { format, file } = await detectFormat(
      bench.connection,
      data('focus-official/focus_sample_1000.csv'),
      null,
    );
    const described = await bench.connection.runAndReadAll(`DESCRIBE ${format.mappedSelect(file)}`);
    expect(described.getRows().map(([name, type]) => ({ name, type }))).toEqual(mappedColumns);
  });
});

it('knows each product code once: the join with the categories keeps the rows', async () => {
  const repeated = await bench.rows(
    `SELECT product_code FROM read_csv('${data('mappings/aws-service-categories.csv')}') GROUP BY 1 HAVING count(*) > 1`,
  );
  expect(repeated).toEqual([]);
});
