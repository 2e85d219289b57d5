/**
 * Goal: no answer tells whether a resource or tag set is in the dictionary or inline. Method: the same bills through
 * the real pipeline for two tenants, one with room for all, one with room for few; the same questions to both.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { inlineColumns } from '../../src/catalog/charge-columns.ts';
import type { LakeTableName } from '../../src/catalog/lake-tables.ts';
import { lakeTables } from '../../src/catalog/lake-tables.ts';
import { isCostError } from '../../src/core/errors.ts';
import type { TenantId } from '../../src/core/ids.ts';
import type { Answer, WantedInput } from '../../src/execute/engine.ts';
import { formatImported } from '../../src/commands/import.ts';
import type { ImportReport } from '../../src/ingest/import-report.ts';
import { openIngestSession } from '../../src/ingest/ingest-session.ts';
import { maintainTenant } from '../../src/ingest/maintain.ts';
import { tableRowsSql } from '../../src/ingest/read-table-files.ts';
import { remapTenant } from '../../src/ingest/remap.ts';
import { verifyTenant } from '../../src/ingest/verify.ts';
import type { CostQuery, FilterInput } from '../../src/planner/cost-query.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import type { BillRow } from '../support/focus-file.ts';
import { focusRow } from '../support/focus-file.ts';
import { costQuery } from '../support/questions.ts';
import { doctorFile, liveFiles } from './doctor-table.ts';

const options = {
  signal: new AbortController().signal,
  deadlineMs: 60_000,
  startedAt: Infinity,
  forceStore: null,
  noCache: false,
  rulesOff: new Set<string>(),
};
const NOW = Date.parse('2024-10-15T12:00:00Z');
const FEW = { resources: 2, tags: 2 };
/** Names that need care in JSON, in JSON pointers or in SQL. */
const ODD_KEYS = ['a/b~c', 'quo"te', "o'hara", 'back\\slash', 'É 😀', '0', '$.x', 'null'];
const TEAMS = ['a', 'b', 'B', '', 'x"y', 'line\nbreak', 'c'];

/** Charge `i`: resources and tags repeat, the first of them most; some charges have none. */
function charge(i: number): BillRow {
  const hour = String(i % 24).padStart(2, '0');
  const day = String(1 + (i % 28)).padStart(2, '0');
  const at = i % 3 === 0 ? '2024-10' : '2024-09';
  const resource = Math.floor(Math.sqrt(i * 2));
  const tags = { team: TEAMS[i % 7] ?? '', [ODD_KEYS[i % 8] ?? '']: `v${i % 3}` };
  return focusRow({
    BillingPeriodStart: `${at}-01T00:00:00Z`,
    BillingPeriodEnd: at === '2024-09' ? '2024-10-01T00:00:00Z' : '2024-11-01T00:00:00Z',
    ChargePeriodStart: `${at}-${day}T${hour}:00:00Z`,
    ChargePeriodEnd: `${at}-${day}T${hour}:30:00Z`,
    BilledCost: `${i}.25`,
    EffectiveCost: `${i}.5`,
    ServiceName: `service ${i % 2}`,
    ResourceId: i % 11 === 0 ? null : `i-${resource}`,
    ResourceName: i % 2 === 0 ? `name ${resource}` : null,
    ResourceType: resource % 5 === 0 ? 'function' : null,
    Tags: i % 5 === 4 ? null : JSON.stringify(tags),
  });
}
const bill = Array.from({ length: 60 }, (_, i) => charge(i));

let deployment: Deployment;
let tenants = 0;
let roomy: TenantId;
let tight: TenantId;
beforeAll(async () => {
  deployment = await openTestDeployment();
});
afterAll(() => deployment[Symbol.asyncDispose]());
beforeEach(() => {
  tenants += 1;
  [roomy, tight] = [tenant(`roomy-${tenants}`), tenant(`tight-${tenants}`)];
});

async function loadBoth(source: string, rows: readonly BillRow[], mode: 'replace' | 'append' = 'replace') {
  await deployment.load(roomy, source, rows, mode);
  return deployment.load(tight, source, rows, mode, FEW);
}

const wanted: WantedInput = {
  rows: {
    metrics: ['EFFECTIVE_COST', 'CHARGE_COUNT'],
    amounts: [{ of: 'BILLED_COST', where: { dimension: { key: 'tag:team', in: ['a', 'c'] } } }],
    distinct: ['resource_id', 'tag:team'],
    offset: 0,
    limit: 100,
  },
  totals: {
    metrics: ['EFFECTIVE_COST'],
    amounts: [{ of: 'BILLED_COST', where: { dimension: { key: 'resource_type', isNull: true } } }],
    distinct: ['resource_name', 'tag:a/b~c'],
  },
  conservation: ['BILLED_COST'],
};
const where = (key: string, test: Omit<NonNullable<FilterInput['dimension']>, 'key'>): FilterInput => ({
  dimension: { key, ...test },
});
const PERIOD = { from: '2024-09-01T00:00:00Z', to: '2024-11-01T00:00:00Z' };

const questions: readonly Partial<CostQuery>[] = [
  { groupBy: ['resource_id'] },
  { groupBy: ['resource_name', 'resource_type'], granularity: 'MONTH' },
  { groupBy: ['service_name', 'tag:team'] },
  { groupBy: ODD_KEYS.map((key) => `tag:${key}`) },
  { groupBy: ['resource_id', 'tag:team'], granularity: 'DAY', timing: 'PRORATED' },
  { groupBy: ['resource_id'], filter: where('resource_id', { in: ['i-3', 'i-8', 'i-10'] }) },
  { groupBy: ['service_name'], filter: where('resource_id', { notIn: ['i-3', 'i-8'], includeNull: true }) },
  { groupBy: ['tag:team'], filter: where('resource_name', { startsWith: 'NAME 1', ignoreCase: true }) },
  { filter: { not: where('resource_id', { matches: 'i-[0-5]' }) } },
  { groupBy: ['resource_id'], filter: where('tag:team', { in: ['b', 'x"y', 'line\nbreak'] }) },
  { groupBy: ['service_name'], filter: where('tag:team', { isNull: true }) },
  {
    filter: {
      any: [where('tag:quo"te', { isNull: false }), { not: where('resource_type', { isNull: true }) }],
    },
  },
  ...[true, false].map((remainder) => ({
    groupBy: ['resource_id'],
    top: { count: 3, metric: 'EFFECTIVE_COST' as const, by: null, remainder },
  })),
  { groupBy: ['tag:team', 'resource_id'], having: [{ metric: 'EFFECTIVE_COST', gt: '40' }] },
  {
    period: { month: '2024-10' },
    compare: { month: '2024-09' },
    groupBy: ['resource_id'],
    orderBy: [{ change: { metric: 'EFFECTIVE_COST', direction: 'DESC' } }],
  },
];

function plain({ rows, totals, totalCount, conservation }: Answer): unknown {
  const sums = ['sum(effective_cost)', 'count-distinct(resource_name)', 'count-distinct(tag:a/b~c)'];
  return {
    rows: rows && [...rows.columns].map(([name, values]) => [name, values.map(String)]),
    totals: totals && sums.map((name) => String(totals(name))),
    totalCount,
    conservation: [...conservation].map(([metric, { holds, source }]) => [metric, holds, source]),
  };
}

/** All that the tenant is told, of what is known now. */
async function answers(who: TenantId): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  for (const query of questions) {
    // Distinct counts of a remainder are not answered with having, nor do these questions need them.
    const want = query.having ? { ...wanted, rows: wanted.rows && { ...wanted.rows, distinct: [] } } : wanted;
    const bound = await deployment.engine.bind(who, costQuery({ period: PERIOD, ...query }), want, NOW);
    all.push([query, plain(await deployment.engine.answer(bound, options))]);
  }
  for (const key of ['resource_id', 'tag:team', 'tag:back\\slash']) {
    const input = { key, search: null, period: null, offset: 0, limit: 100 };
    const { values, totalCount } = await deployment.engine.dimensionValues(who, input, options);
    const searched = await deployment.engine.dimensionValues(who, { ...input, search: 'B' }, options);
    all.push([key, values, totalCount, searched.values]);
  }
  return [...all, await drilledDown(who)];
}

/** The teams of each of three resources, and of the rest of them. */
async function drilledDown(who: TenantId): Promise<unknown> {
  const top = { count: 3, metric: 'EFFECTIVE_COST' as const, by: null, remainder: true };
  const query = costQuery({ period: PERIOD, groupBy: ['resource_id'], top });
  const bound = await deployment.engine.bind(who, query, wanted, NOW);
  const inside = costQuery({ groupBy: ['tag:team'] });
  const parents = ['i-1', 'i-10', null].map((value) => [
    { values: [value], bucket: null, isRemainder: value === null, kept: null },
  ]);
  const found = await deployment.engine.drillDown(bound, [inside], wanted, parents, options);
  return found.map((answer) => (isCostError(answer) ? answer.code : plain(answer)));
}

async function expectSameAnswers(all: TenantId = roomy, few: TenantId = tight): Promise<void> {
  expect(await answers(few)).toEqual(await answers(all));
  const { lake, control } = deployment;
  const context = { lake, control, threads: 1, onProgress: () => undefined };
  expect((await verifyTenant(context, few)).differences).toEqual([]);
}

/** Over the relation `rows` of all files of a table. */
async function rowsOf(who: TenantId, name: LakeTableName, select: string): Promise<unknown[]> {
  await using session = await openIngestSession(deployment.lake.folders, 1);
  const files = await liveFiles(deployment.lake, who, name);
  return await session.rows(`WITH rows AS (FROM ${tableRowsSql(lakeTables[name], files)}) ${select}`);
}

async function inlineHeld(who: TenantId): Promise<string[]> {
  const files = await liveFiles(deployment.lake, who, 'charges');
  const held = inlineColumns.filter(({ id }) => files.some(({ valueCounts }) => valueCounts.has(id)));
  return held.map(({ name }) => name);
}

describe('an import beyond the budget', () => {
  const [all, few] = [tenant('all'), tenant('few')];
  let report: ImportReport;
  beforeAll(async () => {
    await deployment.load(all, 'aws', bill);
    report = await deployment.load(few, 'aws', bill, 'replace', FEW);
  });

  it('keeps what is used most in the dictionary, the rest on the charges, and says so', async () => {
    const entries = 'SELECT count(DISTINCT id) AS entries FROM rows';
    expect(await rowsOf(all, 'resources', entries)).toEqual([{ entries: `${report.inlineResources + 2}` }]);
    expect(await rowsOf(all, 'tags', entries)).toEqual([{ entries: `${report.inlineTagSets + 2}` }]);
    expect(await rowsOf(few, 'tags', entries)).toEqual([{ entries: '2' }]);
    const used = `SELECT resource_key, count(*) AS charges FROM rows WHERE resource_key IS NOT NULL GROUP BY ALL
      ORDER BY charges DESC, resource_key LIMIT 2`;
    expect(await rowsOf(few, 'charges', used)).toEqual(await rowsOf(all, 'charges', used));
    const said = `${report.inlineResources} resources and ${report.inlineTagSets} tag sets stay on their charges`;
    expect(formatImported({ report, leftOut: null })).toContain(said);
  });

  it('changes no answer, and no id of a charge', async () => {
    await expectSameAnswers(all, few);
    const ids = 'SELECT charge_id FROM rows ORDER BY ALL';
    expect(await rowsOf(few, 'charges', ids)).toEqual(await rowsOf(all, 'charges', ids));
  });

  it('puts inline columns only into files with such charges', async () => {
    expect(await inlineHeld(all)).toEqual([]);
    expect(await inlineHeld(few)).toEqual(inlineColumns.map(({ name }) => name));
    const untagged = bill.map((row) => ({ ...row, Tags: null, ResourceName: null, ResourceType: null }));
    await deployment.load(tight, 'aws', untagged, 'replace', FEW);
    expect(await inlineHeld(tight)).toEqual(['inline_resource_id']);
  });

  it('is told in the plan', async () => {
    const plan = async (who: TenantId) => {
      const filter = where('tag:team', { in: ['a'] });
      const query = costQuery({ period: PERIOD, groupBy: ['resource_id'], filter });
      const bound = await deployment.engine.bind(who, query, wanted, NOW);
      return (await deployment.engine.explain(bound, false, options)).text;
    };
    expect(await plan(all)).not.toContain('inline');
    expect(await plan(few)).toMatch(/Lookup resources \(resource_id.*\), or inline/);
    expect(await plan(few)).toMatch(/Filter tag_set of tags where tag:team.*, or inline/);
  });

  it('goes on using the entries that are there, and takes no more', async () => {
    await loadBoth('aws', bill.slice(0, 30));
    const entries = () => rowsOf(tight, 'resources', 'SELECT id FROM rows ORDER BY id');
    const before = await entries();
    await loadBoth('focus', bill);
    expect(await entries()).toEqual(before);
    const usedBy = await rowsOf(
      tight,
      'charges',
      "SELECT count(DISTINCT resource_key) AS keys FROM rows WHERE source = 'focus'",
    );
    expect(usedBy).toEqual([{ keys: '2' }]);
    await expectSameAnswers();
  });

  it('may put nothing into the dictionary at all', async () => {
    await deployment.load(roomy, 'aws', bill);
    await deployment.load(tight, 'aws', bill, 'replace', { resources: 0, tags: 0 });
    const none = 'SELECT count(resource_key) AS resources, count(tag_set) AS sets FROM rows';
    expect(await rowsOf(tight, 'charges', none)).toEqual([{ resources: '0', sets: '0' }]);
    await expectSameAnswers();
  });

  it('repeats nothing: the same file again, an increment of the same month', async () => {
    await loadBoth('aws', bill);
    expect(await loadBoth('aws', bill)).toMatchObject({ loaded: 0, inlineResources: 0, inlineTagSets: 0 });
    await loadBoth('aws', [charge(7), charge(8)], 'append');
    await expectSameAnswers();
  });
});

describe('charges beyond the budget', () => {
  it('get entries when the budget is raised, while older ones stay inline', async () => {
    await loadBoth('aws', bill);
    await deployment.load(roomy, 'focus', bill);
    const raised = await deployment.load(tight, 'focus', bill);
    expect(raised).toMatchObject({ inlineResources: 0, inlineTagSets: 0 });
    await expectSameAnswers();
  });

  it('are the same after a remap, by the budget of then', async () => {
    await loadBoth('aws', bill);
    const { context } = deployment;
    const [again] = await remapTenant({ ...context, dictionaryBudget: FEW }, tight, true);
    expect(again?.report.inlineResources).toBeGreaterThan(0);
    await expectSameAnswers();
    const [raised] = await remapTenant(context, tight, true);
    expect(raised?.report).toMatchObject({ inlineResources: 0, inlineTagSets: 0 });
    await expectSameAnswers();
  });

  it('are the same after compaction, among files with and without them', async () => {
    const raised = { resources: 6, tags: 5 };
    for (let from = 0; from < bill.length; from += 20) {
      const part = bill.slice(from, from + 20);
      await deployment.load(roomy, 'aws', part, 'append');
      await deployment.load(tight, 'aws', part, 'append', from === 20 ? raised : FEW);
    }
    await deployment.load(roomy, 'aws', [focusRow()], 'append');
    await deployment.load(tight, 'aws', [focusRow()], 'append', FEW);
    await expectSameAnswers();
    const report = await maintainTenant({ ...deployment.context, retentionMs: 0 }, tight, Date.now());
    expect(report.filesMerged.after).toBeLessThan(report.filesMerged.before);
    await expectSameAnswers();
  });

  it('share a budget that two imports at once reach', async () => {
    const sources = ['aws', 'azure', 'gcp'];
    const ownBill = (source: string) =>
      bill.map((row, i) => ({ ...row, ResourceId: i % 7 === 0 ? 'shared' : `${source}-${i % 4}` }));
    const budget = { resources: 10, tags: 3 };
    for (const source of sources) await deployment.load(roomy, source, ownBill(source));
    await Promise.all(
      sources.map((source) => deployment.load(tight, source, ownBill(source), 'replace', budget)),
    );
    const entries = 'SELECT count(*) AS entries, count(DISTINCT id) AS ids FROM rows';
    expect(await rowsOf(tight, 'resources', entries)).toEqual([{ entries: '10', ids: '10' }]);
    const sets = 'SELECT count(DISTINCT id) AS ids FROM rows';
    expect(await rowsOf(tight, 'tags', sets)).toEqual([{ ids: '3' }]);
    await expectSameAnswers();
  });
});

describe('verify', () => {
  it.each([
    ['resource_key + 0 AS resource_key', 'resource_key IS NOT NULL', "'i-9' AS inline_resource_id"],
    ['tag_set + 0 AS tag_set', 'tag_set IS NOT NULL', `'{"team":"a"}' AS inline_tags`],
    ['NULL AS tag_set', 'tag_set IS NULL', `'{"b":"1","a":"2"}' AS inline_tags`],
    ['NULL AS tag_set', 'tag_set IS NULL', `'{"b":' AS inline_tags`],
  ])('finds inline values beside an id, or of another form: %s where %s, %s', async (id, which, value) => {
    await deployment.load(tight, 'aws', bill.slice(0, 12), 'replace', { resources: 1, tags: 1 });
    const [file] = await liveFiles(deployment.lake, tight, 'charges');
    if (file === undefined) throw new Error('there are charges');
    await doctorFile(deployment.lake, tight, 'charges', file, [
      `SELECT * REPLACE (${id}, ${value}) FROM old WHERE ${which} UNION ALL SELECT * FROM old WHERE NOT (${which})`,
    ]);
    const { lake, control } = deployment;
    const context = { lake, control, threads: 1, onProgress: () => undefined };
    const { differences } = await verifyTenant(context, tight);
    expect(differences[0]?.at).toContain('inline');
  });
});
