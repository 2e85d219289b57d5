import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newTextPool } from '../../src/catalog/column-facts.ts';
import { packBlock } from '../../src/catalog/file-block.ts';
import type { FileIndex } from '../../src/catalog/file-index.ts';
import {
  baseOf,
  emptyIndex,
  everyFile,
  filesOfBatch,
  filesOfRollup,
  indexBlocks,
  indexFiles,
} from '../../src/catalog/file-index.ts';
import type { LakeFile } from '../../src/catalog/lake-file.ts';
import { NARROW_LIMIT, nullsFrom } from '../../src/catalog/lake-file.ts';
import { lakeTables } from '../../src/catalog/lake-tables.ts';
import { lakeFilesArbitrary } from '../support/lake-files-arbitrary.ts';
import { fixedFile } from '../support/fixed-state.ts';

const columns = lakeTables.charges.fields;
const byPath = (files: readonly LakeFile[]) => new Map(files.map((file) => [file.path, file]));

/** All that a file says, with bounds as far as the index keeps them. */
function said(file: LakeFile): unknown {
  const { path, sizeBytes, records, partition } = file;
  const facts = columns.map(({ name, type }) => {
    const bounds = type === 'string' || type === 'timestamptz' ? file.bounds(name) : null;
    return [name, file.holds(name), file.nulls(name), file.columnBytes(name) === null, bounds];
  });
  return { path, sizeBytes, records, partition, facts };
}

describe('an index of files', () => {
  it('says of each file what its manifest says', () => {
    const property = fc.property(lakeFilesArbitrary, (files) => {
      const indexed = byPath(everyFile(indexFiles('charges', files)));
      expect(indexed.size).toBe(files.length);
      for (const file of files) {
        const view = indexed.get(file.path);
        expect(view && said(view)).toEqual(said(file));
      }
    });
    fc.assert(property, { numRuns: 200 });
  });

  it('keeps of decimals whether they are narrow: bounds are as wide as the type', () => {
    const most = NARROW_LIMIT - 1n;
    const bounds = (lower: bigint, upper: bigint) =>
      everyFile(
        indexFiles('charges', [fixedFile('f', { bounds: { billed_cost: [lower, upper] } })]),
      )[0]?.bounds('billed_cost');
    expect(bounds(-most, most)).toEqual({ lower: -most, upper: most });
    expect(bounds(0n, 1n)).toEqual({ lower: -most, upper: most });
    expect(bounds(0n, NARROW_LIMIT)?.upper).toBe(10n ** 38n - 1n);
    expect(bounds(-NARROW_LIMIT, 0n)?.lower).toBe(1n - 10n ** 38n);
  });

  it('knows nothing of a column that the table does not have', () => {
    const [file] = everyFile(indexFiles('charges', [fixedFile('f')]));
    expect(file?.holds('later')).toBe(false);
    expect([file?.bounds('later'), file?.nulls('later'), file?.columnBytes('later')]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it("deals out a column's bytes by the sizes of a partition's files: their sum is that of the manifest", () => {
    const sized = (path: string, sizeBytes: number, columnBytes: number | null): LakeFile => ({
      ...fixedFile(path),
      sizeBytes,
      columnBytes: () => columnBytes,
    });
    const files = [sized('a', 1_000, 100), sized('b', 3_000, 500), sized('c', 9_000, null)];
    const bytes = everyFile(indexFiles('charges', files)).map((file) => file.columnBytes('region_id'));
    expect(bytes).toEqual([150, 450, null]);
  });

  it('counts missing values as none, some or all; of no rows all', () => {
    expect([nullsFrom(null, 1), nullsFrom(0, 2), nullsFrom(1, 2), nullsFrom(2, 2), nullsFrom(0, 0)]).toEqual([
      null,
      'none',
      'some',
      'all',
      'all',
    ]);
  });

  it('tells more than 256 and more than 65,536 values of a column apart', () => {
    for (const count of [1, 2, 256, 257, 65_537]) {
      const files = Array.from({ length: count }, (_, i) =>
        fixedFile(`f${i}`, { bounds: { region_id: [`a${i}`, `b${i}`] } }),
      ).map((file): LakeFile => ({
        ...file,
        bounds: (name) => (name === 'region_id' ? file.bounds(name) : null),
      }));
      const indexed = everyFile(indexFiles('charges', files));
      expect(indexed.every((file) => file.bounds('region_id')?.lower === `a${file.path.slice(1)}`)).toBe(
        true,
      );
    }
  });

  it('finds the files of a batch in all manifests', () => {
    const pool = newTextPool();
    const block = (...names: string[]) =>
      packBlock(
        'charges',
        names.map((name) => fixedFile(`/lake/${name}.parquet`, { partition: { batch: name.slice(0, 1) } })),
        pool,
      );
    const index = indexBlocks(
      new Map([
        ['1', block('a1', 'b1', 'a2')],
        ['2', block('a3')],
      ]),
      pool,
      4,
    );
    expect(filesOfBatch(index, 'a').map(({ path }) => path)).toEqual([
      '/lake/a1.parquet',
      '/lake/a2.parquet',
      '/lake/a3.parquet',
    ]);
    expect([filesOfBatch(index, 'c'), index.count, index.sizeBytes]).toEqual([[], 4, 4_000_000]);
  });

  it('finds the files of a rollup, and counts them apart from those of others', () => {
    const file = (path: string, rollup: string, batch: string) =>
      fixedFile(path, { partition: { rollup, source: 'aws', batch } });
    const index = indexFiles('rollups', [
      file('d1', 'days', 'a'),
      file('h1', 'hours', 'a'),
      file('d2', 'days', 'b'),
    ]);
    const days = filesOfRollup(index, 'days');
    expect([days.count, days.sizeBytes, index.count]).toEqual([2, 2_000_000, 3]);
    expect(filesOfBatch(days, 'a').map(({ path }) => path)).toEqual(['d1']);
    expect(filesOfRollup(index, 'months').count).toBe(0);
  });

  it('is built upon until most files that its texts were kept for are gone', () => {
    const index = (files: number, packedCount: number): FileIndex => ({
      ...indexFiles(
        'charges',
        Array.from({ length: files }, (_, i) => fixedFile(`f${i}`)),
      ),
      packedCount,
    });
    const fresh = index(2, 4);
    expect(baseOf(fresh)).toBe(fresh);
    expect(baseOf(index(2, 5)).count).toBe(0);
    expect(baseOf(emptyIndex).pool).not.toBe(emptyIndex.pool);
  });
});
