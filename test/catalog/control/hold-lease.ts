/** A process that takes the lease "import", says so, and holds it until it is ended: `hold-lease.ts PATH`. */
import { openControl } from '../../../src/catalog/control/open-control.ts';

const control = await openControl(process.argv[2] ?? '');
await control.withLease('import', 0, async () => {
  process.stdout.write('held\n');
  await new Promise((resolve) => setTimeout(resolve, 600_000));
});
