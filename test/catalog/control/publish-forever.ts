/**
 * A process that publishes until it is ended, or STEPS times: `publish-forever.ts PATH NAME STEPS`. Each step
 * has 3 batches, 3 loads and 600 rows of statistics, so that one can be cut in the middle. Prints a line a step.
 */
import { openControl } from '../../../src/catalog/control/open-control.ts';
import { batch, load, step } from './control-steps.ts';

const [path = '', name = '', steps = ''] = process.argv.slice(2);
const control = await openControl(path);
for (let i = 0; i < Number(steps); i++) {
  const batches = [1, 2, 3].map((k) => batch(`${name}-${i}-${k}`, { billingMonth: `2018-0${k}-01` }));
  const statistics = batches.flatMap(({ id }) =>
    Array.from({ length: 200 }, (_, column) => ({ batch: id, key: `c${column}`, distinct: i, nulls: 0 })),
  );
  const loads = batches.map(({ id }) => load(`${name}-${i}`, [id]));
  const { sequence } = await control.publish(step(batches, { loads, statistics }));
  process.stdout.write(`${sequence}\n`);
}
await control.close();
