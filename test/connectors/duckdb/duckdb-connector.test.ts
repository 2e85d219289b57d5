import { DuckDBInstance } from '@duckdb/node-api';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connector } from '../../../src/connectors/connector.ts';
import { openDuckdb } from '../../../src/connectors/duckdb/duckdb-connector.ts';
import { measure, measuresOf } from '../../../src/planner/measures.ts';
import { checkPattern } from '../../../src/planner/bind/check-pattern.ts';
import type { Estimate, FileSelection, Plan, RuledDimension } from '../../../src/planner/plan.ts';
import type { Predicate } from '../../../src/planner/predicate.ts';
import { TRUE, and } from '../../../src/planner/predicate.ts';
import { ALL_TIME } from '../../../src/core/time-range.ts';
import {
  NO_COST,
  aggregate,
  ask,
  bucket,
  evenBuckets,
  filter,
  isIn,
  scan,
  selection,
  test,
} from '../../support/plans.ts';
import { writeParquet } from '../../support/parquet-files.ts';
import { rowObjects, sortedRows, units } from '../../support/row-objects.ts';
import type { ConformanceSubject } from '../conformance.ts';
import { describeConformance } from '../conformance.ts';
import { writeSampleCharges } from '../sample-charges.ts';

const folder = await mkdtemp(path.join(os.tmpdir(), 'costgraph-duckdb-'));
const instance = await DuckDBInstance.create();
const connection = await instance.connect();
const connector = await openDuckdb({ threads: 2, memoryMb: 500, tempDirectory: folder });
const sample = await writeSampleCharges(connection, folder);

afterAll(async () => {
  await connector[Symbol.asyncDispose]();
  connection.closeSync();
  instance.closeSync();
  await rm(folder, { recursive: true });
});

const sizes = { small: NO_COST, large: { ...NO_COST, ms: 1_000 } };
const bySize = Object.entries(sizes);
for (const [size, estimate] of bySize) {
  describeConformance(`DuckDB, asked a ${size} query,`, async (): Promise<ConformanceSubject> => ({
    connector,
    estimate,
    ...sample,
  }));
}

const COST = measuresOf('EFFECTIVE_COST');
const signal = new AbortController().signal;

async function run(
  plan: Plan,
  { on = connector, estimate = NO_COST }: { on?: Connector; estimate?: Estimate } = {},
) {
  return (await on.run(ask(plan, sample.dictionaries, estimate), { rowsMax: 100, signal })).rows;
}

function total(files: FileSelection): Plan {
  return aggregate([], COST, scan(['effective_cost'], { files }));
}

describe('files', () => {
  let narrow = '';
  let wide = '';
  let late = '';
  beforeAll(async () => {
    const write = (name: string, query: string) =>
      writeParquet(connection, 'charges', path.join(folder, `${name}.parquet`), query);
    const charge = (cost: string, more = '') =>
      `SELECT 'demo' AS tenant, TIMESTAMPTZ '2018-10-01T00:00:00Z' AS charge_period_start, ${cost} AS effective_cost${more}`;
    narrow = await write('narrow', charge('0.5::DECIMAL(18,12)'));
    wide = await write('wide', charge('90000000000000000000000000::DECIMAL(38,12)'));
    late = await write('late', charge('0.25::DECIMAL(18,12)', `, 'us' AS region_id`));
  });

  it('reads narrow and wide amounts together, whichever comes first', async () => {
    for (const paths of [
      [narrow, wide],
      [wide, narrow],
    ]) {
      const [row] = rowObjects(await run(total(selection('charges', paths))));
      expect(row?.['sum(effective_cost)']).toBe(units('90000000000000000000000000.5'));
    }
  });

  it('reads narrow amounts as they are', async () => {
    const files = selection('charges', [narrow, late], { narrow: ['effective_cost'] });
    expect(connector.statement(ask(total(files)))).not.toContain('schema');
    expect(rowObjects(await run(total(files)))).toEqual([
      { count: 2n, 'sum(effective_cost)': units('0.75') },
    ]);
  });

  it('takes a column that a file lacks for missing', async () => {
    const files = selection('charges', [narrow, late], {
      lacking: ['region_id'],
      narrow: ['effective_cost'],
    });
    const rows = await run(aggregate(['region_id'], COST, scan(['region_id', 'effective_cost'], { files })));
    expect(sortedRows(rows).map((row) => [row['region_id'], row['sum(effective_cost)']])).toEqual([
      ['us', units('0.25')],
      [null, units('0.5')],
    ]);
  });

  it('has no charges where no file is left', async () => {
    const files = selection('charges', []);
    expect(rowObjects(await run(total(files)))).toEqual([{ count: 0n, 'sum(effective_cost)': null }]);
    const byTime = aggregate(
      ['$time', 'service_name'],
      COST,
      bucket(scan(['service_name', 'effective_cost', 'charge_period_start'], { files })),
    );
    expect((await run(byTime)).length).toBe(0);
  });

  it('fails rather than give a sum that does not fit', async () => {
    const [row] = rowObjects(await run(total(selection('charges', [wide]))));
    expect(row?.['sum(effective_cost)']).toBe(units('90000000000000000000000000'));
    // In one file: what threads have summed apart, the engine adds up unchecked. A bill's amounts are below 10^18.
    const doubled = await writeParquet(
      connection,
      'charges',
      path.join(folder, 'doubled.parquet'),
      `FROM read_parquet('${wide}') UNION ALL FROM read_parquet('${wide}')`,
    );
    await expect(run(total(selection('charges', [doubled])))).rejects.toMatchObject({
      code: 'STORE_FAILED',
    });
  });
});

const inOneBucket = bucket(
  scan(['service_name', 'region_id', 'effective_cost', 'charge_period_start'], { files: sample.charges }),
);

/** All of it to one. */
function shared(input: Plan, weight: string, members: Predicate = TRUE): Plan {
  return {
    kind: 'Allocate',
    split: 'all',
    stage: 0,
    members,
    to: ['customer'],
    from: 0,
    pool: ['$time', 'region_id'],
    items: ['$time', 'region_id'],
    measures: COST,
    weights: { kind: 'constant', shares: [{ value: 'acme', from: '0', to: weight }] },
    noDriver: [],
    traced: null,
    input: {
      kind: 'Attribute',
      rules: { version: '1', range: ALL_TIME },
      dimensions: [{ key: 'customer', cases: [] }],
      input,
    },
  };
}

describe('costs that are shared out', () => {
  const groups = aggregate(['$time', 'region_id'], COST, inOneBucket);

  it('are refused where they times the weights are more than the engine counts to', async () => {
    expect((await run(shared(groups, '1'))).length).toBeGreaterThan(0);
    await expect(run(shared(groups, '9'.repeat(36)))).rejects.toMatchObject({
      code: 'SHARES_TOO_LARGE',
      fault: 'caller',
      message:
        'Costs cannot be shared out exactly by "all": what they cost times the weights is over 2^127 (in units of 10^-12 each)',
    });
  });
});

describe('a regular expression that the engine does not take', () => {
  const matches = (value: string): Predicate =>
    test('service_name', { op: 'matches', value, ignoreCase: false });
  // A script of Unicode 16, which the check before planning knows.
  const young = matches('\\p{Garay}+');
  const refusal = {
    code: 'BAD_FILTER',
    message: '"\\p{Garay}+" on service_name is no RE2 expression: invalid character class range: \\p{Garay}',
  };
  const source = scan(['service_name', 'effective_cost'], { files: sample.charges });

  it('is named, in a filter as in the condition of an amount', async () => {
    expect(() => checkPattern('service_name', '\\p{Garay}+', false)).not.toThrow();
    const sound = matches('E.*');
    await expect(run(aggregate([], COST, filter(and([sound, young]), source)))).rejects.toMatchObject(
      refusal,
    );
    const amounts = [...measuresOf('EFFECTIVE_COST', sound), ...measuresOf('EFFECTIVE_COST', young)];
    await expect(run(aggregate([], amounts, source))).rejects.toMatchObject(refusal);
  });

  it('is named in rules: in their conditions, in what they replace, in what splits share', async () => {
    const groups = aggregate(['$time', 'region_id', 'service_name'], COST, inOneBucket);
    const rules = { version: '1', range: ALL_TIME };
    const dimension = (when: Predicate, match: string): RuledDimension => ({
      key: 'team',
      cases: [
        {
          when,
          during: null,
          value: { kind: 'valueOf', key: 'service_name', normalize: [], replace: [{ match, by: [] }] },
        },
      ],
    });
    const attributed = (one: RuledDimension): Plan => ({
      kind: 'Attribute',
      rules,
      dimensions: [one],
      input: groups,
    });
    await expect(run(attributed(dimension(young, 'a')))).rejects.toMatchObject(refusal);
    await expect(run(attributed(dimension(TRUE, '\\p{Garay}+')))).rejects.toMatchObject(refusal);
    await expect(run(shared(groups, '1', young))).rejects.toMatchObject(refusal);
  });

  it('is not blamed for other failures', async () => {
    const gone = scan(['service_name', 'effective_cost'], {
      files: selection('charges', [path.join(folder, 'gone.parquet')]),
    });
    await expect(run(aggregate([], COST, filter(matches('E.*'), gone)))).rejects.toMatchObject({
      code: 'STORE_FAILED',
    });
  });
});

describe('amounts over spans', () => {
  it('stay exact for the largest amounts and for spans of years', async () => {
    const amount = '99999999999999999999999999.999999999999';
    const file = await writeParquet(
      connection,
      'charges',
      path.join(folder, 'span.parquet'),
      `SELECT 'demo' AS tenant, TIMESTAMPTZ '2000-01-01T00:00:00Z' AS charge_period_start,
        TIMESTAMPTZ '2030-01-01T00:00:00.001Z' AS charge_period_end, ${amount}::DECIMAL(38,12) AS effective_cost`,
    );
    const clip = { from: Date.UTC(2000, 0, 1), to: Date.UTC(2031, 0, 1) };
    const input = scan(['effective_cost', 'charge_period_start', 'charge_period_end'], {
      files: selection('charges', [file]),
      range: clip,
      within: 'overlap',
    });
    const spread = bucket(input, {
      timing: 'PRORATED',
      buckets: evenBuckets(clip, 1_000 * 86_400_000),
      clip,
    });
    const asked = measure('sum', 'effective_cost');
    const cells = sortedRows(await run(aggregate(['$time'], [asked], spread)));
    const length = BigInt(Date.UTC(2030, 0, 1) + 1 - clip.from);
    const until = (ms: number) => (units(amount) * (BigInt(ms) > length ? length : BigInt(ms))) / length;
    const width = 1_000 * 86_400_000;
    const expected = cells.map((_, i) => until((i + 1) * width) - until(i * width));
    const parts = cells
      .toSorted((a, b) => Number(a['$time']) - Number(b['$time']))
      .map((row) => row[asked.name]);
    expect(parts).toEqual(expected);
    expect(parts.reduce((sum: bigint, part) => sum + BigInt(part ?? 0n), 0n)).toBe(units(amount));
  });
});

describe.each(bySize)('a %s query', (_, estimate) => {
  const endless: Plan = (() => {
    const many = selection(
      'charges',
      Array.from({ length: 3_000 }, () => sample.charges.files[0]?.path ?? ''),
    );
    const condition = isIn(
      'service_name',
      Array.from({ length: 2_000 }, (_, i) => `${i}`),
    );
    return aggregate(
      ['charge_id'],
      COST,
      filter(condition, scan(['charge_id', 'service_name', 'effective_cost'], { files: many })),
    );
  })();

  it('ends when its signal aborts, with the reason of the signal, and leaves the connection usable', async () => {
    const own = await openDuckdb({ threads: 2, memoryMb: 500, tempDirectory: folder });
    const controller = new AbortController();
    const reason = new Error('gone');
    setTimeout(() => controller.abort(reason), 20);
    const limits = { rowsMax: 100, signal: controller.signal };
    const started = performance.now();
    await expect(own.run(ask(endless, {}, estimate), limits)).rejects.toBe(reason);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(rowObjects(await run(total(sample.charges), { on: own, estimate }))[0]?.['count']).toBe(6n);
    await expect(own.run(ask(total(sample.charges), {}, estimate), limits)).rejects.toBe(reason);
    await own[Symbol.asyncDispose]();
  });

  it('is refused when it has more rows than allowed, and the next one runs', async () => {
    const plan = ask(
      aggregate(['charge_id'], COST, scan(['charge_id', 'effective_cost'], { files: sample.charges })),
      {},
      estimate,
    );
    await expect(connector.run(plan, { rowsMax: 5, signal })).rejects.toMatchObject({ code: 'TOO_LARGE' });
    expect((await connector.run(plan, { rowsMax: 6, signal })).rows.length).toBe(6);
  });

  it('that fails says so without the words of the engine', async () => {
    const missing = total(selection('charges', [path.join(folder, 'secret-name.parquet')]));
    const failure = await run(missing, { estimate }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'STORE_FAILED' });
    expect(String(failure)).not.toContain('secret-name');
  });

  it('with text that cannot be sent is the fault of the caller', async () => {
    for (const value of ['a\0b', 'a\ud800b']) {
      const plan = filter(
        isIn('service_name', [value]),
        scan(['service_name', 'effective_cost'], { files: sample.charges }),
      );
      await expect(run(aggregate([], COST, plan), { estimate })).rejects.toMatchObject({
        code: 'BAD_FILTER',
      });
      const long = [value, ...Array.from({ length: 100 }, (_, i) => `${i}`)];
      const longPlan = filter(
        isIn('service_name', long),
        scan(['service_name', 'effective_cost'], { files: sample.charges }),
      );
      await expect(run(aggregate([], COST, longPlan), { estimate })).rejects.toMatchObject({
        code: 'BAD_FILTER',
      });
    }
  });

  it('runs beside others', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => run(total(sample.charges), { estimate })),
    );
    expect(new Set(answers.map((rows) => rowObjects(rows)[0]?.['sum(effective_cost)']))).toEqual(
      new Set([units('13.050000000007')]),
    );
  });
});
