import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Control } from '../../../src/catalog/control/control.ts';
import { openControl } from '../../../src/catalog/control/open-control.ts';
import { batchId } from '../../../src/core/ids.ts';
import { DAY_MS } from '../../../src/core/time-range.ts';
import { acme, aws, azure, batch, globex, load, OCTOBER, step, tenant } from './control-steps.ts';

let folder: string;
let path: string;
let control: Control;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'costgraph-control-'));
  path = join(folder, 'data', 'control.sqlite');
  control = await openControl(path);
});
afterEach(async () => {
  await control.close();
  await rm(folder, { recursive: true });
});

async function liveBatches(): Promise<string[]> {
  const batches = await control.publishedBatches(acme);
  return batches.filter((batch) => batch.liveToSequence === null).map((batch) => batch.id);
}

describe('publish', () => {
  it('makes batches live, with everything about them', async () => {
    const october = batch('b1');
    const statistics = [{ batch: october.id, key: 'tag:Team', distinct: 3, nulls: 1 }];
    const loads = [load('f1', ['b1'])];
    expect(await control.publish(step([october], { loads, statistics }))).toEqual({
      sequence: 1,
      replaced: [],
    });

    expect(await control.publishedBatches(acme)).toEqual([
      {
        ...october,
        liveFromSequence: 1,
        liveToSequence: null,
        knownFrom: 1_000,
        knownTo: null,
        droppedAt: null,
      },
    ]);
    expect(await control.loads(acme)).toEqual([{ ...loads[0], loadedAt: 1_000 }]);
    expect(await control.statistics(acme, [october.id])).toEqual(statistics);
    expect(await control.statistics(acme, [])).toEqual([]);
    expect(await control.tenants()).toEqual([acme]);
  });

  it('replaces every other live batch of the same source and month, and no other', async () => {
    await control.publish(step([batch('october'), batch('november', { billingMonth: '2018-11-01' })]));
    await control.publish(step([batch('october-more', { mode: 'append' })], { at: 2_000 }));
    await control.publish(step([batch('azure', { source: azure })], { at: 3_000 }));
    expect(await liveBatches()).toEqual(['november', 'october', 'october-more', 'azure']);

    const { replaced } = await control.publish(step([batch('october-2')], { at: 4_000 }));
    expect(replaced).toEqual(['october', 'october-more']);
    expect(await liveBatches()).toEqual(['november', 'azure', 'october-2']);
    const [, october] = await control.publishedBatches(acme);
    expect(october).toMatchObject({
      knownFrom: 1_000,
      knownTo: 4_000,
      liveFromSequence: 1,
      liveToSequence: 4,
    });
  });

  it('keeps instants strictly increasing when the clock steps back', async () => {
    await control.publish(step([batch('b1')], { at: 5_000 }));
    await control.publish(step([batch('b2')], { at: 5_000 }));
    await control.publish(step([batch('b3')], { at: 10 }));
    const known = (await control.publishedBatches(acme)).map((batch) => batch.knownFrom);
    expect(known).toEqual([5_000, 5_001, 5_002]);
  });

  it('answers the state as of an instant, per tenant', async () => {
    await control.publish(step([batch('b1')], { at: 1_000 }));
    await control.publish(step([batch('b2')], { at: 2_000 }));
    expect(await control.currentSequence(acme)).toBe(2);
    expect(await control.sequenceAsOf(acme, 999)).toBe(0);
    expect(await control.sequenceAsOf(acme, 1_000)).toBe(1);
    expect(await control.sequenceAsOf(acme, 1_999)).toBe(1);
    expect(await control.sequenceAsOf(acme, 9_999)).toBe(2);
    expect(await control.currentSequence(globex)).toBe(0);
    expect(await control.publishedBatches(globex)).toEqual([]);
  });

  it('does nothing when the same step is published again', async () => {
    await control.publish(step([batch('b1')]));
    const again = step([batch('b2'), batch('b3', { billingMonth: '2018-11-01' })], {
      loads: [load('f', ['b2'])],
    });
    const first = await control.publish(again);
    const state = await control.publishedBatches(acme);
    expect(await control.publish(again)).toEqual(first);
    expect(first).toEqual({ sequence: 2, replaced: ['b1'] });
    expect(await control.publishedBatches(acme)).toEqual(state);
    expect(await control.loads(acme)).toHaveLength(1);
  });

  it('changes nothing when any part of a step fails', async () => {
    await control.publish(step([batch('b1')]));
    const twice = { batch: batchId('b2'), key: 'service_name', distinct: 1, nulls: 0 };
    await expect(control.publish(step([batch('b2')], { statistics: [twice, twice] }))).rejects.toThrow(
      'UNIQUE',
    );
    expect(await liveBatches()).toEqual(['b1']);
    expect(await control.currentSequence(acme)).toBe(1);
  });

  it.each([
    ['no batch', step([])],
    ['a batch of another tenant', step([batch('b', { tenant: globex })])],
    ['a load of another tenant', step([batch('b')], { loads: [load('f', ['b'], { tenant: globex })] })],
    ['a load of a batch that is not in the step', step([batch('b')], { loads: [load('f', ['other'])] })],
    ['one id twice', step([batch('b'), batch('b')])],
  ])('refuses a step with %s', async (_what, wrong) => {
    await expect(control.publish(wrong)).rejects.toThrow('a control step names');
  });

  it('refuses a step that repeats part of an earlier one', async () => {
    await control.publish(step([batch('b1')]));
    await expect(control.publish(step([batch('b1'), batch('b2')]))).rejects.toThrow('an earlier one');
  });
});

describe('COVERS_LESS', () => {
  const partial = { from: OCTOBER, to: OCTOBER + 5 * DAY_MS };

  beforeEach(async () => {
    await control.publish(step([batch('live')]));
  });

  it.each([
    ['ends earlier', { to: OCTOBER + 10 * DAY_MS - 1 }],
    ['starts later', { from: OCTOBER + 1 }],
    ['has no charges', { charges: 0 }],
  ])('refuses a version that %s', async (_what, but) => {
    await expect(control.publish(step([batch('new', but)]))).rejects.toMatchObject({ code: 'COVERS_LESS' });
    expect(await liveBatches()).toEqual(['live']);
  });

  it('says what both cover', async () => {
    await expect(control.publish(step([batch('new', partial)]))).rejects.toThrow(
      'The new version of aws 2018-10 covers 2018-10-01T00:00:00Z to 2018-10-06T00:00:00Z, ' +
        'the live one 2018-10-01T00:00:00Z to 2018-10-11T00:00:00Z',
    );
  });

  it.each([
    ['covers the same', {}],
    ['reaches part of a day further', { to: OCTOBER + 10 * DAY_MS + 1 }],
  ])('takes a version that %s', async (_what, but) => {
    await control.publish(step([batch('new', but)]));
    expect(await liveBatches()).toEqual(['new']);
  });

  it('takes less with force', async () => {
    await control.publish(step([batch('new', partial)], { force: true }));
    expect(await liveBatches()).toEqual(['new']);
  });

  it('does not look at an increment', async () => {
    await control.publish(step([batch('new', { ...partial, mode: 'append' })]));
    expect(await liveBatches()).toEqual(['live', 'new']);
  });

  it('compares all live batches of the month together', async () => {
    await control.publish(step([batch('more', { mode: 'append', to: OCTOBER + 12 * DAY_MS })]));
    await expect(control.publish(step([batch('new')]))).rejects.toMatchObject({ code: 'COVERS_LESS' });
    await control.publish(step([batch('new', { to: OCTOBER + 12 * DAY_MS })]));
    expect(await liveBatches()).toEqual(['new']);
  });
});

describe('loads and maintenance', () => {
  it('finds the load of a content while all its batches are live', async () => {
    const months = [batch('o1'), batch('n1', { billingMonth: '2018-11-01' })];
    await control.publish(step(months, { loads: [load('f1', ['o1', 'n1'])] }));
    expect(await control.liveLoad(acme, aws, 'f1')).toMatchObject({ fileName: 'f1.csv', loadedAt: 1_000 });
    expect(await control.liveLoad(acme, azure, 'f1')).toBeNull();
    expect(await control.liveLoad(globex, aws, 'f1')).toBeNull();

    await control.publish(step([batch('o2')], { loads: [load('f2', ['o2'])] }));
    expect(await control.liveLoad(acme, aws, 'f1')).toBeNull();
    expect(await control.liveLoad(acme, aws, 'f2')).toMatchObject({ batches: ['o2'] });
  });

  it('offers superseded batches for dropping once, and live ones never', async () => {
    await control.publish(step([batch('b1')], { at: 1_000 }));
    await control.publish(step([batch('b2')], { at: 2_000 }));
    expect(await control.droppable(acme, 2_000)).toEqual([]);
    expect(await control.droppable(acme, 2_001)).toMatchObject([{ id: 'b1' }]);

    await expect(control.markDropped(acme, [batchId('b1'), batchId('b2')], 3_000)).rejects.toThrow(
      'superseded',
    );
    await control.markDropped(acme, [batchId('b1')], 3_000);
    await control.markDropped(acme, [batchId('b1')], 4_000);
    expect(await control.droppable(acme, 9_000)).toEqual([]);
    expect(await control.publishedBatches(acme)).toMatchObject([
      { id: 'b1', droppedAt: 3_000 },
      { droppedAt: null },
    ]);
  });

  it('lists tenants, each once', async () => {
    await control.ensureTenant(tenant('zeta'));
    await control.ensureTenant(acme);
    await control.ensureTenant(acme);
    expect(await control.tenants()).toEqual(['acme', 'zeta']);
  });

  it('keeps one server key', async () => {
    const other = await openControl(path);
    const [a, b] = await Promise.all([control.serverKey(), other.serverKey()]);
    expect(a).toHaveLength(32);
    expect(b).toEqual(a);
    expect(await control.serverKey()).toEqual(a);
    await other.close();
  });
});

describe('changeCounter', () => {
  it('changes with own and with others’ commits, and only then', async () => {
    const other = await openControl(path);
    const start = await control.changeCounter();
    expect(await control.changeCounter()).toBe(start);
    await other.publishedBatches(acme);
    expect(await control.changeCounter()).toBe(start);

    await control.publish(step([batch('b1')]));
    const own = await control.changeCounter();
    expect(own).not.toBe(start);
    await other.publish(step([batch('b2')]));
    expect(await control.changeCounter()).not.toBe(own);
    await other.close();
  });
});

describe('the file', () => {
  it('is its owner’s alone: it holds the key that signs cursors', async () => {
    await control.serverKey();
    for (const name of [path, `${path}-wal`]) expect((await stat(name)).mode & 0o777).toBe(0o600);
  });

  it('keeps its contents between openings', async () => {
    await control.publish(step([batch('b1')]));
    await control.close();
    control = await openControl(path);
    expect(await liveBatches()).toEqual(['b1']);
  });

  it('is refused when it is no database', async () => {
    const wrong = join(folder, 'wrong.sqlite');
    await writeFile(wrong, 'this is no database, and long enough to be looked at as one'.repeat(40));
    await expect(openControl(wrong)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(await readFile(wrong, 'utf8')).toContain('no database');
  });

  it('is refused when its place cannot be written', async () => {
    const wrong = join(path, 'below-a-file', 'control.sqlite');
    await expect(openControl(wrong)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });
});
