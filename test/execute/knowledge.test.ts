import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { decimalFromUnits } from '../../src/core/decimal.ts';
import type { TenantId } from '../../src/core/ids.ts';
import type { BoundQuery, PublishOutcome, PublishRequest } from '../../src/execute/engine.ts';
import { CLOSE_NAME_LENGTH_MAX } from '../../src/execute/closes.ts';
import { maintainTenant } from '../../src/ingest/maintain.ts';
import type { CostQuery, KnowledgeInput } from '../../src/planner/cost-query.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import type { BillRow } from '../support/focus-file.ts';
import { focusRow } from '../support/focus-file.ts';
import { costQuery } from '../support/questions.ts';

const NOW = Date.parse('2024-11-15T12:00:00Z');
const DAY_MS = 86_400_000;
const wanted = {
  rows: null,
  totals: { metrics: ['EFFECTIVE_COST' as const], amounts: [], distinct: [] },
  conservation: ['EFFECTIVE_COST' as const],
};
const options = {
  signal: new AbortController().signal,
  deadlineMs: 60_000,
  startedAt: Infinity,
  forceStore: null,
  noCache: false,
  rulesOff: new Set<string>(),
};

let deployment: Deployment;
let tenants = 0;
let who: TenantId;
beforeAll(async () => {
  deployment = await openTestDeployment();
});
afterAll(() => deployment[Symbol.asyncDispose]());
beforeEach(() => {
  tenants += 1;
  who = tenant(`tenant-${tenants}`);
});

const TEAM = 'version: 1\ndimensions:\n  - { key: team, label: Team, rules: [{ value: all }] }\n';
const FEATURE = 'version: 1\ndimensions:\n  - { key: feature, rules: [{ value: all }] }\n';
const OWNERS = `version: 1
dimensions:
  - key: owner
    rules: [{ lookup: { name: owners, on: [sub_account_id], column: owner } }]
lookups: [{ name: owners, file: owners.csv }]
`;

function publish(source: string, but: Partial<PublishRequest> = {}): Promise<PublishOutcome> {
  const request = {
    tenant: who,
    source,
    lookupFile: () => null,
    baseVersion: null,
    dryRun: false,
    by: 'ada',
  };
  return deployment.engine.rules.publish({ ...request, at: Date.now(), ...but });
}

const charge = (cost: string, columns: BillRow = {}): BillRow =>
  focusRow({ BilledCost: cost, EffectiveCost: cost, ...columns });
const october = (cost: string): BillRow =>
  charge(cost, {
    BillingPeriodStart: '2024-10-01T00:00:00Z',
    BillingPeriodEnd: '2024-11-01T00:00:00Z',
    ChargePeriodStart: '2024-10-02T00:00:00Z',
    ChargePeriodEnd: '2024-10-02T01:00:00Z',
  });
const SEPTEMBER = { month: '2024-09' };

function bind(knowledge: KnowledgeInput = {}, query: Partial<CostQuery> = {}): Promise<BoundQuery> {
  const asked = costQuery({ period: SEPTEMBER, ...query, knowledge });
  return deployment.engine.bind(who, asked, wanted, NOW);
}

/** What an answer says: total, conservation, version, and the rules it would be attributed by. */
async function said(knowledge: KnowledgeInput = {}, query: Partial<CostQuery> = {}): Promise<unknown> {
  const bound = await bind(knowledge, query);
  const { totals, conservation } = await deployment.engine.answer(bound, options);
  const { version, state } = bound;
  const sums = { total: totals?.('sum(effective_cost)'), conservation: [...conservation] };
  return { ...sums, version, rules: state.rules?.version ?? null };
}

async function ruleKeys(): Promise<string[]> {
  const dimensions = await deployment.engine.dimensions(who);
  return dimensions.filter(({ origin }) => origin === 'RULE').map(({ key }) => key);
}

describe('rules in a state of knowledge', () => {
  it('are the newest at it, or the version that is asked for', async () => {
    await deployment.load(who, 'aws', [charge('1')]);
    const before = await bind();
    const asOf = new Date().toISOString();
    await sleep(5);
    await publish(TEAM);
    const first = await bind();
    await sleep(5);
    await publish(FEATURE);
    const second = await bind();

    expect(before.state.rules).toBeNull();
    expect(first.state.rules).toMatchObject({ version: '1', publishedBy: 'ada' });
    expect(second.state.rules?.ruleSet.dimensions).toMatchObject([{ key: 'feature' }]);
    expect((await bind({ asOf })).state.rules).toBeNull();
    expect((await bind({ rules: '1' })).state.rules).toEqual(first.state.rules);
    expect((await bind({ asOf, rules: '2' })).state.rules).toBe(second.state.rules);
    expect(await ruleKeys()).toEqual(['feature']);
  });

  it('are part of the version of every answer, which brings them back', async () => {
    await deployment.load(who, 'aws', [charge('1')]);
    const states: unknown[] = [await said()];
    for (const source of [TEAM, FEATURE, TEAM]) {
      await publish(source);
      states.push(await said());
    }
    const versions = states.map((state) => (state as { version: string }).version);
    expect(new Set(versions).size).toBe(4);
    for (const [i, version] of versions.entries()) {
      expect(await said({ version })).toEqual(states[i]);
      if (i > 0) expect(await said({ rules: `${i}` })).toEqual(states[i]);
    }
    await expect(bind({ version: versions[1] ?? '', rules: '2' })).rejects.toMatchObject({
      code: 'VERSION_EXPIRED',
    });
  });

  it('are refused where there is no such version', async () => {
    await publish(TEAM);
    for (const rules of ['0', '2', '01', '', 'newest']) {
      await expect(bind({ rules })).rejects.toMatchObject({
        code: 'UNKNOWN_RULES',
        hint: 'There are versions 1 to 1.',
      });
    }
    const { version } = await bind();
    who = tenant('without-rules');
    await deployment.load(who, 'aws', [charge('1')]);
    await expect(bind({ version })).rejects.toMatchObject({ code: 'VERSION_EXPIRED' });
  });

  it('stay as they are, and the same object, while data changes', async () => {
    await publish(TEAM);
    const { rules } = (await bind()).state;
    await deployment.load(who, 'aws', [charge('1')]);
    expect((await bind()).state.rules).toBe(rules);
  });
});

describe('publishing', () => {
  it('says what is wrong and where, and publishes nothing', async () => {
    const wrong = TEAM.replace('value: all', 'vaule: all');
    expect(await publish(wrong)).toMatchObject({
      kind: 'refused',
      errors: expect.arrayContaining([
        {
          file: null,
          line: 3,
          column: 41,
          message: expect.stringContaining('no field "vaule"'),
          hint: 'Did you mean value?',
        },
      ]),
    });
    expect(await deployment.engine.rules.versions(who)).toEqual([]);
  });

  it('keeps the text, and the lookup files that it names, with the version', async () => {
    const lookupFile = (file: string) => (file === 'owners.csv' ? 'sub_account_id,owner\n1,search\n' : null);
    expect(await publish(OWNERS)).toMatchObject({ kind: 'refused' });
    expect(await publish(OWNERS, { lookupFile })).toMatchObject({ kind: 'published', isNew: true });
    expect(await publish(OWNERS, { lookupFile })).toMatchObject({
      kind: 'published',
      isNew: false,
      version: { version: 1, format: 'yaml' },
    });
    expect(await deployment.engine.rules.text(who, 1)).toEqual({
      source: OWNERS,
      lookups: [{ file: 'owners.csv', text: 'sub_account_id,owner\n1,search\n' }],
    });
    const [lookup] = (await bind()).state.rules?.ruleSet.lookups ?? [];
    expect(lookup).toMatchObject({ name: 'owners', rows: [{ cells: ['1', 'search'] }] });
    const [version] = await deployment.engine.rules.versions(who);
    if (version === undefined) throw new Error('it was published');
    expect(await deployment.engine.rules.dimensions(who, version)).toMatchObject([
      { key: 'owner', origin: 'RULE', cardinality: 1 },
    ]);
  });

  it('checks all in a dry run, and publishes nothing', async () => {
    expect(await publish(TEAM, { dryRun: true })).toMatchObject({ kind: 'valid' });
    expect(await publish('version: 2', { dryRun: true })).toMatchObject({ kind: 'refused' });
    await publish(TEAM);
    await publish(FEATURE, { baseVersion: '1' });
    for (const dryRun of [true, false]) {
      await expect(
        publish(OWNERS.replace('owners.csv', 'x'), { baseVersion: '1', dryRun }),
      ).resolves.toMatchObject({
        kind: 'refused',
      });
      await expect(publish(`${TEAM}\n`, { baseVersion: '1', dryRun })).rejects.toMatchObject({
        code: 'RULES_CHANGED',
      });
      await expect(publish(TEAM, { baseVersion: 'x', dryRun })).rejects.toMatchObject({
        code: 'UNKNOWN_RULES',
      });
    }
    expect(await deployment.engine.rules.versions(who)).toHaveLength(2);
  });
});

describe('a closed period', () => {
  const close = (name: string, period: object = SEPTEMBER) =>
    deployment.engine.closes.close({ tenant: who, period, name, by: 'ada', now: NOW });
  const maintain = (after: number) =>
    maintainTenant({ ...deployment.context, retentionMs: DAY_MS }, who, Date.now() + after);

  it('never changes: a replaced month, new rules and maintenance pass it by', async () => {
    await deployment.load(who, 'aws', [october('100')]);
    await deployment.load(who, 'aws', [charge('1')]);
    await publish(TEAM);
    const closed = await close('2024-09');
    expect(closed).toMatchObject({ name: '2024-09', rules: 1, closedBy: 'ada', sequence: 4 });
    const atClose = await said({ close: '2024-09' });
    expect(atClose).toMatchObject({ total: 10n ** 12n, version: closed.version, rules: '1' });
    const compared = { compare: { month: '2024-10' } };
    const comparedAtClose = await said({ close: '2024-09' }, compared);

    await deployment.load(who, 'aws', [charge('7')]);
    await deployment.load(who, 'aws', [charge('8')]);
    await deployment.load(who, 'aws', [october('200')]);
    await publish(FEATURE);
    await close('2024-09 again');
    expect(await said()).toMatchObject({ total: 8n * 10n ** 12n, rules: '2' });
    const [first, second, third] = (await deployment.control.publishedBatches(who)).map(({ id }) => id);
    const dropped = await maintain(2 * DAY_MS);
    // What was live at the close stays; what came after it and is superseded goes.
    expect(dropped.batchesDropped).toEqual([third]);
    expect(dropped.batchesDropped).not.toContain(first);
    expect(dropped.batchesDropped).not.toContain(second);
    await maintain(3 * DAY_MS);

    expect(await said({ close: '2024-09' })).toEqual(atClose);
    expect(await said({ version: closed.version })).toEqual(atClose);
    expect(await said({ close: '2024-09' }, compared)).toEqual(comparedAtClose);
    expect(await said({ close: '2024-09', rules: '2' })).toMatchObject({ total: 10n ** 12n, rules: '2' });
    const list = await deployment.engine.closes.list(who);
    expect(list.map(({ name }) => name)).toEqual(['2024-09 again', '2024-09']);
    expect(list[1]).toEqual(closed);
  });

  it('is asked for by its name alone', async () => {
    await deployment.load(who, 'aws', [charge('1')]);
    await close('September');
    await expect(bind({ close: 'september' })).rejects.toMatchObject({
      code: 'UNKNOWN_CLOSE',
      hint: 'Did you mean September?',
    });
    await expect(bind({ close: '' })).rejects.toMatchObject({ code: 'UNKNOWN_CLOSE' });
    await expect(bind({ close: 'September', asOf: new Date().toISOString() })).rejects.toMatchObject({
      code: 'BAD_KNOWLEDGE',
    });
  });

  it('is over, has its bills and a name of its own', async () => {
    await deployment.load(who, 'aws', [charge('1')]);
    const refused = async (name: string, period: object, code: string) =>
      expect(close(name, period)).rejects.toMatchObject({ code });
    await refused('october', { month: '2024-10' }, 'CLOSE_INCOMPLETE');
    await refused('november', { month: '2024-11' }, 'BAD_PERIOD');
    await refused('both', { month: '2024-09', last: 'P1D' }, 'BAD_PERIOD');
    for (const name of ['', ' a', 'a\nb', 'x'.repeat(CLOSE_NAME_LENGTH_MAX + 1)]) {
      await refused(name, SEPTEMBER, 'BAD_REQUEST');
    }
    expect(await deployment.engine.closes.list(who)).toEqual([]);
    await close('x'.repeat(CLOSE_NAME_LENGTH_MAX));
    await refused('x'.repeat(CLOSE_NAME_LENGTH_MAX), SEPTEMBER, 'CLOSE_EXISTS');
  });
});

describe('a version', () => {
  it('is another one after driver data was loaded, and brings back the state before', async () => {
    await deployment.load(who, 'aws', [charge('1')]);
    const before = await bind();
    const load = { id: '1', rows: 1, units: decimalFromUnits(1n), from: 0, to: 1, digest: '', file: '' };
    const stream = { name: 'work', columns: ['team'] };
    await deployment.control.publishTelemetry({ tenant: who, stream, load, after: null, at: Date.now() });
    const after = await bind();
    expect(after.version).not.toBe(before.version);
    expect(after.state.telemetry.size).toBe(1);
    expect((await bind({ version: after.version })).state.telemetry.size).toBe(1);
    expect((await bind({ version: before.version })).state.telemetry.size).toBe(0);
  });

  it('stands as long as the batches that it is of, whatever is dropped of other months', async () => {
    await deployment.load(who, 'aws', [october('100')]);
    await deployment.load(who, 'aws', [charge('1')]);
    const first = (await bind()).version;
    await deployment.load(who, 'aws', [october('200')]);
    const report = await maintainTenant(
      { ...deployment.context, retentionMs: DAY_MS },
      who,
      Date.now() + 2 * DAY_MS,
    );
    expect(report.batchesDropped).toHaveLength(1);
    expect(await said({ version: first })).toMatchObject({ total: 10n ** 12n, version: first });
    const asOf = new Date().toISOString();
    expect(await said({ asOf })).toMatchObject({ version: first });
  });
});
