/** The sorted files of one month's batch, and of its control totals. */
import type { TableState } from '../catalog/iceberg/catalog.ts';
import type { DataFile, Partition } from '../catalog/iceberg/data-file.ts';
import {
  INLINE_TAGS,
  inlineColumns,
  inlineResourceColumn,
  resourceDimensionNames,
} from '../catalog/charge-columns.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import type { BatchId, SourceName, TenantId } from '../core/ids.ts';
import { DAY_MS } from '../core/time-range.ts';
import { resourceKey } from './charge-identity.ts';
import type { Inline } from './dictionaries.ts';
import type { IngestSession, OnFraction } from './ingest-session.ts';
import { numberOf } from './ingest-session.ts';
import type { StagedColumns } from './staged-columns.ts';
import { writeTableFiles } from './write-table-files.ts';

export type BatchPlace = {
  readonly tenant: TenantId;
  readonly source: SourceName;
  /** First day, `2018-10-01`. */
  readonly month: string;
  readonly batch: BatchId;
};

/** How the charges of an import are written. */
export type ChargeRows = {
  readonly columns: StagedColumns;
  /** Types of text columns that have few values, by column. */
  readonly enums: ReadonlyMap<string, string>;
  /** What is in the tables `inline_resources` and `inline_tags`. */
  readonly inline: Inline;
  /** How many charges each month has. */
  readonly counts: ReadonlyMap<string, number>;
};

export async function writeCharges(
  session: IngestSession,
  state: TableState,
  place: BatchPlace,
  { columns, enums, inline, counts }: ChargeRows,
  onFraction: OnFraction,
): Promise<DataFile[]> {
  const from = chargesFrom(place.month, inline);
  const lacking = (await emptyInlineColumns(session, from, inline)).map((name) => [name, null] as const);
  const rows = {
    from,
    constants: new Map([
      ...columns.constants,
      ...placeConstants(place),
      ['origin', 'bill'] as const,
      ...lacking,
    ]),
    count: counts.get(place.month) ?? 0,
    wide: columns.wide,
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
function chargesFrom(month: string, inline: Inline): string {
  const resources = (inline.resources === 0 ? idsOnly : idsOrInline).resources;
  const tags = (inline.tags === 0 ? idsOnly : idsOrInline).tags;
  return `(SELECT charges.* EXCLUDE (tags),
  coalesce(charge_key, to_base(line_hash, 36) || coalesce('-' || ordinal, '')) AS charge_id,
  ${resources.columns}, ${tags.columns}
FROM charges LEFT JOIN ordinals USING (file_index, file_row_number)
LEFT JOIN tag_texts ON tags = text AND tag_texts.billing_month = charges.billing_month
LEFT JOIN frequent_resources AS frequent ON resource_id IS NOT DISTINCT FROM frequent.resource
  AND resource_name IS NOT DISTINCT FROM frequent.name AND resource_type IS NOT DISTINCT FROM frequent.type
${resources.join}${tags.join}WHERE charges.billing_month = DATE '${month}')`;
}

/** Looked up where it is there, else hashed. */
const ownResourceKey = `coalesce(frequent.id, ${resourceKey})`;
const idsOnly = {
  resources: { columns: `${ownResourceKey} AS resource_key`, join: '' },
  tags: { columns: 'tag_set', join: '' },
};
/** Of dictionaries that had no room for all: what is in `inline_…` stays on the charge. */
const idsOrInline = {
  resources: {
    columns: [
      `CASE WHEN inline_resources.id IS NULL THEN ${ownResourceKey} END AS resource_key`,
      ...resourceDimensionNames.map(
        (name) =>
          `CASE WHEN inline_resources.id IS NOT NULL THEN ${name} END AS ${inlineResourceColumn(name)}`,
      ),
    ].join(', '),
    join: `LEFT JOIN inline_resources ON inline_resources.id = ${ownResourceKey}\n`,
  },
  tags: {
    columns: 'CASE WHEN inline_tags.id IS NULL THEN tag_set END AS tag_set, inline_tags.inline_tags',
    join: 'LEFT JOIN inline_tags ON inline_tags.id = tag_set\n',
  },
};

/** Those that no charge of the month has a value in; the relation has only those of full dictionaries. */
async function emptyInlineColumns(session: IngestSession, from: string, inline: Inline): Promise<string[]> {
  const names = inlineColumns.map(({ name }) => name);
  const isTold = (name: string) => (name === INLINE_TAGS ? inline.tags : inline.resources) > 0;
  const told = names.filter(isTold);
  const counts = told.map((name) => `count(${name}) AS ${name}`).join(', ');
  const [row = {}] = told.length === 0 ? [] : await session.rows(`SELECT ${counts} FROM ${from}`);
  return names.filter((name) => !isTold(name) || numberOf(row, name) === 0);
}
