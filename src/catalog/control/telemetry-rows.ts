/** Streams of driver data and their loads. */
import type { Kysely, Transaction } from 'kysely';

import { costError } from '../../core/errors.ts';
import type { TenantId } from '../../core/ids.ts';
import type { TelemetryLoad, TelemetryStream } from '../telemetry.ts';
import { storedDecimal, storedList } from './control-rows.ts';
import type { ControlTables, TelemetryLoadRow } from './control-tables.ts';
import type { TelemetryStep } from './control.ts';
import { nextStep } from './publish.ts';

export async function telemetryOf(
  database: Kysely<ControlTables>,
  tenant: TenantId,
): Promise<TelemetryStream[]> {
  const streams = await database
    .selectFrom('telemetry_stream')
    .select(['name', 'columns'])
    .where('tenant', '=', tenant)
    .orderBy('name')
    .execute();
  const rows = await database
    .selectFrom('telemetry_load')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('id')
    .execute();
  const loads = Map.groupBy(rows, ({ stream }) => stream);
  return streams.map(({ name, columns }) => ({
    name,
    columns: storedList(columns),
    loads: (loads.get(name) ?? []).map(rowToLoad),
  }));
}

/** @throws COMMIT_CONFLICT */
export async function insertTelemetry(
  transaction: Transaction<ControlTables>,
  step: TelemetryStep,
): Promise<{ sequence: number }> {
  const { tenant, stream, load, after } = step;
  const known = (await telemetryOf(transaction, tenant)).find(({ name }) => name === stream.name);
  const repeated = known?.loads.find(({ id }) => id === load.id);
  if (repeated !== undefined) return { sequence: repeated.sequence };
  const columns = JSON.stringify(stream.columns);
  const isAsExpected = known === undefined || JSON.stringify(known.columns) === columns;
  if ((known?.loads.at(-1)?.id ?? null) !== after || !isAsExpected) {
    throw costError('COMMIT_CONFLICT', { table: `The stream ${stream.name} of ${tenant}` });
  }
  const sequence = await nextStep(transaction, step);
  if (known === undefined) {
    await transaction.insertInto('telemetry_stream').values({ tenant, name: stream.name, columns }).execute();
  }
  await transaction
    .insertInto('telemetry_load')
    .values(loadToRow(tenant, stream.name, { ...load, sequence }))
    .execute();
  return { sequence };
}

function loadToRow(tenant: TenantId, stream: string, load: TelemetryLoad): TelemetryLoadRow {
  const { from, to, units, ...same } = load;
  return { ...same, tenant, stream, units: String(units), from_instant: from, to_instant: to };
}

function rowToLoad({ id, sequence, rows, units, digest, file, ...row }: TelemetryLoadRow): TelemetryLoad {
  const [from, to] = [row.from_instant, row.to_instant];
  return { id, sequence, rows, units: storedDecimal(units), from, to, digest, file };
}
