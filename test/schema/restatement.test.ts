import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import type { BillRow } from '../support/focus-file.ts';
import { focusRow } from '../support/focus-file.ts';
import type { Harness } from '../support/graphql-harness.ts';
import { startGraphql } from '../support/graphql-harness.ts';

let who = tenant('acme');
let deployment: Deployment;
let harness: Harness;
beforeAll(async () => {
  deployment = await openTestDeployment();
  const principal = () => ({ tenant: who, subject: 'ada', scopes: new Set(['read', 'rules'] as const) });
  harness = await startGraphql(deployment.engine, { authenticate: async () => principal() });
});
afterAll(async () => {
  await harness.close();
  await deployment[Symbol.asyncDispose]();
});

function october(cost: string, columns: BillRow = {}): BillRow {
  return focusRow({
    BilledCost: cost,
    EffectiveCost: cost,
    BillingPeriodStart: '2018-10-01T00:00:00Z',
    BillingPeriodEnd: '2018-11-01T00:00:00Z',
    ChargePeriodStart: '2018-10-02T00:00:00Z',
    ChargePeriodEnd: '2018-10-02T01:00:00Z',
    ...columns,
  });
}
const TEAM = (value: string) =>
  `version: 1\ndimensions:\n  - { key: team, rules: [{ value: ${value}, when: { key: service_name, in: [Amazon S3] } }] }\n`;

const EFFECT = `effect { metric before after causes { kind delta detail }
  rows { nodes { keys { dimension value kind } before after delta } totalCount } }`;
const PUBLISH = `mutation ($source: String!, $dryRun: Boolean!, $effectOn: CostQuery) {
  publishRules(source: $source, dryRun: $dryRun, effectOn: $effectOn) { ruleSet { version } errors { code } ${EFFECT} }
}`;
const publish = (source: string, dryRun = false, effectOn: object | null = null) =>
  harness.ask(PUBLISH, { source, dryRun, effectOn });
const RESTATE = `query ($query: CostQuery!, $of: Metric, $from: KnowledgeInput!, $to: KnowledgeInput, $first: Int, $after: String) {
  restatement(query: $query, of: $of, from: $from, to: $to) {
    metric before after causes { kind delta detail }
    rows(first: $first, after: $after) {
      nodes { time keys { value } before after delta } pageInfo { hasNextPage endCursor } totalCount
    }
  }
}`;
const restate = (variables: Record<string, unknown>) =>
  harness.ask(RESTATE, { of: 'EFFECTIVE_COST', to: {}, first: 100, ...variables });

const money = (units: string) => `${units}.000000000000`;
const month = { period: { month: '2018-10' } };

async function closeOctober(): Promise<void> {
  const closing =
    'mutation { closePeriod(period: { month: "2018-10" }, name: "october") { errors { message } } }';
  expect((await harness.ask(closing)).data.closePeriod.errors).toEqual([]);
}

describe('the effect of publishing', () => {
  it('is shown on the last whole month with bills by the dimensions that change, before and after', async () => {
    who = tenant('effect');
    await deployment.load(who, 'aws', [october('5'), october('7', { ServiceName: 'Amazon S3' })]);
    const moved = (value: string, before: string, after: string, delta: string) => ({
      keys: [{ dimension: 'team', value, kind: 'VALUE' }],
      before: money(before),
      after: money(after),
      delta: money(delta),
    });
    const nobody = (before: string, after: string, delta: string) => ({
      ...moved('', before, after, delta),
      keys: [{ dimension: 'team', value: null, kind: 'MISSING' }],
    });
    const same = { metric: 'EFFECTIVE_COST', before: money('12'), after: money('12') };
    const causes = (rules: string) => [
      { kind: 'DATA', delta: money('0'), detail: 'the bills are the same' },
      { kind: 'TELEMETRY', delta: money('0'), detail: 'the driver data is the same' },
      { kind: 'RULES', delta: money('0'), detail: rules },
    ];

    const dry = (await publish(TEAM('web'), true)).data.publishRules;
    const first = { nodes: [moved('web', '0', '7', '7'), nobody('12', '5', '-7')], totalCount: 2 };
    expect(dry).toEqual({
      ruleSet: null,
      errors: [],
      effect: { ...same, causes: causes('no rules → rules not published'), rows: first },
    });
    expect((await harness.ask('{ ruleSets { totalCount } }')).data.ruleSets.totalCount).toBe(0);

    const published = (await publish(TEAM('web'))).data.publishRules;
    expect(published).toMatchObject({
      ruleSet: { version: '1' },
      effect: { causes: causes('no rules → version 1'), rows: first },
    });
    const second = [moved('web', '7', '0', '-7'), moved('data', '0', '7', '7'), nobody('5', '5', '0')];
    const again = (await publish(TEAM('data'), true)).data.publishRules.effect;
    expect(again.rows.nodes).toEqual([second[1], second[0], second[2]]);
    const reworded = (await publish(`# the same\n${TEAM('web')}`, true)).data.publishRules.effect;
    expect(reworded.rows.nodes).toEqual([
      { keys: [], before: money('12'), after: money('12'), delta: money('0') },
    ]);
  });

  it('is shown on the period closed last, and on what is asked for', async () => {
    await deployment.load(who, 'gcp', [october('90')]);
    await closeOctober();
    await deployment.load(who, 'aws', [
      focusRow({
        BillingPeriodStart: '2018-11-01T00:00:00Z',
        BillingPeriodEnd: '2018-12-01T00:00:00Z',
        ChargePeriodStart: '2018-11-02T00:00:00Z',
        ChargePeriodEnd: '2018-11-02T01:00:00Z',
        EffectiveCost: '1000',
      }),
    ]);
    expect((await publish(TEAM('data'), true)).data.publishRules.effect).toMatchObject({
      after: money('102'),
    });
    const asked = { ...month, filter: { dimension: { key: 'team', isNull: false } } };
    const forAll = TEAM('web').replace(' }] }\n', ' }], otherwise: ops }\n');
    const { effect } = (await publish(forAll, true, asked)).data.publishRules;
    expect(effect).toMatchObject({ before: money('7'), after: money('102') });
    expect(effect.causes[2]).toMatchObject({ kind: 'RULES', delta: money('95') });
  });

  it('fails alone: what is published stays', async () => {
    const { data, errors } = await publish(TEAM('ops'), false, { ...month, groupBy: ['nothing'] });
    expect(data.publishRules).toMatchObject({ ruleSet: { version: '2' }, errors: [], effect: null });
    expect(errors?.[0]?.extensions.code).toBe('UNKNOWN_DIMENSION');
    expect((await publish('version: 2\n', true)).data.publishRules).toMatchObject({ effect: null });
  });

  it('is null where no bill is there', async () => {
    who = tenant('empty');
    expect((await publish(TEAM('web'))).data.publishRules).toMatchObject({
      ruleSet: { version: '1' },
      effect: null,
    });
  });
});

describe('restatement', () => {
  it('tells what changed since a close, cause by cause and group by group', async () => {
    who = tenant('restated');
    await deployment.load(who, 'aws', [october('5'), october('7', { ServiceName: 'Amazon S3' })]);
    await publish(TEAM('web'));
    await closeOctober();
    await deployment.load(who, 'aws', [october('5'), october('9', { ServiceName: 'Amazon S3' })]);
    await deployment.load(who, 'gcp', [october('100', { ServiceName: 'BigQuery' })]);
    await publish(TEAM('data'));

    const query = {
      ...month,
      groupBy: ['team', 'service_name'],
      filter: { dimension: { key: 'team', notIn: ['web'], includeNull: true } },
    };
    const { restatement } = (await restate({ query, from: { close: 'october' } })).data;
    expect(restatement).toMatchObject({ metric: 'EFFECTIVE_COST', before: money('5'), after: money('114') });
    expect(restatement.causes).toEqual([
      {
        kind: 'DATA',
        delta: money('100'),
        detail: expect.stringMatching(
          /^aws 2018-10: batch \S+ replaced by batch \S+; gcp 2018-10: batch \S+ added$/,
        ),
      },
      { kind: 'TELEMETRY', delta: money('0'), detail: 'the driver data is the same' },
      { kind: 'RULES', delta: money('9'), detail: 'version 1 → version 2' },
    ]);
    expect(restatement.rows.nodes).toEqual([
      {
        time: null,
        keys: [{ value: null }, { value: 'BigQuery' }],
        before: money('0'),
        after: money('100'),
        delta: money('100'),
      },
      {
        time: null,
        keys: [{ value: 'data' }, { value: 'Amazon S3' }],
        before: money('0'),
        after: money('9'),
        delta: money('9'),
      },
      {
        time: null,
        keys: [{ value: null }, { value: 'Amazon EC2' }],
        before: money('5'),
        after: money('5'),
        delta: money('0'),
      },
    ]);
    const back = (await restate({ query, from: {}, to: { close: 'october' } })).data.restatement;
    expect(back).toMatchObject({ before: money('114'), after: money('5') });
    expect(back.causes[0].detail).toMatch(/gcp 2018-10: batch \S+ is not live$/);
    const counts = await restate({ query: month, of: 'CHARGE_COUNT', from: { close: 'october' } });
    expect(counts.data.restatement).toMatchObject({ before: '2', after: '3' });
  });

  it('has pages and time', async () => {
    const query = { ...month, groupBy: ['service_name'], granularity: 'DAY' };
    const from = { close: 'october' };
    const first = (await restate({ query, from, first: 1 })).data.restatement.rows;
    expect(first).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: true } });
    expect(first.nodes[0]).toMatchObject({ time: '2018-10-02T00:00:00Z', keys: [{ value: 'BigQuery' }] });
    const after = first.pageInfo.endCursor;
    const rest = (await restate({ query, from, first: 5, after })).data.restatement.rows;
    expect(rest.nodes.map(({ keys }: { keys: { value: string }[] }) => keys[0]?.value)).toEqual([
      'Amazon S3',
      'Amazon EC2',
    ]);
    await expect(restate({ query: month, from, after })).resolves.toMatchObject({
      errors: [{ extensions: { code: 'BAD_CURSOR' } }],
    });
    await publish(TEAM('ops'));
    await expect(restate({ query, from, after })).resolves.toMatchObject({
      errors: [{ extensions: { code: 'VERSION_EXPIRED' } }],
    });
  });

  it('is refused where two states cannot be set side by side', async () => {
    const from = { close: 'october' };
    const refused = async (variables: Record<string, unknown>) =>
      (await restate({ query: month, from, ...variables })).errors?.[0]?.extensions.code;
    expect(await refused({ query: { ...month, top: { count: 1 }, groupBy: ['service_name'] } })).toBe(
      'BAD_QUERY',
    );
    expect(await refused({ query: { ...month, compare: { month: '2018-09' } } })).toBe('BAD_QUERY');
    expect(await refused({ query: { ...month, having: [{ metric: 'BILLED_COST', gt: '1' }] } })).toBe(
      'BAD_QUERY',
    );
    expect(await refused({ query: { ...month, knowledge: { rules: '1' } } })).toBe('BAD_QUERY');
    expect(await refused({ from: { close: 'nothing' } })).toBe('UNKNOWN_CLOSE');
    expect(await refused({ first: -1 })).toBe('BAD_PAGE');
    await deployment.load(who, 'azure', [
      october('1', { BillingCurrency: 'EUR', ConsumedQuantity: '1', ConsumedUnit: 'GB' }),
      october('1', { BillingCurrency: 'EUR', ConsumedQuantity: '1', ConsumedUnit: 'Hours' }),
    ]);
    expect(await refused({ query: { ...month, groupBy: ['billing_currency'] } })).toBe('MIXED_CURRENCIES');
    expect(
      await refused({ query: { ...month, groupBy: ['billing_currency'] }, of: 'CONSUMED_QUANTITY' }),
    ).toBe('BAD_QUERY');
  });
});
