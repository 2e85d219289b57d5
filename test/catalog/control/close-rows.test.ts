import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { CloseStep, Control } from '../../../src/catalog/control/control.ts';
import { openControl } from '../../../src/catalog/control/open-control.ts';
import { batchId } from '../../../src/core/ids.ts';
import { acme, azure, batch, globex, OCTOBER, step } from './control-steps.ts';

const NOVEMBER = Date.UTC(2018, 10, 1);
const november = { billingMonth: '2018-11-01', from: NOVEMBER, to: NOVEMBER + 1_000 };

let folder: string;
let control: Control;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'costgraph-closes-'));
  control = await openControl(join(folder, 'control.sqlite'));
  await control.publish(step([batch('b1')]));
});
afterEach(async () => {
  await control.close();
  await rm(folder, { recursive: true });
});

function close(name: string, but: Partial<CloseStep> = {}): CloseStep {
  return { tenant: acme, name, from: OCTOBER, to: NOVEMBER, by: 'ada', at: 2_000, ...but };
}

describe('closing a period', () => {
  it('is a knowledge step of its own, kept as it is', async () => {
    const october = {
      name: 'October',
      from: OCTOBER,
      to: NOVEMBER,
      sequence: 2,
      closedAt: 2_000,
      closedBy: 'ada',
    };
    expect(await control.closePeriod(close('October'))).toEqual(october);
    await control.publish(step([batch('n1', november)], { at: 3_000 }));
    await control.closePeriod(close('both', { to: Date.UTC(2018, 11, 1), by: '', at: 4_000 }));
    const closes = await control.closes(acme);
    expect(closes[0]).toEqual(october);
    expect(closes.map(({ name, sequence }) => [name, sequence])).toEqual([
      ['October', 2],
      ['both', 4],
    ]);
    expect(await control.closes(globex)).toEqual([]);
  });

  it('is refused under a name that is taken, by this tenant alone', async () => {
    await control.closePeriod(close('October'));
    await expect(control.closePeriod(close('October', { by: 'bob' }))).rejects.toMatchObject({
      code: 'CLOSE_EXISTS',
      message: 'There is a close "October" already, made at 1970-01-01T00:00:02Z by ada',
    });
    await control.publish(step([batch('g1', { tenant: globex })], { tenant: globex }));
    await control.closePeriod(close('October', { tenant: globex }));
    expect(await control.currentSequence(acme)).toBe(2);
  });

  it('is refused where a source has no bill yet, and says which', async () => {
    await control.publish(step([batch('a1', { source: azure, billingMonth: '2018-09-01' })], { at: 1_500 }));
    await expect(control.closePeriod(close('October'))).rejects.toMatchObject({
      code: 'CLOSE_INCOMPLETE',
      message: 'Bills are missing: azure 2018-10',
    });
    await expect(
      control.closePeriod(close('spring', { from: Date.UTC(2017, 2, 1), to: Date.UTC(2017, 5, 1) })),
    ).rejects.toMatchObject({ code: 'CLOSE_INCOMPLETE', message: 'No source has a bill for the period' });
    expect(await control.closes(acme)).toEqual([]);
    await control.publish(step([batch('a2', { source: azure })], { at: 1_600 }));
    expect(await control.closePeriod(close('October'))).toMatchObject({ sequence: 4 });
  });

  it('keeps what is live at it from being dropped, and nothing else', async () => {
    await control.publish(step([batch('b2')], { at: 1_500 }));
    await control.closePeriod(close('October'));
    await control.publish(step([batch('b3')], { at: 3_000 }));
    await control.publish(step([batch('b4')], { at: 4_000 }));
    const droppable = await control.droppable(acme, 10_000);
    expect(droppable.map(({ id }) => id)).toEqual(['b1', 'b3']);
    await expect(control.markDropped(acme, [batchId('b1'), batchId('b2')], 10_000)).rejects.toThrow('pins');
    await control.markDropped(acme, [batchId('b1'), batchId('b3')], 10_000);
  });
});
