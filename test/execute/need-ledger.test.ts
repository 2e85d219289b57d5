import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Control } from '../../src/catalog/control/control.ts';
import { openControl } from '../../src/catalog/control/open-control.ts';
import type { Need } from '../../src/catalog/needs.ts';
import { NEEDS_A_DAY_MAX, NEEDS_DAYS_MAX } from '../../src/catalog/needs.ts';
import type { WantedInput } from '../../src/execute/engine.ts';
import { NEEDS_WRITTEN_EVERY_MS, firstDay, openNeedLedger } from '../../src/execute/need-ledger.ts';
import type { CostQuery } from '../../src/planner/cost-query.ts';
import type { Ask } from '../../src/planner/plan.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import { fixedState } from '../support/fixed-state.ts';
import { focusRow } from '../support/focus-file.ts';
import { costQuery } from '../support/questions.ts';
import { DEMO } from '../support/plans.ts';

const acme = tenant('acme');
const globex = tenant('globex');

describe('needs of real questions', () => {
  const NOW = Date.parse('2024-10-15T12:00:00Z');
  const options = {
    signal: new AbortController().signal,
    deadlineMs: 60_000,
    startedAt: Infinity,
    forceStore: null,
    noCache: true,
    rulesOff: new Set<string>(),
  };
  const rows = Array.from({ length: 40 }, (_, i) =>
    focusRow({
      ServiceName: `service ${i % 4}`,
      RegionId: `region ${i % 3}`,
      ResourceId: `resource ${i}`,
      Tags: JSON.stringify({ team: `team ${i % 5}` }),
      ConsumedQuantity: '1',
      ConsumedUnit: 'Hours',
    }),
  );
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await openTestDeployment();
    for (const who of [acme, globex]) await deployment.load(who, 'aws', rows);
  });
  afterAll(() => deployment[Symbol.asyncDispose]());

  async function ask(query: Partial<CostQuery>, selected = {}, who = acme, noCache = true): Promise<void> {
    const amounts = { metrics: ['EFFECTIVE_COST' as const], amounts: [], distinct: [], ...selected };
    const wanted: WantedInput = {
      rows: { ...amounts, offset: 0, limit: 10 },
      totals: null,
      conservation: [],
    };
    const { engine } = deployment;
    const bound = await engine.bind(who, costQuery({ period: { month: '2024-09' }, ...query }), wanted, NOW);
    await engine.answer(bound, { ...options, noCache });
  }

  /** What came in since. */
  async function observing(asking: () => Promise<void>, who = acme) {
    const before = await deployment.needs.observed(who, 1);
    const timesOf = (need: Need) =>
      before.find((one) => JSON.stringify(one.need) === JSON.stringify(need))?.use.times ?? 0;
    await asking();
    const after = await deployment.needs.observed(who, 1);
    return after.filter(({ need, use }) => use.times > timesOf(need)).map(({ need }) => need);
  }

  const team = { dimension: { key: 'tag:team', in: ['team 1'] } };
  it.each<[string, Partial<CostQuery>, object, Partial<Need>]>([
    ['groups', { groupBy: ['service_name'] }, {}, { attributes: ['service_name'], source: 'default-hour' }],
    ['filters', { filter: team }, {}, { attributes: ['tag:team'], source: 'charges' }],
    [
      'conditions',
      {},
      { amounts: [{ of: 'BILLED_COST', where: team }] },
      { attributes: ['tag:team'], source: 'charges' },
    ],
    ['units', {}, { metrics: ['CONSUMED_QUANTITY'] }, { attributes: ['consumed_unit'] }],
    ['distinct counts', {}, { distinct: ['region_id'] }, { attributes: ['region_id'] }],
    ['groups by a tag', { groupBy: ['tag:team'] }, {}, { attributes: ['tag:team'], source: 'charges' }],
    ['resources', { groupBy: ['resource_id'] }, {}, { attributes: ['resource_id'], source: 'charges' }],
    ['what every rollup has', { groupBy: ['source', 'billing_currency'] }, {}, { attributes: [] }],
    ['days', { granularity: 'DAY' }, {}, { grain: 'day' }],
    ['local days', { granularity: 'DAY', timeZone: 'Asia/Tokyo' }, {}, { grain: 'hour' }],
    ['a month that is local', { timeZone: 'Asia/Tokyo' }, {}, { grain: 'day' }],
    [
      'a few hours',
      { period: { from: '2024-09-18T20:00:00Z', to: '2024-09-19T01:00:00Z' } },
      {},
      { grain: 'hour' },
    ],
    ['hours', { granularity: 'HOUR' }, {}, { grain: 'hour' }],
    ['charges that are spread', { timing: 'PRORATED', granularity: 'DAY' }, {}, { grain: null }],
  ])('are %s', async (_, query, selected, need) => {
    const found = await observing(() => ask(query, selected));
    expect(found).toContainEqual(expect.objectContaining(need));
  });

  it('are no values', async () => {
    await ask({ filter: team, groupBy: ['tag:team', 'resource_id'] });
    expect(JSON.stringify(await deployment.needs.observed(acme, 1))).not.toMatch(/team 1|resource \d/);
  });

  it('are of each tenant alone, and none where a kept answer is given', async () => {
    const query: Partial<CostQuery> = { groupBy: ['region_id', 'charge_category'] };
    expect(await observing(() => ask(query), globex)).toEqual([]);
    expect(await observing(() => ask(query, {}, acme, false))).toHaveLength(1);
    expect(await observing(() => ask(query, {}, acme, false))).toEqual([]);
  });

  it('have sums of what was read, and change nothing that states are kept by', async () => {
    const counter = await deployment.control.changeCounter();
    await ask({ groupBy: ['sub_account_id', 'tag:team'] });
    await ask({ groupBy: ['sub_account_id', 'tag:team'] });
    const observed = await deployment.needs.observed(acme, 1);
    expect(await deployment.control.changeCounter()).toBe(counter);
    const { use } = observed.find(({ need }) => need.attributes.join() === 'sub_account_id,tag:team') ?? {};
    expect(use).toMatchObject({ times: 2, charges: 80, rows: 80 });
    expect(use?.ms).toBeGreaterThan(0);
    expect(use?.bytes).toBeGreaterThan(0);
    expect(use?.estimatedMs).toBeGreaterThan(2);
  });
});

describe('the ledger', () => {
  const TODAY = '2026-11-22';
  const state = fixedState;
  let folder: string;
  let control: Control;
  let now: number;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'costgraph-needs-'));
    control = await openControl(join(folder, 'control.sqlite'));
    now = Date.parse(`${TODAY}T12:00:00Z`);
  });
  afterEach(async () => {
    await control.close();
    await rm(folder, { recursive: true });
  });
  const open = (over = control) => openNeedLedger(over, () => now);

  function run(key: string, ms = 5) {
    const scan = {
      kind: 'Scan' as const,
      tenant: DEMO,
      rollup: null,
      range: { from: Date.parse('2018-10-01'), to: Date.parse('2018-11-01') },
      within: 'start' as const,
      axis: 'charge_period_start' as const,
      batches: null,
      columns: [key],
      files: null,
    };
    const fragment = {
      kind: 'Aggregate' as const,
      step: 'single' as const,
      groupBy: [key],
      measures: [],
      input: scan,
    };
    const estimate = { rows: 1, bytes: 10, ms: 4, usd: 0 };
    const read = { files: 0, bytes: 0, rows: 0 };
    const ask: Ask = {
      kind: 'Ask',
      store: 'DUCKDB',
      fragment,
      dictionaries: {},
      lists: new Map(),
      estimate,
      read,
    };
    return { ask, rows: 1, ms };
  }

  it('counts a need for each set of an Ask that plans share', async () => {
    await using ledger = open();
    const alone = run('service_name', 10);
    const { fragment } = alone.ask;
    if (fragment.kind !== 'Aggregate') throw new Error('the Ask groups');
    const { measures, input } = fragment;
    const sets = [['service_name'], ['region_id', '$time']];
    const fine = { ...fragment, step: 'partial' as const, groupBy: ['service_name', 'region_id'] };
    for (const grouped of [input, fine]) {
      const shared = {
        kind: 'GroupingSets' as const,
        step: 'single' as const,
        sets,
        measures,
        input: grouped,
      };
      ledger.observe(state, { ...alone, ask: { ...alone.ask, fragment: shared } });
    }
    expect(
      (await ledger.observed(DEMO, 1)).map(({ need, use }) => [need.attributes, use.times, use.ms]),
    ).toEqual([
      [['region_id'], 2, 10],
      [['service_name'], 2, 10],
    ]);
  });

  it('is written when it is closed, and goes on from there', async () => {
    const first = open();
    first.observe(state, run('service_name'));
    await first[Symbol.asyncDispose]();
    await using next = open();
    next.observe(state, run('service_name'));
    const [one, ...others] = await next.observed(DEMO, 1);
    expect(others).toEqual([]);
    expect(one).toMatchObject({ day: TODAY, use: { times: 2, bytes: 20, estimatedMs: 8, ms: 10 } });
  });

  it('is written in the background, once in a while', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await using ledger = open();
      ledger.observe(state, run('service_name'));
      await vi.advanceTimersByTimeAsync(NEEDS_WRITTEN_EVERY_MS - 1);
      expect(await control.observedNeeds(DEMO, TODAY)).toEqual([]);
      vi.advanceTimersByTime(1);
      await vi.waitUntil(async () => (await control.observedNeeds(DEMO, TODAY)).length === 1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('keeps what could not be written', async () => {
    const log = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const ledger = open({ ...control, addNeeds: () => Promise.reject(new Error('disk')) });
    ledger.observe(state, run('service_name'));
    await ledger[Symbol.asyncDispose]();
    await ledger[Symbol.asyncDispose]();
    expect(log).toHaveBeenCalledTimes(2);
    log.mockRestore();
  });

  it('forgets days that are long gone, and gives those that are asked for', async () => {
    for (const ago of [0, 1, NEEDS_DAYS_MAX - 1, NEEDS_DAYS_MAX]) {
      now = Date.parse(`${TODAY}T12:00:00Z`) - ago * 86_400_000;
      await using ledger = open();
      ledger.observe(state, run('service_name'));
    }
    now = Date.parse(`${TODAY}T23:00:00Z`);
    await using ledger = open();
    ledger.observe(state, run('region_id'));
    const days = async (count: number) => (await ledger.observed(DEMO, count)).map(({ day }) => day);
    expect(await days(1)).toEqual([TODAY, TODAY]);
    expect(await days(2)).toEqual(['2026-11-21', TODAY, TODAY]);
    expect(await days(100)).toEqual([firstDay(now, NEEDS_DAYS_MAX), '2026-11-21', TODAY, TODAY]);
  });

  it('keeps so many needs of a day, those that took the most time', async () => {
    for (const from of [0, NEEDS_A_DAY_MAX]) {
      await using ledger = open();
      for (let i = 0; i <= NEEDS_A_DAY_MAX; i++) ledger.observe(state, run(`tag:${from + i}`, 1 + from + i));
    }
    await using ledger = open();
    const kept = await ledger.observed(DEMO, 1);
    expect(kept).toHaveLength(NEEDS_A_DAY_MAX);
    expect(Math.min(...kept.map(({ use }) => use.ms))).toBeGreaterThan(NEEDS_A_DAY_MAX);
  });
});
