import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Scope } from '../../src/access/scopes.ts';
import type { CostEngine } from '../../src/execute/engine.ts';
import type { RollupAdvice } from '../../src/planner/advise/advise.ts';
import { batchId } from '../../src/core/ids.ts';
import { tenant } from '../support/deployment.ts';
import { cannedEngine } from '../support/canned-engine.ts';
import type { Harness } from '../support/graphql-harness.ts';
import { NOW, startGraphql } from '../support/graphql-harness.ts';

const day = { bytes: 12, ms: 3.5, usd: 1e-7 };
const of = { name: 'teams', times: 40, reason: 'It is.', command: 'do' };
const advice: RollupAdvice = {
  days: 0,
  observedDays: 2,
  times: 60,
  isEnough: true,
  add: [{ ...of, grain: 'hour', attributes: ['tag:team'], saves: day, rows: 7, bytes: 140, buildMs: 9 }],
  drop: [{ ...of, rows: 5, bytes: 100, costs: day }],
  keep: [{ name: 'day', times: 20, saves: day, reason: 'It is.' }],
  notes: ['None.'],
};
const facts = {
  name: 'day',
  grain: 'day' as const,
  attributes: ['service_name'],
  parts: 2,
  rows: 9,
  bytes: 180,
  batchesWithout: [batchId('b')],
  leftOut: [{ attribute: 'service_name', distinct: 3, parts: 1 }],
};

let scopes: readonly Scope[] = ['read', 'admin'];
let asked: unknown[] = [];
let harness: Harness;
beforeAll(async () => {
  const engine: CostEngine = {
    ...cannedEngine({ rows: [], totals: {} }).engine,
    rollups: async () => [facts],
    rollupAdvice: async (who, days, now) => {
      asked.push([who, days, now]);
      return { ...advice, days };
    },
  };
  const principal = () => ({ tenant: tenant('demo'), subject: '', scopes: new Set(scopes) });
  harness = await startGraphql(engine, { authenticate: async () => principal() });
});
afterAll(() => harness.close());

describe('rollups', () => {
  it('are listed with what they have and lack', async () => {
    scopes = ['read'];
    const { data } = await harness.ask(
      `{ rollups { name grain attributes parts rows bytes batchesWithout leftOut { attribute distinct parts } } }`,
    );
    const leftOut = [{ attribute: 'service_name', distinct: '3', parts: 1 }];
    expect(data.rollups).toEqual([{ ...facts, grain: 'DAY', rows: '9', bytes: '180', leftOut }]);
  });
});

describe('the advice on them', () => {
  const perDay = '{ bytes ms usd }';
  const query = (days = '') => `{ rollupAdvice${days} { days observedDays times isEnough notes
    add { name grain attributes times saves ${perDay} rows bytes buildMs command reason }
    drop { name times rows bytes costs ${perDay} command reason }
    keep { name times saves ${perDay} reason } } }`;

  it('is of the last seven days, or as many as are asked for', async () => {
    scopes = ['read', 'admin'];
    asked = [];
    const use = { bytes: '12', ms: 3.5, usd: '0.000000100000' };
    const { data } = await harness.ask(query());
    expect(data.rollupAdvice).toEqual({
      ...advice,
      days: 7,
      add: [{ ...advice.add[0], grain: 'HOUR', saves: use, rows: '7', bytes: '140' }],
      drop: [{ ...advice.drop[0], rows: '5', bytes: '100', costs: use }],
      keep: [{ ...advice.keep[0], saves: use }],
    });
    await harness.ask(query('(days: 30)'));
    expect(asked).toEqual([
      ['demo', 7, NOW],
      ['demo', 30, NOW],
    ]);
  });

  it.each(['(days: 0)', '(days: 31)'])('is not given of %s', async (days) => {
    scopes = ['read', 'admin'];
    const { errors } = await harness.ask(query(days));
    expect(errors?.[0]?.extensions).toEqual({ code: 'BAD_REQUEST', hint: 'Give 1 to 30.' });
  });

  it('needs the scope admin', async () => {
    scopes = ['read'];
    expect((await harness.ask(query())).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  });

  it('is not given many times in one operation', async () => {
    scopes = ['read', 'admin'];
    const many = Array.from({ length: 21 }, (_, i) => `a${i}: rollupAdvice { times }`).join(' ');
    expect((await harness.ask(`{ ${many} }`)).errors?.[0]?.extensions.code).toBe('QUERY_TOO_COMPLEX');
  });
});
