import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Control } from '../../../src/catalog/control/control.ts';
import { openControl } from '../../../src/catalog/control/open-control.ts';
import type { RollupRequest } from '../../../src/catalog/define-rollup.ts';
import { ROLLUPS_MAX } from '../../../src/catalog/define-rollup.ts';
import { defaultRollups, ROLLUP_TAGS_MAX } from '../../../src/catalog/rollups.ts';
import { acme, batch, globex, step } from './control-steps.ts';

const tagKeys = Array.from({ length: ROLLUP_TAGS_MAX + 1 }, (_, i) => `tag${i}`);

let folder: string;
let control: Control;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'costgraph-control-'));
  control = await openControl(join(folder, 'control.sqlite'));
});
afterEach(async () => {
  await control.close();
  await rm(folder, { recursive: true, force: true });
});

function create(request: Partial<RollupRequest>) {
  return control.createRollup(acme, { name: 'mine', grain: 'day', by: ['service_name'], ...request });
}

describe('a tenant', () => {
  it('has the default rollups until it drops them', async () => {
    expect(await control.rollups(acme)).toEqual(defaultRollups);
    await control.dropRollup(acme, 'hour');
    expect((await control.rollups(acme)).map(({ name }) => name)).toEqual(['day']);
    expect(await control.rollups(globex)).toEqual(defaultRollups);
    await expect(control.dropRollup(acme, 'hour')).rejects.toMatchObject({ code: 'UNKNOWN_ROLLUP' });
  });

  it('has its own ones, whose id follows from what they hold', async () => {
    const made = await create({ by: ['region_id', 'source', 'service_name', 'region_id'] });
    expect(made.attributes).toEqual(['region_id', 'service_name']);
    expect((await control.rollups(acme)).at(-1)).toEqual(made);
    await control.dropRollup(acme, 'mine');
    expect(await control.rollups(acme)).toEqual(defaultRollups);
    const again = await create({ name: 'again', by: ['service_name', 'region_id'] });
    expect(again.id).toBe(made.id);
    const hourly = await create({ name: 'hourly', grain: 'hour', by: ['service_name', 'region_id'] });
    expect(hourly.id).not.toBe(made.id);
  });

  it('has no two rollups of one name or of the same contents', async () => {
    await create({});
    for (const twice of [{ by: ['region_id'] }, { name: 'other' }, { name: 'hour', by: ['region_id'] }]) {
      await expect(create(twice)).rejects.toMatchObject({ code: 'ROLLUP_EXISTS' });
    }
    const { grain, attributes } = defaultRollups[0] ?? { grain: 'hour', attributes: [] };
    await expect(create({ name: 'other', grain, by: attributes })).rejects.toMatchObject({
      code: 'ROLLUP_EXISTS',
      message: 'The rollup "hour" holds the same',
    });
  });

  it(`has at most ${ROLLUPS_MAX} rollups`, async () => {
    const keys = ['region_id', 'region_name', 'sku_id', 'invoice_id', 'sku_meter'];
    const own = Array.from({ length: ROLLUPS_MAX - defaultRollups.length }, (_, i) =>
      keys.filter((_, bit) => ((i + 1) >> bit) % 2 === 1),
    );
    for (const [i, by] of own.entries()) await create({ name: `own-${i}`, by });
    await expect(create({})).rejects.toMatchObject({ code: 'BAD_ROLLUP' });
  });
});

describe('creating a rollup', () => {
  it.each([
    ['an unknown dimension', ['servce_name'], 'UNKNOWN_DIMENSION'],
    ['an unknown tag', ['tag:nobody-has-it'], 'UNKNOWN_DIMENSION'],
    ['resources', ['resource_name'], 'BAD_ROLLUP'],
    ['a time', ['charge_period_end'], 'BAD_ROLLUP'],
    ['what every rollup has alone', ['source', 'billing_currency'], 'BAD_ROLLUP'],
    ['nothing', [], 'BAD_ROLLUP'],
  ])('refuses one by %s', async (_, by, code) => {
    await expect(create({ by })).rejects.toMatchObject({ code });
  });

  it('refuses a name that is none', async () => {
    await expect(create({ name: 'My Rollup' })).rejects.toMatchObject({ code: 'BAD_NAME' });
  });

  it(`takes at most ${ROLLUP_TAGS_MAX} tags, of those that batches have`, async () => {
    const by = tagKeys.map((key) => `tag:${key}`);
    const one = batch('one');
    const statistics = by.map((key) => ({ batch: one.id, key, distinct: 1, nulls: 0 }));
    await control.publish(step([one], { statistics }));
    await expect(create({ by })).rejects.toMatchObject({ code: 'BAD_ROLLUP' });
    const made = await create({ by: by.slice(1) });
    expect(made.attributes).toHaveLength(ROLLUP_TAGS_MAX);
    await expect(create({ name: 'x', by: ['tag:tga1'] })).rejects.toMatchObject({
      hint: expect.stringContaining('tag:tag1'),
    });
  });
});
