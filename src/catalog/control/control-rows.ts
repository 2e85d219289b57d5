import type { Decimal } from '../../core/decimal.ts';
import { decimalFromUnits } from '../../core/decimal.ts';
import type { SourceName, TenantId } from '../../core/ids.ts';
import { batchId, sourceName, tenantId } from '../../core/ids.ts';
import type { Instant } from '../../core/time-range.ts';
import type { Batch, PublishedBatch } from '../batch.ts';
import type { BatchRow, LoadRow } from './control-tables.ts';
import type { Load } from './control.ts';

export function batchToRow(batch: Batch, liveFromSequence: number): BatchRow {
  return {
    tenant: batch.tenant,
    id: batch.id,
    source: batch.source,
    billing_month: batch.billingMonth,
    mode: batch.mode,
    format: batch.format,
    mapping_version: batch.mappingVersion,
    charges: batch.charges,
    quarantined: batch.quarantined,
    from_instant: batch.from,
    to_instant: batch.to,
    currencies: JSON.stringify(batch.currencies),
    billed_cost: String(batch.billedCost),
    effective_cost: String(batch.effectiveCost),
    live_from_sequence: liveFromSequence,
    live_to_sequence: null,
    dropped_at: null,
  };
}

export function rowToBatch(
  row: BatchRow & { known_from: Instant; known_to: Instant | null },
): PublishedBatch {
  return {
    id: batchId(row.id),
    tenant: storedTenant(row.tenant),
    source: storedSource(row.source),
    billingMonth: row.billing_month,
    mode: storedMode(row.mode),
    format: row.format,
    mappingVersion: row.mapping_version,
    charges: row.charges,
    quarantined: row.quarantined,
    from: row.from_instant,
    to: row.to_instant,
    currencies: storedList(row.currencies),
    billedCost: storedDecimal(row.billed_cost),
    effectiveCost: storedDecimal(row.effective_cost),
    liveFromSequence: row.live_from_sequence,
    liveToSequence: row.live_to_sequence,
    knownFrom: row.known_from,
    knownTo: row.known_to,
    droppedAt: row.dropped_at,
  };
}

export function loadToRow(load: Omit<Load, 'loadedAt'>, sequence: number, position: number): LoadRow {
  return {
    tenant: load.tenant,
    sequence,
    position,
    source: load.source,
    sha256: load.sha256,
    file_name: load.fileName,
    format: load.format,
    mode: load.mode,
    batches: JSON.stringify(load.batches),
    report: load.report,
  };
}

export function rowToLoad(row: LoadRow & { loaded_at: Instant }): Load {
  return {
    tenant: storedTenant(row.tenant),
    source: storedSource(row.source),
    sha256: row.sha256,
    fileName: row.file_name,
    format: row.format,
    mode: storedMode(row.mode),
    batches: storedList(row.batches).map(batchId),
    loadedAt: row.loaded_at,
    report: row.report,
  };
}

export function storedTenant(text: string): TenantId {
  return tenantId(text) ?? damaged('tenant', text);
}

function storedSource(text: string): SourceName {
  return sourceName(text) ?? damaged('source', text);
}

function storedMode(text: string): 'replace' | 'append' {
  return text === 'replace' || text === 'append' ? text : damaged('mode', text);
}

export function storedList(text: string): string[] {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list) || !list.every((item) => typeof item === 'string')) damaged('list', text);
  return list;
}

/** Units of 10^-12, as written. */
export function storedDecimal(text: string): Decimal {
  return decimalFromUnits(BigInt(text));
}

/** Only this program writes these rows, and never so. */
function damaged(what: string, text: string): never {
  throw new Error(`the control plane holds a damaged ${what}: ${text}`);
}
