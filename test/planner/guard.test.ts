import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseRules } from '../../src/attribution/parse-rules.ts';
import type { CostError } from '../../src/core/errors.ts';
import type { TenantState } from '../../src/catalog/tenant-state.ts';
import { isCostError } from '../../src/core/errors.ts';
import type { DayUse, Limits, UseName } from '../../src/core/limits.ts';
import { NO_DAY_USE, useNames } from '../../src/core/limits.ts';
import { formatInstant } from '../../src/core/time-range.ts';
import type { CostQuery } from '../../src/planner/cost-query.ts';
import { estimateParts } from '../../src/planner/estimate.ts';
import { estimateUse } from '../../src/planner/estimate-use.ts';
import { guardPlan } from '../../src/planner/guard.ts';
import { planQuery } from '../../src/planner/plan-query.ts';
import { asksOf } from '../../src/planner/plan-tree.ts';
import type { Question } from '../../src/planner/question.ts';
import { SHARED_PARTS_MAX, capsOf } from '../../src/planner/too-expensive.ts';
import { chargesArbitrary, questionArbitrary } from '../support/arbitraries.ts';
import { duckdbOffer, fixedBatch, fixedState } from '../support/fixed-state.ts';
import { stateOf } from '../support/lake-fixture.ts';
import { question } from '../support/questions.ts';
import { withRules } from '../support/rule-arbitraries.ts';
import { SEED } from '../support/seeded.ts';

const UNTIL = Date.parse('2018-11-23T00:00:00Z');
const TWO_MONTHS = { from: '2018-10-01T00:00:00Z', to: '2018-12-01T00:00:00Z' };
const unlimited: Limits = {
  'query-bytes': null,
  'query-rows': null,
  'query-groups': null,
  'query-usd': null,
  'query-ms': null,
  'daily-bytes': null,
  'daily-usd': null,
  'daily-ms': null,
};

const planOf = (asked: Question) => planQuery(asked, fixedState, [duckdbOffer]);
const useOf = (asked: Question) => estimateUse(planOf(asked), fixedState);

/** Why a question is refused; null where it is not. */
function refusal(
  asked: Question,
  limits: Partial<Limits>,
  used: DayUse = NO_DAY_USE,
  state: TenantState = fixedState,
): CostError | null {
  try {
    const caps = capsOf({ ...unlimited, ...limits }, used, UNTIL);
    guardPlan(asked, planOf(asked), state, caps, planOf);
    return null;
  } catch (error) {
    if (isCostError(error)) return error;
    throw error;
  }
}

/** The period that the hint names. */
function periodOf(error: CostError | null): { from: string; to: string; days: number } {
  const [, days, from = '', to = ''] =
    /at most (\d+) days?, as from (\S+) to ([^;. ]+)/.exec(error?.hint ?? '') ?? [];
  return { from, to, days: Number(days) };
}

describe('the estimate of a question', () => {
  it('is that of all its parts together, rounded up', () => {
    const measures = question().wanted.totals?.measures ?? [];
    const asked = question(
      { filter: { dimension: { key: 'service_name', in: ['Amazon Glacier'] } } },
      { excluded: { measures } },
    );
    const asks = planOf(asked).parts.flatMap(({ plan }) => asksOf(plan));
    expect(asks).toHaveLength(2);
    const total = (name: 'bytes' | 'ms' | 'usd') =>
      asks.reduce((sum, { estimate }) => sum + estimate[name], 0);
    const use = useOf(asked);
    expect(use.bytes).toBe(BigInt(total('bytes')));
    expect(use.ms).toBe(BigInt(Math.ceil(total('ms'))));
    expect(Number(use.usd)).toBeGreaterThanOrEqual(total('usd') * 1e12);
    expect(Number(use.usd)).toBeLessThan(total('usd') * 1e12 + 1);
    // One of the two files of October can have the service, both can have others.
    expect(use.rows).toBe(30_000n + 60_000n);
  });

  it('is nothing where no store is asked', () => {
    const nothing = { bytes: 0n, rows: 0n, groups: 0n, usd: 0n, ms: 0n };
    expect(useOf(question({ period: { month: '2020-01' } }))).toEqual(nothing);
    const none = Object.fromEntries(Object.keys(unlimited).map((name) => [name, 0n]));
    expect(refusal(question({ period: { month: '2020-01' } }), none)).toBeNull();
  });
});

describe('a question that makes parts of shared costs', () => {
  const split = (name: string, more: string): string =>
    `{ name: ${name}, when: { all: [] }, to: [customer], by: { even: [${names.join(', ')}] }, ${more} noDriver: [unattributed] }`;
  const names = Array.from({ length: 2_000 }, (_, i) => `c${i}`);
  const ruled = (...splits: readonly string[]): TenantState => {
    const rules = `{ version: 1, dimensions: [], splits: [${splits.join(', ')}] }`;
    const read = parseRules(rules, { lookupFile: () => null });
    if ('errors' in read) throw new Error(JSON.stringify(read.errors));
    return withRules(fixedState, read.ruleSet);
  };
  const asked = (state: TenantState, query: Partial<CostQuery>) =>
    question({ period: TWO_MONTHS, groupBy: ['customer'], ...query }, {}, state);
  const why = (state: TenantState, query: Partial<CostQuery>) => {
    const planIn = (one: Question) => planQuery(one, state, [duckdbOffer]);
    const one = asked(state, query);
    try {
      return guardPlan(one, planIn(one), state, [], planIn);
    } catch (error) {
      return error;
    }
  };
  const byResource = { groupBy: ['customer', 'resource_id'] };

  it('is refused where they would be too many, and told what fits', () => {
    const state = ruled(split('once', ''));
    expect(why(state, { period: { from: '2018-10-01T00:00:00Z', to: '2018-10-02T00:00:00Z' } })).toBe(
      undefined,
    );
    expect(why(state, byResource)).toMatchObject({
      code: 'QUERY_TOO_EXPENSIVE',
      message: expect.stringMatching(
        /^By estimate costs are shared out to \d+ parts; the limit is 50000000$/,
      ),
      hint: expect.stringMatching(/^By estimate this fits: .*With splits NONE nothing is shared out\.$/),
      facts: { measure: 'parts', limit: String(SHARED_PARTS_MAX) },
    });
    expect(why(state, { ...byResource, splits: 'NONE' })).toBe(undefined);
  });

  it('has parts shared again only where the later split takes them', () => {
    const partsIn = (state: TenantState) => {
      const { parts } = planQuery(asked(state, {}), state, [duckdbOffer]);
      return estimateParts(parts[0]?.plan ?? { kind: 'Empty', columns: [] }, state);
    };
    const once = partsIn(ruled(split('once', '')));
    expect(partsIn(ruled(split('once', ''), split('twice', '')))).toBe(2 * once);
    expect(partsIn(ruled(split('once', ''), split('twice', 'override: true,')))).toBe(2_002 * once);
  });
});

describe('a question over a limit', () => {
  const asked = question({ period: TWO_MONTHS, groupBy: ['service_name'], granularity: 'DAY' });

  it.each<UseName>(['bytes', 'rows', 'groups', 'usd', 'ms'])(
    'of %s is refused, at the limit it is not',
    (name) => {
      const limit = useOf(asked)[name];
      expect(refusal(asked, { [`query-${name}`]: limit })).toBeNull();
      expect(refusal(asked, { [`query-${name}`]: limit - 1n })).toMatchObject({
        code: 'QUERY_TOO_EXPENSIVE',
        message: expect.stringMatching(/^By estimate the query \w+ [\d.]+ [\w ]+; the limit is [\d.]+ /),
        facts: { measure: name, estimate: expect.any(String), limit: expect.any(String) },
      });
    },
  );

  it('is told the estimate and the limit', () => {
    const { bytes } = useOf(asked);
    const error = refusal(asked, { 'query-bytes': 30_000n });
    expect(error?.message).toBe(`By estimate the query reads ${bytes} bytes; the limit is 30000 bytes`);
    expect(error?.facts).toEqual({ measure: 'bytes', estimate: String(bytes), limit: '30000' });
  });

  it.each<[UseName, bigint]>([
    ['bytes', 30_000n],
    ['rows', 50_000n],
    ['usd', 90_000n],
    ['ms', 4n],
  ])('of %s is told the longest period that fits, and a day more does not', (name, limit) => {
    const limits = { [`query-${name}`]: limit };
    const { from, to, days } = periodOf(refusal(asked, limits));
    expect(days).toBeGreaterThan(0);
    expect(Date.parse(to) - Date.parse(from)).toBe(days * 86_400_000);
    const ask = (period: CostQuery['period']) =>
      question({ period, groupBy: ['service_name'], granularity: 'DAY' });
    expect(refusal(ask({ from, to }), limits)).toBeNull();
    const longer = formatInstant(Date.parse(from) - 86_400_000);
    expect(refusal(ask({ from: longer, to }), limits)).not.toBeNull();
  });

  it('is told of the days that there are charges of, however long the period', () => {
    const ever = question({ period: { from: '1970-01-01T00:00:00Z', to: '2199-01-01T00:00:00Z' } });
    const { to, days } = periodOf(refusal(ever, { 'query-rows': 50_000n }));
    expect(to).toBe('2018-12-01T00:00:00Z');
    expect(days).toBeLessThan(61);
  });

  it('is not told of days between the bills', () => {
    const later = { ...fixedState, batches: [...fixedState.batches, fixedBatch('later', '2019-11')] };
    const gap = question({ period: { from: '2018-10-01T00:00:00Z', to: '2019-06-01T00:00:00Z' } });
    const { to } = periodOf(refusal(gap, { 'query-rows': 50_000n }, NO_DAY_USE, later));
    expect(to).toBe('2018-12-01T00:00:00Z');
  });

  it('keeps what is compared as long as the period', () => {
    const compared = question({
      period: { month: '2018-11' },
      compare: { month: '2018-10' },
      granularity: 'DAY',
    });
    const limits = { 'query-rows': 20_000n };
    const { from, to, days } = periodOf(refusal(compared, limits));
    const earlier = {
      from: formatInstant(Date.parse('2018-11-01T00:00:00Z') - days * 86_400_000),
      to: '2018-11-01T00:00:00Z',
    };
    expect(
      refusal(question({ period: { from, to }, compare: earlier, granularity: 'DAY' }), limits),
    ).toBeNull();
  });

  it('by billing period is told of whole months', () => {
    const billed = question({ period: TWO_MONTHS, timeAxis: 'BILLING_PERIOD' });
    const limits = { 'query-rows': 70_000n };
    const { from, to } = periodOf(refusal(billed, limits));
    const narrower = question({ period: { from, to }, timeAxis: 'BILLING_PERIOD' });
    expect(refusal(narrower, limits)).toBeNull();
    expect(useOf(narrower).rows).toBeGreaterThan(0n);
  });
});

describe('a question with too many groups', () => {
  const groups = (count: bigint) => ({ 'query-groups': count });

  it('is told which key to leave out', () => {
    const asked = question({ groupBy: ['service_name', 'resource_id'] });
    const error = refusal(asked, groups(50n));
    expect(error?.message).toMatch(/gives \d+ groups; the limit is 50 groups$/);
    expect(error?.hint).toMatch(/^By estimate this fits: groupBy without resource_id/);
    expect(refusal(question({ groupBy: ['service_name'] }), groups(50n))).toBeNull();
  });

  it('is told how much of top fits, where the store cuts it', () => {
    const groupBy = ['service_name', 'charge_description', 'region_id'];
    const asked = question(
      { groupBy },
      { rows: { measures: question().wanted.rows?.measures ?? [], offset: 0, limit: 1_000 } },
    );
    const error = refusal(asked, groups(200n));
    const count = Number(/top with count (\d+)/.exec(error?.hint ?? '')?.[1]);
    expect(count).toBeGreaterThan(0);
    const cut = (each: number) => ({
      ...asked,
      top: { count: each, by: groupBy, metric: 'EFFECTIVE_COST' as const, remainder: true },
    });
    expect(refusal(cut(count), groups(200n))).toBeNull();
    expect(refusal(cut(count + 1), groups(200n))).not.toBeNull();
  });

  it('is told so where nothing of this helps', () => {
    const error = refusal(question({ groupBy: [] }), groups(0n));
    expect(error?.hint).toMatch(/^Neither a shorter period of whole days nor fewer groups would fit/);
  });

  it('may leave out a key that top ranks by', () => {
    const top = { count: 5, metric: 'EFFECTIVE_COST', by: null, remainder: true } as const;
    const ask = (groupBy: string[]) => question({ period: { last: 'P1D' }, groupBy, top });
    const limits = { 'query-bytes': useOf(ask(['service_name'])).bytes };
    const error = refusal(ask(['tag:CostCenter', 'service_name']), limits);
    expect(error?.hint).toBe('By estimate this fits: groupBy without tag:CostCenter.');
  });
});

describe('a budget of the day', () => {
  const asked = question({ period: TWO_MONTHS });
  const { ms } = useOf(asked);

  it('lets in what fits what is left of it', () => {
    expect(refusal(asked, { 'daily-ms': 1_000n }, { ...NO_DAY_USE, ms: 1_000n - ms })).toBeNull();
    expect(refusal(asked, { 'daily-ms': 1_000n }, { ...NO_DAY_USE, bytes: 10n ** 18n })).toBeNull();
  });

  it('refuses what does not, with what would, and until when', () => {
    const used = { ...NO_DAY_USE, ms: 1_001n - ms };
    expect(refusal(asked, { 'daily-ms': 1_000n }, used)).toMatchObject({
      message: `By estimate the query takes ${ms} ms; of the daily budget of 1000 ms ${ms - 1n} are left`,
      hint: expect.stringMatching(
        /^By estimate this fits: at most \d+ days.*\. The budget starts anew at 2018-11-23T00:00:00Z\.$/,
      ),
      facts: {
        measure: 'ms',
        estimate: String(ms),
        limit: String(ms - 1n),
        budget: '1000',
        used: String(used.ms),
        until: '2018-11-23T00:00:00Z',
      },
    });
  });

  it('that is used up refuses all that asks a store', () => {
    expect(
      refusal(asked, { 'daily-usd': 10n ** 12n }, { ...NO_DAY_USE, usd: 2n * 10n ** 12n }),
    ).toMatchObject({
      message: 'The daily budget of 1 US dollars is used up: 2 were used',
      hint: expect.stringContaining('starts anew at 2018-11-23T00:00:00Z'),
      facts: { measure: 'usd', budget: '1', used: '2', until: '2018-11-23T00:00:00Z' },
    });
    expect(refusal(question({ period: { month: '2020-01' } }), { 'daily-ms': 0n })).toBeNull();
  });
});

it('finds an estimate of any question, and words for what is over any part of it', () => {
  const [charges = []] = fc.sample(chargesArbitrary({ minLength: 50, maxLength: 120 }, false), {
    seed: SEED,
    numRuns: 1,
  });
  const state = stateOf(charges, { scale: 10_000 });
  const plan = (each: Question) => planQuery(each, state, [duckdbOffer]);
  const property = fc.property(
    questionArbitrary,
    fc.constantFrom(...useNames),
    fc.integer({ min: 0, max: 9 }),
    (each, name, tenths) => {
      const use = estimateUse(plan(each), state)[name];
      const max = (use * BigInt(tenths)) / 10n;
      const guarded = () => guardPlan(each, plan(each), state, [{ name, max, budget: null }], plan);
      if (use === 0n) expect(guarded).not.toThrow();
      else
        expect(guarded).toThrow(
          expect.objectContaining({
            hint: expect.stringMatching(/^(By estimate this fits: .+\.|Neither .+\.)$/),
          }),
        );
    },
  );
  fc.assert(property, { seed: SEED, numRuns: 50 });
});
