import { describe, expect, it } from 'vitest';
import { indexFiles } from '../../src/catalog/file-index.ts';
import type { Bound, LakeFile } from '../../src/catalog/lake-file.ts';
import type { LakeTableState, TenantState } from '../../src/catalog/tenant-state.ts';
import type { LakeTableName } from '../../src/catalog/lake-tables.ts';
import { chooseFiles, dictionaryFiles, unfilteredFiles } from '../../src/planner/choose-files.ts';
import { formatPlan } from '../../src/planner/format-plan.ts';
import { measure } from '../../src/planner/measures.ts';
import type { FileSelection, Plan, Scan } from '../../src/planner/plan.ts';
import { children } from '../../src/planner/plan-tree.ts';
import { and, or } from '../../src/planner/predicate.ts';
import { chargeFile, fixedBatch, fixedFile, fixedState } from '../support/fixed-state.ts';
import { aggregate, bucket, filter, isIn, lookup, scan, union } from '../support/plans.ts';

const october = fixedBatch('b-october', '2018-10');
const range = (from: string, to: string) => ({ from: Date.parse(from), to: Date.parse(to) });
const OCTOBER = range('2018-10-01T00:00Z', '2018-11-01T00:00Z');
const micros = (text: string) => BigInt(Date.parse(text)) * 1000n;

function table(name: LakeTableName, files: readonly LakeFile[]): LakeTableState {
  return { snapshot: '7', files: indexFiles(name, files) };
}

function stateOf(files: readonly LakeFile[]): TenantState {
  return { ...fixedState, tables: { ...fixedState.tables, charges: table('charges', files) } };
}

function chosen(plan: Plan, state: TenantState = fixedState): FileSelection {
  const scans = (node: Plan): Scan[] => (node.kind === 'Scan' ? [node] : children(node).flatMap(scans));
  const [first] = scans(chooseFiles(plan, unfilteredFiles(state)));
  if (!first?.files) throw new Error('the plan has a scan with files');
  return first.files;
}

const names = (selection: FileSelection) =>
  selection.files.map((file) => file.path.split('/').slice(3).join('/'));

describe('the files of a scan', () => {
  it('are those of live batches and of the time, what was left out with its reason', () => {
    const selection = chosen(
      filter(isIn('service_name', ['CloudWatch Events']), scan([], { range: OCTOBER })),
    );
    expect(names(selection)).toEqual(['b-october/b.parquet']);
    expect(selection.snapshot).toBe('42');
    expect(selection.pruning).toEqual({
      filesTotal: 4,
      filesRead: 1,
      bytesTotal: 4_000_000,
      bytesRead: 1_000_000,
      skipped: [
        { reason: 'VALUE:service_name', files: 1, bytes: 1_000_000 },
        { reason: 'TIME', files: 1, bytes: 1_000_000 },
        { reason: 'NOT_LIVE', files: 1, bytes: 1_000_000 },
      ],
    });
  });

  it('are those of the batches that it is restricted to, as far as they are live', () => {
    const restricted = (batches: string[]) => chosen(scan([], { batches }));
    const { files, pruning } = restricted(['b-november', 'b-october-old', 'b-unknown']);
    expect(files.map(({ batch }) => batch)).toEqual(['b-november']);
    expect(pruning.skipped).toEqual([
      { reason: 'NOT_ASKED', files: 2, bytes: 2_000_000 },
      { reason: 'NOT_LIVE', files: 1, bytes: 1_000_000 },
    ]);
    expect(restricted([]).files).toEqual([]);
    const plan = chooseFiles(
      scan([], { range: OCTOBER, batches: ['b-november'] }),
      unfilteredFiles(fixedState),
    );
    expect(formatPlan(plan)).toContain('2018-11-01T00:00Z) of 1 batches 0/4 files');
  });

  it('are pruned by all filters above it, through lookups and buckets', () => {
    const plan = filter(
      isIn('service_name', ['CloudWatch Events']),
      bucket(lookup('tags', ['tag:Team'], filter(isIn('source', ['aws']), scan([], { range: OCTOBER })))),
    );
    expect(names(chosen(plan))).toEqual(['b-october/b.parquet']);
    expect(chosen(filter(isIn('source', ['gcp']), scan([], { range: OCTOBER }))).files).toEqual([]);
  });

  it('are not pruned by a filter over groups: it is of other rows', () => {
    const groups = aggregate(['service_name'], [measure('count', null)], scan([], { range: OCTOBER }));
    expect(chosen(filter(isIn('service_name', ['none']), groups)).files).toHaveLength(2);
  });

  it('name the filter where only its parts together prove it', () => {
    const apart = or([isIn('service_name', ['0']), isIn('source', ['gcp'])]);
    const state = stateOf([
      chargeFile(october, 'a', '2018-10-01', '2018-10-02', { bounds: { service_name: ['A', 'B'] } }),
    ]);
    expect(chosen(filter(apart, scan([])), state).pruning.skipped[0]?.reason).toBe('VALUE:filter');
    const first = and([isIn('source', ['aws']), isIn('service_name', ['0'])]);
    expect(chosen(filter(first, scan([])), state).pruning.skipped[0]?.reason).toBe('VALUE:service_name');
  });

  it('are none for a range without an hour', () => {
    const nothing = scan([], { range: { from: OCTOBER.from, to: OCTOBER.from } });
    expect(chosen(nothing).files).toEqual([]);
    expect(chosen(scan([], { range: OCTOBER }), stateOf([])).pruning.filesTotal).toBe(0);
  });

  it('are chosen for each scan by its own range', () => {
    const plan = union(scan([], { range: OCTOBER }), scan([], { range: range('2018-11-01', '2018-12-01') }));
    const both = chooseFiles(plan, unfilteredFiles(fixedState));
    const counts = children(both).map((node) => (node.kind === 'Scan' ? node.files?.files.length : null));
    expect(counts).toEqual([2, 1]);
  });
});

describe('what the statistics of all files prove', () => {
  type Tenants = { bounds?: Record<string, readonly [Bound, Bound]>; nulls?: Record<string, number> };
  const hour = (first: string, last: string, { bounds = {}, nulls = {} }: Tenants = {}) =>
    chargeFile(october, first, first, last, {
      bounds: { charge_period_start: [micros(first), micros(last)], ...bounds },
      nulls,
    });
  const own = { tenant: ['demo', 'demo'] } as const;
  const proven = (files: LakeFile[], of: Partial<Scan> = {}) =>
    chosen(scan([], { range: OCTOBER, ...of }), stateOf(files)).proven;

  it('is the time where the first and the last start are in the range', () => {
    expect(proven([hour('2018-10-01T00:00Z', '2018-10-31T23:00Z')]).time).toBe(true);
    expect(proven([hour('2018-09-30T23:00Z', '2018-10-31T23:00Z')]).time).toBe(false);
    expect(proven([hour('2018-10-01T00:00Z', '2018-11-01T00:00Z')]).time).toBe(false);
    const both = [
      hour('2018-10-01T00:00Z', '2018-10-31T23:00Z'),
      hour('2018-10-31T00:00Z', '2018-11-01T00:00Z'),
    ];
    expect(proven(both).time).toBe(false);
  });

  it('is never the time of charges that only touch the range, nor of a missing start', () => {
    const file = hour('2018-10-01T00:00Z', '2018-10-31T23:00Z');
    expect(proven([file], { within: 'overlap' }).time).toBe(false);
    const nulls = { charge_period_start: 1 };
    expect(proven([hour('2018-10-01T00:00Z', '2018-10-31T23:00Z', { nulls })]).time).toBe(false);
    expect(proven([fixedFile('f', { partition: { batch: 'b-october' } })]).time).toBe(false);
  });

  it("is the tenant where no row of any file can be another's", () => {
    const [from, to] = ['2018-10-01T00:00Z', '2018-10-02T00:00Z'];
    expect(proven([hour(from, to, { bounds: own })]).tenant).toBe(true);
    expect(proven([hour(from, to)]).tenant).toBe(false);
    expect(proven([hour(from, to, { bounds: own, nulls: { tenant: 1 } })]).tenant).toBe(false);
    for (const bounds of [
      { tenant: ['demo', 'demon'] },
      { tenant: ['acme', 'demo'] },
      { tenant: ['acme', 'acme'] },
    ] as const) {
      expect(proven([hour(from, to, { bounds: own }), hour(from, to, { bounds })]).tenant).toBe(false);
    }
  });

  it('is the tenant of dictionaries too', () => {
    const resources = (tenant: string) => ({
      ...fixedState,
      tables: {
        ...fixedState.tables,
        resources: table('resources', [fixedFile('r', { bounds: { tenant: [tenant, tenant] } })]),
      },
    });
    const plan = lookup('resources', ['resource_id'], scan([]));
    expect(dictionaryFiles(plan, resources('demo')).resources?.proven.tenant).toBe(true);
    expect(dictionaryFiles(plan, resources('acme')).resources?.proven.tenant).toBe(false);
  });
});

describe('the time of a file', () => {
  const day = (start: [string, string], end: [string, string]) =>
    stateOf([
      chargeFile(october, 'a', '2018-10-01', '2018-10-02', {
        bounds: {
          charge_period_start: [micros(start[0]), micros(start[1])],
          charge_period_end: [micros(end[0]), micros(end[1])],
        },
      }),
    ]);
  const state = day(['2018-10-10T00:00Z', '2018-10-10T23:00Z'], ['2018-10-10T01:00Z', '2018-10-11T00:00Z']);
  const isRead = (from: string, to: string, within: Scan['within'], of = state) =>
    chosen(scan([], { range: range(from, to), within }), of).files.length === 1;

  it('by start: the last start is in, the range ends before the first', () => {
    expect(isRead('2018-10-10T23:00Z', '2018-10-12T00:00Z', 'start')).toBe(true);
    expect(isRead('2018-10-11T00:00Z', '2018-10-12T00:00Z', 'start')).toBe(false);
    expect(isRead('2018-10-09T00:00Z', '2018-10-10T00:00Z', 'start')).toBe(false);
    expect(isRead('2018-10-09T00:00Z', '2018-10-10T01:00Z', 'start')).toBe(true);
  });

  it('by overlap: a charge that reaches into the range is in', () => {
    expect(isRead('2018-10-10T23:00Z', '2018-10-12T00:00Z', 'overlap')).toBe(true);
    expect(isRead('2018-10-12T00:00Z', '2018-10-13T00:00Z', 'overlap')).toBe(false);
    expect(isRead('2018-10-09T00:00Z', '2018-10-10T00:00Z', 'overlap')).toBe(false);
  });

  it('by overlap: a charge of no length at the very beginning of the range is in', () => {
    const point = day(['2018-10-10T00:00Z', '2018-10-11T00:00Z'], ['2018-10-10T00:00Z', '2018-10-11T00:00Z']);
    expect(isRead('2018-10-11T00:00Z', '2018-10-12T00:00Z', 'overlap', point)).toBe(true);
    expect(isRead('2018-10-09T00:00Z', '2018-10-10T00:00Z', 'overlap', point)).toBe(false);
  });

  it('by billing period, where that is the axis', () => {
    const billed = (from: string, to: string) =>
      chosen(scan([], { range: range(from, to), axis: 'billing_period_start' }), state).files.length;
    expect(billed('2018-10-01T00:00Z', '2018-10-01T01:00Z')).toBe(1);
    expect(billed('2018-10-02T00:00Z', '2018-11-01T00:00Z')).toBe(0);
  });

  it('is unknown without bounds: the file is read', () => {
    const unknown = fixedFile('f', { partition: { batch: 'b-october' } });
    expect(isRead('2018-10-01T00:00Z', '2018-10-02T00:00Z', 'start', stateOf([unknown]))).toBe(true);
    expect(isRead('2018-10-01T00:00Z', '2018-10-02T00:00Z', 'overlap', stateOf([unknown]))).toBe(true);
  });
});

describe('what a selection says of its files', () => {
  const columns = ['service_name', 'effective_cost', 'billed_cost'];
  const file = (bounds: readonly [Bound, Bound], options: Parameters<typeof fixedFile>[1] = {}) =>
    chargeFile(october, 'a', '2018-10-01', '2018-10-02', { ...options, bounds: { effective_cost: bounds } });
  const select = (...files: LakeFile[]) => chosen(scan(columns), stateOf(files));

  it('a decimal is narrow where all files fit 18 digits', () => {
    const most = 10n ** 18n - 1n;
    expect(select(file([-most, most])).narrow).toEqual(['effective_cost', 'billed_cost']);
    expect(select(file([0n, most + 1n])).narrow).toEqual(['billed_cost']);
    expect(select(file([-most - 1n, 0n])).narrow).toEqual(['billed_cost']);
    expect(select(file([0n, 1n]), file([0n, 10n ** 20n])).narrow).toEqual(['billed_cost']);
  });

  it('a decimal of unknown bounds is wide, of nulls only narrow', () => {
    const bare = (nulls: number) =>
      fixedFile('f', { partition: { batch: 'b-october' }, records: 10, nulls: { effective_cost: nulls } });
    expect(select(bare(3)).narrow).toEqual([]);
    expect(select(bare(10)).narrow).toEqual(['effective_cost']);
  });

  it('lacking are the columns that any file does not hold', () => {
    expect(select(file([0n, 1n]), file([0n, 1n], { lacks: ['billed_cost'] })).lacking).toEqual([
      'billed_cost',
    ]);
    expect(select(file([0n, 1n])).lacking).toEqual([]);
  });

  it('bytes are those of the columns, or of the file where a size is unknown', () => {
    expect(select(file([0n, 1n])).columnBytes).toBe(60_000);
    const unsized = { ...file([0n, 1n]), columnBytes: () => null };
    expect(select(unsized).columnBytes).toBe(1_000_000);
    expect(select({ ...unsized, holds: () => false }).columnBytes).toBe(0);
  });
});

describe('the files of dictionaries', () => {
  const charges = scan(['tag_set', 'resource_key']);
  const member = { kind: 'member', dictionary: 'tags', test: isIn('tag:Name', ['n']) } as const;
  const paths = (plan: Plan, state = fixedState) =>
    Object.fromEntries(
      Object.entries(dictionaryFiles(plan, state)).map(([name, { files }]) => [
        name,
        files.map((file) => file.path),
      ]),
    );

  it('are those that may hold the keys of lookups, filters and conditions', () => {
    expect(paths(lookup('tags', ['tag:CostCenter'], charges))).toEqual({ tags: ['/lake/tags/1.parquet'] });
    expect(paths(filter(member, charges))).toEqual({ tags: ['/lake/tags/2.parquet'] });
    const counted = aggregate([], [measure('count', null, member)], charges);
    expect(paths(counted)).toEqual({ tags: ['/lake/tags/2.parquet'] });
    const both = lookup(
      'resources',
      ['resource_id'],
      lookup('tags', ['tag:Environment'], filter(member, charges)),
    );
    expect(paths(both)).toEqual({
      tags: ['/lake/tags/1.parquet', '/lake/tags/2.parquet'],
      resources: ['/lake/resources/1.parquet'],
    });
  });

  it('are none where no file can hold the key, and not named where no key is asked for', () => {
    expect(paths(lookup('tags', ['tag:Zone'], charges))).toEqual({ tags: [] });
    expect(paths(charges)).toEqual({});
    expect(dictionaryFiles(lookup('tags', ['tag:Zone'], charges), fixedState).tags?.pruning.skipped).toEqual([
      { reason: 'VALUE:key', files: 2, bytes: 2_000_000 },
    ]);
  });

  it('are read where bounds of keys are unknown', () => {
    const tables = { ...fixedState.tables, tags: table('tags', [fixedFile('f')]) };
    expect(paths(lookup('tags', ['tag:Zone'], charges), { ...fixedState, tables })).toEqual({ tags: ['f'] });
  });
});
