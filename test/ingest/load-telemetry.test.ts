import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { STREAMS_MAX, TELEMETRY_KEYS_MAX } from '../../src/catalog/telemetry.ts';
import { decimalFromUnits } from '../../src/core/decimal.ts';
import type { TenantId } from '../../src/core/ids.ts';
import type { TelemetryOutcome, TelemetryReport } from '../../src/ingest/load-telemetry.ts';
import { loadTelemetry } from '../../src/ingest/load-telemetry.ts';
import {
  BAD_ROWS_NAMED_MAX,
  KEY_CHARACTERS_MAX,
  TELEMETRY_ROWS_MAX,
  keysOf,
  telemetryRowCodes,
} from '../../src/ingest/telemetry-file.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import { loaded, loadLines } from '../support/telemetry-file.ts';
import { liveFiles } from './doctor-table.ts';
import { codeOf } from './ingest-folder.ts';

let deployment: Deployment;
let acme: TenantId;
let tenants = 0;
beforeAll(async () => {
  deployment = await openTestDeployment();
});
afterAll(() => deployment[Symbol.asyncDispose]());
beforeEach(() => {
  tenants += 1;
  acme = tenant(`acme-${tenants}`);
});

function outcomeOf(...lines: readonly string[]): Promise<TelemetryOutcome> {
  return loadLines({ ...deployment.context, folder: deployment.folder }, acme, 'work', lines);
}
function load(...lines: readonly string[]): Promise<TelemetryReport> {
  return loaded(outcomeOf(...lines));
}

const HEADER = 'time,customer,plan,units';

async function steps(): Promise<number> {
  return deployment.control.currentSequence(acme);
}

describe('a file of driver data', () => {
  it('becomes a load, known by a step of its own', async () => {
    const report = await load(
      HEADER,
      '2019-11-26T00:00:04Z,William,paid,68',
      '2019-11-26T02:59:59.5Z,Emma,free,0.000000000001',
    );
    const { load: id, ...rest } = report;
    expect(id).toMatch(/^0000000001-[0-9a-f]{16}$/);
    expect(rest).toEqual({
      file: expect.stringMatching(/^telemetry-\d+\.csv$/),
      stream: 'work',
      rows: 2,
      added: 2,
      replaced: 0,
      unchanged: 0,
      beside: 0,
      units: '68.000000000001',
      from: '2019-11-26T00:00:00Z',
      to: '2019-11-26T03:00:00Z',
    });
    const [stream] = await deployment.control.telemetry(acme);
    expect(stream).toMatchObject({
      name: 'work',
      columns: ['customer', 'plan'],
      loads: [{ id, sequence: 1, rows: 2, units: decimalFromUnits(68_000_000_000_001n) }],
    });
    const [file] = await liveFiles(deployment.lake, acme, 'telemetry');
    expect(file?.partition).toEqual({ stream: 'work', load: id });
  });

  it('adds up its rows of the same time and keys, which times in another zone may be', async () => {
    const report = await load(
      HEADER,
      '2019-11-26T00:00:04Z,William,paid,0.1',
      '2019-11-26T01:00:04+01:00,William,paid,0.2',
      '2019-11-26 00:00:04,William,paid,0.2',
      '2019-11-26T00:00:05Z,William,paid,1',
    );
    expect(report).toMatchObject({ rows: 4, added: 2, units: '1.500000000000' });
  });

  it('changes nothing when it is loaded twice, under another name, in another order or added up', async () => {
    const first = '2019-11-26T00:00:00Z,William,paid,68';
    const second = '2019-11-26T01:00:00Z,Emma,free,2';
    await load(HEADER, first, second);
    const nothing = { load: null, added: 0, replaced: 0, beside: 0 };
    expect(await load(HEADER, second, first)).toMatchObject({ ...nothing, unchanged: 2 });
    const split = ['2019-11-26T01:00:00Z,Emma,free,1.5', '2019-11-26T01:00:00Z,Emma,free,0.5'];
    expect(await load(HEADER, ...split)).toMatchObject({ ...nothing, rows: 2, unchanged: 1 });
    expect(await steps()).toBe(1);
  });

  it('takes the place of what earlier loads say of its times and keys, and of nothing else', async () => {
    await load(HEADER, '2019-11-26T00:00:00Z,William,paid,68', '2019-11-26T00:00:00Z,Emma,free,2');
    const report = await load(
      HEADER,
      '2019-11-26T00:00:00Z,William,paid,70',
      '2019-11-26T00:00:00Z,William,free,1',
      '2019-11-26T00:00:00Z,Emma,free,2',
    );
    expect(report).toMatchObject({ added: 1, replaced: 1, unchanged: 1, units: '73.000000000000' });
    const [stream] = await deployment.control.telemetry(acme);
    // What did not change is not written again.
    expect(stream?.loads.map(({ rows, sequence }) => [rows, sequence])).toEqual([
      [2, 1],
      [2, 2],
    ]);
    // Back to what the first one said is a change again.
    expect(await load(HEADER, '2019-11-26T00:00:00Z,William,paid,68')).toMatchObject({ replaced: 1 });
    expect(await steps()).toBe(3);
  });

  it('is told of times beside its own in the same hour, which stay', async () => {
    await load(HEADER, '2019-11-26T10:05:00Z,William,paid,5', '2019-11-26T10:06:00Z,Emma,free,1');
    const report = await load(HEADER, '2019-11-26T10:20:00Z,William,paid,7');
    expect(report).toMatchObject({ added: 1, replaced: 0, beside: 1 });
    // What was taken back by 0 units is nothing to be told of.
    await load(HEADER, '2019-11-26T10:05:00Z,William,paid,0');
    expect(await load(HEADER, '2019-11-26T10:20:00Z,William,paid,8')).toMatchObject({
      replaced: 1,
      beside: 0,
    });
  });

  it('names its columns in any order, also as another file of the stream did', async () => {
    await load(HEADER, '2019-11-26T00:00:00Z,William,paid,68');
    const report = await load('units,plan,time,customer', '68,paid,2019-11-26T00:00:00Z,William');
    expect(report).toMatchObject({ load: null, unchanged: 1 });
  });

  it('may have no keys, and values with separators, quotes and line breaks', async () => {
    const { context, folder } = deployment;
    const total = await loaded(
      loadLines({ ...context, folder }, acme, 'orders', ['time,units', '2019-11-26,5', '2019-11-26,6']),
    );
    expect(total).toMatchObject({ added: 1, units: '11.000000000000' });
    expect(await load('time,tag:Team,units', '2019-11-26,"a ""b"",\nc",5')).toMatchObject({ rows: 1 });
  });

  it('may be Parquet', async () => {
    const path = join(deployment.folder, 'work.parquet');
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    await connection.run(
      `COPY (SELECT TIMESTAMP '2019-11-26 00:00:00' AS time, 7 AS customer, 0.1::DOUBLE AS units) TO '${path}'`,
    );
    connection.closeSync();
    instance.closeSync();
    expect(
      await loaded(loadTelemetry({ ...deployment.context, waitMs: 0 }, acme, 'work', path)),
    ).toMatchObject({
      units: '0.100000000000',
      from: '2019-11-26T00:00:00Z',
    });
  });

  it('is loaded once, where two processes do so at once', async () => {
    const line = '2019-11-26T00:00:00Z,William,paid,68';
    const reports = await Promise.all([load(HEADER, line), load(HEADER, line), load(HEADER, line)]);
    expect(reports.map(({ added }) => added).sort()).toEqual([0, 0, 1]);
    expect(await steps()).toBe(1);
  });
});

describe('a load that cannot be published', () => {
  it('leaves nothing in the table, and nothing known', async () => {
    const { context, folder } = deployment;
    const control = {
      ...context.control,
      publishTelemetry: async () => {
        throw new Error('the control plane is gone');
      },
    };
    const lines = ['time,units', '2019-11-26,1'];
    const failed = loadLines({ ...context, control, folder }, acme, 'work', lines);
    await expect(failed).rejects.toThrow('the control plane is gone');
    expect(await liveFiles(deployment.lake, acme, 'telemetry')).toEqual([]);
    expect(await deployment.control.telemetry(acme)).toEqual([]);
    const again = loadLines({ ...context, folder }, acme, 'work', lines);
    expect(await loaded(again)).toMatchObject({ added: 1 });
  });

  it('refuses to come upon a damaged one', async () => {
    await load(HEADER, '2019-11-26T00:00:00Z,William,paid,68');
    const [file] = await liveFiles(deployment.lake, acme, 'telemetry');
    await writeFile(file?.path ?? '', 'no Parquet');
    expect(await codeOf(load(HEADER, '2019-11-26T00:10:00Z,William,paid,1'))).toBe('TABLE_DAMAGED');
    // Another day does not need it.
    expect(await load(HEADER, '2019-11-27T00:10:00Z,William,paid,1')).toMatchObject({ added: 1 });
  });
});

describe('bad rows', () => {
  it('refuse the whole file, each with number, code and reason', async () => {
    const outcome = await outcomeOf(
      HEADER,
      '2019-11-26T00:00:00Z,William,paid,68',
      '2019-11-26T00:00:00Z,William,paid',
      ',William,paid,1',
      'yesterday,William,paid,1',
      '2019-11-26T00:00:00Z,,paid,1',
      `2019-11-26T00:00:00Z,William,${'x'.repeat(KEY_CHARACTERS_MAX + 1)},1`,
      '2019-11-26T00:00:00Z,William,paid,',
      '2019-11-26T00:00:00Z,William,paid,many',
      '2019-11-26T00:00:00Z,William,paid,1e18',
      '2019-11-26T00:00:00Z,William,paid,-0.5',
      `2019-11-26T00:00:00Z,William,${'x'.repeat(KEY_CHARACTERS_MAX)},0`,
    );
    if (outcome.kind !== 'refused') throw new Error('it is refused');
    expect(outcome).toMatchObject({ rows: 11, bad: 9 });
    expect(outcome.sample.map(({ row, code }) => [row, code])).toEqual([
      [2, 'FIELD_COUNT'],
      [3, 'MISSING_VALUE'],
      [4, 'BAD_TIME'],
      [5, 'MISSING_VALUE'],
      [6, 'TEXT_TOO_LONG'],
      [7, 'MISSING_VALUE'],
      [8, 'BAD_NUMBER'],
      [9, 'BAD_NUMBER'],
      [10, 'NEGATIVE_UNITS'],
    ]);
    expect(new Set(outcome.sample.map(({ code }) => code))).toEqual(new Set(telemetryRowCodes));
    expect(outcome.sample[8]?.reason).toBe('units is "-0.5", below 0');
    expect(await steps()).toBe(0);
    expect(await deployment.lake.findTable(acme, 'telemetry')).toBeNull();
  });

  it('are named up to a limit, and counted', async () => {
    const lines = Array.from({ length: BAD_ROWS_NAMED_MAX + 1 }, () => 'never,William,paid,1');
    const outcome = await outcomeOf(HEADER, ...lines);
    expect(outcome).toMatchObject({ kind: 'refused', bad: BAD_ROWS_NAMED_MAX + 1 });
    expect(outcome.kind === 'refused' && outcome.sample).toHaveLength(BAD_ROWS_NAMED_MAX);
  });
});

describe('a file that is none of driver data', () => {
  it.each([
    ['lacks units', 'time,customer,unit', 'no column "units"'],
    ['lacks time', 'hour,customer,units', 'no column "time"'],
    ['has a column twice', 'time,customer,customer,units', 'two columns "customer"'],
    ['has a column that is no key', 'time,Customer Name,units', '"Customer Name"'],
    ['is of one column', 'time', 'no CSV header'],
  ])('%s', async (_, header, reason) => {
    await expect(outcomeOf(header, header.replaceAll(/\w+/g, '1'))).rejects.toMatchObject({
      code: 'BAD_TELEMETRY',
      message: expect.stringContaining(reason),
    });
  });

  it('has too many keys or rows', async () => {
    const names = Array.from({ length: TELEMETRY_KEYS_MAX + 1 }, (_, i) => `k${i}`);
    expect(await codeOf(outcomeOf(`time,${names.join(',')},units`, '1'))).toBe('BAD_TELEMETRY');
    const columns = ['time', 'units'].map((name) => ({ name, reference: name, type: 'VARCHAR' }));
    const file = { container: 'parquet', path: 'f', columns } as const;
    expect(keysOf({ ...file, rows: TELEMETRY_ROWS_MAX })).toEqual([]);
    expect(() => keysOf({ ...file, rows: TELEMETRY_ROWS_MAX + 1 })).toThrow(/20000001 rows/);
  });

  it('is empty, damaged or missing', async () => {
    expect(await codeOf(outcomeOf(HEADER))).toBe('EMPTY_FILE');
    expect(await codeOf(outcomeOf(HEADER, '"2019-11-26,William,paid,1'))).toBe('DAMAGED_FILE');
    expect(
      await codeOf(loadTelemetry({ ...deployment.context, waitMs: 0 }, acme, 'work', '/nowhere.csv')),
    ).toBe('BAD_REQUEST');
  });

  it('has other keys than its stream, or one stream more than a tenant may have', async () => {
    await load(HEADER, '2019-11-26T00:00:00Z,William,paid,68');
    await expect(outcomeOf('time,customer,units', '2019-11-26,William,1')).rejects.toMatchObject({
      code: 'BAD_TELEMETRY',
      message: expect.stringContaining('has the keys customer, the stream "work" customer, plan'),
    });
    for (let i = 1; i < STREAMS_MAX; i++) {
      const stream = { name: `s${i}`, columns: [] };
      const facts = { id: '1', rows: 1, units: decimalFromUnits(1n), from: 0, to: 1, digest: '', file: '' };
      await deployment.control.publishTelemetry({ tenant: acme, stream, load: facts, after: null, at: 0 });
    }
    const path = join(deployment.folder, 'one-more.csv');
    await copyFile(join(deployment.folder, 'telemetry-1.csv'), path);
    expect(await codeOf(loadTelemetry({ ...deployment.context, waitMs: 0 }, acme, 'more', path))).toBe(
      'BAD_TELEMETRY',
    );
    expect(await codeOf(loadTelemetry({ ...deployment.context, waitMs: 0 }, acme, 'No Name', path))).toBe(
      'BAD_NAME',
    );
  });
});
