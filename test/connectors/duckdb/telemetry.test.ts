import type { DuckDBConnection } from '@duckdb/node-api';
import { DuckDBInstance } from '@duckdb/node-api';
import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { TenantState } from '../../../src/catalog/tenant-state.ts';
import { duckdbDialect } from '../../../src/connectors/duckdb/duckdb-dialect.ts';
import { createStatement } from '../../../src/connectors/sql/statement.ts';
import { telemetryToBlock } from '../../../src/connectors/sql/telemetry-to-sql.ts';
import type { TenantId } from '../../../src/core/ids.ts';
import type { TimeRange } from '../../../src/core/time-range.ts';
import { DAY_MS, formatInstant, HOUR_MS } from '../../../src/core/time-range.ts';
import { createStateStore } from '../../../src/execute/pin-state.ts';
import type { TelemetrySelection } from '../../../src/planner/choose-telemetry.ts';
import { chooseTelemetry } from '../../../src/planner/choose-telemetry.ts';
import type { Deployment } from '../../support/deployment.ts';
import { openTestDeployment, tenant } from '../../support/deployment.ts';
import { loaded, loadLines } from '../../support/telemetry-file.ts';

let deployment: Deployment;
let connection: DuckDBConnection;
let acme: TenantId;
let tenants = 0;
beforeAll(async () => {
  deployment = await openTestDeployment();
  connection = await (await DuckDBInstance.create()).connect();
  await connection.run("SET TimeZone = 'UTC'");
});
afterAll(async () => {
  connection.closeSync();
  await deployment[Symbol.asyncDispose]();
});
beforeEach(newTenant);

function newTenant(): void {
  tenants += 1;
  acme = tenant(`acme-${tenants}`);
}

function load(stream: string, header: string, ...lines: readonly string[]) {
  const { context, folder } = deployment;
  return loaded(loadLines({ ...context, folder }, acme, stream, [header, ...lines]));
}

async function pin(sequence: number | null = null): Promise<TenantState> {
  const state = await createStateStore(deployment.control, deployment.lake).pin(acme, {
    sequence,
    rules: null,
  });
  if (state === null) throw new Error('nothing was dropped');
  return state;
}

const NOVEMBER_26 = Date.parse('2019-11-26T00:00:00Z');
const THE_DAY = { from: NOVEMBER_26, to: NOVEMBER_26 + DAY_MS };

function choose(state: TenantState, keys: readonly string[], range: TimeRange = THE_DAY): TelemetrySelection {
  const selection = chooseTelemetry(state, 'work', keys, range);
  if (selection === null) throw new Error('the stream is known');
  return selection;
}

/** Rows of the relation, in order, units without trailing zeros. */
async function unitsOf(selection: TelemetrySelection, grain: 'hour' | 'day'): Promise<unknown[][]> {
  const statement = createStatement(duckdbDialect, acme, { dictionaries: {}, lists: new Map() });
  const text = statement.finish(telemetryToBlock(selection, grain, statement));
  const rows = (await connection.runAndReadAll(`SELECT * FROM (${text}) ORDER BY ALL`)).getRowsJson();
  return rows.map((row) => [...row.slice(0, -1), Number(row.at(-1))]);
}

const HEADER = 'time,customer,plan,units';

describe('the units of a stream', () => {
  it('are summed by hour or day, by the keys that are asked for', async () => {
    await load('work', HEADER, '2019-11-26T00:05:00Z,Emma,free,1', '2019-11-26T00:10:00Z,Emma,paid,0.5');
    await load('work', HEADER, '2019-11-26T05:00:00Z,Liam,paid,2', '2019-11-27T00:00:00Z,Liam,paid,9');
    const state = await pin();
    expect(await unitsOf(choose(state, ['customer', 'plan']), 'hour')).toEqual([
      ['2019-11-26T00:00:00Z', 'Emma', 'free', 1],
      ['2019-11-26T00:00:00Z', 'Emma', 'paid', 0.5],
      ['2019-11-26T05:00:00Z', 'Liam', 'paid', 2],
    ]);
    expect(await unitsOf(choose(state, ['plan']), 'day')).toEqual([
      ['2019-11-26T00:00:00Z', 'free', 1],
      ['2019-11-26T00:00:00Z', 'paid', 2.5],
    ]);
    expect(await unitsOf(choose(state, []), 'day')).toEqual([['2019-11-26T00:00:00Z', 3.5]]);
    const byPlan = choose(state, ['plan', 'customer'], {
      from: NOVEMBER_26 + DAY_MS,
      to: NOVEMBER_26 + 2 * DAY_MS,
    });
    expect(await unitsOf(byPlan, 'hour')).toEqual([['2019-11-27T00:00:00Z', 'paid', 'Liam', 9]]);
  });

  it('are those that the newest load at the state says', async () => {
    await load('work', HEADER, '2019-11-26T00:05:00Z,Emma,free,1', '2019-11-26T00:10:00Z,Emma,free,2');
    await load('work', HEADER, '2019-11-26T00:05:00Z,Emma,free,10');
    await load('work', HEADER, '2019-11-26T00:05:00Z,Emma,free,0', '2019-11-26T00:10:00Z,Emma,free,0');
    const totals = [];
    for (const sequence of [1, 2, 3, null]) {
      totals.push(await unitsOf(choose(await pin(sequence), ['customer']), 'day'));
    }
    const day = '2019-11-26T00:00:00Z';
    expect(totals.map(([row]) => row)).toEqual([3, 12, 0, 0].map((units) => [day, 'Emma', units]));
  });

  it('are exact, also those too large for narrow files', async () => {
    await load('work', 'time,units', '2019-11-26T00:00:00Z,999999999999999999.000000000001');
    await load('work', 'time,units', '2019-11-26T01:00:00Z,0.000000000001');
    const selection = choose(await pin(), []);
    expect(selection.files.narrow).not.toContain('units');
    const statement = createStatement(duckdbDialect, acme, { dictionaries: {}, lists: new Map() });
    const text = statement.finish(telemetryToBlock(selection, 'day', statement));
    const [row = []] = (await connection.runAndReadAll(text)).getRowsJson();
    expect(row[1]).toBe('999999999999999999.000000000002');
  });

  it('are none where the state does not know the stream or a key', async () => {
    const before = await pin();
    await load('work', HEADER, '2019-11-26T00:05:00Z,Emma,free,1');
    expect(chooseTelemetry(before, 'work', [], THE_DAY)).toBeNull();
    expect(chooseTelemetry(await pin(0), 'work', [], THE_DAY)).toBeNull();
    expect(chooseTelemetry(await pin(), 'orders', [], THE_DAY)).toBeNull();
    expect(chooseTelemetry(await pin(), 'work', ['region'], THE_DAY)).toBeNull();
    const empty = { from: NOVEMBER_26 + 2 * DAY_MS, to: NOVEMBER_26 + 3 * DAY_MS };
    expect(await unitsOf(choose(await pin(), ['plan'], empty), 'hour')).toEqual([]);
  });
});

describe('the files of a stream', () => {
  it('are read only where they are of the state, the stream and the range', async () => {
    await load('work', HEADER, '2019-11-26T00:05:00Z,Emma,free,1');
    await load('orders', HEADER, '2019-11-26T00:05:00Z,Emma,free,1');
    await load('work', HEADER, '2019-11-27T00:05:00Z,Emma,free,1');
    await load('work', HEADER, '2019-11-26T00:10:00Z,Emma,free,1');
    const { loads, overlay, files } = choose(await pin(3), ['customer']);
    expect(loads).toEqual([expect.stringMatching(/^0000000001-/)]);
    expect(overlay).toBeNull();
    expect(files.proven).toEqual({ tenant: true, time: true });
    expect(files.pruning).toMatchObject({ filesTotal: 4, filesRead: 1 });
    const skipped = new Map(files.pruning.skipped.map((one) => [one.reason, one.files]));
    expect(skipped).toEqual(
      new Map([
        ['TIME', 1],
        ['NOT_ASKED', 1],
        ['NOT_LIVE', 1],
      ]),
    );
    const layered = choose(await pin(), ['customer']);
    expect(layered).toMatchObject({
      loads: { length: 2 },
      files: { files: { length: 2 } },
      overlay: { files: { length: 1 } },
    });
  });
});

describe('a stream that is loaded by and by', () => {
  const customers = ['Emma', 'Liam', 'Noah'];
  const plans = ['free', 'paid'];
  const row = fc.record({
    minute: fc.nat({ max: 3 * 24 * 6 }).map((tens) => tens * 10),
    customer: fc.constantFrom(...customers),
    plan: fc.constantFrom(...plans),
    units: fc.nat({ max: 5 }),
  });
  const files = fc.array(fc.array(row, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 5 });

  it('says at each state what its rows say one by one', async () => {
    await fc.assert(
      fc.asyncProperty(files, fc.nat({ max: 40 }), fc.nat({ max: 40 }), async (loads, start, hours) => {
        newTenant();
        const known = new Map<string, number>();
        const range = {
          from: NOVEMBER_26 + start * HOUR_MS,
          to: NOVEMBER_26 + (start + 1 + hours) * HOUR_MS,
        };
        for (const rows of loads) {
          const own = new Map<string, number>();
          for (const { minute, customer, plan, units } of rows) {
            const key = `${NOVEMBER_26 + minute * 60_000} ${customer} ${plan}`;
            own.set(key, (own.get(key) ?? 0) + units);
          }
          for (const [key, units] of own) known.set(key, units);
          const lines = rows.map(
            ({ minute, customer, plan, units }) =>
              `${formatInstant(NOVEMBER_26 + minute * 60_000)},${customer},${plan},${units}`,
          );
          await load('work', HEADER, ...lines);
          const state = await pin();
          expect(await unitsOf(choose(state, ['customer'], range), 'hour')).toEqual(
            expected(known, range, HOUR_MS),
          );
          expect(await unitsOf(choose(state, ['customer'], range), 'day')).toEqual(
            expected(known, range, DAY_MS),
          );
        }
      }),
      { numRuns: 6 },
    );
  }, 120_000);

  function expected(known: ReadonlyMap<string, number>, { from, to }: TimeRange, width: number): unknown[][] {
    const sums = new Map<string, number>();
    for (const [key, units] of known) {
      const [time, customer] = key.split(' ');
      const at = Number(time);
      if (at < from || at >= to) continue;
      const cell = `${formatInstant(Math.floor(at / width) * width)} ${customer}`;
      sums.set(cell, (sums.get(cell) ?? 0) + units);
    }
    return [...sums]
      .map(([cell, units]) => [...cell.split(' '), units])
      .toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
  }
});
