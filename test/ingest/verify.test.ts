import { open, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { dropFiles } from '../../src/catalog/iceberg/table-operations.ts';
import type { TenantId } from '../../src/core/ids.ts';
import { runCommand } from '../../src/commands/run-command.ts';
import { NAMED_MAX } from '../../src/ingest/findings.ts';
import type { VerifyReport } from '../../src/ingest/verify.ts';
import { verifyTenant } from '../../src/ingest/verify.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import type { BillRow } from '../support/focus-file.ts';
import { focusRow } from '../support/focus-file.ts';
import { loaded, loadLines } from '../support/telemetry-file.ts';
import { doctorFile, liveFiles, tableState } from './doctor-table.ts';

/** A charge of the hour. */
function charge(hour: number, cost: string, columns: BillRow = {}): BillRow {
  const day = String(1 + Math.floor(hour / 24)).padStart(2, '0');
  const start = `2024-09-${day}T${String(hour % 24).padStart(2, '0')}`;
  return focusRow({
    ChargePeriodStart: `${start}:00:00Z`,
    ChargePeriodEnd: `${start}:59:59Z`,
    BilledCost: cost,
    EffectiveCost: cost,
    ...columns,
  });
}

const rows = [
  charge(0, '1.5', { ResourceId: 'i-1', Tags: '{"team": "a", "env": "prod"}' }),
  charge(0, '2.25', { ResourceId: 'i-2', Tags: '{"team": "b"}' }),
  charge(1, '-0.000000000001', { ResourceId: 'i-1', Tags: '{"team": "a", "env": "prod"}' }),
  charge(2, '7000000', { BillingCurrency: 'EUR' }),
];

let deployment: Deployment;
let acme: TenantId;
let tenants = 0;
beforeAll(async () => {
  deployment = await openTestDeployment();
});
afterAll(() => deployment[Symbol.asyncDispose]());
beforeEach(async () => {
  tenants += 1;
  acme = tenant(`acme-${tenants}`);
  await deployment.load(acme, 'aws', rows);
});

function verify(): Promise<VerifyReport> {
  return verifyTenant({ ...deployment, threads: 1, onProgress: () => undefined }, acme);
}

async function onlyFile(name: 'charges' | 'control_totals' | 'resources' | 'tags') {
  const [file, ...others] = await liveFiles(deployment.lake, acme, name);
  if (file === undefined || others.length > 0) throw new Error(`${name} has one file`);
  return file;
}

async function doctor(name: 'charges' | 'control_totals' | 'resources' | 'tags', ...selects: string[]) {
  await doctorFile(deployment.lake, acme, name, await onlyFile(name), selects);
}

describe('verify of sound tables', () => {
  it('finds nothing, and counts what it looked at', async () => {
    expect(await verify()).toEqual({
      tenant: acme,
      batches: 1,
      charges: 4,
      telemetryRows: 0,
      files: 6,
      differenceCount: 0,
      differences: [],
    });
  });

  it('looks at superseded batches too, and at increments', async () => {
    await deployment.load(acme, 'aws', [charge(0, '1')]);
    await deployment.load(acme, 'aws', [charge(0, '2', { ResourceId: 'i-9' })], 'append');
    expect(await verify()).toMatchObject({ batches: 3, charges: 6, differenceCount: 0 });
  });

  it('takes a tenant without data as sound', async () => {
    await deployment.control.ensureTenant(tenant('new'));
    const context = { ...deployment, threads: 1, onProgress: () => undefined };
    expect(await verifyTenant(context, tenant('new'))).toMatchObject({ files: 0, differenceCount: 0 });
  });
});

describe('verify of files', () => {
  it.each(['charges', 'control_totals', 'resources', 'tags'] as const)(
    'finds a flipped byte of %s',
    async (name) => {
      const { path, sizeBytes } = await onlyFile(name);
      const handle = await open(path, 'r+');
      const place = Math.floor(sizeBytes / 3);
      const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, place);
      await handle.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, place);
      await handle.close();
      const { differences, differenceCount } = await verify();
      expect(differenceCount).toBe(1);
      expect(differences).toEqual([
        {
          at: `${name}, file ${path}`,
          expected: expect.stringMatching(/^the digest [0-9a-f]{16}$/),
          found: expect.stringContaining('its bytes changed'),
        },
      ]);
    },
  );

  it('finds a file that is gone, and still checks other batches', async () => {
    await deployment.load(acme, 'aws', [charge(5, '3')], 'append');
    const files = await liveFiles(deployment.lake, acme, 'charges');
    const gone = files.find(({ records }) => records === 4);
    const other = files.find(({ records }) => records === 1);
    if (gone === undefined || other === undefined) throw new Error('there are two files');
    await doctorFile(deployment.lake, acme, 'charges', other, [
      'SELECT * REPLACE (billed_cost + 1 AS billed_cost) FROM old',
    ]);
    await rm(gone.path);
    const { differences } = await verify();
    const batch = String(other.partition['batch']);
    expect(differences.map(({ at }) => at)).toEqual([
      `charges, file ${gone.path}`,
      expect.stringContaining(`charges, batch ${batch}, hour `),
      `control plane, batch ${batch}, billed_cost`,
      expect.stringContaining(`rollup hour, batch ${batch}, hour `),
      expect.stringContaining(`rollup day, batch ${batch}, day `),
    ]);
    expect(differences[0]?.found).toContain('ENOENT');
  });

  it('finds a file that was cut', async () => {
    const { path, sizeBytes } = await onlyFile('charges');
    await truncate(path, sizeBytes - 1);
    expect((await verify()).differences).toEqual([
      { at: `charges, file ${path}`, expected: `${sizeBytes} bytes`, found: `${sizeBytes - 1} bytes` },
    ]);
  });

  it('finds a damaged manifest, and does not fall over it', async () => {
    const folder = join((await tableState(deployment.lake, acme, 'charges')).location, 'metadata');
    for (const name of (await readdir(folder)).filter((one) => one.endsWith('-m0.avro'))) {
      await writeFile(join(folder, name), 'no avro');
    }
    // Another process: this one has read the manifest before.
    const { openLake } = await import('../../src/catalog/lake.ts');
    const lake = await openLake({ dataFolder: join(deployment.folder, 'data') });
    const context = { lake, control: deployment.control, threads: 1, onProgress: () => undefined };
    const { differences } = await verifyTenant(context, acme);
    expect(differences[0]).toMatchObject({ at: 'table charges', expected: 'a table' });
    expect(differences[1]).toMatchObject({ expected: '4', found: '0' });
  });

  it('finds a batch that is not in the tables', async () => {
    await dropFiles(deployment.lake, await tableState(deployment.lake, acme, 'charges'), () => true);
    await dropFiles(deployment.lake, await tableState(deployment.lake, acme, 'control_totals'), () => true);
    const { differences } = await verify();
    const [batch] = await deployment.control.publishedBatches(acme);
    expect(differences).toEqual([
      { at: `charges, batch ${batch?.id}, rows`, expected: '4', found: '0' },
      { at: `control_totals, batch ${batch?.id}`, expected: 'totals', found: 'none' },
    ]);
  });
});

describe('verify of sums', () => {
  it('says by batch, hour, currency and metric which control total differs', async () => {
    const hour = "TIMESTAMPTZ '2024-09-01 01:00:00+00'";
    await doctor(
      'control_totals',
      `SELECT * REPLACE (CASE WHEN hour = ${hour} THEN billed_cost + 0.000000000001 ELSE billed_cost END AS billed_cost) FROM old`,
    );
    const [batch] = await deployment.control.publishedBatches(acme);
    expect((await verify()).differences).toEqual([
      {
        at: `charges, batch ${batch?.id}, hour 2024-09-01 01:00:00+00, USD, billed_cost`,
        expected: '0.000000000000',
        found: '-0.000000000001',
      },
    ]);
  });

  it('finds charges that are changed, lost or moved to another hour', async () => {
    const [batch] = await deployment.control.publishedBatches(acme);
    await doctor(
      'charges',
      `SELECT * REPLACE (charge_period_end + INTERVAL 1 MINUTE AS charge_period_end) FROM old WHERE billing_currency = 'USD'`,
    );
    const { differences, differenceCount } = await verify();
    const said = differences.map(({ at, expected, found }) => `${at}: ${expected} / ${found}`);
    expect(said).toContain(`charges, batch ${batch?.id}, rows: 4 / 3`);
    expect(said).toContain(
      `charges, batch ${batch?.id}, hour 2024-09-01 02:00:00+00, EUR, charge_count: 1 / nothing`,
    );
    expect(said).toContain(`control plane, batch ${batch?.id}, currencies: EUR, USD / USD`);
    expect(said).toContain(
      `control plane, batch ${batch?.id}, last end: 2024-09-01T02:59:59Z / 2024-09-01T02:00:59Z`,
    );
    expect(differenceCount).toBe(differences.length);
  });

  it('names the first differences and counts all', async () => {
    await deployment.load(
      acme,
      'aws',
      Array.from({ length: 100 }, (_, hour) => charge(hour, '1')),
      'append',
    );
    const files = await liveFiles(deployment.lake, acme, 'control_totals');
    const file = files.find(({ records }) => records === 100);
    if (file === undefined) throw new Error('one of two files has a row an hour');
    await doctorFile(deployment.lake, acme, 'control_totals', file, [
      'SELECT * REPLACE (charge_count + 1 AS charge_count) FROM old',
    ]);
    const { differences, differenceCount } = await verify();
    expect(differenceCount).toBe(100);
    expect(differences).toHaveLength(NAMED_MAX);
  });
});

describe('verify of dictionaries', () => {
  it.each([
    ['resources', "SELECT * FROM old WHERE resource_id <> 'i-1'", ['of 2 charges', 'an entry', 'none']],
    ['resources', 'SELECT * FROM old UNION ALL SELECT * FROM old', ['id', '1 row', '2']],
    [
      'resources',
      "SELECT * REPLACE (replace(resource_id, 'i-2', 'i-3') AS resource_id) FROM old",
      ['digest of its contents', '', ''],
    ],
    ['tags', "SELECT * FROM old WHERE NOT value = 'b'", ['of 1 charges', 'an entry', 'none']],
    ['tags', "SELECT * FROM old WHERE NOT key = 'env'", ['digest of its contents', '', '']],
    ['tags', "SELECT * FROM old UNION ALL SELECT * FROM old WHERE value = 'b'", ['key team', '1 row', '2']],
    [
      'tags',
      "SELECT * REPLACE (CASE WHEN value = 'b' THEN id + 1 ELSE id END AS id) FROM old",
      ['of 1 charges', 'an entry', 'none'],
    ],
  ] as const)('finds what is wrong with %s after %s', async (name, select, [at, expected, found]) => {
    await doctor(name, select);
    const { differences, differenceCount } = await verify();
    expect(differenceCount).toBeGreaterThan(0);
    expect(differences[0]?.at).toContain(`${name}, id `);
    expect(differences[0]?.at).toContain(at);
    expect(differences[0]?.expected).toContain(expected);
    expect(differences[0]?.found).toContain(found);
  });
});

describe('the command verify', () => {
  async function run(...options: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const environment = { COSTGRAPH_DATA: join(deployment.folder, 'data') };
    const args = ['verify', '--tenant', acme, ...options];
    const status = await runCommand(args, { stdout, stderr, environment });
    return { status, stdout: await text(stdout.end()), stderr: await text(stderr.end()) };
  }

  it('says that all is well, as text and as JSON', async () => {
    const result = await run();
    expect(result).toEqual({
      status: 0,
      stdout: `${acme}: 4 charges of 1 batches in 6 files: all as it was loaded\n`,
      stderr: '',
    });
    const json = await run('--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ tenant: acme, charges: 4, differences: [] });
  });

  it('fails with a line per difference', async () => {
    await doctor('control_totals', 'SELECT * REPLACE (list_cost + 1 AS list_cost) FROM old');
    const { status, stdout, stderr } = await run();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^VERIFY_FAILED: 3 differences were found, of acme-/);
    expect(stdout.trim().split('\n')).toHaveLength(4);
    expect(stdout).toContain('list_cost: expected 3.000000000000, found 2.000000000000\n');
    expect(JSON.parse((await run('--json')).stdout)).toMatchObject({ differenceCount: 3 });
  });
});

describe('verify of driver data', () => {
  const header = 'time,customer,units';
  const load = (...lines: readonly string[]) =>
    loaded(loadLines({ ...deployment.context, folder: deployment.folder }, acme, 'work', [header, ...lines]));
  const onlyLoad = async () => {
    const [file] = await liveFiles(deployment.lake, acme, 'telemetry');
    if (file === undefined) throw new Error('there is a file');
    return file;
  };
  beforeEach(() => load('2024-09-01T05:00:00Z,a,1', '2024-09-01T06:30:00Z,b,2.5'));

  it('counts and adds it up', async () => {
    await load('2024-09-01T05:00:00Z,a,2');
    expect(await verify()).toMatchObject({ telemetryRows: 3, differenceCount: 0 });
  });

  it('finds rows that are missing, moved or not what they were', async () => {
    const file = await onlyLoad();
    const at = `telemetry, load ${String(file.partition['load'])}`;
    const late =
      'SELECT * REPLACE (units + 1 AS units, time + INTERVAL 1 HOUR AS time) FROM old WHERE units > 1';
    await doctorFile(deployment.lake, acme, 'telemetry', file, [late]);
    expect((await verify()).differences).toEqual([
      { at: `${at}, from_ms`, expected: '1725166800000', found: '1725174000000' },
      { at: `${at}, rows`, expected: '2', found: '1' },
      { at: `${at}, to_ms`, expected: '1725174000000', found: '1725177600000' },
      // 1 + 2.5, and 3.5: what is lost by one row may be made up by another.
    ]);
  });

  it('finds a file that is damaged, and a load that is gone', async () => {
    const { path, sizeBytes, partition } = await onlyLoad();
    await truncate(path, sizeBytes - 1);
    const damaged = {
      at: `telemetry, file ${path}`,
      expected: `${sizeBytes} bytes`,
      found: `${sizeBytes - 1} bytes`,
    };
    expect((await verify()).differences).toEqual([damaged]);
    await dropFiles(deployment.lake, await tableState(deployment.lake, acme, 'telemetry'), () => true);
    const gone = { at: `telemetry, load ${String(partition['load'])}, rows`, expected: '2', found: '0' };
    expect((await verify()).differences).toEqual([gone]);
  });
});
