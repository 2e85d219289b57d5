/** What tenants' questions needed, by UTC day. */
import type { Kysely, Transaction } from 'kysely';

import type { TenantId } from '../../core/ids.ts';
import { DAY_MS } from '../../core/time-range.ts';
import { NEEDS_A_DAY_MAX, NEEDS_DAYS_MAX, needKey, needOfKey } from '../needs.ts';
import { chunks } from './chunks.ts';
import type { ControlTables } from './control-tables.ts';
import type { DayNeed, TenantNeed, UtcDay } from './control.ts';

export async function observedNeeds(
  database: Kysely<ControlTables>,
  tenant: TenantId,
  from: UtcDay,
): Promise<DayNeed[]> {
  const rows = await database
    .selectFrom('observed_need')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('day', '>=', from)
    .orderBy('day')
    .orderBy('need')
    .execute();
  return rows.map(({ day, need, times, charges, rows, bytes, estimated_ms, ms }) => ({
    day,
    need: needOfKey(need),
    use: { times, charges, rows, bytes, estimatedMs: estimated_ms, ms },
  }));
}

export async function addNeeds(
  transaction: Transaction<ControlTables>,
  needs: readonly TenantNeed[],
  today: UtcDay,
): Promise<void> {
  for (const some of chunks(needs)) {
    const rows = some.map(({ tenant, day, need, use }) => ({
      tenant,
      day,
      need: needKey(need),
      times: use.times,
      charges: Math.round(use.charges),
      rows: Math.round(use.rows),
      bytes: Math.round(use.bytes),
      estimated_ms: use.estimatedMs,
      ms: use.ms,
    }));
    await transaction
      .insertInto('observed_need')
      .values(rows)
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'day', 'need']).doUpdateSet((set) => ({
          times: set('observed_need.times', '+', set.ref('excluded.times')),
          charges: set('observed_need.charges', '+', set.ref('excluded.charges')),
          rows: set('observed_need.rows', '+', set.ref('excluded.rows')),
          bytes: set('observed_need.bytes', '+', set.ref('excluded.bytes')),
          estimated_ms: set('observed_need.estimated_ms', '+', set.ref('excluded.estimated_ms')),
          ms: set('observed_need.ms', '+', set.ref('excluded.ms')),
        })),
      )
      .execute();
  }
  const touched = new Map(needs.map((each) => [`${each.tenant} ${each.day}`, each]));
  for (const { tenant, day } of touched.values()) await forgetLeast(transaction, tenant, day);
  const oldest = new Date(Date.parse(today) - (NEEDS_DAYS_MAX - 1) * DAY_MS).toISOString().slice(0, 10);
  await transaction.deleteFrom('observed_need').where('day', '<', oldest).execute();
}

async function forgetLeast(
  transaction: Transaction<ControlTables>,
  tenant: TenantId,
  day: UtcDay,
): Promise<void> {
  const all = await transaction
    .selectFrom('observed_need')
    .select('need')
    .where('tenant', '=', tenant)
    .where('day', '=', day)
    .orderBy('ms', 'desc')
    .orderBy('need')
    .execute();
  for (const some of chunks(all.slice(NEEDS_A_DAY_MAX).map(({ need }) => need))) {
    await transaction
      .deleteFrom('observed_need')
      .where('tenant', '=', tenant)
      .where('day', '=', day)
      .where('need', 'in', some)
      .execute();
  }
}
