/** Named states of a tenant's knowledge: each is written once, and never changed or deleted. */
import type { Kysely, Transaction } from 'kysely';

import { costError } from '../../core/errors.ts';
import type { TenantId } from '../../core/ids.ts';
import type { PublishedBatch } from '../batch.ts';
import { isLive, touches } from '../batch.ts';
import type { Close } from '../close.ts';
import { missingBills } from '../missing-bills.ts';
import type { ControlTables } from './control-tables.ts';
import type { CloseStep } from './control.ts';
import { nextStep } from './publish.ts';

/**
 * @param batches all that the tenant has published
 * @throws CLOSE_EXISTS, CLOSE_INCOMPLETE
 */
export async function closePeriod(
  transaction: Transaction<ControlTables>,
  step: CloseStep,
  batches: readonly PublishedBatch[],
): Promise<Close> {
  const { tenant, name, from, to, by } = step;
  const earlier = (await closesOf(transaction, tenant)).find((close) => close.name === name);
  if (earlier !== undefined) {
    throw costError('CLOSE_EXISTS', { name, closedAt: earlier.closedAt, by: earlier.closedBy });
  }
  const missing = missingBills(batches, step);
  const billed = batches.filter(
    (batch) => batch.liveToSequence === null && touches(batch, step, 'CHARGE_PERIOD'),
  );
  if (missing.length > 0 || billed.length === 0) throw costError('CLOSE_INCOMPLETE', { missing });

  const sequence = await nextStep(transaction, step);
  await transaction
    .insertInto('close')
    .values({ tenant, name, sequence, from_instant: from, to_instant: to, closed_by: by })
    .execute();
  const closed = (await closesOf(transaction, tenant)).at(-1);
  if (closed?.sequence !== sequence) throw new Error('what a transaction wrote it reads');
  return closed;
}

/** Oldest first. */
export async function closesOf(database: Kysely<ControlTables>, tenant: TenantId): Promise<Close[]> {
  const rows = await database
    .selectFrom('close')
    .innerJoin('knowledge_step', (join) =>
      join
        .onRef('knowledge_step.tenant', '=', 'close.tenant')
        .onRef('knowledge_step.sequence', '=', 'close.sequence'),
    )
    .select(['name', 'close.sequence', 'from_instant', 'to_instant', 'closed_by', 'instant'])
    .where('close.tenant', '=', tenant)
    .orderBy('close.sequence')
    .execute();
  return rows.map((row) => ({
    name: row.name,
    from: row.from_instant,
    to: row.to_instant,
    sequence: row.sequence,
    closedAt: row.instant,
    closedBy: row.closed_by,
  }));
}

/** Whether some close answers from the batch. */
export function isPinned(batch: PublishedBatch, closes: readonly Close[]): boolean {
  return closes.some(({ sequence }) => isLive(batch, sequence));
}
