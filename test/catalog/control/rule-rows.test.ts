import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Control, PublishRulesStep } from '../../../src/catalog/control/control.ts';
import { openControl } from '../../../src/catalog/control/open-control.ts';
import { acme, batch, globex, step } from './control-steps.ts';

let folder: string;
let control: Control;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'costgraph-rules-'));
  control = await openControl(join(folder, 'control.sqlite'));
});
afterEach(async () => {
  await control.close();
  await rm(folder, { recursive: true });
});

function rules(source: string, but: Partial<PublishRulesStep> = {}): PublishRulesStep {
  return {
    tenant: acme,
    format: 'yaml',
    source,
    lookups: [],
    baseVersion: null,
    by: 'ada',
    at: 1_000,
    ...but,
  };
}

const owners = { file: 'owners.csv', text: 'sub_account_id,team\n1,search\n' };
const regions = { file: 'regions.csv', text: 'region_id,area\n' };

describe('publishing rules', () => {
  it('is a knowledge step of its own, with the next version of the tenant', async () => {
    await control.publish(step([batch('b1')]));
    const first = await control.publishRules(rules('version: 1', { lookups: [owners], at: 5_000 }));
    expect(first).toEqual({
      version: 1,
      sequence: 2,
      format: 'yaml',
      publishedAt: 5_000,
      publishedBy: 'ada',
      digest: first.digest,
      isNew: true,
    });
    const second = await control.publishRules(rules('{"version": 1}', { format: 'json', by: '', at: 10 }));
    expect(second).toMatchObject({
      version: 2,
      sequence: 3,
      format: 'json',
      publishedAt: 5_001,
      isNew: true,
    });
    expect(await control.currentSequence(acme)).toBe(3);
    expect(await control.sequenceAsOf(acme, 5_000)).toBe(2);

    const versions = await control.rulesVersions(acme);
    expect(versions.map(({ version, sequence }) => [version, sequence])).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect(await control.rulesText(acme, 1)).toEqual({ source: 'version: 1', lookups: [owners] });
    expect(await control.rulesText(acme, 2)).toEqual({ source: '{"version": 1}', lookups: [] });
  });

  it('is one tenant’s alone', async () => {
    await control.publishRules(rules('a'));
    expect(await control.rulesVersions(globex)).toEqual([]);
    await expect(control.rulesText(globex, 1)).rejects.toMatchObject({
      code: 'UNKNOWN_RULES',
      hint: 'No rules are published yet.',
    });
    expect(await control.publishRules(rules('b', { tenant: globex }))).toMatchObject({
      version: 1,
      sequence: 1,
    });
    expect(await control.tenants()).toEqual([acme, globex]);
  });

  it('changes nothing where the newest version is the very same, whatever its base', async () => {
    const first = await control.publishRules(rules('a', { lookups: [owners, regions], baseVersion: 0 }));
    const again = await control.publishRules(
      rules('a', { lookups: [regions, owners], baseVersion: 0, by: 'bob', at: 9_000 }),
    );
    expect(again).toEqual({ ...first, isNew: false });
    expect(await control.currentSequence(acme)).toBe(1);
    const changedLookup = { ...owners, text: `${owners.text}2,payments\n` };
    expect(await control.publishRules(rules('a', { lookups: [changedLookup, regions] }))).toMatchObject({
      version: 2,
      isNew: true,
    });
    // Back to what was before: a version of its own.
    const back = await control.publishRules(rules('a', { lookups: [owners, regions] }));
    expect(back).toMatchObject({ version: 3, digest: first.digest, isNew: true });
  });

  it('is refused where another version was published since its base', async () => {
    await control.publishRules(rules('a', { baseVersion: 0 }));
    await control.publishRules(rules('b', { baseVersion: 1, by: 'bob' }));
    await expect(control.publishRules(rules('c', { baseVersion: 1 }))).rejects.toMatchObject({
      code: 'RULES_CHANGED',
      message: 'The rules were made from version 1; version 2 was published meanwhile by bob',
    });
    await expect(control.publishRules(rules('c', { baseVersion: 3 }))).rejects.toMatchObject({
      code: 'UNKNOWN_RULES',
      hint: 'There are versions 1 to 2.',
    });
    expect(await control.currentSequence(acme)).toBe(2);
  });

  it('gives versions without gaps to those who publish at once', async () => {
    const other = await openControl(join(folder, 'control.sqlite'));
    const texts = Array.from({ length: 12 }, (_, i) => `rules ${i}`);
    const published = await Promise.all(
      texts.map((text, i) => (i % 2 ? other : control).publishRules(rules(text))),
    );
    await other.close();
    expect(published.map(({ version }) => version).toSorted((a, b) => a - b)).toEqual(
      texts.map((_, i) => i + 1),
    );
    for (const [i, { version }] of published.entries()) {
      expect((await control.rulesText(acme, version)).source).toBe(texts[i]);
    }
  });
});
