import { expect, it } from 'vitest';

import type { Batch, PublishedBatch } from '../../src/catalog/batch.ts';
import { summarizeSources } from '../../src/catalog/sources.ts';
import { azure, batch, load, OCTOBER } from './control/control-steps.ts';

function published(id: string, from: number, to: number | null, but: Partial<Batch> = {}): PublishedBatch {
  const known = { knownFrom: from * 1_000, knownTo: to === null ? null : to * 1_000, droppedAt: null };
  return { ...batch(id, but), liveFromSequence: from, liveToSequence: to, ...known };
}

it('adds up what is live of each source, by name', () => {
  const batches = [
    published('a1', 1, 3, { charges: 90, to: OCTOBER + 9 }),
    published('z1', 2, null, { source: azure, format: 'focus', charges: 5, quarantined: 0, to: OCTOBER + 5 }),
    published('a2', 3, null, { charges: 100, quarantined: 2, to: OCTOBER + 4 }),
    published('a3', 4, null, { charges: 10, quarantined: 1, to: OCTOBER + 6, format: 'aws-cur2' }),
  ];
  const loads = [
    { ...load('f1', ['a1']), loadedAt: 1_000 },
    { ...load('f2', ['a3']), loadedAt: 4_000 },
  ];
  expect(summarizeSources(batches, loads)).toEqual([
    {
      name: 'aws',
      format: 'aws-cur2',
      billedThrough: OCTOBER + 6,
      lastBatch: 'a3',
      lastLoadedAt: 4_000,
      charges: 110,
      quarantined: 3,
    },
    {
      name: 'azure',
      format: 'focus',
      billedThrough: OCTOBER + 5,
      lastBatch: 'z1',
      lastLoadedAt: null,
      charges: 5,
      quarantined: 0,
    },
  ]);
});

it('says nothing is billed where all rows are in quarantine', () => {
  const [source] = summarizeSources([published('a1', 1, null, { charges: 0, quarantined: 7 })], []);
  expect(source).toMatchObject({ billedThrough: null, charges: 0, quarantined: 7 });
});

it('is empty without batches', () => {
  expect(summarizeSources([], [])).toEqual([]);
});
