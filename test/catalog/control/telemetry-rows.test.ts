import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Control, TelemetryStep } from '../../../src/catalog/control/control.ts';
import { openControl } from '../../../src/catalog/control/open-control.ts';
import { decimalFromUnits } from '../../../src/core/decimal.ts';
import { HOUR_MS } from '../../../src/core/time-range.ts';
import { acme, batch, globex, step } from './control-steps.ts';

let folder: string;
let control: Control;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'costgraph-control-'));
  control = await openControl(join(folder, 'control.sqlite'));
});
afterEach(async () => {
  await control.close();
  await rm(folder, { recursive: true });
});

function load(id: string, after: string | null, but: Partial<TelemetryStep> = {}): TelemetryStep {
  return {
    tenant: acme,
    stream: { name: 'work', columns: ['customer', 'plan'] },
    load: {
      id,
      rows: 3,
      units: decimalFromUnits(12_345_678_901_234_567_890_123n),
      from: 0,
      to: HOUR_MS,
      digest: 'd',
      file: 'work.csv',
    },
    after,
    at: 1_000,
    ...but,
  };
}

describe('publishing telemetry', () => {
  it('is a step of knowledge like batches, numbered with them', async () => {
    expect(await control.publishTelemetry(load('1-a', null))).toEqual({ sequence: 1 });
    expect(await control.publish(step([batch('b')]))).toMatchObject({ sequence: 2 });
    expect(await control.publishTelemetry(load('2-b', '1-a'))).toEqual({ sequence: 3 });
    expect(await control.currentSequence(acme)).toBe(3);
    // Instants increase though all steps name the same.
    expect(await control.sequenceAsOf(acme, 1_001)).toBe(2);
    const { id: _, ...same } = load('', null).load;
    expect(await control.telemetry(acme)).toEqual([
      {
        name: 'work',
        columns: ['customer', 'plan'],
        loads: [
          { ...same, id: '1-a', sequence: 1 },
          { ...same, id: '2-b', sequence: 3 },
        ],
      },
    ]);
    expect(await control.tenants()).toEqual([acme]);
    expect(await control.telemetry(globex)).toEqual([]);
  });

  it('answers a repeated step as before', async () => {
    await control.publishTelemetry(load('1-a', null));
    await control.publishTelemetry(load('2-b', '1-a'));
    expect(await control.publishTelemetry(load('1-a', null))).toEqual({ sequence: 1 });
    expect(await control.currentSequence(acme)).toBe(2);
  });

  it('refuses a load that was made to come upon others than there are, or has other columns', async () => {
    const conflict = { code: 'COMMIT_CONFLICT' };
    await expect(control.publishTelemetry(load('2-b', '1-a'))).rejects.toMatchObject(conflict);
    await control.publishTelemetry(load('1-a', null));
    await expect(control.publishTelemetry(load('1-b', null))).rejects.toMatchObject(conflict);
    const other = { stream: { name: 'work', columns: ['plan', 'customer'] } };
    await expect(control.publishTelemetry(load('2-b', '1-a', other))).rejects.toMatchObject(conflict);
    expect(await control.currentSequence(acme)).toBe(1);
  });

  it('keeps streams and tenants apart', async () => {
    await control.publishTelemetry(load('1-a', null));
    await control.publishTelemetry(load('1-b', null, { stream: { name: 'orders', columns: [] } }));
    await control.publishTelemetry(load('1-a', null, { tenant: globex }));
    const streams = (await control.telemetry(acme)).map(({ name, loads }) => [name, loads.length]);
    expect(streams).toEqual([
      ['orders', 1],
      ['work', 1],
    ]);
    expect(await control.telemetry(globex)).toHaveLength(1);
  });
});
