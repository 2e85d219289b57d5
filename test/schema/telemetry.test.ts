import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { Scope } from '../../src/access/scopes.ts';
import type { TelemetryRow } from '../../src/catalog/telemetry.ts';
import type { TenantId } from '../../src/core/ids.ts';
import { CALL_ROWS_MAX, telemetryCallCodes } from '../../src/ingest/load-telemetry-rows.ts';
import type { Deployment } from '../support/deployment.ts';
import { openTestDeployment, tenant } from '../support/deployment.ts';
import type { Harness } from '../support/graphql-harness.ts';
import { startGraphql } from '../support/graphql-harness.ts';
import { liveFiles } from '../ingest/doctor-table.ts';

let deployment: Deployment;
let harness: Harness;
let who: TenantId;
let tenants = 0;
let scopes: readonly Scope[];
beforeAll(async () => {
  deployment = await openTestDeployment();
  const authenticate = async () => ({ tenant: who, subject: '', scopes: new Set(scopes) });
  harness = await startGraphql(deployment.engine, { authenticate });
});
afterAll(async () => {
  await harness.close();
  await deployment[Symbol.asyncDispose]();
});
beforeEach(() => {
  tenants += 1;
  who = tenant(`acme-${tenants}`);
  scopes = ['read', 'write'];
});

async function load(rows: readonly unknown[], stream = 'work') {
  const { data, errors } = await harness.ask(
    `mutation ($stream: String!, $rows: [TelemetryRow!]!) {
      loadTelemetry(stream: $stream, rows: $rows) { accepted replaced errors { code message line hint } }
    }`,
    { stream, rows },
  );
  return errors?.[0]?.extensions.code ?? data.loadTelemetry;
}

function row(time: string, units: string | number, keys: Readonly<Record<string, string>>): TelemetryRow {
  const named = Object.entries(keys).map(([dimension, value]) => ({ dimension, value }));
  return { time, keys: named, units: String(units) };
}
const emma = { customer: 'Emma', plan: 'free' };

describe('loadTelemetry', () => {
  it('takes rows, and says what they replaced', async () => {
    const rows = [
      row('2019-11-26T00:00:00Z', '0.1', emma),
      row('2019-11-26t01:30+01:00', 2, { plan: 'a "paid",\r\none', customer: 'Liam' }),
    ];
    expect(await load(rows)).toEqual({ accepted: 2, replaced: 0, errors: [] });
    expect(await load(rows)).toEqual({ accepted: 2, replaced: 0, errors: [] });
    expect(await load([row('2019-11-26T00:00:00.000Z', '5', emma)])).toMatchObject({
      accepted: 1,
      replaced: 1,
    });
    const [stream, ...others] = await deployment.control.telemetry(who);
    expect(others).toEqual([]);
    expect(stream).toMatchObject({ name: 'work', columns: ['customer', 'plan'] });
    expect(stream?.loads).toMatchObject([{ rows: 2, file: expect.stringMatching(/^call-/) }, { rows: 1 }]);
    expect(stream?.loads[0]).toMatchObject({
      from: Date.parse('2019-11-26T00:00Z'),
      to: Date.parse('2019-11-26T01:00Z'),
    });
  });

  it('takes none where one is bad, and tells which', async () => {
    const good = row('2019-11-26T00:00:00Z', 1, emma);
    expect(
      await load([good, row('2019-11-26T00:00:00Z', -1, emma), row('1999-11-26T00:00:00Z', 1, emma)]),
    ).toEqual({
      accepted: 0,
      replaced: 0,
      errors: [
        {
          code: 'NEGATIVE_UNITS',
          message: 'Row 2: units is "-1", below 0',
          line: 2,
          hint: 'Nothing was loaded: mend the row and send all of them.',
        },
        expect.objectContaining({ code: 'BAD_TIME', line: 3 }),
      ],
    });
    const [wrongKeys, badText] = telemetryCallCodes;
    const twice = [...good.keys, { dimension: 'customer', value: 'Liam' }];
    expect(
      await load([
        good,
        row('2019-11-26T00:00:00Z', 1, { customer: 'Emma' }),
        { ...good, keys: twice },
        row('2019-11-26T00:00:00Z', 1, { customer: 'E\0', plan: 'free' }),
      ]),
    ).toMatchObject({
      accepted: 0,
      errors: [
        {
          code: wrongKeys,
          line: 2,
          message: 'Row 2: its keys are customer; all rows have the same, each once',
        },
        { code: wrongKeys, line: 3 },
        { code: badText, line: 4 },
      ],
    });
    expect(await deployment.control.telemetry(who)).toEqual([]);
  });

  it('tells what else the caller can mend: the name, the keys of the stream, the number of rows', async () => {
    const good = row('2019-11-26T00:00:00Z', 1, emma);
    expect(await load([good], 'No name')).toMatchObject({ accepted: 0, errors: [{ code: 'BAD_NAME' }] });
    await load([good]);
    const other = row('2019-11-26T00:00:00Z', 1, { customer: 'Emma' });
    expect(await load([other])).toMatchObject({ errors: [{ code: 'BAD_TELEMETRY', line: null }] });
    const many = Array.from({ length: CALL_ROWS_MAX + 1 }, () => row('2019-11-26', 1, {}));
    const call = deployment.loadTelemetry(who, 'work', many, new AbortController().signal);
    await expect(call).rejects.toMatchObject({ code: 'BAD_TELEMETRY' });
  });

  it('takes a whole call of rows without keys, and none at all', async () => {
    const rows = Array.from({ length: CALL_ROWS_MAX }, () => row('2019-11-26T00:00:00Z', '0.1', {}));
    expect(await load(rows, 'orders')).toEqual({ accepted: CALL_ROWS_MAX, replaced: 0, errors: [] });
    const [file] = await liveFiles(deployment.lake, who, 'telemetry');
    expect(file?.records).toBe(1);
    expect(await load([], 'orders')).toEqual({ accepted: 0, replaced: 0, errors: [] });
  });

  it('needs the scope write', async () => {
    scopes = ['read', 'rules'];
    expect(await load([row('2019-11-26T00:00:00Z', 1, emma)])).toBe('FORBIDDEN');
  });
});
