import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { newTextPool } from '../../src/catalog/column-facts.ts';
import { packBlock } from '../../src/catalog/file-block.ts';
import { indexBlocks } from '../../src/catalog/file-index.ts';
import type { LakeFile } from '../../src/catalog/lake-file.ts';
import { NARROW_LIMIT } from '../../src/catalog/lake-file.ts';
import type { TenantState } from '../../src/catalog/tenant-state.ts';
import { addInlineColumns } from '../../src/planner/add-inline-columns.ts';
import { chooseFiles, unfilteredFiles } from '../../src/planner/choose-files.ts';
import { matchFile, provingKey } from '../../src/planner/match-file.ts';
import type { FileSelection, Scan } from '../../src/planner/plan.ts';
import { outputColumns, scansOf } from '../../src/planner/plan-tree.ts';
import type { Predicate } from '../../src/planner/predicate.ts';
import { TRUE, and, or } from '../../src/planner/predicate.ts';
import { fixedBatch, fixedState } from '../support/fixed-state.ts';
import { batches, instantArbitrary, lakeFilesArbitrary } from '../support/lake-files-arbitrary.ts';
import { filter, isIn, isMissing, scan } from '../support/plans.ts';
import { SEED } from '../support/seeded.ts';

const COLUMNS = ['region_id', 'service_name', 'effective_cost'];

/** The judge: looks at every entry of every manifest, one by one. */
function plainSelection(of: Scan, predicate: Predicate, live: readonly string[], files: readonly LakeFile[]) {
  const skipped: Record<string, { files: number; bytes: number }> = {};
  const kept = files.filter((file) => {
    const reason = reasonToSkip(of, predicate, live, file);
    if (reason === null) return true;
    const before = skipped[reason] ?? { files: 0, bytes: 0 };
    skipped[reason] = { files: before.files + 1, bytes: before.bytes + file.sizeBytes };
    return false;
  });
  const sum = (some: readonly LakeFile[]) => some.reduce((bytes, file) => bytes + file.sizeBytes, 0);
  return {
    files: kept.map(({ path, sizeBytes, records, partition }) => ({
      path,
      sizeBytes,
      records,
      batch: partition['batch'],
    })),
    lacking: COLUMNS.filter((column) => kept.some((file) => !file.holds(column))),
    isNarrow: kept.every((file) => {
      const [lower, upper] = numbersOf(file, 'effective_cost') ?? [];
      if (lower === undefined || upper === undefined) return file.nulls('effective_cost') === 'all';
      return lower > -NARROW_LIMIT && upper < NARROW_LIMIT;
    }),
    proven: {
      tenant: kept.every((file) => {
        const { lower, upper } = file.bounds('tenant') ?? {};
        return lower === 'demo' && upper === 'demo' && file.nulls('tenant') === 'none';
      }),
      time: kept.every((file) => {
        const [lower, upper] = numbersOf(file, of.axis) ?? [];
        if (lower === undefined || upper === undefined || of.within === 'overlap') return false;
        return (
          lower >= micros(of.range.from) && upper < micros(of.range.to) && file.nulls(of.axis) === 'none'
        );
      }),
    },
    filesTotal: files.length,
    filesRead: kept.length,
    bytesTotal: sum(files),
    bytesRead: sum(kept),
    skipped,
  };
}

function reasonToSkip(
  { batches: asked, range, within, axis }: Scan,
  predicate: Predicate,
  live: readonly string[],
  file: LakeFile,
): string | null {
  const batch = String(file.partition['batch']);
  if (!live.includes(batch)) return 'NOT_LIVE';
  if (asked && !asked.includes(batch)) return 'NOT_ASKED';
  const [first] = numbersOf(file, within === 'overlap' ? 'charge_period_start' : axis) ?? [];
  const [, last] = numbersOf(file, within === 'overlap' ? 'charge_period_end' : axis) ?? [];
  if (range.from >= range.to) return 'TIME';
  if (first !== undefined && first >= micros(range.to)) return 'TIME';
  if (last !== undefined && last < micros(range.from)) return 'TIME';
  if (matchFile(predicate, file) !== 'none') return null;
  return `VALUE:${provingKey(predicate, file) ?? 'filter'}`;
}

function numbersOf(file: LakeFile, column: string): [bigint, bigint] | null {
  const { lower, upper } = file.bounds(column) ?? {};
  return typeof lower === 'bigint' && typeof upper === 'bigint' ? [lower, upper] : null;
}

function micros(instant: number): bigint {
  return BigInt(instant) * 1000n;
}

/** In the same words; the order of files and reasons is the index's. */
function comparable(selection: FileSelection) {
  const { files, lacking, narrow, proven, pruning } = selection;
  const { skipped, ...totals } = pruning;
  const byReason = skipped.map(({ reason, ...amount }) => [reason, amount] as const);
  return {
    files,
    lacking,
    isNarrow: narrow.includes('effective_cost'),
    proven,
    ...totals,
    skipped: Object.fromEntries(byReason),
  };
}

const sortedFiles = <Selection extends { readonly files: readonly { readonly path: string }[] }>(
  selection: Selection,
) => ({ ...selection, files: selection.files.toSorted((a, b) => (a.path < b.path ? -1 : 1)) });

/** A state with the files in several manifests, packed one after another into one pool. */
function stateOf(files: readonly LakeFile[], manifests: number, live: readonly string[]): TenantState {
  const pool = newTextPool();
  const parts = [...Map.groupBy(files, (file) => String(file.path.length % manifests))];
  const blocks = parts.map(([name, part]) => [name, packBlock('charges', part, pool)] as const);
  const index = indexBlocks(new Map(blocks), pool, files.length);
  return {
    ...fixedState,
    batches: live.map((id) => fixedBatch(id, '2018-10')),
    tables: { ...fixedState.tables, charges: { snapshot: '1', files: index } },
  };
}

const service = isIn('service_name', ['A', 'demo']);
const predicates = [
  TRUE,
  service,
  isIn('region_id', ['B'], { orNull: true }),
  isMissing('region_id'),
  isIn('source', ['gcp']),
  and([isIn('source', ['aws']), service]),
  or([isIn('source', ['gcp']), isIn('service_name', ['😀'])]),
];
const scanArbitrary = fc
  .record({
    from: instantArbitrary,
    to: instantArbitrary,
    within: fc.constantFrom('start', 'overlap'),
    axis: fc.constantFrom('charge_period_start', 'billing_period_start'),
    batches: fc.option(fc.subarray([...batches, 'unknown'])),
  })
  .map(({ from, to, ...rest }) => scan(COLUMNS, { range: { from, to }, ...rest }));

it('files chosen by the index are those that a look at every file chooses, and so are the counts', () => {
  const seen = new Set<string>();
  const property = fc.property(
    lakeFilesArbitrary,
    fc.integer({ min: 1, max: 3 }),
    fc.subarray(batches),
    scanArbitrary,
    fc.constantFrom(...predicates),
    (files, manifests, live, asked, predicate) => {
      const state = stateOf(files, manifests, live);
      const chosen = chooseFiles(filter(predicate, asked), unfilteredFiles(state));
      const selection = scansOf(chosen)[0]?.files;
      const judged = plainSelection(asked, predicate, live, files);
      if (!selection) throw new Error('a Scan gets its files');
      expect(sortedFiles(comparable(selection))).toEqual(sortedFiles(judged));
      for (const reason of Object.keys(judged.skipped)) seen.add(reason);
      if (judged.filesRead > 0) seen.add('read');
    },
  );
  fc.assert(property, { numRuns: 3_000, seed: SEED });
  const reasons = ['NOT_ASKED', 'NOT_LIVE', 'TIME', 'VALUE:filter', 'VALUE:service_name', 'read'];
  expect([...seen]).toEqual(expect.arrayContaining(reasons)); // Enough was met to be a test.
});

it('inline columns are read where a look at every file finds values in them', () => {
  const property = fc.property(
    lakeFilesArbitrary,
    fc.subarray(batches),
    scanArbitrary,
    (files, live, asked) => {
      const holds = files.some(
        (file) =>
          reasonToSkip(asked, TRUE, live, file) === null &&
          file.holds('inline_tags') &&
          file.nulls('inline_tags') !== 'all',
      );
      const added = outputColumns(addInlineColumns(filter(TRUE, asked), stateOf(files, 2, live)));
      expect(added.includes('inline_tags')).toBe(holds);
    },
  );
  fc.assert(property, { numRuns: 1_000, seed: SEED });
});
