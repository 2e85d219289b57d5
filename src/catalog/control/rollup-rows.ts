/** A tenant's rollups: the default ones that it did not drop, and its own. */
import type { Kysely, Transaction } from 'kysely';

import { costError } from '../../core/errors.ts';
import type { TenantId } from '../../core/ids.ts';
import { nearNames } from '../../core/near.ts';
import type { RollupRequest } from '../define-rollup.ts';
import { defineRollup, isSameRollup, ROLLUPS_MAX } from '../define-rollup.ts';
import type { Rollup, RollupGrain } from '../rollups.ts';
import { defaultRollups, tagKeyOf } from '../rollups.ts';
import type { ControlTables } from './control-tables.ts';

export async function rollupsOf(database: Kysely<ControlTables>, tenant: TenantId): Promise<Rollup[]> {
  const dropped = await database
    .selectFrom('dropped_rollup')
    .select('id')
    .where('tenant', '=', tenant)
    .execute();
  const own = await database
    .selectFrom('rollup')
    .selectAll()
    .where('tenant', '=', tenant)
    .orderBy('name')
    .execute();
  return [
    ...defaultRollups.filter(({ id }) => !dropped.some((row) => row.id === id)),
    ...own.map(({ id, name, grain, attributes }) => ({
      id,
      name,
      grain: storedGrain(grain),
      // Only insertRollup writes it.
      attributes: JSON.parse(attributes) as string[],
    })),
  ];
}

/** @throws BAD_NAME, UNKNOWN_DIMENSION, BAD_ROLLUP, ROLLUP_EXISTS */
export async function insertRollup(
  transaction: Transaction<ControlTables>,
  tenant: TenantId,
  request: RollupRequest,
): Promise<Rollup> {
  const rollup = defineRollup(request, await tagKeysOf(transaction, tenant));
  const known = await rollupsOf(transaction, tenant);
  const same =
    known.find((one) => one.name === rollup.name) ?? known.find((one) => isSameRollup(one, rollup));
  if (same !== undefined)
    throw costError('ROLLUP_EXISTS', { name: same.name, isSame: isSameRollup(same, rollup) });
  if (known.length >= ROLLUPS_MAX) {
    throw costError('BAD_ROLLUP', {
      reason: `There are ${known.length} rollups, which is the limit`,
      hint: 'Drop one that questions do not use.',
    });
  }
  await transaction
    .insertInto('rollup')
    .values({ tenant, ...rollup, attributes: JSON.stringify(rollup.attributes) })
    .execute();
  return rollup;
}

/** @throws UNKNOWN_ROLLUP */
export async function deleteRollup(
  transaction: Transaction<ControlTables>,
  tenant: TenantId,
  name: string,
): Promise<Rollup> {
  const known = await rollupsOf(transaction, tenant);
  const rollup = known.find((one) => one.name === name);
  if (rollup === undefined) {
    const names = known.map((one) => one.name);
    throw costError('UNKNOWN_ROLLUP', { name, near: nearNames(name, names), known: names });
  }
  const { id } = rollup;
  if (defaultRollups.includes(rollup)) {
    await transaction.insertInto('dropped_rollup').values({ tenant, id }).execute();
  } else {
    await transaction.deleteFrom('rollup').where('tenant', '=', tenant).where('id', '=', id).execute();
  }
  return rollup;
}

/** Of all batches that ever were: a rollup may be by a tag that only the past has. */
async function tagKeysOf(transaction: Transaction<ControlTables>, tenant: TenantId): Promise<Set<string>> {
  const rows = await transaction
    .selectFrom('column_statistics')
    .select('key')
    .distinct()
    .where('tenant', '=', tenant)
    .execute();
  return new Set(rows.map(({ key }) => tagKeyOf(key)).filter((key) => key !== null));
}

function storedGrain(text: string): RollupGrain {
  if (text === 'hour' || text === 'day') return text;
  throw new Error(`the control plane holds a damaged grain: ${text}`);
}
