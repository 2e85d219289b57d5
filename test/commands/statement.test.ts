import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runCommand } from '../../src/commands/run-command.ts';
import { maintainTenant } from '../../src/ingest/maintain.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import type { BillRow } from '../support/focus-file.ts';
import { focusRow } from '../support/focus-file.ts';

const ACME = tenant('acme');
const MONTH = { month: '2024-09' };
let deployment: Deployment;

const charge = (cost: string, team: string | null, service: string, columns: BillRow = {}): BillRow =>
  focusRow({
    BilledCost: cost,
    EffectiveCost: cost,
    ServiceName: service,
    Tags: team === null ? null : JSON.stringify({ team }),
    ...columns,
  });
const rules = (data: string) => `version: 1
dimensions:
  - { key: team, rules: [{ coalesce: ["tag:team"] }] }
splits:
  - { when: { key: service_name, in: [Support] }, to: [team], by: { fixed: { web: "1", data: "${data}" } } }
`;

async function publish(source: string): Promise<void> {
  const request = {
    tenant: ACME,
    source,
    lookupFile: () => null,
    baseVersion: null,
    dryRun: false,
    by: 'ada',
  };
  const { kind } = await deployment.engine.rules.publish({ ...request, at: Date.now() });
  expect(kind).toBe('published');
}

async function statement(...args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const environment = { COSTGRAPH_DATA: join(deployment.folder, 'data') };
  const named = ['statement', '--tenant', 'acme', '--period', MONTH.month, ...args];
  const status = await runCommand(named, { stdout, stderr, environment });
  stdout.end();
  stderr.end();
  return { status, stdout: await text(stdout), stderr: await text(stderr) };
}
const byTeam = (...args: readonly string[]) => statement('--dimension', 'team', ...args);

beforeAll(async () => {
  deployment = await openTestDeployment();
  await deployment.load(ACME, 'aws', [
    charge('5', 'web', 'Amazon EC2'),
    charge('2.5', 'web', 'Amazon S3', { BilledCost: '3' }),
    charge('4', 'a "b", c', 'Amazon EC2'),
    charge('1', null, 'Amazon EC2'),
    charge('9', null, 'Support'),
    charge('7', 'web', 'Amazon EC2', { BillingCurrency: 'EUR' }),
  ]);
  await publish(rules('2'));
});
afterAll(() => deployment[Symbol.asyncDispose]());

const TABLE = `kind,team,service_name,currency,effective_cost,shared_cost,billed_cost
line,"a ""b"", c",Amazon EC2,USD,4.000000000000,0.000000000000,4.000000000000
subtotal,"a ""b"", c",,USD,4.000000000000,0.000000000000,4.000000000000
line,data,Support,USD,6.000000000000,6.000000000000,6.000000000000
subtotal,data,,USD,6.000000000000,6.000000000000,6.000000000000
line,web,Amazon EC2,EUR,7.000000000000,0.000000000000,7.000000000000
line,web,Amazon EC2,USD,5.000000000000,0.000000000000,5.000000000000
line,web,Amazon S3,USD,2.500000000000,0.000000000000,3.000000000000
line,web,Support,USD,3.000000000000,3.000000000000,3.000000000000
subtotal,web,,EUR,7.000000000000,0.000000000000,7.000000000000
subtotal,web,,USD,10.500000000000,3.000000000000,11.000000000000
line,(unattributed),Amazon EC2,USD,1.000000000000,0.000000000000,1.000000000000
subtotal,(unattributed),,USD,1.000000000000,0.000000000000,1.000000000000
total,,,EUR,7.000000000000,0.000000000000,7.000000000000
total,,,USD,21.500000000000,9.000000000000,22.000000000000
`;

describe('costgraph statement', { timeout: 120_000 }, () => {
  it('is refused as long as the month is not closed', async () => {
    expect(await byTeam()).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^NOT_CLOSED: No close covers 2024-09\. Close it with closePeriod first/),
    });
    const closing = { tenant: ACME, period: MONTH, name: 'september', by: 'ada\n', now: Date.now() };
    await deployment.engine.closes.close(closing);
  });

  it('has a line per value and service, what of it is shared cost, subtotals and totals', async () => {
    const { status, stdout, stderr } = await byTeam();
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const header = stdout.split('\n').slice(0, 9);
    expect(stdout.split('\n').slice(9).join('\n')).toBe(TABLE);
    expect(header).toEqual([
      '# tenant: acme',
      '# dimension: team',
      '# from: 2024-09-01T00:00:00Z',
      '# to: 2024-10-01T00:00:00Z',
      '# close: september',
      expect.stringMatching(/^# closed: \S+Z by ada $/),
      expect.stringMatching(/^# version: \S+$/),
      '# rules: 1',
      `# sha256: ${createHash('sha256').update(TABLE).digest('hex')}`,
    ]);
  });

  it('can be about any dimension, the service too', async () => {
    const { stdout } = await statement('--dimension', 'service_name');
    expect(stdout.split('\n').slice(9)).toEqual([
      'kind,service_name,currency,effective_cost,shared_cost,billed_cost',
      'line,Amazon EC2,EUR,7.000000000000,0.000000000000,7.000000000000',
      'line,Amazon EC2,USD,10.000000000000,0.000000000000,10.000000000000',
      'line,Amazon S3,USD,2.500000000000,0.000000000000,3.000000000000',
      'line,Support,USD,9.000000000000,9.000000000000,9.000000000000',
      'total,,EUR,7.000000000000,0.000000000000,7.000000000000',
      'total,,USD,21.500000000000,9.000000000000,22.000000000000',
      '',
    ]);
    const byCurrency = await statement('--dimension', 'billing_currency');
    expect(byCurrency.stdout).toContain('subtotal,EUR,,EUR,7.000000000000');
  });

  it('is the same in JSON and Parquet, where amounts are exact and a missing value is null', async () => {
    const csv = (await byTeam()).stdout;
    const json = JSON.parse((await byTeam('--format', 'json')).stdout);
    const digest = /sha256: (\w+)/.exec(csv)?.[1];
    expect(json.statement).toMatchObject({ close: 'september', sha256: digest });
    const parquet = join(deployment.folder, "a 'parquet' file");
    expect(await byTeam('--format', 'parquet', '--out', parquet)).toMatchObject({ status: 0, stdout: '' });
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const read = async (sql: string) => (await connection.run(sql)).getRowObjectsJson();
    const file = `'${parquet.replaceAll("'", "''")}'`;
    expect(await read(`SELECT * FROM read_parquet(${file})`)).toEqual(json.lines);
    expect(json.lines).toContainEqual(
      expect.objectContaining({ kind: 'line', team: null, service_name: 'Amazon EC2' }),
    );
    const metadata = await read(
      `SELECT decode(value) AS value FROM parquet_kv_metadata(${file}) WHERE decode(key) = 'costgraph.sha256'`,
    );
    expect(metadata).toEqual([{ value: digest }]);
    connection.closeSync();
    instance.closeSync();
  });

  it('stays the same to the byte, whatever is loaded, published, dropped and closed later', async () => {
    const write = async (name: string, format: string): Promise<Buffer> => {
      const path = join(deployment.folder, name);
      expect(await byTeam('--close', 'september', '--format', format, '--out', path)).toMatchObject({
        status: 0,
        stderr: '',
      });
      return readFile(path);
    };
    const formats = ['csv', 'json', 'parquet'];
    const before = await Promise.all(formats.map((format) => write(`before.${format}`, format)));
    await deployment.load(ACME, 'aws', [charge('1000', 'ops', 'Support'), charge('1', null, 'Support')]);
    await deployment.load(ACME, 'gcp', [charge('1000', 'ops', 'BigQuery')]);
    await publish(rules('5'));
    await maintainTenant({ ...deployment.context, retentionMs: 0 }, ACME, Date.now() + 86_400_000);
    const again = { tenant: ACME, period: MONTH, name: 'september again', by: 'ada', now: Date.now() };
    await deployment.engine.closes.close(again);

    for (const [i, format] of formats.entries()) {
      expect((await write(`after.${format}`, format)).equals(before[i] ?? Buffer.of())).toBe(true);
    }
    // Without a name it is of the newest close.
    expect((await byTeam()).stdout).toContain('# close: september again\n');
    expect((await byTeam()).stdout).toContain('line,ops,BigQuery,USD,1000.000000000000');
  });

  it('is refused with what to do', async () => {
    const refused = async (...args: readonly string[]) => (await byTeam(...args)).stderr.split('\n')[0];
    expect(await refused('--close', 'october')).toMatch(/^UNKNOWN_CLOSE/);
    expect(await refused('--format', 'xlsx')).toMatch(/There are csv, json, parquet/);
    expect(await refused('--format', 'parquet')).toMatch(/--out FILE is missing/);
    const nowhere = join(deployment.folder, 'nowhere', 'statement.csv');
    expect(await refused('--out', nowhere)).toMatch(/cannot be written/);
    expect((await statement('--dimension', 'nobody')).stderr).toMatch(/^UNKNOWN_DIMENSION/);
    const named = ['--tenant', 'acme', '--dimension', 'team', '--period'];
    const environment = { COSTGRAPH_DATA: join(deployment.folder, 'data') };
    for (const [period, code] of [
      ['2024-10', 'BAD_PERIOD'],
      ['soon', 'BAD_PERIOD'],
    ] as const) {
      const [stdout, stderr] = [new PassThrough(), new PassThrough()];
      await runCommand(['statement', ...named, period, '--close', 'september'], {
        stdout,
        stderr,
        environment,
      });
      expect(await text(stderr.end())).toMatch(new RegExp(`^${code}`));
    }
    expect((await readdir(deployment.folder)).filter((name) => name.includes('partial'))).toEqual([]);
  });
});
