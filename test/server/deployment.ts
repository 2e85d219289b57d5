/** A data folder with two months of two tenants' bills, small enough to add up by hand. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { readConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';
import { sourceName, tenantId } from '../../src/core/ids.ts';
import { importBills } from '../../src/ingest/import-bills.ts';
import { openEngine } from '../../src/server.ts';
import type { BillRow } from '../support/focus-file.ts';
import { csvOf, focusRow } from '../support/focus-file.ts';

function charge(day: string, service: string, region: string, cost: string, more: BillRow = {}): BillRow {
  const month = day.slice(0, 7);
  const next = month === '2024-09' ? '2024-10' : '2024-11';
  return focusRow({
    BillingPeriodStart: `${month}-01T00:00:00Z`,
    BillingPeriodEnd: `${next}-01T00:00:00Z`,
    ChargePeriodStart: `${day}T22:00:00Z`,
    ChargePeriodEnd: `${day}T23:00:00Z`,
    ServiceName: service,
    RegionId: region,
    BilledCost: cost,
    EffectiveCost: cost,
    ListCost: cost,
    ...more,
  });
}

const bills: Readonly<Record<string, readonly BillRow[]>> = {
  demo: [
    charge('2024-09-01', 'Amazon EC2', 'us-east-1', '10.5', { Tags: '{"Application": "ordering"}' }),
    charge('2024-09-01', 'Amazon EC2', 'eu-west-1', '4.25'),
    charge('2024-09-02', 'Amazon S3', 'us-east-1', '2.000000000001', { Tags: '{"Application": "archive"}' }),
    charge('2024-09-02', 'AWS Lambda', 'us-east-1', '-1'),
    charge('2024-10-01', 'Amazon EC2', 'us-east-1', '20'),
    charge('2024-10-01', 'Amazon RDS', 'us-east-1', '5'),
  ],
  acme: [
    charge('2024-09-01', 'Secret Service', 'us-east-1', '7'),
    charge('2024-09-02', 'Dienst', 'eu-central-1', '3', { BillingCurrency: 'EUR' }),
  ],
};

/** The configuration of a new data folder in which the bills are loaded; `remove` takes it away. */
export async function makeDeployment(): Promise<{
  config: Config;
  folder: string;
  remove: () => Promise<void>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'deployment-'));
  const config = readConfig({ COSTGRAPH_DATA: join(folder, 'data'), COSTGRAPH_SAMPLE: 'off', PORT: '0' });
  await using opened = await openEngine(config);
  for (const [name, rows] of Object.entries(bills)) {
    const path = join(folder, `${name}.csv`);
    await writeFile(path, csvOf(rows));
    const tenant = tenantId(name);
    const source = sourceName('focus');
    if (tenant === null || source === null) throw new Error(`${name} is a name`);
    const { dictionaryBudget, rollupRowsMax } = config;
    const context = { ...opened, threads: 1, dictionaryBudget, rollupRowsMax, onProgress: () => {} };
    await importBills(context, {
      tenant,
      source,
      mode: 'replace',
      force: false,
      format: null,
      paths: [path],
    });
  }
  return { config, folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
