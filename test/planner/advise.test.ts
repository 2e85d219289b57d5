import { describe, expect, it } from 'vitest';

import { ROLLUPS_MAX } from '../../src/catalog/define-rollup.ts';
import type { Need, ObservedNeed } from '../../src/catalog/needs.ts';
import type { Rollup } from '../../src/catalog/rollups.ts';
import { ROLLUP_TAGS_MAX } from '../../src/catalog/rollups.ts';
import { ADDED_MAX, HABIT_TIMES_MIN } from '../../src/planner/advise/additions.ts';
import { ADVICE_TIMES_MIN, adviseRollups } from '../../src/planner/advise/advise.ts';
import type { Evidence, WeighedBatch, WeighedPart } from '../../src/planner/advise/evidence.ts';
import { estimatePartRows } from '../../src/planner/advise/part-rows.ts';
import { DROPPED_DAYS_MIN } from '../../src/planner/advise/removals.ts';
import type { Prices } from '../../src/planner/capabilities.ts';
import { DEMO } from '../support/plans.ts';

const CHARGES = 10_000_000;
const prices: Prices = {
  startupMs: 2,
  msPerFile: 0,
  msPerMegabyte: 0,
  msPerMillionRows: 20,
  msPerMillionGroups: 0,
  usdPerHour: 0.1,
};
const values: Readonly<Record<string, number>> = {
  service_name: 40,
  region_id: 20,
  'tag:team': 12,
  'tag:app': 300,
  sku_id: 60_000,
};

const day: Rollup = { id: 'd', name: 'day', grain: 'day', attributes: ['region_id', 'service_name'] };
const hour: Rollup = { id: 'h', name: 'hour', grain: 'hour', attributes: ['region_id', 'service_name'] };
const part = (rollup: Rollup, rows: number, left: readonly string[] = []): WeighedPart => {
  const kept = rollup.attributes.filter((key) => !left.includes(key));
  const [next] = left;
  return { rollup, rows, attributes: new Set(kept), tooMany: next === undefined ? null : [...kept, next] };
};

function batchOf(parts: readonly WeighedPart[], options: Partial<WeighedBatch> = {}): WeighedBatch {
  const valuesOf = (key: string) => values[key] ?? 1;
  return { id: 'b', charges: CHARGES, hours: 720, days: 30, valuesOf, parts, ...options };
}

/** Asked so often, of all charges, as fast as the prices say. */
function needed(need: Partial<Need>, times = 50, rows = CHARGES): ObservedNeed {
  const bytes = times * rows * 4;
  const ms = times * (prices.startupMs + (rows / 1e6) * prices.msPerMillionRows);
  return {
    need: { attributes: [], grain: 'day', source: 'charges', ...need },
    use: { times, charges: times * CHARGES, rows: times * rows, bytes, estimatedMs: ms, ms },
  };
}

function evidence(
  needs: readonly ObservedNeed[],
  parts: readonly WeighedPart[] = [part(hour, 60_000), part(day, 4_000)],
  options: Partial<Evidence> = {},
): Evidence {
  const batch = batchOf(parts);
  return {
    tenant: DEMO,
    days: 7,
    observedDays: 7,
    needs,
    charges: CHARGES,
    batches: [batch],
    scale: 1,
    rollups: parts.map(({ rollup, rows }) => {
      const { name, grain, attributes } = rollup;
      const facts = {
        name,
        grain,
        attributes,
        parts: 1,
        rows,
        bytes: rows * 20,
        batchesWithout: [],
        leftOut: [],
      };
      return { rollup, facts };
    }),
    rowsMax: 20_000_000,
    prices,
    ...options,
  };
}

const byTeam = { attributes: ['tag:team'] };
const names = (some: readonly { readonly name: string }[]) => some.map(({ name }) => name);

describe('what is added', () => {
  it('pays: a tag that is asked by from charges', () => {
    const { add, isEnough, times } = adviseRollups(evidence([needed(byTeam)]));
    expect({ isEnough, times }).toEqual({ isEnough: true, times: 50 });
    expect(add).toHaveLength(1);
    expect(add[0]).toMatchObject({
      name: 'day-team',
      grain: 'day',
      attributes: ['tag:team'],
      times: 50,
      command:
        'npm run -s costgraph -- rollups create --tenant demo --name day-team --grain day --by tag:team',
      reason: expect.stringMatching(
        /asked 50 times in 7 days and takes \d+\.\d s; from about \d+ rows for 10000000/,
      ),
    });
    const { saves, rows, bytes, buildMs } = add[0] ?? { saves: { ms: 0, bytes: 0, usd: 0 } };
    expect(saves.ms).toBeGreaterThan(1_000);
    expect(saves.ms).toBeLessThan(10_100 / 7);
    expect(saves.bytes).toBeGreaterThan(0);
    expect(saves.usd).toBeCloseTo((saves.ms / 3_600_000) * prices.usdPerHour, 12);
    expect(rows).toBeLessThan(30 * 13);
    expect({ bytes, buildMs }).toEqual({ bytes: (rows ?? 0) * 20, buildMs: 40_000 });
  });

  it('is one rollup for needs that go together, by hours where one needs them', () => {
    const { add } = adviseRollups(
      evidence([
        needed(byTeam),
        needed({ attributes: ['region_id', 'tag:team'] }),
        needed({ ...byTeam, grain: 'hour' }),
      ]),
    );
    expect(add.map(({ grain, attributes, times }) => ({ grain, attributes, times }))).toEqual([
      { grain: 'hour', attributes: ['region_id', 'tag:team'], times: 150 },
    ]);
  });

  it.each<[string, Evidence]>([
    ['is asked seldom', evidence([needed(byTeam, HABIT_TIMES_MIN - 1), needed({ source: 'd' }, 50, 4_000)])],
    ['a rollup answers already', evidence([needed({ attributes: ['service_name'] }, 50, 4_000)])],
    [
      'no rollup can answer',
      evidence([needed({ ...byTeam, grain: null }), needed({ attributes: ['resource_id'] })]),
    ],
    ['would have too many rows', evidence([needed({ attributes: ['sku_id', 'tag:app'], grain: 'hour' })])],
    [
      'is by too many tags',
      evidence([needed({ attributes: Array.from({ length: ROLLUP_TAGS_MAX + 1 }, (_, i) => `tag:${i}`) })]),
    ],
    ['takes little time anyway', evidence([{ ...needed(byTeam), use: { ...needed(byTeam).use, ms: 1 } }])],
    [
      'was left out of a part for its values',
      evidence([needed(byTeam)], [part({ ...day, attributes: ['tag:team'] }, 9_000, ['tag:team'])]),
    ],
  ])('is nothing that %s', (_, given) => {
    expect(adviseRollups(given).add).toEqual([]);
  });

  it('has room in the budget of the tenant, or is named as what has none', () => {
    const { add, notes } = adviseRollups(evidence([needed(byTeam)], undefined, { rowsMax: 64_100 }));
    expect(add).toEqual([]);
    expect(notes).toEqual([
      expect.stringMatching(/^A rollup by day and tag:team would save .* COSTGRAPH_ROLLUP_ROWS_MAX/),
    ]);
  });

  it('is nothing where there are as many rollups as there may be, nor more than a few at once', () => {
    const many = Array.from({ length: ROLLUPS_MAX }, (_, i) =>
      part({ ...day, id: `${i}`, name: `${i}` }, 4_000),
    );
    const full = adviseRollups(evidence([needed(byTeam)], many));
    expect(full.add).toEqual([]);
    expect(full.notes).toEqual([expect.stringContaining('drop one')]);
    const unlike = ['charge_description', 'sku_id', 'tag:app', 'invoice_id', 'sku_meter'].map((key) =>
      needed({ attributes: [key] }),
    );
    const valuesOf = () => 40_000;
    const apart = evidence(unlike, [], { batches: [batchOf([], { valuesOf })] });
    expect(adviseRollups(apart).add.length).toBeLessThanOrEqual(ADDED_MAX);
    expect(adviseRollups(apart).add.length).toBeGreaterThan(1);
  });

  it('can be typed into a shell, whatever a tag is named', () => {
    const [one] = adviseRollups(evidence([needed({ attributes: ["tag:it's, so"] })])).add;
    expect(one?.name).toBe('day-it-s-so');
    expect(one?.command).toMatch(/ --by 'tag:it'\\''s\\, so'$/);
  });
});

describe('what is dropped', () => {
  const asked = needed({ attributes: ['service_name'], source: 'd' }, 50, 4_000);

  it('answers nothing, or what another answers nearly as cheaply', () => {
    const { drop, keep } = adviseRollups(evidence([asked]));
    expect(drop).toMatchObject([
      {
        name: 'hour',
        times: 0,
        rows: 60_000,
        bytes: 1_200_000,
        costs: { ms: 0, bytes: 0, usd: 0 },
        command: 'npm run -s costgraph -- rollups drop --tenant demo --name hour',
        reason: expect.stringContaining('nothing'),
      },
    ]);
    expect(keep).toMatchObject([{ name: 'day', times: 50, reason: expect.stringContaining('without it') }]);
    const nearly = { ...day, id: 'n', name: 'narrow', attributes: ['service_name'] };
    const other = needed({ attributes: ['region_id'], source: 'd' }, 50, 4_000);
    const second = adviseRollups(evidence([asked, other], [part(day, 4_000), part(nearly, 3_900)]));
    expect(second.drop).toMatchObject([
      { name: 'narrow', reason: expect.stringContaining('day would answer') },
    ]);
  });

  it('is one of two that do the same, never both', () => {
    const { drop, keep } = adviseRollups(
      evidence([asked], [part(day, 4_000), part({ ...day, id: 'e', name: 'e' }, 4_000)]),
    );
    expect([drop, keep].map((some) => some.length)).toEqual([1, 1]);
  });

  it('is nothing before a week is seen', () => {
    const options = { observedDays: DROPPED_DAYS_MIN - 1 };
    const { drop, keep } = adviseRollups(evidence([asked], undefined, options));
    expect(drop).toEqual([]);
    expect(keep).toMatchObject([
      { name: 'hour', reason: expect.stringContaining('6 days of 7') },
      { name: 'day' },
    ]);
  });

  it('is not what would make answers dearer', () => {
    const hourly = needed({ attributes: ['service_name'], grain: 'hour', source: 'h' }, 50, 60_000);
    expect(adviseRollups(evidence([asked, hourly])).drop).toEqual([]);
  });
});

describe('advice', () => {
  it('needs evidence', () => {
    const few = adviseRollups(evidence([needed(byTeam, ADVICE_TIMES_MIN - 1)]));
    expect(few).toMatchObject({ isEnough: false, add: [], drop: [], keep: [] });
    expect(few.notes).toEqual(['Stores were asked 19 times in 7 days: advice needs 20.']);
    expect(adviseRollups(evidence([], [], { observedDays: 0, batches: [], charges: 0 }))).toMatchObject({
      times: 0,
    });
  });

  it('says what no rollup can do', () => {
    const { notes } = adviseRollups(evidence([needed({ grain: null }), needed(byTeam)]));
    expect(notes).toEqual([expect.stringMatching(/^50 % of the time/)]);
  });

  it('is the same for the same evidence, in whatever order rollups and needs come', () => {
    const needs = [needed(byTeam), needed({ attributes: ['tag:app'] }), needed({ attributes: ['sku_id'] })];
    const parts = [part(hour, 60_000), part(day, 4_000)];
    const [a, b] = [evidence(needs, parts), evidence(needs.toReversed(), parts.toReversed())].map(
      adviseRollups,
    );
    expect(b?.add).toEqual(a?.add);
    expect(names(b?.drop ?? [])).toEqual(names(a?.drop ?? []));
  });
});

describe('the rows of a part that is not there', () => {
  it('are held between what other parts prove', () => {
    const batch = batchOf([part(hour, 60_000), part(day, 4_000)]);
    const rows = (grain: 'hour' | 'day', ...attributes: string[]) =>
      estimatePartRows(batch, { grain, attributes });
    expect(rows('day', 'service_name')).toBeLessThanOrEqual(4_000);
    expect(rows('day', 'region_id', 'service_name', 'tag:team')).toBeGreaterThanOrEqual(4_000);
    expect(rows('hour', 'region_id', 'service_name', 'tag:team')).toBeGreaterThanOrEqual(60_000);
    expect(rows('hour', 'region_id', 'service_name', 'sku_id')).toBeLessThanOrEqual(CHARGES);
  });
});
