/** The limits that tenants have of their own, and what their queries used. */
import type { Kysely, Transaction } from 'kysely';

import type { TenantId } from '../../core/ids.ts';
import type { DayUse, OwnLimits } from '../../core/limits.ts';
import { NO_DAY_USE, addDayUse, limitNames } from '../../core/limits.ts';
import type { ControlTables } from './control-tables.ts';
import type { TenantDayUse, UtcDay } from './control.ts';

export async function ownLimits(database: Kysely<ControlTables>, tenant: TenantId): Promise<OwnLimits> {
  const rows = await database
    .selectFrom('tenant_limit')
    .select(['name', 'value'])
    .where('tenant', '=', tenant)
    .execute();
  const stored = new Map(rows.map(({ name, value }) => [name, value]));
  const known = limitNames.flatMap((name) => {
    const value = stored.get(name);
    return value === undefined ? [] : [[name, BigInt(value)] as const];
  });
  return Object.fromEntries(known);
}

export async function setOwnLimits(
  transaction: Transaction<ControlTables>,
  tenant: TenantId,
  limits: OwnLimits,
): Promise<void> {
  await transaction.deleteFrom('tenant_limit').where('tenant', '=', tenant).execute();
  const rows = Object.entries(limits).map(([name, value]) => ({ tenant, name, value: String(value) }));
  if (rows.length > 0) await transaction.insertInto('tenant_limit').values(rows).execute();
}

export async function dayUse(
  database: Kysely<ControlTables>,
  tenant: TenantId,
  day: UtcDay,
): Promise<DayUse> {
  const row = await database
    .selectFrom('day_use')
    .select(['bytes', 'usd', 'ms'])
    .where('tenant', '=', tenant)
    .where('day', '=', day)
    .executeTakeFirst();
  if (row === undefined) return NO_DAY_USE;
  return { bytes: BigInt(row.bytes), usd: BigInt(row.usd), ms: BigInt(row.ms) };
}

/** The transaction is alone among all writers, so that nothing is lost between reading a row and writing it. */
export async function addDayUses(
  transaction: Transaction<ControlTables>,
  uses: readonly TenantDayUse[],
): Promise<DayUse[]> {
  const totals: DayUse[] = [];
  for (const { tenant, day, use } of uses) {
    const total = addDayUse(await dayUse(transaction, tenant, day), use);
    const values = { bytes: String(total.bytes), usd: String(total.usd), ms: String(total.ms) };
    await transaction
      .insertInto('day_use')
      .values({ tenant, day, ...values })
      .onConflict((conflict) => conflict.columns(['tenant', 'day']).doUpdateSet(values))
      .execute();
    totals.push(total);
  }
  return totals;
}
