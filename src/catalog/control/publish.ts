/**
 * The control step that makes batches live, inside the caller's write transaction: all of it or nothing.
 * Published ids stay as they are, so that a step may be repeated after a crash or a lost answer.
 */
import type { Transaction } from 'kysely';

import { costError } from '../../core/errors.ts';
import type { BatchId, TenantId } from '../../core/ids.ts';
import { batchId } from '../../core/ids.ts';
import type { TimeRange } from '../../core/time-range.ts';
import { formatInstant } from '../../core/time-range.ts';
import type { Batch } from '../batch.ts';
import { chunks } from './chunks.ts';
import { batchToRow, loadToRow } from './control-rows.ts';
import type { BatchRow, ControlTables } from './control-tables.ts';
import type { PublishStep } from './control.ts';

export type Published = { readonly sequence: number; readonly replaced: BatchId[] };

/** @throws COVERS_LESS */
export async function publishStep(
  transaction: Transaction<ControlTables>,
  step: PublishStep,
): Promise<Published> {
  assertWhole(step);
  const earlier = await publishedBefore(transaction, step);
  if (earlier !== null) return earlier;

  const retired: BatchRow[] = [];
  for (const month of replacedMonths(step.batches)) {
    const live = await liveBatches(transaction, step.tenant, month);
    const asked = step.batches.filter((batch) => isOf(month, batch));
    if (!step.force) refuseCoveringLess(month, live, asked);
    retired.push(...live);
  }

  const sequence = await nextStep(transaction, step);
  const replaced = retired.map((row) => batchId(row.id));
  for (const ids of chunks(replaced)) {
    await transaction
      .updateTable('batch')
      .set({ live_to_sequence: sequence })
      .where('tenant', '=', step.tenant)
      .where('id', 'in', ids)
      .execute();
  }
  await insertStep(transaction, step, sequence);
  return { sequence, replaced };
}

export async function insertTenant(transaction: Transaction<ControlTables>, tenant: TenantId): Promise<void> {
  await transaction
    .insertInto('tenant')
    .values({ name: tenant })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
}

function assertWhole({ tenant, batches, loads, statistics, profiles }: PublishStep): void {
  const ids = new Set(batches.map((batch) => batch.id));
  const isWhole =
    ids.size > 0 &&
    ids.size === batches.length &&
    [...batches, ...loads].every((part) => part.tenant === tenant) &&
    loads.every((load) => load.batches.every((id) => ids.has(id))) &&
    [...statistics.map(({ batch }) => batch), ...profiles.keys()].every((batch) => ids.has(batch));
  if (!isWhole) throw new Error('a control step names batches, tenants or statistics that are not its own');
}

/** What the same step answered when it was published; null when it was not. */
async function publishedBefore(
  transaction: Transaction<ControlTables>,
  { tenant, batches }: PublishStep,
): Promise<Published | null> {
  const known = await transaction
    .selectFrom('batch')
    .select(['id', 'live_from_sequence'])
    .where('tenant', '=', tenant)
    .where(
      'id',
      'in',
      batches.map((batch) => batch.id),
    )
    .execute();
  const [first] = known;
  if (first === undefined) return null;
  const sequence = first.live_from_sequence;
  const isSameStep =
    known.length === batches.length && known.every((row) => row.live_from_sequence === sequence);
  if (!isSameStep) throw new Error('a control step repeats some batches of an earlier one');
  const replaced = await transaction
    .selectFrom('batch')
    .select('id')
    .where('tenant', '=', tenant)
    .where('live_to_sequence', '=', sequence)
    .orderBy('id')
    .execute();
  return { sequence, replaced: replaced.map((row) => batchId(row.id)) };
}

/** A version of a month is of one source and one billing month. */
type SourceMonth = Pick<Batch, 'source' | 'billingMonth'>;

function replacedMonths(batches: readonly Batch[]): SourceMonth[] {
  const months: SourceMonth[] = [];
  for (const batch of batches) {
    if (batch.mode === 'replace' && !months.some((month) => isOf(month, batch))) months.push(batch);
  }
  return months;
}

function isOf(month: SourceMonth, batch: Batch): boolean {
  return batch.source === month.source && batch.billingMonth === month.billingMonth;
}

function liveBatches(
  transaction: Transaction<ControlTables>,
  tenant: TenantId,
  { source, billingMonth }: SourceMonth,
): Promise<BatchRow[]> {
  return transaction
    .selectFrom('batch')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .where('billing_month', '=', billingMonth)
    .where('live_to_sequence', 'is', null)
    .orderBy('id')
    .execute();
}

/**
 * Compares the stretch from the first to the last instant of all batches of the month together: a newer
 * file that reaches further is fine, one that starts later or ends earlier is not.
 */
function refuseCoveringLess(
  { source, billingMonth }: SourceMonth,
  live: readonly BatchRow[],
  asked: readonly Batch[],
): void {
  const before = span(
    live.map((row) => ({ charges: row.charges, from: row.from_instant, to: row.to_instant })),
  );
  if (before === null) return;
  const after = span(asked);
  if (after !== null && after.from <= before.from && after.to >= before.to) return;
  throw costError('COVERS_LESS', {
    source,
    month: billingMonth.slice(0, 7),
    live: formatSpan(before),
    asked: after === null ? 'nothing' : formatSpan(after),
  });
}

/** From the first to the last instant; a batch without charges covers no time. */
function span(batches: readonly (TimeRange & { readonly charges: number })[]): TimeRange | null {
  const covering = batches.filter((batch) => batch.charges > 0);
  if (covering.length === 0) return null;
  return {
    from: Math.min(...covering.map((batch) => batch.from)),
    to: Math.max(...covering.map((batch) => batch.to)),
  };
}

function formatSpan({ from, to }: TimeRange): string {
  return `${formatInstant(from)} to ${formatInstant(to)}`;
}

/** Takes the tenant's next number. Clocks of processes differ and step back: instants increase all the same. */
export async function nextStep(
  transaction: Transaction<ControlTables>,
  { tenant, at }: Pick<PublishStep, 'tenant' | 'at'>,
): Promise<number> {
  const last = await transaction
    .selectFrom('knowledge_step')
    .select(['sequence', 'instant'])
    .where('tenant', '=', tenant)
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst();
  const sequence = (last?.sequence ?? 0) + 1;
  const instant = last === undefined ? at : Math.max(at, last.instant + 1);
  await insertTenant(transaction, tenant);
  await transaction.insertInto('knowledge_step').values({ tenant, sequence, instant }).execute();
  return sequence;
}

async function insertStep(
  transaction: Transaction<ControlTables>,
  step: PublishStep,
  sequence: number,
): Promise<void> {
  for (const batches of chunks(step.batches)) {
    const rows = batches.map((batch) => batchToRow(batch, sequence));
    await transaction.insertInto('batch').values(rows).execute();
  }
  for (const loads of chunks(step.loads.map((load, position) => loadToRow(load, sequence, position)))) {
    await transaction.insertInto('load').values(loads).execute();
  }
  for (const statistics of chunks(step.statistics)) {
    const rows = statistics.map(({ batch, key, distinct, nulls }) => ({
      tenant: step.tenant,
      batch,
      key,
      distinct_count: distinct,
      null_count: nulls,
    }));
    await transaction.insertInto('column_statistics').values(rows).execute();
  }
  for (const profiles of chunks([...step.profiles])) {
    const rows = profiles.map(([batch, profile]) => ({
      tenant: step.tenant,
      batch,
      profile: JSON.stringify(profile),
    }));
    await transaction.insertInto('batch_profile').values(rows).execute();
  }
}
