/**
 * Audits a tenant: every file is what was written, every batch adds up to what was summed when it was loaded,
 * and every charge finds its resource and its tags.
 */
import { stat } from 'node:fs/promises';

import type { PublishedBatch } from '../catalog/batch.ts';
import type { LiveDataFile } from '../catalog/iceberg/data-file.ts';
import { listDataFiles } from '../catalog/iceberg/list-data-files.ts';
import type { LakeTableName } from '../catalog/lake-tables.ts';
import { formatDecimal } from '../core/decimal.ts';
import { isCostError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import { dictionaryDigest, dictionaryId, resourceEncoding } from './charge-identity.ts';
import { differenceSql, summedColumns, totalsSql } from './control-totals.ts';
import { sqlText, sqlTexts } from './formats/sql-text.ts';
import type { IngestContext } from './import-bills.ts';
import type { IngestSession } from './ingest-session.ts';
import { numberOf, openIngestSession, requiredText, textOf } from './ingest-session.ts';
import { digestInName, fileDigest } from './write-table-files.ts';

/** Rows of one check that are named. */
const NAMED_MAX = 20;

/** Something that is not as it must be. */
export type Difference = {
  /** What was compared, in words: the batch, the hour, the currency, the metric. */
  readonly at: string;
  readonly expected: string;
  readonly found: string;
};

export type VerifyReport = {
  readonly tenant: TenantId;
  readonly batches: number;
  readonly charges: number;
  readonly files: number;
  /** Empty where all is well; of one kind at most the first few. */
  readonly differences: readonly Difference[];
};

type Tables = Readonly<Record<LakeTableName, readonly LiveDataFile[]>>;

/** Reads only. A table that cannot be read at all is a difference too. */
export async function verifyTenant(
  { lake, control, threads, onProgress }: IngestContext,
  tenant: TenantId,
): Promise<VerifyReport> {
  await using session = await openIngestSession(lake.folders, threads);
  const batches = (await control.publishedBatches(tenant)).filter(({ droppedAt }) => droppedAt === null);
  const differences: Difference[] = [];
  const list = async (name: LakeTableName): Promise<readonly LiveDataFile[]> => {
    try {
      const state = await lake.findTable(tenant, name);
      return state === null ? [] : await listDataFiles(lake.manifests, state);
    } catch (error) {
      if (!isCostError(error)) throw error;
      differences.push({
        at: `table ${name}`,
        expected: 'a table',
        found: `${error.code}: ${error.message}`,
      });
      return [];
    }
  };
  const tables = {
    charges: await list('charges'),
    control_totals: await list('control_totals'),
    resources: await list('resources'),
    tags: await list('tags'),
  };
  onProgress('reading', 0);
  differences.push(...(await checkFiles(session, tables)));
  differences.push(...checkBatches(batches, tables));
  onProgress('checking', 0);
  // Sums and joins over files that are not there, or are not what they were, say nothing new.
  if (differences.length === 0 && tables.charges.length > 0) {
    differences.push(...(await checkTotals(session, batches, tables)));
    differences.push(...(await checkDictionaries(session, tables)));
  }
  return {
    tenant,
    batches: batches.length,
    charges: batches.reduce((sum, { charges }) => sum + charges, 0),
    files: Object.values(tables).flat().length,
    differences,
  };
}

async function checkFiles(session: IngestSession, tables: Tables): Promise<Difference[]> {
  const differences: Difference[] = [];
  for (const [name, files] of Object.entries(tables)) {
    for (const file of files) {
      const difference = await checkFile(session, file);
      if (difference !== null) differences.push({ at: `${name}, file ${file.path}`, ...difference });
    }
  }
  return differences;
}

/** Null where the file is as it was written. */
async function checkFile(session: IngestSession, file: LiveDataFile): Promise<Omit<Difference, 'at'> | null> {
  try {
    const { size } = await stat(file.path);
    if (size !== file.sizeBytes) return { expected: `${file.sizeBytes} bytes`, found: `${size}` };
    const [written, found] = [digestInName(file.path), await fileDigest(file.path)];
    if (written !== null && written !== found) return { expected: `digest ${written}`, found };
    const [row = {}] = await session.rows(
      `SELECT num_rows AS records FROM parquet_file_metadata(${sqlText(file.path)})`,
    );
    const records = numberOf(row, 'records');
    return records === file.records ? null : { expected: `${file.records} rows`, found: `${records}` };
  } catch (error) {
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    return { expected: 'a readable file', found: reason };
  }
}

/** By the manifests: each batch is there, with all its rows. */
function checkBatches(batches: readonly PublishedBatch[], { charges, control_totals }: Tables): Difference[] {
  const recordsOf = (files: readonly LiveDataFile[], id: string): number =>
    files.filter(({ partition }) => partition['batch'] === id).reduce((sum, { records }) => sum + records, 0);
  return batches.flatMap(({ id, charges: expected }) => {
    const found = recordsOf(charges, id);
    return [
      ...(found === expected
        ? []
        : [{ at: `charges, batch ${id}`, expected: `${expected} rows`, found: `${found}` }]),
      ...(recordsOf(control_totals, id) > 0
        ? []
        : [{ at: `control_totals, batch ${id}`, expected: 'rows', found: 'none' }]),
    ];
  });
}

async function checkTotals(
  session: IngestSession,
  batches: readonly PublishedBatch[],
  { charges, control_totals }: Tables,
): Promise<Difference[]> {
  const ids = `batch IN (${sqlTexts(['', ...batches.map(({ id }) => id)])})`;
  const columns = ['batch', 'hour', 'billing_currency', 'charge_count', ...summedColumns].join(', ');
  const recorded = `SELECT ${columns} FROM ${relation(control_totals)} WHERE ${ids}`;
  const summed = totalsSql(`(SELECT * FROM ${relation(charges)} WHERE ${ids})`, ['batch']);
  const rows = await session.rows(differenceSql(recorded, summed, ['batch', 'hour', 'billing_currency']));
  const differences = rows.map((row) => ({
    at: `charges, batch ${textOf(row, 'batch')}, hour ${textOf(row, 'hour')}, ${textOf(row, 'billing_currency')}, ${textOf(row, 'metric')}`,
    expected: textOf(row, 'expected') ?? 'nothing',
    found: textOf(row, 'actual') ?? 'nothing',
  }));
  const sums = await session.rows(
    `SELECT batch, sum(billed_cost) AS billed, sum(effective_cost) AS effective FROM (${recorded}) GROUP BY batch`,
  );
  const byBatch = new Map(sums.map((row) => [requiredText(row, 'batch'), row]));
  for (const { id, billedCost, effectiveCost } of batches) {
    const row = byBatch.get(id) ?? {};
    const expected = `${formatDecimal(billedCost)} and ${formatDecimal(effectiveCost)}`;
    const found = `${textOf(row, 'billed') ?? 'nothing'} and ${textOf(row, 'effective') ?? 'nothing'}`;
    if (expected !== found) {
      differences.push({ at: `control_totals, batch ${id}, billed and effective cost`, expected, found });
    }
  }
  return differences;
}

async function checkDictionaries(
  session: IngestSession,
  { charges, resources, tags }: Tables,
): Promise<Difference[]> {
  const from = relation(charges);
  const pair = `concat(strlen(key), ':', key, strlen(value), ':', value)`;
  const entries = {
    resources: `SELECT id, digest, ${resourceEncoding} AS encoding FROM ${relation(resources)}`,
    tags: `SELECT id, digest, array_to_string(list(${pair} ORDER BY key), '') AS encoding FROM ${relation(tags)} GROUP BY id, digest`,
  };
  const differences: Difference[] = [];
  for (const [name, files, column] of [
    ['resources', resources, 'resource_key'],
    ['tags', tags, 'tag_set'],
  ] as const) {
    const used = `SELECT DISTINCT ${column} AS id FROM ${from} WHERE ${column} IS NOT NULL`;
    const checks =
      files.length === 0
        ? [[used, 'an entry', 'none']]
        : [
            [`${used} EXCEPT SELECT id FROM (${entries[name]})`, 'an entry', 'none'],
            [`SELECT id FROM (${entries[name]}) GROUP BY id HAVING count(*) > 1`, 'one entry', 'several'],
            [
              `SELECT id FROM (${entries[name]}) WHERE digest <> ${dictionaryDigest('encoding')} OR id <> ${dictionaryId('encoding')}`,
              'the digest of its contents',
              'another',
            ],
          ];
    for (const [sql = '', expected = '', found = ''] of checks) {
      const rows = await session.rows(`SELECT id FROM (${sql}) ORDER BY id LIMIT ${NAMED_MAX}`);
      for (const row of rows) {
        differences.push({ at: `${name}, id ${requiredText(row, 'id')}`, expected, found });
      }
    }
  }
  return differences;
}

function relation(files: readonly LiveDataFile[]): string {
  return `read_parquet([${sqlTexts(files.map(({ path }) => path))}], union_by_name = true)`;
}
