import { describe, expect, it, onTestFinished } from 'vitest';

import { bindFilter } from '../../src/planner/bind/bind-filter.ts';
import { measure } from '../../src/planner/measures.ts';
import type { Canned, CannedRow } from '../support/canned-engine.ts';
import { cannedEngine } from '../support/canned-engine.ts';
import { startGraphql } from '../support/graphql-harness.ts';

const UNIT = 10n ** 12n;

async function ask(canned: Canned, selection: string, query = 'groupBy: ["service_name"]') {
  const harness = await startGraphql(cannedEngine(canned).engine);
  onTestFinished(() => harness.close());
  return harness.ask(`{ costs(query: { period: { month: "2018-10" }, ${query} }) { ${selection} } }`);
}

function row(service: string | null, cost: bigint | null, more: Partial<CannedRow> = {}): CannedRow {
  const count = cost === null ? 1n : 2n;
  return { keys: { service_name: service }, measures: { count, 'sum(effective_cost)': cost }, ...more };
}
const totals = { count: 5n, 'sum(effective_cost)': 40n * UNIT };

describe('rows of a table', () => {
  it('show exact decimals, plain counts, and null where no charge has a value', async () => {
    const rows = [row('Amazon EC2', 8_368_366_922_550_100n), row('Amazon S3', -1n), row('AWS Lambda', null)];
    const { data } = await ask({ rows, totals }, 'rows { totalCount nodes { effectiveCost chargeCount } }');
    expect(data.costs.rows).toEqual({
      totalCount: 3,
      nodes: [
        { effectiveCost: '8368.366922550100', chargeCount: '2' },
        { effectiveCost: '-0.000000000001', chargeCount: '2' },
        { effectiveCost: null, chargeCount: '1' },
      ],
    });
  });

  it('name their keys, and tell missing values from the remainder of top', async () => {
    const rows = [row('Amazon EC2', UNIT), row(null, UNIT), row(null, UNIT, { isRemainder: true })];
    const key = 'key(dimension: "service_name") { kind }';
    const { data } = await ask(
      { rows, totals },
      `rows { nodes { isRemainder keys { dimension value kind label } ${key} } }`,
      'groupBy: ["service_name"], top: { count: 1 }',
    );
    const dimension = 'service_name';
    expect(data.costs.rows.nodes).toEqual([
      {
        isRemainder: false,
        keys: [{ dimension, value: 'Amazon EC2', kind: 'VALUE', label: 'Amazon EC2' }],
        key: { kind: 'VALUE' },
      },
      {
        isRemainder: false,
        keys: [{ dimension, value: null, kind: 'MISSING', label: '(none)' }],
        key: { kind: 'MISSING' },
      },
      {
        isRemainder: true,
        keys: [{ dimension, value: null, kind: 'REMAINDER', label: '(other)' }],
        key: { kind: 'REMAINDER' },
      },
    ]);
  });

  it('start at their bucket, and at none at granularity TOTAL', async () => {
    const rows = [row('Amazon EC2', UNIT, { bucket: 1 })];
    const selection = 'rows { nodes { time } }';
    const daily = await ask({ rows, totals }, selection, 'granularity: DAY, timeZone: "Europe/Berlin"');
    expect(daily.data.costs.rows.nodes).toEqual([{ time: '2018-10-01T22:00:00Z' }]);
    const total = await ask({ rows, totals }, selection);
    expect(total.data.costs.rows.nodes).toEqual([{ time: null }]);
  });

  it('have shares of the total, and amounts over the charges that meet a condition', async () => {
    const where = { dimension: { key: 'tag:Application', isNull: true } };
    const predicate = bindFilter(where, () => {});
    const measures = {
      count: 2n,
      'sum(effective_cost)': 10n * UNIT,
      [measure('count', null, predicate).name]: 1n,
      [measure('sum', 'effective_cost', predicate).name]: 3n * UNIT,
    };
    const rows = [{ keys: { service_name: 'Amazon EC2' }, measures }];
    const { data } = await ask(
      { rows, totals },
      `rows { nodes {
        share
        untagged: amount(of: EFFECTIVE_COST, where: { dimension: { key: "tag:Application", isNull: true } })
        charges: amount(of: CHARGE_COUNT, where: { dimension: { key: "tag:Application", isNull: true } })
        all: amount(of: EFFECTIVE_COST)
      } }
      totals { effectiveCost share }`,
    );
    expect(data.costs.rows.nodes).toEqual([
      { share: '0.250000000000', untagged: '3.000000000000', charges: '1', all: '10.000000000000' },
    ]);
    expect(data.costs.totals).toEqual({ effectiveCost: '40.000000000000', share: '1.000000000000' });
  });

  it('have no share of nothing', async () => {
    const zero = { count: 2n, 'sum(effective_cost)': 0n };
    const { data } = await ask({ rows: [row('Amazon EC2', 0n)], totals: zero }, 'rows { nodes { share } }');
    expect(data.costs.rows.nodes).toEqual([{ share: null }]);
  });

  it('compare with the second period; a group that was not there before counts from 0', async () => {
    const compared = (current: bigint, before: bigint | null): CannedRow => ({
      keys: { service_name: 'x' },
      measures: {
        count: 1n,
        'sum(effective_cost)': current,
        'before:count': before === null ? 0n : 1n,
        'before:sum(effective_cost)': before,
      },
    });
    const canned = {
      rows: [compared(3n * UNIT, 2n * UNIT), compared(UNIT, null)],
      totals: { ...totals, 'before:count': 1n, 'before:sum(effective_cost)': 50n * UNIT },
    };
    const change = 'change { before absolute ratio }';
    const { data } = await ask(
      canned,
      `rows { nodes { ${change} } } totals { ${change} }`,
      'groupBy: ["service_name"], compare: { month: "2018-09" }',
    );
    expect(data.costs.rows.nodes).toEqual([
      { change: { before: '2.000000000000', absolute: '1.000000000000', ratio: '0.500000000000' } },
      { change: { before: '0.000000000000', absolute: '1.000000000000', ratio: null } },
    ]);
    expect(data.costs.totals).toEqual({
      change: { before: '50.000000000000', absolute: '-10.000000000000', ratio: '-0.200000000000' },
    });
    const alone = await ask(canned, `totals { ${change} }`);
    expect(alone.data.costs.totals).toEqual({ change: null });
  });

  it('answer quantities of one unit, and null for mixed units', async () => {
    const quantity = (least: string, greatest: string): CannedRow => ({
      keys: { service_name: 'x' },
      measures: {
        count: 2n,
        'sum(consumed_quantity)': 3n * UNIT,
        'unit-min(consumed_quantity)': least,
        'unit-max(consumed_quantity)': greatest,
      },
    });
    const rows = [quantity('Hrs', 'Hrs'), quantity('GB', 'Hrs')];
    const { data } = await ask({ rows, totals }, 'rows { nodes { consumedQuantity consumedUnit } }');
    expect(data.costs.rows.nodes).toEqual([
      { consumedQuantity: '3.000000000000', consumedUnit: 'Hrs' },
      { consumedQuantity: null, consumedUnit: null },
    ]);
  });

  it('say whether a count of distinct values is exact', async () => {
    const measures = { count: 2n, 'count-distinct(resource_id)': 7n };
    const estimated = { count: 2n, 'count-distinct-estimate(resource_id)': 7_000_000n };
    const { data } = await ask(
      { rows: [{ keys: { service_name: 'x' }, measures }], totals: estimated },
      'rows { nodes { distinct(of: "resource_id") { count exact } } } totals { distinct(of: "resource_id") { count exact } }',
    );
    expect(data.costs.rows.nodes).toEqual([{ distinct: { count: '7', exact: true } }]);
    expect(data.costs.totals).toEqual({ distinct: { count: '7000000', exact: false } });
  });

  it('keep their own amounts where currencies are mixed; totals and shares of money are null', async () => {
    const { data } = await ask(
      { rows: [row('Amazon EC2', UNIT)], totals, currency: null },
      'currency rows { nodes { effectiveCost share } } totals { effectiveCost chargeCount }',
      'groupBy: ["billing_currency"]',
    );
    expect(data.costs).toEqual({
      currency: null,
      rows: { nodes: [{ effectiveCost: '1.000000000000', share: null }] },
      totals: { effectiveCost: null, chargeCount: '5' },
    });
  });

  it('have no sum of money where top merges currencies, in the remainder and inside it', async () => {
    const inside =
      'costs(groupBy: ["service_name"]) { rows { nodes { effectiveCost } } totals { effectiveCost } }';
    const { data } = await ask(
      {
        rows: [row('x', UNIT), row(null, UNIT, { isRemainder: true })],
        totals,
        currency: null,
        drillDown: () => [row('y', UNIT)],
      },
      `rows { nodes { effectiveCost chargeCount ${inside} } }`,
      'groupBy: ["billing_currency"], top: { count: 1 }',
    );
    expect(data.costs.rows.nodes).toEqual([
      {
        effectiveCost: '1.000000000000',
        chargeCount: '2',
        costs: {
          rows: { nodes: [{ effectiveCost: '1.000000000000' }] },
          totals: { effectiveCost: '40.000000000000' },
        },
      },
      {
        effectiveCost: null,
        chargeCount: '2',
        costs: { rows: { nodes: [{ effectiveCost: null }] }, totals: { effectiveCost: null } },
      },
    ]);
  });

  it('of an empty table: none, zero in all, and no currency', async () => {
    const { data } = await ask(
      { rows: [], totals: { count: 0n }, currency: null },
      'currency rows { totalCount nodes { time } } totals { effectiveCost chargeCount share }',
    );
    expect(data.costs).toEqual({
      currency: null,
      rows: { totalCount: 0, nodes: [] },
      totals: { effectiveCost: '0.000000000000', chargeCount: '0', share: null },
    });
  });

  it('of an empty table without groups: one, zero in all', async () => {
    const { data } = await ask(
      { rows: [{ keys: {}, measures: { count: 0n } }], totals: { count: 0n }, currency: null },
      'currency rows { nodes { effectiveCost chargeCount } }',
    );
    expect(data.costs).toEqual({
      currency: null,
      rows: { nodes: [{ effectiveCost: '0.000000000000', chargeCount: '0' }] },
    });
  });

  it('refuse a key that the table is not grouped by', async () => {
    const { data, errors } = await ask(
      { rows: [row('Amazon EC2', UNIT)], totals },
      'rows { nodes { key(dimension: "region_id") { value } } }',
    );
    expect(data).toEqual({ costs: null });
    expect(errors).toMatchObject([
      { extensions: { code: 'BAD_QUERY' }, path: ['costs', 'rows', 'nodes', 0, 'key'] },
    ]);
  });
});

describe('columns of a table', () => {
  it('hold the same values as its rows', async () => {
    const rows = [row('Amazon EC2', UNIT, { bucket: 1 }), row(null, null, { bucket: 0 })];
    const { data } = await ask(
      { rows, totals },
      'columns(metrics: [EFFECTIVE_COST, CHARGE_COUNT]) { rowCount totalCount columns { name kind values } }',
      'groupBy: ["service_name"], granularity: DAY',
    );
    expect(data.costs.columns).toEqual({
      rowCount: 2,
      totalCount: 2,
      columns: [
        { name: 'time', kind: 'TIME', values: ['2018-10-02T00:00:00Z', '2018-10-01T00:00:00Z'] },
        { name: 'service_name', kind: 'DIMENSION', values: ['Amazon EC2', null] },
        { name: 'effectiveCost', kind: 'METRIC', values: ['1.000000000000', null] },
        { name: 'chargeCount', kind: 'METRIC', values: ['2', '1'] },
      ],
    });
  });
});
