/** Amounts of attribution over HTTP, small enough to add up by hand; and those of the ordering day. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { SourceName, TenantId } from '../../src/core/ids.ts';
import { sourceName } from '../../src/core/ids.ts';
import { importBills } from '../../src/ingest/import-bills.ts';
import { loadTelemetry } from '../../src/ingest/load-telemetry.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import type { BillRow } from '../support/focus-file.ts';
import { focusRow } from '../support/focus-file.ts';
import type { GraphqlResult, Harness } from '../support/graphql-harness.ts';
import { startGraphql } from '../support/graphql-harness.ts';
import { loadLines, loaded } from '../support/telemetry-file.ts';

const small = tenant('small');
const ordering = tenant('ordering');
const changing = tenant('changing');
const root = join(import.meta.dirname, '../..');

const RULES = `version: 1
dimensions:
  - key: team
    rules:
      - { value: shop, when: { key: "tag:App", in: [shop] } }
      - { valueOf: { key: service_category } , when: { key: service_name, in: [Storage] } }
splits:
  - name: shop by work
    when: { key: team, in: [shop] }
    to: [customer, plan]
    by: { telemetry: work, grain: hour }
`;
const ORDERING_RULES = `version: 1
splits:
  - name: ordering by work
    when: { key: "tag:Application", in: [ordering] }
    to: [customer, plan]
    by: { telemetry: work, grain: hour }
`;

const charge = (start: string, service: string, cost: string, app: string | null): BillRow =>
  focusRow({
    ChargePeriodStart: start,
    ChargePeriodEnd: start.replace(/T(\d\d)/, (_, hour) => `T${String(Number(hour) + 1).padStart(2, '0')}`),
    ServiceName: service,
    EffectiveCost: cost,
    BilledCost: cost,
    Tags: app === null ? null : JSON.stringify({ App: app }),
  });

// Of the shop a takes 2.5 + 4, b 7.5 + 2; 3 of an hour without work and the 4 of nobody stay as they are.
const charges = [
  charge('2024-09-18T21:00:00Z', 'Compute', '10', 'shop'),
  charge('2024-09-18T22:00:00Z', 'Compute', '6', 'shop'),
  charge('2024-09-18T21:00:00Z', 'Storage', '4', null),
  charge('2024-09-19T10:00:00Z', 'Compute', '3', 'shop'),
];
const work = [
  'time,customer,plan,units',
  '2024-09-18T20:00:00Z,z,free,5',
  '2024-09-18T21:00:00Z,a,free,1',
  '2024-09-18T21:00:00Z,b,paid,3',
  '2024-09-18T22:00:00Z,a,free,2',
  '2024-09-18T22:30:00Z,b,paid,1',
];

let deployment: Deployment;
let harness: Harness;
let who: TenantId;

async function publish(owner: TenantId, source: string): Promise<void> {
  const request = { tenant: owner, source, lookupFile: () => null, baseVersion: null, dryRun: false };
  const outcome = await deployment.engine.rules.publish({ ...request, by: 'ada', at: Date.now() });
  expect(outcome).toMatchObject({ kind: 'published' });
}

beforeAll(async () => {
  deployment = await openTestDeployment();
  const authenticate = async () => ({ tenant: who, subject: '', scopes: new Set(['read'] as const) });
  harness = await startGraphql(deployment.engine, { authenticate });
  const { context, folder } = deployment;
  for (const owner of [small, changing]) {
    await deployment.load(owner, 'aws', charges);
    await loaded(loadLines({ ...context, folder }, owner, 'work', work));
  }
  await publish(small, RULES);
  await publish(changing, RULES);
}, 60_000);
afterAll(async () => {
  await harness.close();
  await deployment[Symbol.asyncDispose]();
});

async function ask(query: string, fields: string, owner = small): Promise<GraphqlResult['data']['costs']> {
  const { data, errors } = await send(query, fields, owner);
  expect(errors).toBeUndefined();
  return data.costs;
}

function send(query: string, fields: string, owner = small): Promise<GraphqlResult> {
  who = owner;
  return harness.ask(`{ costs(query: { period: { month: "2024-09" } ${query} }) { ${fields} } }`);
}

type Row = { readonly keys: readonly { readonly label: string }[]; readonly [field: string]: unknown };
type Table = { readonly rows: { readonly nodes: readonly Row[] } };

/** `a 6.5 6.5 2.166666666667`: labels and amounts, without the zeros at the end. */
function shown({ rows }: Table, ...fields: readonly string[]): string[] {
  return rows.nodes.map((row) => {
    const amounts = fields.map((field) => plain(row[field]));
    return [...row.keys.map(({ label }) => label), ...amounts].join(' ');
  });
}

function plain(amount: unknown): string {
  return String(amount).replace(/\.?0+$/, (zeros) => (zeros.startsWith('.') ? '' : zeros.replace(/0+$/, '')));
}

const KEYS = 'keys { label }';
const AMOUNTS = 'effectiveCost sharedCost unitCost(per: "work")';
const FIELDS = ['effectiveCost', 'sharedCost', 'unitCost'] as const;
const CONSERVATION = 'source attributed unattributed excluded hidden holds';

describe('sharedCost', () => {
  it('is what came by splits, in rows and totals, whatever they are grouped by', async () => {
    const fields = `rows { nodes { ${KEYS} ${AMOUNTS} } } totals { sharedCost }`;
    const byCustomer = await ask('groupBy: ["customer"]', fields);
    expect(shown(byCustomer, 'effectiveCost', 'sharedCost')).toEqual([
      'a 6.5 6.5',
      'b 9.5 9.5',
      '(none) 7 0',
    ]);
    const byService = await ask('groupBy: ["service_name"]', fields);
    expect(shown(byService, 'effectiveCost', 'sharedCost')).toEqual(['Compute 19 16', 'Storage 4 0']);
    const byTeam = await ask('groupBy: ["team"]', fields);
    expect(shown(byTeam, 'effectiveCost', 'sharedCost')).toEqual(['Compute 4 0', 'shop 19 16']);
    for (const table of [byCustomer, byService, byTeam]) expect(plain(table.totals.sharedCost)).toBe('16');
  });

  it('is 0 before costs are split, and of what no split is effective for', async () => {
    const fields = `rows { nodes { ${KEYS} effectiveCost sharedCost } }`;
    expect(
      shown(await ask('groupBy: ["customer"] splits: NONE', fields), 'effectiveCost', 'sharedCost'),
    ).toEqual(['(none) 23 0']);
    await publish(changing, `${RULES}    effective: [{ from: 2024-09-18T22:00Z }]\n`);
    const later = await ask('groupBy: ["service_name"]', fields, changing);
    expect(shown(later, 'effectiveCost', 'sharedCost')).toEqual(['Compute 19 6', 'Storage 4 0']);
  });

  it('counts charges once, and is inside of drill-downs', async () => {
    const inner = `rows { nodes { ${KEYS} effectiveCost sharedCost chargeCount } } totals { sharedCost chargeCount }`;
    const { rows, totals } = await ask(
      'groupBy: ["team"]',
      `rows { nodes { ${KEYS} costs(groupBy: ["customer"]) { ${inner} } } } totals { sharedCost(of: CHARGE_COUNT) }`,
    );
    const [, shop] = rows.nodes;
    expect(shown(shop.costs, 'sharedCost', 'chargeCount')).toEqual(['a 6.5 2', 'b 9.5 2', '(none) 0 1']);
    expect(shop.costs.totals).toEqual({ sharedCost: '16.000000000000', chargeCount: '3' });
    expect(totals.sharedCost).toBe('2');
  });
});

describe('conservation of what is attributed', () => {
  const asked = async (query: string, more = '') => {
    const { conservation } = await ask(query, `conservation { ${CONSERVATION} } ${more}`);
    const { source, attributed, unattributed, excluded, hidden, holds } = conservation;
    expect(holds).toBe(true);
    return [source, attributed, unattributed, excluded, hidden].map(plain).join(' ');
  };
  const rows = `rows { nodes { ${KEYS} effectiveCost } }`;

  it('says what is missing in any grouped dimension of the rules, with rows and without', async () => {
    for (const more of ['', rows]) {
      expect(await asked('groupBy: ["customer", "plan"]', more)).toBe('23 16 7 0 0');
      expect(await asked('groupBy: ["team"]', more)).toBe('23 23 0 0 0');
      expect(await asked('groupBy: ["team", "customer"] granularity: HOUR', more)).toBe('23 16 7 0 0');
      expect(await asked('groupBy: ["service_name"]', more)).toBe('23 23 0 0 0');
      expect(await asked('groupBy: ["customer"] splits: NONE', more)).toBe('23 0 23 0 0');
    }
  });

  it('adds up with filters, top and having', async () => {
    const shop = 'filter: { dimension: { key: "team", in: ["shop"] } }';
    const a = 'filter: { dimension: { key: "customer", in: ["a"] } }';
    for (const more of ['', rows]) {
      expect(await asked(`groupBy: ["customer"] ${shop}`, more)).toBe('23 16 3 4 0');
      expect(await asked(`groupBy: ["customer"] ${a}`, more)).toBe('23 6.5 0 16.5 0');
      expect(await asked('groupBy: ["customer"] top: { count: 1 }', more)).toBe('23 16 7 0 0');
      expect(await asked('groupBy: ["customer"] top: { count: 1, remainder: false }', more)).toBe(
        '23 16 7 0 13.5',
      );
      const having = 'having: [{ metric: EFFECTIVE_COST, gt: "7" }]';
      expect(await asked(`groupBy: ["customer"] ${having}`, more)).toBe('23 16 7 0 13.5');
    }
  });

  it('counts a charge as attributed where no part of it lacks a value', async () => {
    const count = `conservation(of: CHARGE_COUNT) { ${CONSERVATION} } ${rows}`;
    const all = await ask('groupBy: ["customer"]', count);
    expect(all.conservation).toMatchObject({ source: '4', attributed: '2', unattributed: '2', holds: true });
    const a = 'filter: { dimension: { key: "customer", in: ["a"] } }';
    const some = await ask(`groupBy: ["customer"] ${a}`, count);
    expect(some.conservation).toMatchObject({ source: '4', attributed: '2', excluded: '2', holds: true });
  });
});

describe('unitCost', () => {
  const rows = `rows { nodes { ${KEYS} ${AMOUNTS} } }`;

  it('divides by the units under the same keys, and by all of the period in totals', async () => {
    const table = await ask('groupBy: ["customer"]', `${rows} totals { unitCost(per: "work") }`);
    expect(shown(table, ...FIELDS)).toEqual([
      'a 6.5 6.5 2.166666666667',
      'b 9.5 9.5 2.375',
      '(none) 7 0 null',
    ]);
    expect(plain(table.totals.unitCost)).toBe('1.916666666667');
    const both = await ask('groupBy: ["plan", "customer"]', rows);
    expect(shown(both, 'unitCost')).toEqual(['free a 2.166666666667', 'paid b 2.375', '(none) (none) null']);
  });

  it('takes the keys that the stream has, of filters too', async () => {
    expect(shown(await ask('groupBy: ["service_name"]', rows), 'unitCost')).toEqual([
      'Compute 1.583333333333',
      'Storage 0.333333333333',
    ]);
    const filter =
      'filter: { all: [{ dimension: { key: "customer", in: ["a", "z"] } }, { dimension: { key: "team", in: ["shop"] } }] }';
    const filtered = await ask(`groupBy: ["plan"] ${filter}`, `${rows} totals { unitCost(per: "work") }`);
    expect(shown(filtered, 'unitCost')).toEqual(['free 0.8125']);
    expect(plain(filtered.totals.unitCost)).toBe('0.8125');
  });

  it('is by the time of rows, in the zone of the question', async () => {
    const hours = `rows { nodes { time ${KEYS} unitCost(per: "work") } }`;
    const table = await ask('groupBy: ["customer"] granularity: HOUR', hours);
    const times = table.rows.nodes.map(
      ({ time, unitCost }: Row) => `${String(time).slice(8, 13)} ${plain(unitCost)}`,
    );
    expect(times).toEqual(['18T21 2.5', '18T21 2.5', '18T21 null', '18T22 2', '18T22 2', '19T10 null']);
    // 22:00 UTC is midnight in Berlin.
    const days = await ask('granularity: DAY timeZone: "Europe/Berlin"', hours);
    expect(shown(days, 'unitCost')).toEqual(['1.555555555556', '3']);
  });

  it('gives the remainder of top what is not in the top', async () => {
    const table = await ask('groupBy: ["customer"] top: { count: 1 }', rows);
    expect(shown(table, 'effectiveCost', 'unitCost')).toEqual(['b 9.5 2.375', '(other) 13.5 1.6875']);
    const services = await ask(
      'groupBy: ["plan", "service_name"] top: { count: 1, by: ["service_name"] }',
      rows,
    );
    expect(shown(services, 'unitCost')).toEqual([
      'free Compute 0.8125',
      'paid Compute 2.375',
      '(none) Compute null',
      '(none) (other) null',
    ]);
    const mixed = await ask('groupBy: ["customer", "service_name"] top: { count: 1 }', rows);
    expect(shown(mixed, 'unitCost')).toEqual(['b Compute 2.375', '(other) (other) null']);
  });

  it('is in drill-downs by the keys and times of all levels', async () => {
    const inner = `rows { nodes { ${KEYS} unitCost(per: "work") } } totals { unitCost(per: "work") }`;
    const { rows: outer } = await ask(
      'granularity: DAY',
      `rows { nodes { costs(groupBy: ["customer"] granularity: HOUR) { ${inner} } } }`,
    );
    const [first, second] = outer.nodes;
    expect(shown(first.costs, 'unitCost')).toEqual(['a 2.5', 'b 2.5', '(none) null', 'a 2', 'b 2']);
    expect(plain(first.costs.totals.unitCost)).toBe('1.666666666667');
    expect(second.costs.totals.unitCost).toBeNull();
    const { rows: topped } = await ask(
      'groupBy: ["customer"] top: { count: 1 }',
      `rows { nodes { costs(groupBy: ["plan"]) { ${inner} } } }`,
    );
    expect(topped.nodes.flatMap(({ costs }: { costs: Table }) => shown(costs, 'unitCost'))).toEqual([
      'paid 2.375',
      'free 0.8125',
      '(none) null',
    ]);
  });

  it('counts charges per unit, and follows what is loaded', async () => {
    const fields = 'totals { unitCost(per: "work", of: CHARGE_COUNT) }';
    const before = await ask('', fields, changing);
    expect(plain(before.totals.unitCost)).toBe('0.333333333333');
    const lines = ['time,customer,plan,units', '2024-09-18T20:00:00Z,z,free,1'];
    await loaded(loadLines({ ...deployment.context, folder: deployment.folder }, changing, 'work', lines));
    expect(plain((await ask('', fields, changing)).totals.unitCost)).toBe('0.5');
  });

  it('refuses a stream that is not there, by the name that is near', async () => {
    const { errors } = await send('', 'totals { unitCost(per: "wrok") }');
    expect(errors?.[0]?.extensions).toEqual({ code: 'UNKNOWN_STREAM', hint: 'Did you mean work?' });
  });
});

describe('dimensions of rules', () => {
  const values = async (key: string, more: string): Promise<string[]> => {
    who = small;
    const { data } = await harness.ask(
      `{ dimension(key: "${key}") { cardinality values(${more}) { nodes { label } } } }`,
    );
    return [
      data.dimension.cardinality,
      ...data.dimension.values.nodes.map(({ label }: { label: string }) => label),
    ];
  };

  it('list their values, of all time and of a period, and estimate how many they are', async () => {
    expect(await values('customer', 'first: 2')).toEqual(['2', 'a', 'b']);
    expect(await values('customer', 'first: 9, search: "B"')).toEqual(['2', 'b']);
    expect(await values('plan', 'first: 9')).toEqual(['2', 'free', 'paid', '(none)']);
    expect(
      await values('plan', 'first: 9, period: { from: "2024-09-19T00:00:00Z", to: "2024-09-20T00:00:00Z" }'),
    ).toEqual(['2', '(none)']);
    expect(await values('team', 'first: 9')).toEqual(['2', 'Compute', 'shop']);
    expect(await values('team', 'first: 9, period: { month: "2024-10" }')).toEqual(['2']);
  });

  it('are counted, ranked, shared and compared as others are', async () => {
    const counted = await ask(
      'groupBy: ["service_name"] top: { count: 1 }',
      `rows { nodes { ${KEYS} distinct(of: "customer") { count exact } } } totals { distinct(of: "plan") { count } }`,
    );
    expect(counted.rows.nodes.map((row: { distinct: unknown }) => row.distinct)).toEqual([
      { count: '2', exact: true },
      { count: '0', exact: true },
    ]);
    expect(counted.totals.distinct.count).toBe('2');
    const day = (from: number) =>
      `{ from: "2024-09-${from}T00:00:00Z", to: "2024-09-${from + 1}T00:00:00Z" }`;
    who = small;
    const { data } = await harness.ask(
      `{ costs(query: { period: ${day(18)} compare: ${day(19)} groupBy: ["customer"] orderBy: { change: { metric: EFFECTIVE_COST } } }) {
        rows { nodes { ${KEYS} share change { before absolute } } } } }`,
    );
    const rows: (Row & { change: { before: string; absolute: string } })[] = data.costs.rows.nodes;
    expect(
      rows.map(({ keys, share, change }) =>
        [keys[0]?.label, share, change.before, change.absolute].map(plain).join(' '),
      ),
    ).toEqual(['b 0.475 0 9.5', 'a 0.325 0 6.5', '(none) 0.2 3 1']);
  });
});

describe('the ordering day', () => {
  const data = join(root, 'data/ordering-2019-11-26');

  beforeAll(async () => {
    const { context, folder } = deployment;
    const log = join(folder, 'access.log');
    await writeFile(log, gunzipSync(await readFile(join(data, 'access-log-2019-11-26.gz'))));
    const script = join(root, 'scripts/access-log-to-telemetry.awk');
    const { stdout } = await promisify(execFile)('awk', ['-f', script, log], { maxBuffer: 2 ** 26 });
    const csv = join(folder, 'work.csv');
    await writeFile(csv, stdout);
    await importBills(context, {
      tenant: ordering,
      source: sourceName('aws') as SourceName, // It is a name.
      mode: 'replace',
      force: false,
      format: null,
      paths: [join(data, 'cur-2019-11-26.0x01.gz')],
    });
    await loadTelemetry({ ...context, waitMs: 60_000 }, ordering, 'work', csv);
    await publish(ordering, ORDERING_RULES);
  }, 120_000);

  it('leaves three hours without work visible, and the whole adds up', async () => {
    who = ordering;
    const app = 'filter: { dimension: { key: "tag:Application", in: ["ordering"] } }';
    const { data: found } = await harness.ask(`{
      costs(query: { period: { from: "2019-11-26T00:00:00Z", to: "2019-11-27T00:00:00Z" } groupBy: ["customer", "plan"] ${app} }) {
        rows { totalCount nodes { effectiveCost sharedCost } }
        totals { effectiveCost sharedCost unitCost(per: "work") }
        conservation { ${CONSERVATION} }
      }
    }`);
    const { rows, totals, conservation } = found.costs;
    expect(conservation).toEqual({
      source: '89.170632878000',
      attributed: '50.884227861600',
      unattributed: '5.142938113200',
      excluded: '33.143466903200',
      hidden: '0.000000000000',
      holds: true,
    });
    expect(rows.totalCount).toBe(61);
    // 56.0271659748 ÷ 1,237,448 units of work.
    expect(totals).toEqual({
      effectiveCost: '56.027165974800',
      sharedCost: '50.884227861600',
      unitCost: '0.000045276380',
    });
    expect(rows.nodes.at(-1)).toEqual({ effectiveCost: '5.142938113200', sharedCost: '0.000000000000' });
  });
});
