/**
 * A process that builds all parts of a tenant's rollups anew until it is ended: `build-forever.ts FOLDER TENANT`. It
 * takes no lease, as one would that lost it without knowing. Prints a line for each commit.
 */
import { join } from 'node:path';

import { openControl } from '../../src/catalog/control/open-control.ts';
import { controlFile, openLake } from '../../src/catalog/lake.ts';
import { tenantId } from '../../src/core/ids.ts';
import { openIngestSession } from '../../src/ingest/ingest-session.ts';
import { filesOf, putParts, rolledBatch } from '../../src/ingest/rollup-parts.ts';

const [folder = '', name = ''] = process.argv.slice(2);
const tenant = tenantId(name);
if (tenant === null) throw new Error(`${name} is no tenant name`);
const lake = await openLake({ dataFolder: join(folder, 'data') });
const control = await openControl(controlFile(lake.folders));
await using session = await openIngestSession(lake.folders, 1);
const rollups = await control.rollups(tenant);
for (;;) {
  const files = await filesOf(lake, tenant, 'charges');
  for (const batch of await control.publishedBatches(tenant)) {
    if (batch.liveToSequence !== null) continue;
    const own = files.filter(({ partition }) => partition['batch'] === batch.id);
    const wanted = rolledBatch(batch, own, []).map((one) => ({ batch: one, rollups }));
    await putParts(session, lake, tenant, wanted, Infinity, () => undefined);
    process.stdout.write('put\n');
  }
}
