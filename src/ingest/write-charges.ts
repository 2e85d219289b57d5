/** The sorted files of one month's batch, and of its control totals. */
import type { TableState } from '../catalog/iceberg/catalog.ts';
import type { DataFile, Partition } from '../catalog/iceberg/data-file.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import type { BatchId, SourceName, TenantId } from '../core/ids.ts';
import { DAY_MS } from '../core/time-range.ts';
import { resourceKey } from './charge-identity.ts';
import type { IngestSession, OnFraction } from './ingest-session.ts';
import type { StagedColumns } from './staged-columns.ts';
import { writeTableFiles } from './write-table-files.ts';

export type BatchPlace = {
  readonly tenant: TenantId;
  readonly source: SourceName;
  /** First day, `2018-10-01`. */
  readonly month: string;
  readonly batch: BatchId;
};

export async function writeCharges(
  session: IngestSession,
  state: TableState,
  place: BatchPlace,
  { constants, wide }: StagedColumns,
  enums: ReadonlyMap<string, string>,
  onFraction: OnFraction,
): Promise<DataFile[]> {
  const rows = {
    from: chargesFrom(place.month),
    constants: new Map([...constants, ...placeConstants(place), ['origin', 'bill'] as const]),
    wide,
    enums,
  };
  return writeTableFiles(
    session,
    state,
    lakeTables.charges,
    partitionOf(place),
    rows,
    place.batch,
    onFraction,
  );
}

export async function writeControlTotals(
  session: IngestSession,
  state: TableState,
  place: BatchPlace,
): Promise<DataFile[]> {
  const from = `(SELECT * FROM totals WHERE billing_month = DATE '${place.month}')`;
  const rows = { from, constants: placeConstants(place) };
  return writeTableFiles(session, state, lakeTables.control_totals, partitionOf(place), rows, place.batch);
}

function placeConstants({ tenant, source, month, batch }: BatchPlace): ReadonlyMap<string, string> {
  return new Map<string, string>([
    ['tenant', tenant],
    ['source', source],
    ['billing_month', month],
    ['batch', batch],
  ]);
}

function partitionOf({ source, month, batch }: BatchPlace): Partition {
  return { source, billing_month: Date.parse(month) / DAY_MS, batch };
}

/** Identical lines without a key of their own get `-2`, `-3`…: the first is the same with or without them. */
function chargesFrom(month: string): string {
  return `(SELECT charges.* EXCLUDE (tags),
  coalesce(charge_key, to_base(line_hash, 36) || coalesce('-' || ordinal, '')) AS charge_id,
  ${resourceKey} AS resource_key, tag_set
FROM charges LEFT JOIN tag_texts ON tags = text AND tag_texts.billing_month = charges.billing_month
WHERE charges.billing_month = DATE '${month}')`;
}
