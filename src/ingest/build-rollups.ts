/**
 * The parts of rollups that one batch makes: its charges, put together by hour or day and attributes, as files that
 * are written but in no table yet.
 */
import { randomUUID } from 'node:crypto';

import { INLINE_TAGS } from '../catalog/charge-columns.ts';
import type { TableState } from '../catalog/iceberg/catalog.ts';
import type { DataFile, Partition } from '../catalog/iceberg/data-file.ts';
import { lowerBound, upperBound } from '../catalog/iceberg/data-file.ts';
import { removeFiles } from '../catalog/iceberg/durable-files.ts';
import type { LakeField } from '../catalog/lake-tables.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import type { Rollup, RollupGrain } from '../catalog/rollups.ts';
import {
  CHARGE_COUNT,
  partRowsMax,
  rollupAttributeColumns,
  rollupColumnOf,
  standingAttributes,
  summedColumns,
  tagKeyOf,
} from '../catalog/rollups.ts';
import { compareText } from '../core/code-point-order.ts';
import { DAY_MS, HOUR_MS } from '../core/time-range.ts';
import { sqlName, sqlText, sqlTexts } from './formats/sql-text.ts';
import { bucketStartUs } from './formats/time-sql.ts';
import type { IngestSession } from './ingest-session.ts';
import { numberOf, textOf } from './ingest-session.ts';
import { narrowColumns, tableRowsSql } from './read-table-files.ts';
import type { BatchPlace } from './write-charges.ts';
import { writeTableFiles } from './write-table-files.ts';

/** A batch that is in the table `charges`. */
export type RolledBatch = {
  readonly place: BatchPlace;
  readonly charges: number;
  /** Its files of `charges`; not empty. */
  readonly files: readonly DataFile[];
  /** Estimates of distinct values by dimension key; 0 where there is none. */
  readonly distinct: ReadonlyMap<string, number>;
};

export type BuiltPart = {
  readonly rollup: Rollup;
  /** `too-large`: over its own budget; `no-room`: over the tenant's. */
  readonly outcome: 'built' | 'too-large' | 'no-room';
  /** Empty where the part was not built. */
  readonly files: readonly DataFile[];
  /** Rows that it has; where it was not built, those that it would have had, perhaps by estimate. */
  readonly rows: number;
};

/**
 * Builds a batch's part of each rollup, as far as `roomRows` lasts. Attributes are taken in the order of their distinct
 * values, the fewest first, as long as a part's rows stay within its budget by estimate; the others are left out.
 * A part that has no room, or is over its budget by what every rollup has, is not built.
 *
 * @param state of the table `rollups`
 * @param tagFiles of the table `tags`, that have all tag sets of the batch
 */
export async function buildParts(
  session: IngestSession,
  state: TableState,
  batch: RolledBatch,
  rollups: readonly Rollup[],
  tagFiles: readonly DataFile[],
  roomRows: number,
): Promise<BuiltPart[]> {
  const parts: BuiltPart[] = [];
  const tables: Rolled[] = [];
  let room = roomRows;
  try {
    const charges = await chargesToRoll(session, batch, rollups, tagFiles);
    const constants = await constantsOf(session, batch.files);
    for (const plan of await planParts(session, batch, rollups, charges, constants)) {
      const { rollup, rows } = plan;
      if (plan.attributes === null || rows > room) {
        parts.push({ rollup, outcome: plan.attributes === null ? 'too-large' : 'no-room', files: [], rows });
        continue;
      }
      const rolled = { rollup, attributes: plan.attributes, constants, table: `rollup_${tables.length}` };
      const finer = tables.find((one) => holdsAllOf(one, rolled));
      tables.push(rolled);
      const counts = await rollUp(session, rolled, finer?.table ?? charges);
      if (counts.rows > room) {
        parts.push({ rollup, outcome: 'no-room', files: [], rows: counts.rows });
        continue;
      }
      const files = await writePart(session, state, batch.place, rolled, counts);
      parts.push({ rollup, outcome: 'built', files, rows: counts.rows });
      room -= counts.rows;
    }
    return parts;
  } catch (error) {
    await removeFiles(parts.flatMap(({ files }) => files.map(({ path }) => path)));
    throw error;
  } finally {
    for (const table of [...tables.map((one) => one.table), ROLLED_TAGS]) {
      await session.rows(`DROP TABLE IF EXISTS ${table}`);
    }
  }
}

/** What one batch's part of a rollup is kept by: the partition of its files. */
export function partPartition({ source, month, batch }: BatchPlace, rollup: Rollup): Partition {
  return { rollup: rollup.id, source, billing_month: Date.parse(month) / DAY_MS, batch };
}

const ROLLED_TAGS = 'rolled_tags';

/** A relation of the batch's charges with tags as columns by their dimension keys, and 1 as the number of charges. */
async function chargesToRoll(
  session: IngestSession,
  { files }: RolledBatch,
  rollups: readonly Rollup[],
  tagFiles: readonly DataFile[],
): Promise<string> {
  const charges = chargesRows(files);
  const keys = [...new Set(rollups.flatMap(({ attributes }) => attributes))].flatMap((attribute) => {
    const tag = tagKeyOf(attribute);
    return tag === null ? [] : [{ attribute, tag }];
  });
  if (keys.length === 0) return `(SELECT *, 1 AS ${CHARGE_COUNT} FROM ${charges})`;
  const entries =
    tagFiles.length === 0
      ? '(SELECT NULL::BIGINT AS id, NULL AS key, NULL AS value LIMIT 0)'
      : tableRowsSql(lakeTables.tags, tagFiles);
  const values = keys.map(
    ({ attribute, tag }) => `max(value) FILTER (key = ${sqlText(tag)}) AS ${sqlName(attribute)}`,
  );
  await session.rows(
    `CREATE OR REPLACE TABLE ${ROLLED_TAGS} AS SELECT id, ${values.join(', ')}
FROM ${entries} WHERE key IN (${sqlTexts(keys.map(({ tag }) => tag))}) GROUP BY id`,
  );
  const columns = keys.map(({ attribute, tag }) => {
    const inline = `CAST(from_json(${INLINE_TAGS}, '"MAP(VARCHAR, VARCHAR)"') AS MAP(VARCHAR, VARCHAR))[${sqlText(tag)}]`;
    const name = sqlName(attribute);
    return `CASE WHEN ${INLINE_TAGS} IS NULL THEN ${ROLLED_TAGS}.${name} ELSE ${inline} END AS ${name}`;
  });
  return `(SELECT charges.*, 1 AS ${CHARGE_COUNT}, ${columns.join(', ')}
FROM ${charges} AS charges LEFT JOIN ${ROLLED_TAGS} ON ${ROLLED_TAGS}.id = charges.tag_set)`;
}

function chargesRows(files: readonly DataFile[]): string {
  return tableRowsSql(lakeTables.charges, files, narrowColumns(lakeTables.charges, files));
}

/** Of columns that have one value, or none, in all charges: they make no groups, and need not be read. */
async function constantsOf(session: IngestSession, files: readonly DataFile[]): Promise<Constants> {
  const kept = new Set<string>([...standingAttributes, ...rollupAttributeColumns]);
  const names = provenConstants(files).filter((name) => kept.has(name));
  if (names.length === 0) return new Map();
  const texts = names.map((name) => `CAST(${sqlName(name)} AS VARCHAR) AS ${sqlName(name)}`);
  const [row = {}] = await session.rows(`SELECT ${texts.join(', ')} FROM ${chargesRows(files)} LIMIT 1`);
  return new Map(names.map((name) => [name, textOf(row, name)] as const));
}

/** Columns that have one value, or none, in all charges, by what is known of their files: they make no groups. */
function provenConstants(files: readonly DataFile[]): string[] {
  const [first] = files;
  if (first === undefined) return [];
  const isConstant = (field: LakeField): boolean => {
    const isNull = ({ records, valueCounts, nullCounts }: DataFile): boolean =>
      !valueCounts.has(field.id) || nullCounts.get(field.id) === records;
    if (files.every(isNull)) return true;
    const value = lowerBound(first, field);
    const hasValueAlone = (file: DataFile): boolean =>
      file.nullCounts.get(field.id) === 0 &&
      lowerBound(file, field) === value &&
      upperBound(file, field) === value;
    return value !== null && files.every(hasValueAlone);
  };
  return lakeTables.charges.fields.filter(isConstant).map(({ name }) => name);
}

type PartPlan = {
  readonly rollup: Rollup;
  /** Null: even without any of them the part would be over its budget. */
  readonly attributes: readonly string[] | null;
  readonly rows: number;
};

/**
 * Hours before days: a day with the same attributes is summed from its hours. One pass over the charges measures for
 * all rollups how many rows each further attribute would make.
 */
async function planParts(
  session: IngestSession,
  { charges, distinct }: RolledBatch,
  rollups: readonly Rollup[],
  from: string,
  constants: Constants,
): Promise<PartPlan[]> {
  const rowsMax = partRowsMax(charges);
  const oneOfPower = Math.floor(Math.log2(rowsMax / SAMPLE_ROWS));
  const distinctOf = (key: string): number => distinct.get(key) ?? 0;
  const ordered = rollups
    .toSorted((a, b) => grainsMs[a.grain] - grainsMs[b.grain])
    .map((rollup) => ({
      rollup,
      free: rollup.attributes.filter((key) => constants.has(key)),
      costly: rollup.attributes
        .filter((key) => !constants.has(key))
        .sort((a, b) => distinctOf(a) - distinctOf(b) || compareText(a, b)),
    }));
  const standing = standingAttributes.filter((key) => !constants.has(key));
  const counts = ordered.flatMap(({ rollup, costly }, i) =>
    prefixHashes(rollup, standing, costly).map(
      (hash, j) => `${sampleSql(hash, oneOfPower)} AS rows_${i}_${j}`,
    ),
  );
  const [measured = {}] = await session.rows(`SELECT ${counts.join(', ')} FROM ${from}`);
  return ordered.map(({ rollup, free, costly }, i) => {
    const rows = [...Array(costly.length + 1).keys()].map(
      (count) => 2 ** oneOfPower * fromBits(numberOf(measured, `rows_${i}_${count}`)),
    );
    const kept = rows.findLastIndex((count) => count <= rowsMax);
    const attributes = kept < 0 ? null : [...free, ...costly.slice(0, kept)];
    return { rollup, attributes, rows: rows[Math.max(0, kept)] ?? 0 };
  });
}

/** Groups in a sample of those of a part that is at its limit: their number is right to about 2 %. */
const SAMPLE_ROWS = 2_500;
const BITS = 65_536;

/** How many bits are set by the groups whose hash ends with so many zeros, each by one. */
function sampleSql(hash: string, zeros: number): string {
  const bit = `CAST((${hash} >> ${zeros}) & ${BITS - 1} AS INTEGER)`;
  const isSampled = `(${hash} & ${2 ** zeros - 1}) = 0`;
  return `coalesce(bit_count(bitstring_agg(${bit}, 0, ${BITS - 1}) FILTER (${isSampled})), 0)`;
}

/** How many groups set so many bits (linear counting): some share one. */
function fromBits(bits: number): number {
  return Math.round(-BITS * Math.log1p(-Math.min(bits, BITS - 1) / BITS));
}

/** Of a row's bucket with `standing` alone, and one attribute, and two, …; each made of the one before. */
function prefixHashes(
  { grain }: Rollup,
  standing: readonly string[],
  attributes: readonly string[],
): string[] {
  let tuple = standing.reduce((hash, key) => `hash(${hash}, ${sqlName(key)})`, '0');
  const bucket = bucketStartUs('charge_period_start', grainsMs[grain]);
  return [
    `hash(${tuple}, ${bucket})`,
    ...attributes.map((attribute) => {
      tuple = `hash(${tuple}, ${sqlName(attribute)})`;
      return `hash(${tuple}, ${bucket})`;
    }),
  ];
}

/** By column. */
type Constants = ReadonlyMap<string, string | null>;

type Rolled = {
  readonly rollup: Rollup;
  readonly attributes: readonly string[];
  readonly constants: Constants;
  /** Has `charge_period_start`, by their keys what every rollup has and the attributes (but constants), sums and count. */
  readonly table: string;
};

function holdsAllOf(finer: Rolled, { rollup, attributes }: Rolled): boolean {
  return (
    grainsMs[finer.rollup.grain] <= grainsMs[rollup.grain] &&
    attributes.every((attribute) => finer.attributes.includes(attribute))
  );
}

/** How many rows a part has, and the metrics that none of them has a value of. */
type Counts = { readonly rows: number; readonly without: readonly string[] };

async function rollUp(
  session: IngestSession,
  { rollup, attributes, constants, table }: Rolled,
  from: string,
): Promise<Counts> {
  const keys = [...standingAttributes, ...attributes].filter((key) => !constants.has(key)).map(sqlName);
  const sums = summedColumns.map((name) => `CAST(sum(${name}) AS DECIMAL(38,12)) AS ${name}`);
  const bucket = bucketStartUs('charge_period_start', grainsMs[rollup.grain]);
  await session.rows(
    `CREATE OR REPLACE TABLE ${table} AS
SELECT make_timestamptz(${bucket}) AS charge_period_start, ${[...keys, ...sums].join(', ')},
  CAST(sum(${CHARGE_COUNT}) AS BIGINT) AS ${CHARGE_COUNT}
FROM ${from} AS rolled GROUP BY ALL`,
  );
  const counts = summedColumns.map((name) => `count(${name}) AS ${name}`);
  const [row = {}] = await session.rows(`SELECT count(*) AS rows, ${counts.join(', ')} FROM ${table}`);
  return {
    rows: numberOf(row, 'rows'),
    without: summedColumns.filter((name) => numberOf(row, name) === 0),
  };
}

const grainsMs: Readonly<Record<RollupGrain, number>> = { hour: HOUR_MS, day: DAY_MS };

/** Columns of attributes are there also where all values are null: what a file lacks was left out. */
async function writePart(
  session: IngestSession,
  state: TableState,
  place: BatchPlace,
  { rollup, attributes, constants, table }: Rolled,
  { without }: Counts,
): Promise<DataFile[]> {
  const columns = new Map(
    [...standingAttributes, ...attributes].map((key) => [rollupColumnOf(rollup, key) ?? key, key]),
  );
  const written = new Map<string, string | null>([
    ['tenant', place.tenant],
    ['source', place.source],
    ['billing_month', place.month],
    ['batch', place.batch],
    ['rollup', rollup.id],
    ...rollupAttributeColumns.filter((name) => !columns.has(name)).map((name) => [name, null] as const),
    ...without.map((name) => [name, null] as const),
  ]);
  const own = ['charge_period_start', ...summedColumns, CHARGE_COUNT];
  for (const [name, key] of columns) {
    const constant = constants.get(key);
    if (typeof constant === 'string') written.set(name, constant);
    else own.push(`${constant === null ? 'NULL' : sqlName(key)} AS ${sqlName(name)}`);
  }
  const rows = { from: `(SELECT ${own.join(', ')} FROM ${table})`, constants: written };
  const partition = partPartition(place, rollup);
  // Unlike a batch's, the files of a part may be written twice at once: nobody may take the others' for its own.
  const name = `${place.batch}-${rollup.grain}-${randomUUID()}`;
  return writeTableFiles(session, state, lakeTables.rollups, partition, rows, name);
}
