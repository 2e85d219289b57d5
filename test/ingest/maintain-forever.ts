/**
 * A process that maintains a tenant until it is ended: `maintain-forever.ts FOLDER TENANT`. Prints a line at the
 * start of each turn. Its clock is ahead, so that snapshots expire and batches are dropped.
 */
import { join } from 'node:path';

import { openControl } from '../../src/catalog/control/open-control.ts';
import { controlFile, openLake } from '../../src/catalog/lake.ts';
import { tenantId } from '../../src/core/ids.ts';
import { HOUR_MS } from '../../src/core/time-range.ts';
import { maintainTenant } from '../../src/ingest/maintain.ts';

const [folder = '', name = ''] = process.argv.slice(2);
const tenant = tenantId(name);
if (tenant === null) throw new Error(`${name} is no tenant name`);
const lake = await openLake({ dataFolder: join(folder, 'data') });
const control = await openControl(controlFile(lake.folders));
const context = { lake, control, threads: 1, retentionMs: HOUR_MS, rollupRowsMax: 1_000_000 };
for (let hours = 2; ; hours += 3) {
  process.stdout.write('turn\n');
  await maintainTenant(context, tenant, Date.now() + Math.min(hours, 20) * HOUR_MS);
}
