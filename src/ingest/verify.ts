/**
 * Audits a tenant: every file is what was written, every batch adds up to what was summed when it was loaded, every
 * charge finds its resource and its tags, every part of a rollup says what its charges say, and every load of driver data
 * adds up. Reads only.
 */
import type { PublishedBatch } from '../catalog/batch.ts';
import type { Control } from '../catalog/control/control.ts';
import type { LiveDataFile } from '../catalog/iceberg/data-file.ts';
import { listDataFiles } from '../catalog/iceberg/list-data-files.ts';
import type { DataLake } from '../catalog/lake.ts';
import type { LakeTableName } from '../catalog/lake-tables.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import type { TenantId } from '../core/ids.ts';
import { findDamage, reasonOf } from './check-data-file.ts';
import { checkDictionary } from './check-dictionary.ts';
import { checkRollups } from './check-rollups.ts';
import { checkTelemetry } from './check-telemetry.ts';
import { checkTotals } from './check-totals.ts';
import { dictionaryNames } from './dictionaries.ts';
import type { Difference, Findings } from './findings.ts';
import { collectFindings } from './findings.ts';
import type { IngestSession } from './ingest-session.ts';
import { openIngestSession } from './ingest-session.ts';
import type { OnProgress } from './progress.ts';

export type VerifyContext = {
  readonly lake: DataLake;
  readonly control: Control;
  /** At most INGEST_THREADS_MAX are used. */
  readonly threads: number;
  readonly onProgress: OnProgress;
};

/** As `verify --json` prints it. */
export type VerifyReport = {
  readonly tenant: TenantId;
  /** Live, and superseded within their retention. */
  readonly batches: number;
  readonly charges: number;
  /** Of driver data, in all loads. */
  readonly telemetryRows: number;
  readonly files: number;
  readonly differenceCount: number;
  /** Of each kind the first ones. */
  readonly differences: readonly Difference[];
};

/** The files of the tables, and those among them that are what was written. */
type Files = Readonly<Record<LakeTableName, readonly LiveDataFile[]>>;

/** @throws STORAGE_FULL, STORE_FAILED out of memory; whatever is wrong with the data is a difference */
export async function verifyTenant(
  { lake, control, threads, onProgress }: VerifyContext,
  tenant: TenantId,
): Promise<VerifyReport> {
  await using session = await openIngestSession(lake.folders, threads);
  const findings = collectFindings();
  // What is published is in the tables by then.
  const batches = (await control.publishedBatches(tenant)).filter(({ droppedAt }) => droppedAt === null);
  const loads = (await control.telemetry(tenant)).flatMap((stream) => stream.loads);
  const files: Files = {
    charges: await listFiles(lake, tenant, 'charges', findings),
    control_totals: await listFiles(lake, tenant, 'control_totals', findings),
    rollups: await listFiles(lake, tenant, 'rollups', findings),
    // The dictionary after the charges: it is written before them.
    resources: await listFiles(lake, tenant, 'resources', findings),
    tags: await listFiles(lake, tenant, 'tags', findings),
    telemetry: await listFiles(lake, tenant, 'telemetry', findings),
  };
  const damaged = await findDamaged(session, files, findings, (fraction) => onProgress('reading', fraction));
  checkBatches(batches, files, findings);
  onProgress('checking', 0);
  // What is missing or damaged was said: sums over the rest of such a batch say nothing new.
  const sound = soundBatches(batches, files, damaged);
  await checkTotals(session, tenant, sound, files, findings);
  const charges = files.charges.filter(({ partition }) => sound.some(({ id }) => id === partition['batch']));
  for (const name of dictionaryNames) {
    if (files[name].some(({ path }) => damaged.has(path))) continue;
    await checkDictionary(session, name, charges, files[name], findings);
  }
  const isSound = ({ path }: LiveDataFile): boolean => !damaged.has(path);
  await checkRollups(
    session,
    await control.rollups(tenant),
    { charges, rollups: soundParts(files.rollups, sound, damaged), tags: files.tags },
    files.tags.every(isSound),
    findings,
  );
  await checkTelemetry(session, tenant, loads, files.telemetry, damaged, findings);
  return {
    tenant,
    batches: batches.length,
    charges: batches.reduce((sum, batch) => sum + batch.charges, 0),
    telemetryRows: loads.reduce((sum, { rows }) => sum + rows, 0),
    files: Object.values(files).flat().length,
    differenceCount: findings.count(),
    differences: findings.named(),
  };
}

async function listFiles(
  lake: DataLake,
  tenant: TenantId,
  name: LakeTableName,
  findings: Findings,
): Promise<readonly LiveDataFile[]> {
  try {
    const state = await lake.findTable(tenant, name);
    return state === null ? [] : await listDataFiles(lake.manifests, state);
  } catch (error) {
    findings.add([{ at: `table ${name}`, expected: 'a table', found: reasonOf(error) }]);
    return [];
  }
}

/** The paths of files that are not what was written. */
async function findDamaged(
  session: IngestSession,
  files: Files,
  findings: Findings,
  onFraction: (fraction: number) => void,
): Promise<ReadonlySet<string>> {
  const damaged = new Map<string, Difference>();
  const all = Object.values(lakeTables).flatMap(({ name }) => files[name].map((file) => ({ name, file })));
  for (const [index, { name, file }] of all.entries()) {
    onFraction(index / all.length);
    const damage = await findDamage(session, file);
    if (damage !== null) damaged.set(file.path, { at: `${name}, file ${file.path}`, ...damage });
  }
  findings.add([...damaged.values()]);
  return new Set(damaged.keys());
}

/** By the manifests: each batch is there, with all its rows and its totals. */
function checkBatches(batches: readonly PublishedBatch[], files: Files, findings: Findings): void {
  const charges = recordsByBatch(files.charges);
  const totals = recordsByBatch(files.control_totals);
  findings.add(
    batches
      .filter(({ id, charges: expected }) => (charges.get(id) ?? 0) !== expected)
      .map(({ id, charges: expected }) => ({
        at: `charges, batch ${id}, rows`,
        expected: String(expected),
        found: String(charges.get(id) ?? 0),
      })),
  );
  findings.add(
    batches
      .filter(({ id, charges: expected }) => expected > 0 && !totals.has(id))
      .map(({ id }) => ({ at: `control_totals, batch ${id}`, expected: 'totals', found: 'none' })),
  );
}

function recordsByBatch(files: readonly LiveDataFile[]): ReadonlyMap<unknown, number> {
  const records = new Map<unknown, number>();
  for (const file of files) {
    const { batch } = file.partition;
    records.set(batch, (records.get(batch) ?? 0) + file.records);
  }
  return records;
}

/** Batches that have charges and totals, none of them in a damaged file. */
function soundBatches(
  batches: readonly PublishedBatch[],
  { charges, control_totals }: Files,
  damaged: ReadonlySet<string>,
): PublishedBatch[] {
  const [inCharges, inTotals] = [recordsByBatch(charges), recordsByBatch(control_totals)];
  const inDamaged = recordsByBatch([...charges, ...control_totals].filter(({ path }) => damaged.has(path)));
  return batches.filter(({ id }) => inCharges.has(id) && inTotals.has(id) && !inDamaged.has(id));
}

/** Files of parts of these batches, none of them with a damaged one. */
function soundParts(
  files: readonly LiveDataFile[],
  batches: readonly PublishedBatch[],
  damaged: ReadonlySet<string>,
): LiveDataFile[] {
  const ids = new Set<unknown>(batches.map(({ id }) => id));
  const partOf = ({ partition }: LiveDataFile): string => `${partition['batch']} ${partition['rollup']}`;
  const unsound = new Set(files.filter(({ path }) => damaged.has(path)).map(partOf));
  return files.filter((file) => ids.has(file.partition['batch']) && !unsound.has(partOf(file)));
}
