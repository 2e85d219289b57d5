import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Scope } from '../../src/access/scopes.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import { focusRow } from '../support/focus-file.ts';
import type { GraphqlResult, Harness } from '../support/graphql-harness.ts';
import { NOW, startGraphql } from '../support/graphql-harness.ts';

const NOW_TEXT = '2018-11-15T12:00:00Z';
let who = tenant('acme');
let scopes: readonly Scope[] = ['read', 'rules'];
let deployment: Deployment;
let harness: Harness;
beforeAll(async () => {
  deployment = await openTestDeployment();
  const principal = () => ({ tenant: who, subject: 'ada', scopes: new Set(scopes) });
  harness = await startGraphql(deployment.engine, { authenticate: async () => principal() });
});
afterAll(async () => {
  await harness.close();
  await deployment[Symbol.asyncDispose]();
});

const TEAM = `version: 1
dimensions:
  - key: team
    label: Team
    description: Who pays
    rules: [{ value: all }]
`;
const LOOKUP = `version: 1
dimensions:
  - key: owner
    rules: [{ lookup: { name: owners, on: [sub_account_id], column: owner } }]
lookups: [{ name: owners, file: owners.csv }]
`;

const PUBLISH = `mutation ($source: String!, $dryRun: Boolean, $base: ID, $lookups: [LookupFileInput!]) {
  publishRules(source: $source, dryRun: $dryRun, baseVersion: $base, lookups: $lookups) {
    ruleSet { version publishedAt publishedBy source lookups { file text } dimensions { key } }
    errors { code message file line column hint }
  }
}`;
const publish = async (source: string, variables: Record<string, unknown> = {}) =>
  (await harness.ask(PUBLISH, { source, dryRun: false, lookups: [], ...variables })).data.publishRules;

const CLOSE = `mutation ($period: PeriodInput!, $name: String!) {
  closePeriod(period: $period, name: $name) {
    close { name from to version rules closedAt closedBy }
    errors { code message line hint }
  }
}`;
const close = (name: string, period: object): Promise<GraphqlResult> => harness.ask(CLOSE, { period, name });

describe('rule sets', () => {
  it('are published, listed newest first, and shown as they were written', async () => {
    expect((await harness.ask('{ ruleSet { version } ruleSets { totalCount } }')).data).toEqual({
      ruleSet: null,
      ruleSets: { totalCount: 0 },
    });
    const ruleSet = {
      version: '1',
      publishedAt: NOW_TEXT,
      publishedBy: 'ada',
      source: TEAM,
      lookups: [],
      dimensions: [{ key: 'team' }],
    };
    expect(await publish(TEAM)).toEqual({ ruleSet, errors: [] });
    expect(await publish(TEAM)).toEqual({ ruleSet, errors: [] });
    await publish(`${TEAM}# again\n`);
    const { data } = await harness.ask(`{
      ruleSets(first: 1) { nodes { version } pageInfo { hasNextPage endCursor } totalCount }
      newest: ruleSet { version }
      first: ruleSet(version: 1) { version source }
      none: ruleSet(version: "x") { version }
    }`);
    expect(data).toMatchObject({
      ruleSets: { nodes: [{ version: '2' }], pageInfo: { hasNextPage: true }, totalCount: 2 },
      newest: { version: '2' },
      first: { version: '1', source: TEAM },
      none: null,
    });
    const after = data.ruleSets.pageInfo.endCursor;
    const next = await harness.ask(
      'query ($after: String) { ruleSets(after: $after) { nodes { version } } }',
      {
        after,
      },
    );
    expect(next.data.ruleSets.nodes).toEqual([{ version: '1' }]);
  });

  it('give dimensions', async () => {
    const { data } = await harness.ask(`{
      dimensions(origin: RULE) { nodes { key label origin description } }
      dimension(key: "team") { label }
      found: dimensions(search: "tea") { nodes { key } }
    }`);
    expect(data.dimensions.nodes).toEqual([
      { key: 'team', label: 'Team', origin: 'RULE', description: 'Who pays' },
    ]);
    expect(data.dimension).toEqual({ label: 'Team' });
    expect(data.found.nodes).toEqual([{ key: 'team' }]);
  });

  it('are refused with place and hint where they are wrong', async () => {
    expect(await publish(TEAM.replace('value: all', 'vaule: all'))).toEqual({
      ruleSet: null,
      errors: expect.arrayContaining([
        {
          code: 'BAD_RULES',
          message: expect.stringContaining('no field "vaule"'),
          file: null,
          line: 6,
          column: 15,
          hint: 'Did you mean value?',
        },
      ]),
    });
    expect(await publish(LOOKUP)).toMatchObject({ ruleSet: null, errors: [{ code: 'BAD_RULES', line: 5 }] });
  });

  it('are refused where another version was published meanwhile, and checked alone in a dry run', async () => {
    for (const dryRun of [true, false]) {
      expect(await publish(`${TEAM}# mine\n`, { base: '1', dryRun })).toMatchObject({
        ruleSet: null,
        errors: [{ code: 'RULES_CHANGED', line: null, hint: expect.stringContaining('version 2') }],
      });
    }
    expect(await publish(`${TEAM}# mine\n`, { base: 2, dryRun: true })).toEqual({
      ruleSet: null,
      errors: [],
    });
    expect((await harness.ask('{ ruleSets { totalCount } }')).data.ruleSets.totalCount).toBe(2);
  });

  it('keep the lookup files that are sent, and take others from the version before', async () => {
    const owners = { file: 'owners.csv', text: 'sub_account_id,owner\n1,search\n' };
    const first = await publish(LOOKUP, { lookups: [owners, { file: 'unnamed.csv', text: '' }] });
    expect(first).toMatchObject({ ruleSet: { lookups: [owners] }, errors: [] });
    const second = await publish(`${LOOKUP}# edited\n`);
    expect(second).toMatchObject({ ruleSet: { lookups: [owners] }, errors: [] });
    expect(await publish(LOOKUP, { lookups: [{ ...owners, text: 'owner\n' }] })).toMatchObject({
      ruleSet: null,
      errors: [{ code: 'BAD_RULES' }],
    });
  });
});

describe('closes', () => {
  const charge = focusRow({
    BilledCost: '5',
    EffectiveCost: '5',
    BillingPeriodStart: '2018-10-01T00:00:00Z',
    BillingPeriodEnd: '2018-11-01T00:00:00Z',
    ChargePeriodStart: '2018-10-02T00:00:00Z',
    ChargePeriodEnd: '2018-10-02T01:00:00Z',
  });

  it('are made, listed and asked for', async () => {
    who = tenant('closing');
    await deployment.load(who, 'aws', [charge]);
    await publish(TEAM);
    const { data } = await close('October', { month: '2018-10' });
    const closed = data.closePeriod.close;
    expect(data.closePeriod.errors).toEqual([]);
    expect(closed).toMatchObject({
      name: 'October',
      from: '2018-10-01T00:00:00Z',
      to: '2018-11-01T00:00:00Z',
      rules: '1',
      closedBy: 'ada',
    });
    const list = await harness.ask(
      '{ closes { edges { cursor node { name } } nodes { version } totalCount } }',
    );
    expect(list.data.closes).toMatchObject({
      edges: [{ node: { name: 'October' } }],
      nodes: [{ version: closed.version }],
      totalCount: 1,
    });
    const ask = (knowledge: string) =>
      harness.ask(
        `{ costs(query: { period: { month: "2018-10" }, knowledge: ${knowledge} }) { version totals { effectiveCost } } }`,
      );
    const costs = { version: closed.version, totals: { effectiveCost: '5.000000000000' } };
    expect((await ask('{ close: "October" }')).data).toEqual({ costs });
    expect((await ask(`{ version: "${closed.version}" }`)).data).toEqual({ costs });
    expect((await ask('{ close: "october" }')).errors?.[0]?.extensions).toEqual({
      code: 'UNKNOWN_CLOSE',
      hint: 'Did you mean October?',
    });
    expect((await ask('{ rules: "9" }')).errors?.[0]?.extensions.code).toBe('UNKNOWN_RULES');
  });

  it('are refused with what is missing', async () => {
    const errorsOf = async (name: string, period: object) => {
      const { close: closed, errors } = (await close(name, period)).data.closePeriod;
      expect(closed).toBeNull();
      return errors;
    };
    await deployment.load(who, 'azure', [{ ...charge, BillingPeriodStart: '2018-09-01T00:00:00Z' }]);
    expect(await errorsOf('later', { month: '2018-10' })).toMatchObject([
      { code: 'CLOSE_INCOMPLETE', message: 'Bills are missing: azure 2018-10', line: null },
    ]);
    expect(await errorsOf('October', { month: '2018-10' })).toMatchObject([{ code: 'CLOSE_EXISTS' }]);
    expect(await errorsOf('now', { toDate: 'MONTH', month: '2018-10' })).toMatchObject([
      { code: 'BAD_PERIOD' },
    ]);
    expect(await errorsOf('next', { month: new Date(NOW).toISOString().slice(0, 7) })).toMatchObject([
      { code: 'BAD_PERIOD', hint: 'Close it when it has ended and its bills are there.' },
    ]);
  });
});

describe('publishing and closing', () => {
  it('take a token with the scope rules', async () => {
    scopes = ['read', 'write', 'admin'];
    for (const asked of [
      harness.ask(PUBLISH, { source: TEAM, dryRun: true, lookups: [] }),
      close('a', { month: '2018-10' }),
    ]) {
      const [error] = (await asked).errors ?? [];
      expect(error?.extensions).toEqual({ code: 'FORBIDDEN', hint: 'Ask for a token with the scope rules.' });
    }
    scopes = ['read', 'rules'];
  });

  it('take a POST', async () => {
    const query = 'mutation { publishRules(source: "version: 1") { errors { message } } }';
    const response = await fetch(`${harness.url}/graphql?${new URLSearchParams({ query })}`);
    expect(response.status).toBe(405);
  });
});
