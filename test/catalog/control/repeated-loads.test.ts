import { describe, expect, it } from 'vitest';

import type { Batch, PublishedBatch } from '../../../src/catalog/batch.ts';
import type { Load } from '../../../src/catalog/control/control.ts';
import type { ImportedFiles } from '../../../src/catalog/control/repeated-loads.ts';
import { repeatedLoads } from '../../../src/catalog/control/repeated-loads.ts';
import { aws, azure, batch, load } from './control-steps.ts';

function published(
  id: string,
  but: Partial<Batch> = {},
  liveToSequence: number | null = null,
): PublishedBatch {
  const [knownFrom, knownTo] = [1, liveToSequence];
  return { ...batch(id, but), liveFromSequence: 1, liveToSequence, knownFrom, knownTo, droppedAt: null };
}

function loaded(sha256: string, ids: string[], but: Partial<Load> = {}): Load {
  return { ...load(sha256, ids, but), loadedAt: 1 };
}

function files(mode: 'replace' | 'append', ...contents: string[]): ImportedFiles {
  return {
    source: aws,
    mode,
    files: contents.map((sha256) => ({ sha256, format: 'aws-cur', mappingVersion: 1 })),
  };
}

const november = { billingMonth: '2018-11-01' };
const batches = [published('old', {}, 2), published('october'), published('november', november)];
const loads = [loaded('f0', ['old']), loaded('f1', ['october']), loaded('f2', ['october', 'november'])];

describe('repeatedLoads', () => {
  it('answers the earlier loads when a command is repeated, in the order of the files', () => {
    const again = repeatedLoads(files('replace', 'f2', 'f1'), batches, loads);
    expect(again?.map((load) => load.sha256)).toEqual(['f2', 'f1']);
  });

  it('is a change when one file of a version is left out', () => {
    expect(repeatedLoads(files('replace', 'f1'), batches, loads)).toBeNull();
    expect(repeatedLoads(files('replace', 'f2'), batches, loads)).toBeNull();
  });

  it('is a change when a file is new, or its batches are superseded', () => {
    expect(repeatedLoads(files('replace', 'f1', 'f2', 'f3'), batches, loads)).toBeNull();
    expect(repeatedLoads(files('append', 'f0'), batches, loads)).toBeNull();
  });

  it('appends nothing twice, whatever else is live', () => {
    expect(repeatedLoads(files('append', 'f1'), batches, loads)).toHaveLength(1);
  });

  it('is a change when an increment came after, because a replace would retire it', () => {
    const more = published('more', { mode: 'append' });
    const withMore = [...loads, loaded('f3', ['more'], { mode: 'append' })];
    expect(repeatedLoads(files('replace', 'f1', 'f2'), [...batches, more], withMore)).toBeNull();
    expect(repeatedLoads(files('replace', 'f1', 'f2', 'f3'), [...batches, more], withMore)).toHaveLength(3);
  });

  it('is a change when the mapping or the format is another', () => {
    const [better, other] = [{ mappingVersion: 2 }, { format: 'focus' }].map((but) => ({
      ...files('append'),
      files: [{ sha256: 'f1', format: 'aws-cur', mappingVersion: 1, ...but }],
    }));
    expect(better && repeatedLoads(better, batches, loads)).toBeNull();
    expect(other && repeatedLoads(other, batches, loads)).toBeNull();
  });

  it('looks at one source only', () => {
    const foreign = published('azure', { source: azure });
    const azureLoads = [...loads, loaded('f9', ['azure'], { source: azure })];
    expect(repeatedLoads(files('replace', 'f1', 'f2'), [...batches, foreign], azureLoads)).toHaveLength(2);
    expect(repeatedLoads(files('append', 'f9'), [...batches, foreign], azureLoads)).toBeNull();
  });
});
