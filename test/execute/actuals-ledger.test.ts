import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { qErrorAt } from '../../src/catalog/ask-actuals.ts';
import { run } from '../../src/commands/calibrate.ts';
import { SHAPES_COUNTED_MAX, openActualsLedger } from '../../src/execute/actuals-ledger.ts';
import { measure } from '../../src/planner/measures.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment } from '../support/deployment.ts';
import { aggregate, ask, filter, isIn, scan } from '../support/plans.ts';

const count = measure('count', null);
const cost = { rows: 10, bytes: 1_000, ms: 4, usd: 0 };

function askOf(key: string, value: string) {
  return ask(aggregate([key], [count], filter(isIn(key, [value]), scan([key]))), {}, cost);
}

let deployment: Deployment;
beforeAll(async () => {
  deployment = await openTestDeployment();
});
afterAll(() => deployment[Symbol.asyncDispose]());

async function calibrate(): Promise<string> {
  const stdout = new PassThrough();
  const printed = text(stdout);
  const environment = { COSTGRAPH_DATA: `${deployment.folder}/data` };
  await run(['--from-actuals'], { stdout, stderr: new PassThrough(), environment });
  stdout.end();
  return printed;
}

describe('what Asks came to', () => {
  it('is summed by shape, whatever the values, and changes no counter of its own', async () => {
    const { control } = deployment;
    const before = await control.changeCounter();
    const ledger = openActualsLedger(control, () => 1_000);
    ledger.add({ ask: askOf('service_name', 'a'), rows: 10, ms: 5 });
    ledger.add({ ask: askOf('service_name', 'b'), rows: 30, ms: 7 });
    ledger.add({ ask: askOf('region_id', 'a'), rows: 10, ms: 5 });
    await ledger[Symbol.asyncDispose]();
    expect(await control.changeCounter()).toBe(before);
    const shapes = await control.actuals();
    expect(shapes.map(({ actuals }) => actuals.runs).sort()).toEqual([1, 2]);
    const twice = shapes.find(({ actuals }) => actuals.runs === 2)?.actuals;
    expect(twice).toMatchObject({ rows: 40, estimatedRows: 20, ms: 12, qErrors: [1, 0, 0, 1, 0, 0, 0] });
    expect(twice && [qErrorAt(twice, 0.5), qErrorAt(twice, 0.95)]).toEqual([1.1, 4]);
    expect(JSON.stringify(shapes)).not.toContain('service_name');
  });

  it('is told, but calibrates nothing as long as it is little', async () => {
    const printed = await calibrate();
    expect(printed).toContain('3 runs of 2 shapes');
    expect(printed).toContain('nothing is written');
  });

  it('is forgotten of the shapes that ran longest ago, and calibrates once there is enough', async () => {
    const { control } = deployment;
    const ledger = openActualsLedger(control, () => 2_000);
    for (let i = 0; i <= SHAPES_COUNTED_MAX; i++) {
      ledger.add({ ask: askOf(`tag:${i}`, 'a'), rows: i, ms: 2 + i / 100 });
    }
    await ledger[Symbol.asyncDispose]();
    expect(await control.actuals()).toHaveLength(2 + SHAPES_COUNTED_MAX);
    expect(await calibrate()).toContain('written to');
  });
});
