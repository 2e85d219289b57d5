/** What Asks came to, by store and shape, over all processes. */
import type { Kysely, Transaction } from 'kysely';

import type { AskActuals, ShapeActuals } from '../ask-actuals.ts';
import { NO_ACTUALS, addActuals } from '../ask-actuals.ts';
import type { Instant } from '../../core/time-range.ts';
import type { ControlTables } from './control-tables.ts';

/** Those that ran longest ago go first. */
export const SHAPES_KEPT_MAX = 10_000;

export async function readActuals(database: Kysely<ControlTables>): Promise<ShapeActuals[]> {
  const rows = await database
    .selectFrom('ask_actuals')
    .selectAll()
    .orderBy('store')
    .orderBy('shape')
    .execute();
  // As addActualsOf wrote it.
  return rows.map(({ store, shape, actuals }) => ({
    store,
    shape,
    actuals: JSON.parse(actuals) as AskActuals,
  }));
}

/** The transaction is alone among all writers, so that nothing is lost between reading a row and writing it. */
export async function addActualsOf(
  transaction: Transaction<ControlTables>,
  added: readonly ShapeActuals[],
  at: Instant,
): Promise<void> {
  for (const { store, shape, actuals } of added) {
    const row = await transaction
      .selectFrom('ask_actuals')
      .select('actuals')
      .where('store', '=', store)
      .where('shape', '=', shape)
      .executeTakeFirst();
    const earlier = row === undefined ? NO_ACTUALS : (JSON.parse(row.actuals) as AskActuals); // As written below.
    const values = { actuals: JSON.stringify(addActuals(earlier, actuals)), updated_at: at };
    await transaction
      .insertInto('ask_actuals')
      .values({ store, shape, ...values })
      .onConflict((conflict) => conflict.columns(['store', 'shape']).doUpdateSet(values))
      .execute();
  }
  const [last] = await transaction
    .selectFrom('ask_actuals')
    .select('updated_at')
    .orderBy('updated_at', 'desc')
    .offset(SHAPES_KEPT_MAX)
    .limit(1)
    .execute();
  if (last === undefined) return;
  await transaction.deleteFrom('ask_actuals').where('updated_at', '<=', last.updated_at).execute();
}
