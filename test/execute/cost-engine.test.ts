import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Metric } from '../../src/catalog/metrics.ts';
import type { Answer, BoundQuery, CostEngine, WantedInput } from '../../src/execute/engine.ts';
import type { CostQuery } from '../../src/planner/cost-query.ts';
import { measure, metricValue } from '../../src/planner/measures.ts';
import type { ReadMeasure } from '../../src/planner/measures.ts';
import type { StoreName } from '../../src/planner/plan.ts';
import { TIME, before } from '../../src/planner/plan.ts';
import { formatInstant } from '../../src/core/time-range.ts';
import { isCostError } from '../../src/core/errors.ts';
import { parseDecimal } from '../../src/core/decimal.ts';
import { readRow } from '../../src/execute/page-rows.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import { focusRow } from '../support/focus-file.ts';
import { costQuery } from '../support/questions.ts';

const acme = tenant('acme');
const other = tenant('other');
const mixed = tenant('mixed');
const options = {
  signal: new AbortController().signal,
  deadlineMs: 60_000,
  startedAt: Infinity,
  forceStore: null,
  noCache: false,
  rulesOff: new Set<string>(),
};
const NOW = Date.parse('2024-10-15T12:00:00Z');
const SEPTEMBER = { month: '2024-09' };

const effective = (cost: string, columns: Record<string, string | null> = {}) =>
  focusRow({ BilledCost: cost, EffectiveCost: cost, ...columns });

const acmeRows = [
  effective('10', { ServiceName: 'Compute', Tags: '{"team":"a"}', ResourceId: 'i-1' }),
  effective('20', { ServiceName: 'Compute', Tags: '{"team":"b"}', ResourceId: 'i-2' }),
  effective('5', { ServiceName: 'Storage', Tags: '{"team":"a"}', ResourceId: 'b-1' }),
  effective('-1', { ServiceName: 'Storage', ChargeCategory: 'Credit' }),
  effective('2', {
    ServiceName: 'Queue',
    ChargePeriodStart: '2024-09-20T05:30:00Z',
    ChargePeriodEnd: '2024-09-20T06:30:00Z',
  }),
];

let deployment: Deployment;

beforeAll(async () => {
  deployment = await openTestDeployment();
  await deployment.load(acme, 'aws', acmeRows);
  await deployment.load(other, 'aws', [effective('1000', { ServiceName: 'Secret', Tags: '{"hidden":"x"}' })]);
  await deployment.load(mixed, 'aws', [effective('1'), effective('2', { BillingCurrency: 'EUR' })]);
});
afterAll(() => deployment[Symbol.asyncDispose]());

function wanted(
  metrics: readonly Metric[] = ['EFFECTIVE_COST'],
  change: Partial<WantedInput> = {},
): WantedInput {
  const selected = { metrics, amounts: [], distinct: [] };
  return { rows: { ...selected, offset: 0, limit: 100 }, totals: selected, conservation: [], ...change };
}

async function ask(
  query: Partial<CostQuery>,
  want = wanted(),
  who = acme,
): Promise<Answer & { bound: BoundQuery }> {
  const bound = await deployment.engine.bind(who, costQuery({ period: SEPTEMBER, ...query }), want, NOW);
  return { ...(await deployment.engine.answer(bound, options)), bound };
}

/** `Compute 30, Storage 4`: keys and whole effective costs of the rows. */
function shown(answer: Answer, key = 'service_name', metric: Metric = 'EFFECTIVE_COST'): string {
  const { rows } = answer;
  if (!rows) throw new Error('rows were wanted');
  return Array.from({ length: rows.length }, (_, i) => {
    const read = readRow(rows, i);
    return `${String(read(key))} ${Number(metricValue(read, metric) ?? 0n) / 1e12}`;
  }).join(', ');
}

const units = (text: string) => parseDecimal(text);

describe('the engine over real stores', () => {
  it('groups, sums and totals: exactly', async () => {
    const answer = await ask({ groupBy: ['service_name'] });
    expect(shown(answer)).toBe('Compute 30, Queue 2, Storage 4');
    expect(answer.totals?.('sum(effective_cost)')).toBe(units('36'));
    expect(answer.currency).toBe('USD');
  });

  it('keeps tenants apart: neither rows, nor names, nor cursors, nor versions cross', async () => {
    const answer = await ask({ groupBy: ['service_name'] }, wanted(), other);
    expect(shown(answer)).toBe('Secret 1000');
    await expect(ask({ groupBy: ['tag:hidden'] })).rejects.toMatchObject({ code: 'UNKNOWN_DIMENSION' });
    const { version } = answer.bound;
    await expect(ask({ groupBy: ['service_name'], knowledge: { version } })).rejects.toMatchObject({
      code: 'VERSION_EXPIRED',
    });
    const cursor = deployment.engine.cursors.seal(other, 'rows', version, 1);
    expect(() => deployment.engine.cursors.open(acme, 'rows', cursor)).toThrowError(
      expect.objectContaining({ code: 'BAD_CURSOR' }),
    );
    expect(() => deployment.engine.cursors.open(other, 'columns', cursor)).toThrowError(
      expect.objectContaining({ code: 'BAD_CURSOR' }),
    );
    expect(deployment.engine.cursors.open(other, 'rows', cursor)).toEqual({ version, offset: 1 });
  });

  it('answers an earlier version as it was, after a new one of the month became live', async () => {
    const who = tenant('versions');
    await deployment.load(who, 'aws', [effective('1')]);
    const first = await ask({}, wanted(), who);
    const since = Date.now();
    await deployment.load(who, 'aws', [effective('7')]);
    const second = await ask({}, wanted(), who);
    const again = await ask({ knowledge: { version: first.bound.version } }, wanted(), who);
    const asOf = await ask({ knowledge: { asOf: new Date(since).toISOString() } }, wanted(), who);
    expect(second.totals?.('sum(effective_cost)')).toBe(units('7'));
    expect(again.totals?.('sum(effective_cost)')).toBe(units('1'));
    expect(asOf.totals?.('sum(effective_cost)')).toBe(units('1'));
    expect(again.bound.version).toBe(first.bound.version);
    expect(second.bound.version).not.toBe(first.bound.version);
  });

  it('keeps a version through loads that it does not depend on', async () => {
    const who = tenant('unrelated');
    await deployment.load(who, 'aws', [effective('1')]);
    const first = await ask({}, wanted(), who);
    const october = { BillingPeriodStart: '2024-10-01T00:00:00Z', BillingPeriodEnd: '2024-11-01T00:00:00Z' };
    const hour = { ChargePeriodStart: '2024-10-02T00:00:00Z', ChargePeriodEnd: '2024-10-02T01:00:00Z' };
    await deployment.load(who, 'aws', [effective('9', { ...october, ...hour })]);
    expect((await ask({}, wanted(), who)).bound.version).toBe(first.bound.version);
  });

  it('resolves a relative period once: a version brings its bounds back', async () => {
    const bind = (now: number, version: string | null) =>
      deployment.engine.bind(
        acme,
        costQuery({ period: { last: 'P30D' }, knowledge: { version } }),
        wanted(),
        now,
      );
    const first = await bind(NOW, null);
    const later = await bind(NOW + 3_600_000, first.version);
    expect(later.question.period).toEqual(first.question.period);
    expect(later.version).toBe(first.version);
  });

  it('refuses charges of two currencies, unless grouped or filtered by currency', async () => {
    await expect(ask({}, wanted(), mixed)).rejects.toMatchObject({ code: 'MIXED_CURRENCIES' });
    const grouped = await ask({ groupBy: ['billing_currency'] }, wanted(), mixed);
    expect(shown(grouped, 'billing_currency')).toBe('EUR 2, USD 1');
    expect(grouped.currency).toBeNull();
    const filter = { dimension: { key: 'billing_currency', in: ['EUR'] } };
    expect((await ask({ filter }, wanted(), mixed)).currency).toBe('EUR');
    const otherwise = { not: { dimension: { key: 'billing_currency', notIn: ['EUR', 'GBP'] } } };
    expect((await ask({ filter: otherwise }, wanted(), mixed)).currency).toBe('EUR');
    const contains = { dimension: { key: 'billing_currency', contains: 'US' } };
    expect((await ask({ filter: contains }, wanted(), mixed)).currency).toBe('USD');
    await expect(ask({ currency: 'GBP' })).rejects.toMatchObject({ code: 'NO_EXCHANGE_RATE' });
    expect((await ask({ currency: 'USD' })).currency).toBe('USD');
  });

  it('has no currency where there is no charge', async () => {
    const answer = await ask({ period: { month: '2023-01' }, groupBy: ['service_name'] });
    expect(answer).toMatchObject({ currency: null, totalCount: 0 });
    expect(metricValue(answer.totals ?? (() => null), 'EFFECTIVE_COST')).toBe(0n);
  });

  it('proves conservation against the control totals, with what the filter excluded and having hid', async () => {
    const filter = { dimension: { key: 'tag:team', in: ['a', 'b'] } };
    const having = [{ metric: 'EFFECTIVE_COST' as const, gt: '6' }];
    const answer = await ask(
      { groupBy: ['service_name'], filter, having },
      wanted([], { conservation: ['EFFECTIVE_COST', 'CHARGE_COUNT'] }),
    );
    expect(answer.conservation.get('EFFECTIVE_COST')).toEqual({
      source: units('36'),
      attributed: units('35'),
      unattributed: 0n,
      excluded: units('1'),
      hidden: units('5'),
      holds: true,
    });
    expect(answer.conservation.get('CHARGE_COUNT')).toMatchObject({
      source: 5n,
      excluded: 2n,
      holds: true,
    });
  });

  it('proves a prorated period too', async () => {
    const period = { from: '2024-09-20T06:00:00Z', to: '2024-09-21T00:00:00Z' };
    const answer = await ask(
      { period, timing: 'PRORATED' },
      wanted(['EFFECTIVE_COST'], { conservation: ['EFFECTIVE_COST'] }),
    );
    expect(answer.totals?.('sum(effective_cost)')).toBe(units('1'));
    expect(answer.conservation.get('EFFECTIVE_COST')).toMatchObject({ source: units('1'), holds: true });
  });

  it('counts distinct values of the remainder itself: counts of groups do not add up', async () => {
    const rows = { metrics: [], amounts: [], distinct: ['tag:team'], offset: 0, limit: 100 };
    const top = { count: 1, metric: 'EFFECTIVE_COST' as const, by: null, remainder: true };
    const answer = await ask({ groupBy: ['resource_id'], top }, wanted([], { rows }));
    const name = measure('count-distinct', 'tag:team').name;
    expect(answer.rows?.columns.get('resource_id')).toEqual(['i-2', null]);
    expect(answer.rows?.columns.get(name)).toEqual([1n, 1n]);
    const all = await ask(
      { groupBy: ['charge_category'], top: { ...top, by: ['charge_category'] } },
      wanted([], { rows }),
    );
    expect(all.rows?.columns.get(name)).toEqual([2n, 0n]);
  });

  it('compares two periods: groups of either have a row', async () => {
    const period = { from: '2024-09-18T00:00:00Z', to: '2024-09-19T00:00:00Z' };
    const compare = { from: '2024-09-20T00:00:00Z', to: '2024-09-21T00:00:00Z' };
    const answer = await ask({ period, compare, groupBy: ['service_name'] });
    expect(shown(answer)).toBe('Compute 30, Queue 0, Storage 4');
    const queue = answer.rows ? readRow(answer.rows, 1) : () => null;
    expect(queue(before('sum(effective_cost)'))).toBe(units('2'));
    expect(answer.totals?.(before('sum(effective_cost)'))).toBe(units('2'));
  });

  it('lists dimensions with tags, and values with a search', async () => {
    const dimensions = await deployment.engine.dimensions(acme);
    expect(dimensions.find((dimension) => dimension.key === 'tag:team')).toMatchObject({
      origin: 'TAG',
      cardinality: 2,
    });
    const input = { key: 'service_name', search: 'o', period: null, offset: 0, limit: 10 };
    const values = await deployment.engine.dimensionValues(acme, input, options);
    expect(values).toMatchObject({ values: ['Compute', 'Storage'], totalCount: 2 });
  });
});

describe('drill-down', () => {
  const drill = async (...args: Parameters<CostEngine['drillDown']>): Promise<Answer[]> =>
    (await deployment.engine.drillDown(...args)).map((answer) => {
      if (isCostError(answer)) throw answer;
      return answer;
    });
  const row = (value: string | null, isRemainder = false) => [
    { values: [value], bucket: null, isRemainder, kept: null },
  ];
  const inside = costQuery({ groupBy: ['tag:team'] });

  it('asks the same question inside each row, the remainder of top among them', async () => {
    const query = {
      groupBy: ['service_name'],
      top: { count: 1, metric: 'EFFECTIVE_COST' as const, by: null, remainder: true },
    };
    const { bound } = await ask(query);
    const answers = await drill(bound, [inside], wanted(), [row('Compute'), row(null, true)], options);
    expect(answers.map((answer) => shown(answer, 'tag:team'))).toEqual(['a 10, b 20', 'a 5, null 1']);
    expect(answers.map((answer) => answer.totals?.('sum(effective_cost)'))).toEqual([
      units('30'),
      units('6'),
    ]);
    expect(answers.map((answer) => answer.currency)).toEqual(['USD', 'USD']);
  });

  it('cuts, sorts and counts per parent', async () => {
    const { bound } = await ask({ groupBy: ['service_name'] });
    const top = { count: 1, metric: 'EFFECTIVE_COST' as const, by: null, remainder: false };
    const distinct = { metrics: [], amounts: [], distinct: ['resource_id'] };
    const want = wanted([], { totals: distinct });
    const [compute, storage] = await drill(
      bound,
      [{ ...inside, top }],
      want,
      [row('Compute'), row('Storage')],
      options,
    );
    expect(compute?.totalCount).toBe(1);
    expect(compute?.totals?.(measure('count-distinct', 'resource_id').name)).toBe(2n);
    expect(storage?.totals?.(measure('count-distinct', 'resource_id').name)).toBe(1n);
  });

  it('goes on in a remainder row inside a drill-down', async () => {
    const { bound } = await ask({ groupBy: ['charge_category'] });
    const top = { count: 1, metric: 'EFFECTIVE_COST' as const, by: null, remainder: true };
    const services = { ...inside, groupBy: ['service_name'], top };
    const [usage] = row('Usage');
    if (!usage) throw new Error('there is a row');
    const [byService] = await drill(bound, [services], wanted(), [[usage]], options);
    expect(byService && shown(byService)).toBe('Compute 30, null 7');
    const { kept = null } = byService ?? {};
    expect(kept).toEqual([['Compute']]);
    const compute = { values: ['Compute'], bucket: null, isRemainder: false, kept };
    const others = { values: [null], bucket: null, isRemainder: true, kept };
    const parents = [
      [usage, compute],
      [usage, others],
    ];
    const answers = await drill(bound, [services, inside], wanted(), parents, options);
    expect(answers.map((answer) => shown(answer, 'tag:team'))).toEqual(['a 10, b 20', 'a 5, null 2']);
  });

  it('finds outside of top what the rows leave out, where spread charges count in several of them', async () => {
    const who = tenant('spread');
    const days = { ChargePeriodStart: '2024-09-18T12:00:00Z', ChargePeriodEnd: '2024-09-20T12:00:00Z' };
    const long = effective('3', { ServiceName: 'Long', ...days });
    await deployment.load(who, 'aws', [long, ...['1', '2'].map((cost) => effective(cost))]);
    const top = { count: 1, metric: 'CHARGE_COUNT' as const, by: null, remainder: true };
    const query = {
      groupBy: ['service_name'],
      granularity: 'DAY' as const,
      timing: 'PRORATED' as const,
      top,
    };
    const { bound, ...answer } = await ask(query, wanted(), who);
    expect(shown(answer)).toBe('Long 0.75, null 3, Long 1.5, Long 0.75');
    const others = { values: [null], bucket: 17, isRemainder: true, kept: null };
    const [rest] = await drill(
      bound,
      [{ ...inside, groupBy: ['service_name'] }],
      wanted(),
      [[others]],
      options,
    );
    expect(rest && shown(rest)).toBe('Amazon EC2 3');
  });

  it('drills into what a long top leaves over, by values of a dictionary too', async () => {
    const who = tenant('long');
    const charges = Array.from({ length: 300 }, (_, i) =>
      effective(String(1_000 - i), { ServiceName: `s${i % 3}`, Tags: `{"team":"t${i}"}` }),
    );
    await deployment.load(who, 'aws', charges);
    const top = { count: 295, metric: 'EFFECTIVE_COST' as const, by: null, remainder: true };
    const others = { bucket: null, isRemainder: true, kept: null };
    for (const groupBy of [['tag:team'], ['service_name', 'tag:team']]) {
      const { bound } = await ask({ groupBy, top }, wanted([]), who);
      const parents = [[{ ...others, values: groupBy.map(() => null) }]];
      const [rest] = await drill(
        bound,
        [{ ...inside, groupBy: ['service_name'] }],
        wanted(),
        parents,
        options,
      );
      expect(rest && shown(rest)).toBe('s0 703, s1 1407, s2 1405'); // The last five cost 705 to 701.
    }
  });

  it('compares what is only in the other period too, in buckets that only it has', async () => {
    const period = { from: '2024-09-19T00:00:00Z', to: '2024-09-20T00:00:00Z' };
    const compare = { from: '2024-09-17T00:00:00Z', to: '2024-09-19T00:00:00Z' };
    const { bound } = await ask({ period, compare, granularity: 'DAY' });
    const second = { values: [], bucket: 1, isRemainder: false, kept: null };
    const hours = { ...inside, groupBy: ['service_name'], granularity: 'HOUR' as const };
    const [answer] = await drill(bound, [hours], wanted(), [[second]], options);
    expect(answer && shown(answer)).toBe('Compute 0, Storage 0');
    expect(answer?.rows?.columns.get(before('sum(effective_cost)'))).toEqual([units('30'), units('4')]);
    expect(answer?.rows?.columns.get(TIME)).toEqual([22n, 22n]);
    expect(answer?.timeLabels[22]).toBe(Date.parse('2024-09-20T22:00:00Z'));
  });

  it('compares a bucket inside a bucket with the one of the same number inside the compared one', async () => {
    // From the 16th on it is the second week: the first has two days, the compared one four.
    const period = { from: '2024-09-14T00:00:00Z', to: '2024-09-20T00:00:00Z' };
    const compare = { from: '2024-09-12T00:00:00Z', to: '2024-09-21T00:00:00Z' };
    const { bound } = await ask({ period, compare, granularity: 'WEEK' });
    const days = { ...inside, groupBy: ['service_name'], granularity: 'DAY' as const };
    const week = { values: [], bucket: 1, isRemainder: false, kept: null };
    const [answer] = await drill(bound, [days], wanted(), [[week]], options);
    expect(answer && shown(answer)).toBe('Compute 30, Storage 4, Queue 0');
    expect(answer?.rows?.columns.get(TIME)).toEqual([2n, 2n, 4n]);
    expect(answer?.rows?.columns.get(before('sum(effective_cost)'))).toEqual(['30', '4', '2'].map(units));
    expect([2, 4].map((day) => formatInstant(answer?.timeLabels[day] ?? 0))).toEqual([
      '2024-09-18T00:00:00Z',
      '2024-09-20T00:00:00Z',
    ]);
  });

  it('counts distinct values of its remainder rows, and inside them', async () => {
    const { bound } = await ask({ groupBy: ['charge_category'] });
    const top = { count: 1, metric: 'EFFECTIVE_COST' as const, by: null, remainder: true };
    const services = { ...inside, groupBy: ['service_name'], top };
    const distinct = { metrics: [], amounts: [], distinct: ['service_name', 'resource_id'] };
    const want = wanted([], { rows: { ...distinct, offset: 0, limit: 10 }, totals: distinct });
    const counts = (read: ReadMeasure | null | undefined) =>
      distinct.distinct.map((key) => read?.(measure('count-distinct', key).name));
    const [byService] = await drill(bound, [services], want, [row('Usage')], options);
    const rows = byService?.rows;
    expect([0, 1].map((i) => rows && counts(readRow(rows, i)))).toEqual([
      [1n, 2n],
      [2n, 1n],
    ]);
    expect(counts(byService?.totals)).toEqual([3n, 3n]);
    const others = { values: [null], bucket: null, isRemainder: true, kept: byService?.kept ?? null };
    const parents = [[...row('Usage'), others]];
    const [whole] = await drill(bound, [services, { ...inside, groupBy: [] }], want, parents, options);
    expect(whole?.rows && counts(readRow(whole.rows, 0))).toEqual([2n, 1n]);
    expect(counts(whole?.totals)).toEqual([2n, 1n]);
  });

  it('refuses what a question of its own would be refused for', async () => {
    const { bound } = await ask({ groupBy: ['service_name'] });
    const top = { count: 0, metric: 'EFFECTIVE_COST' as const, by: null, remainder: true };
    for (const change of [
      { top },
      { top: { ...top, count: 1, by: ['region_id'] } },
      { groupBy: ['tag:team', 'tag:team'] },
    ]) {
      const answers = drill(bound, [{ ...inside, ...change }], wanted(), [row('Compute')], options);
      await expect(answers).rejects.toMatchObject({ code: 'BAD_QUERY' });
    }
  });

  it('goes on inside a drill-down, by day inside a month', async () => {
    const { bound } = await ask({ groupBy: [], granularity: 'MONTH' });
    const days = { ...inside, groupBy: ['service_name'], granularity: 'DAY' as const };
    const month = { values: [], bucket: 0, isRemainder: false, kept: null };
    const [byDay] = await drill(bound, [days], wanted(), [[month]], options);
    expect(byDay && shown(byDay)).toBe('Compute 30, Storage 4, Queue 2');
    const day = { values: ['Compute'], bucket: 17, isRemainder: false, kept: null };
    const [byTeam] = await drill(bound, [days, inside], wanted(), [[month, day]], options);
    expect(byTeam && shown(byTeam, 'tag:team')).toBe('a 10, b 20');
  });
});

describe('a condition of amounts', () => {
  it('is one measure, however it is written', async () => {
    const [compute, tagged] = [
      { dimension: { key: 'service_name', in: ['Compute'] } },
      { dimension: { key: 'tag:team', isNull: false } },
    ];
    const written = [{ all: [compute, tagged] }, { not: { any: [{ not: tagged }, { not: compute }] } }];
    const amounts = written.map((where) => ({ of: 'CHARGE_COUNT' as const, where }));
    const query = costQuery({ period: SEPTEMBER });
    const totals = { metrics: [], amounts, distinct: [] };
    const bound = await deployment.engine.bind(acme, query, { rows: null, totals, conservation: [] }, NOW);
    const [first, second] = written.map((where) => bound.predicateOf(where));
    expect(first).toEqual(second);
    expect(bound.question.wanted.totals?.measures).toHaveLength(2); // The count of all charges is always there.
  });
});

describe('rules that are off', () => {
  it('are left out of planning, and change no answer', async () => {
    const filter = { dimension: { key: 'tag:team', in: ['a'] } };
    const query = costQuery({ period: SEPTEMBER, groupBy: ['service_name'], filter });
    const bound = await deployment.engine.bind(acme, query, wanted(), NOW);
    const off = { ...options, rulesOff: new Set(['dictionary-test-to-id-set']) };
    const explain = (how: typeof options) => deployment.engine.explain(bound, false, how);
    expect((await explain(options)).text).toContain('tag_set of tags where');
    const { text, rules } = await explain(off);
    expect(text).not.toContain('tag_set of tags where');
    expect(rules.find(({ rule }) => rule === 'dictionary-test-to-id-set')?.reason).toBe('switched off');
    const answers = [options, off].map(async (each) => shown(await deployment.engine.answer(bound, each)));
    expect(await Promise.all(answers)).toEqual(['Compute 10, Storage 5', 'Compute 10, Storage 5']);
  });
});

describe('a forced store', () => {
  const forced = (forceStore: StoreName) => ({ ...options, forceStore });
  const bind = () =>
    deployment.engine.bind(acme, costQuery({ period: SEPTEMBER, groupBy: ['service_name'] }), wanted(), NOW);
  const values = { key: 'service_name', search: null, period: null, offset: 0, limit: 10 };
  const inside = costQuery({ groupBy: ['charge_category'] });
  const parent = { values: ['Compute'], bucket: null, isRemainder: false, kept: null };

  it('answers as any other', async () => {
    const { engine } = deployment;
    expect(shown(await engine.answer(await bind(), forced('DUCKDB')))).toBe('Compute 30, Queue 2, Storage 4');
    const { candidates } = await engine.explain(await bind(), false, forced('DUCKDB'));
    expect(candidates.every(({ store }) => store === 'DUCKDB')).toBe(true);
    expect(candidates.filter(({ chosen }) => chosen)).toHaveLength(1);
  });

  it('that is not there is refused by everything that plans', async () => {
    const { engine } = deployment;
    const bound = await bind();
    const trino = forced('TRINO');
    const unable = {
      code: 'STORE_UNABLE',
      message: 'TRINO cannot answer this: this server does not have it',
    };
    for (const call of [
      () => engine.answer(bound, trino),
      () => engine.explain(bound, false, trino),
      () => engine.explain(bound, true, trino),
      () => engine.dimensionValues(acme, values, trino),
    ]) {
      await expect(call()).rejects.toMatchObject(unable);
    }
    expect(await engine.drillDown(bound, [inside], wanted(), [[parent]], trino)).toMatchObject([unable]);
  });
});

describe('kept answers and plans', () => {
  const query = { period: SEPTEMBER, groupBy: ['region_id'] };
  const bind = (who = acme, change: Partial<CostQuery> = {}) =>
    deployment.engine.bind(who, costQuery({ ...query, ...change }), wanted(), NOW);
  const explain = async (bound: BoundQuery, route = options) =>
    deployment.engine.explain(bound, false, route);

  it('stand for answers made anew, for the same tenant alone, unless the request forbids it', async () => {
    const { engine } = deployment;
    expect((await explain(await bind())).cache).toEqual({ hit: false, partsFromCache: 0, partsTotal: 1 });
    const anew = await engine.answer(await bind(), options);
    const explained = await explain(await bind());
    expect(explained.cache).toEqual({ hit: true, partsFromCache: 1, partsTotal: 1 });
    expect(explained.nodes.at(-1)).toMatchObject({ operator: 'Kept', store: 'CACHE' });
    expect(explained.estimate).toMatchObject({ bytes: 0, ms: 0, usd: 0 });
    const kept = await engine.answer(await bind(), options);
    expect(shown(kept, 'region_id')).toBe(shown(anew, 'region_id'));
    const noCache = { ...options, noCache: true };
    expect((await explain(await bind(), noCache)).cache).toMatchObject({ hit: false, partsFromCache: 0 });
    expect((await explain(await bind(other))).cache.hit).toBe(false);
  });

  it('outlast loads of others, and what they are made of decides after loads of their own', async () => {
    const byService = { groupBy: ['service_category'] };
    await deployment.engine.answer(await bind(acme, byService), options);
    await deployment.load(mixed, 'gcp', [effective('3')]);
    const after = await explain(await bind(acme, byService));
    expect(after.cache.hit).toBe(true);
    expect(after.planCached).toBe(true);
    const october = { ChargePeriodStart: '2024-10-02T00:00:00Z', ChargePeriodEnd: '2024-10-03T00:00:00Z' };
    const billed = {
      BillingPeriodStart: '2024-10-01T00:00:00Z',
      BillingPeriodEnd: '2024-11-01T00:00:00Z',
    };
    await deployment.load(acme, 'azure', [effective('7', { ...october, ...billed })]);
    expect((await explain(await bind(acme, byService))).cache.hit).toBe(true);
  });

  it('are planned once for a shape', async () => {
    const onRegion = (value: string) => ({
      filter: { dimension: { key: 'region_id', in: [value] } },
      groupBy: ['charge_category'],
    });
    expect((await explain(await bind(acme, onRegion('a')))).planCached).toBe(false);
    expect((await explain(await bind(acme, onRegion('b')))).planCached).toBe(true);
    expect((await explain(await bind(acme, { ...onRegion('b'), granularity: 'DAY' }))).planCached).toBe(
      false,
    );
  });

  it('are no news to the operation that makes them', async () => {
    const bound = await bind(acme, { groupBy: ['service_category'], granularity: 'MONTH' });
    const operation = { ...options, startedAt: performance.now() };
    await deployment.engine.answer(bound, operation);
    expect(await explain(bound, operation)).toMatchObject({ planCached: false, cache: { hit: false } });
    const next = { ...options, startedAt: performance.now() };
    expect(await explain(bound, next)).toMatchObject({ planCached: true, cache: { hit: true } });
  });
});
