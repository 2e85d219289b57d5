/**
 * Loads driver data into a stream. Rows of a file at the same time under the same keys add up; together they take the
 * place of what earlier loads say of that time and those keys. A load holds what it changes, so the same data again,
 * from whichever file, is no load.
 *
 * Order as for bills: rows into the table, then the control step that makes the load known.
 */
import { randomBytes } from 'node:crypto';

import type { Control } from '../catalog/control/control.ts';
import type { DataFile } from '../catalog/iceberg/data-file.ts';
import { removeFiles } from '../catalog/iceberg/durable-files.ts';
import { listDataFiles } from '../catalog/iceberg/list-data-files.ts';
import { appendFiles, dropFiles } from '../catalog/iceberg/table-operations.ts';
import type { DataLake } from '../catalog/lake.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import type { BadTelemetryRow, TelemetryLoad, TelemetryStream } from '../catalog/telemetry.ts';
import {
  hasSameKeys,
  keyColumn,
  STREAMS_MAX,
  TELEMETRY_KEYS_MAX,
  telemetryLoadId,
} from '../catalog/telemetry.ts';
import { formatDecimal } from '../core/decimal.ts';
import { costError, isCostError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import { isName } from '../core/ids.ts';
import type { TimeRange } from '../core/time-range.ts';
import { formatInstant, overlaps } from '../core/time-range.ts';
import { cleanUp } from './build-batches.ts';
import { readingFiles } from './check-data-file.ts';
import type { IngestSession } from './ingest-session.ts';
import { openIngestSession } from './ingest-session.ts';
import { copyRawFile } from './keep-raw-file.ts';
import { addUp, compareWithEarlier, checkWrittenLoad, sumLoad } from './merge-telemetry.ts';
import type { TelemetryFile } from './telemetry-file.ts';
import { openTelemetryFile, stageTelemetry } from './telemetry-file.ts';
import { writeTableFiles } from './write-table-files.ts';

export type TelemetryContext = {
  readonly lake: DataLake;
  readonly control: Control;
  /** At most INGEST_THREADS_MAX are used. */
  readonly threads: number;
  /** For another load of the stream. */
  readonly waitMs: number;
};

/** What `telemetry --json` prints of a file that is loaded. Added, replaced and unchanged are what its rows add up to. */
export type TelemetryReport = {
  readonly file: string;
  readonly stream: string;
  /** Null where nothing changed. */
  readonly load: string | null;
  /** Records of the file. */
  readonly rows: number;
  /** Times and keys that the stream did not have. */
  readonly added: number;
  /** Those that had other units. */
  readonly replaced: number;
  readonly unchanged: number;
  /** What earlier loads have in the same hours under the same keys, at other times: it counts as well. */
  readonly beside: number;
  /** Sum over the file. */
  readonly units: string;
  /** RFC 3339: the UTC hours from the file's first time to its last. */
  readonly from: string;
  readonly to: string;
};

export type TelemetryOutcome =
  | { readonly kind: 'loaded'; readonly report: TelemetryReport }
  | {
      readonly kind: 'refused';
      readonly file: string;
      readonly rows: number;
      readonly bad: number;
      /** The first ones. */
      readonly sample: readonly BadTelemetryRow[];
    };

/**
 * All of the file or nothing.
 *
 * @throws BAD_NAME, BAD_TELEMETRY, DAMAGED_FILE, EMPTY_FILE, TABLE_DAMAGED, STORAGE_FULL, LOCKED and others: then
 *   nothing has changed
 */
export async function loadTelemetry(
  context: TelemetryContext,
  tenant: TenantId,
  stream: string,
  path: string,
): Promise<TelemetryOutcome> {
  if (!isName(stream)) throw costError('BAD_NAME', { what: 'stream name', value: stream });
  const { lake, control } = context;
  await using session = await openIngestSession(lake.folders, context.threads);
  const file = await openTelemetryFile(session, await copyRawFile(path, session.folder, 'telemetry-raw'));
  // Awaited here, because the session ends with this function.
  return await control.withLease(streamLease(tenant, stream), context.waitMs, async (signal) => {
    const known = await knownStream(control, tenant, stream, file);
    const columnOf = new Map(known.columns.map((key, place) => [key, keyColumn(place)]));
    const { bad, sample } = await stageTelemetry(session, file, columnOf);
    const { fileName, source } = file;
    if (bad > 0) return { kind: 'refused', file: fileName, rows: source.rows, bad, sample };
    const columns = [...columnOf.values()];
    const total = await addUp(session, columns);
    const earlier = await earlierFiles(lake, tenant, known, total);
    const counts = await readingFiles(session, earlier, () =>
      compareWithEarlier(session, columns, earlier, total),
    );
    const load =
      counts.added + counts.replaced === 0
        ? null
        : await writeLoad(session, context, tenant, known, file, signal);
    const { units, from, to } = total;
    return {
      kind: 'loaded',
      report: {
        file: fileName,
        stream,
        load,
        rows: source.rows,
        ...counts,
        units: formatDecimal(units),
        from: formatInstant(from),
        to: formatInstant(to),
      },
    };
  });
}

/** Held while a load of the stream is made and published: what is unpublished when it is free is nobody's. */
export function streamLease(tenant: TenantId, stream: string): string {
  return `telemetry/${tenant}/${stream}`;
}

/** As it is before the load; its first file gives a stream its columns. @throws BAD_TELEMETRY */
async function knownStream(
  control: Control,
  tenant: TenantId,
  name: string,
  { columns, fileName }: TelemetryFile,
): Promise<TelemetryStream> {
  const streams = await control.telemetry(tenant);
  const known = streams.find((stream) => stream.name === name);
  if (known === undefined && streams.length >= STREAMS_MAX) {
    const reason = `There are ${streams.length} streams, which is the limit`;
    throw costError('BAD_TELEMETRY', { reason, hint: 'Load it into one of those.' });
  }
  if (known === undefined) return { name, columns, loads: [] };
  if (hasSameKeys(known.columns, columns)) return known;
  throw costError('BAD_TELEMETRY', {
    reason: `${fileName} has the keys ${keyList(columns)}, the stream "${name}" ${keyList(known.columns)}`,
    hint: 'All loads of a stream have the same keys, in any order. Other keys make another stream.',
  });
}

function keyList(keys: readonly string[]): string {
  return keys.length === 0 ? '(none)' : keys.join(', ');
}

/** Files of loads that may say something of the hours. */
async function earlierFiles(
  lake: DataLake,
  tenant: TenantId,
  { loads }: TelemetryStream,
  hours: TimeRange,
): Promise<DataFile[]> {
  const near = new Set<unknown>(loads.filter((load) => overlaps(load, hours)).map(({ id }) => id));
  const state = near.size === 0 ? null : await lake.findTable(tenant, 'telemetry');
  if (state === null) return [];
  return (await listDataFiles(lake.manifests, state)).filter(({ partition }) => near.has(partition['load']));
}

/** Writes what changes, and makes it known. On failure nothing of it stays in the table. */
async function writeLoad(
  session: IngestSession,
  { lake, control }: TelemetryContext,
  tenant: TenantId,
  stream: TelemetryStream,
  { fileName, sha256 }: TelemetryFile,
  signal: AbortSignal,
): Promise<string> {
  const id = telemetryLoadId(stream.loads, randomBytes(8).toString('hex'));
  const load: Omit<TelemetryLoad, 'sequence'> = {
    ...(await sumLoad(session)),
    id,
    digest: sha256,
    file: fileName,
  };
  const state = await lake.ensureTable(tenant, 'telemetry');
  const unused = Array.from({ length: TELEMETRY_KEYS_MAX }, (_, place) => place).slice(stream.columns.length);
  const constants = new Map<string, string | null>([
    ['tenant', tenant],
    ['stream', stream.name],
    ['load', id],
    ...unused.map((place) => [keyColumn(place), null] as const),
  ]);
  const partition = { stream: stream.name, load: id };
  const rows = { from: 'changes', constants, count: load.rows };
  const files = await writeTableFiles(session, state, lakeTables.telemetry, partition, rows, id);
  try {
    await checkWrittenLoad(session, load, files);
    signal.throwIfAborted();
    await appendFiles(lake, state, files, { rebase: true, summary: { 'costgraph.telemetry': id } });
  } catch (error) {
    // Where the commit may be in, its files must stay; `maintain` knows that the load was never published.
    const isUnknown = isCostError(error) && error.code === 'COMMIT_UNKNOWN';
    if (!isUnknown) await cleanUp(() => removeFiles(files.map(({ path }) => path)));
    throw error;
  }
  try {
    signal.throwIfAborted();
    const after = stream.loads.at(-1)?.id ?? null;
    await control.publishTelemetry({ tenant, stream, load, after, at: Date.now() });
    return id;
  } catch (error) {
    await cleanUp(() => discardUnpublished(lake, control, tenant, id));
    throw error;
  }
}

/** An error of the control step does not prove that it is not in. */
async function discardUnpublished(
  lake: DataLake,
  control: Control,
  tenant: TenantId,
  id: string,
): Promise<void> {
  const streams = await control.telemetry(tenant);
  if (streams.some(({ loads }) => loads.some((load) => load.id === id))) return;
  await discardLoads(lake, tenant, new Set([id]));
}

/** Takes loads that were not published out of the table again. */
export async function discardLoads(
  lake: DataLake,
  tenant: TenantId,
  ids: ReadonlySet<unknown>,
): Promise<void> {
  const state = await lake.findTable(tenant, 'telemetry');
  if (state === null) return;
  await dropFiles(lake, state, ({ partition }) => ids.has(partition['load']), {
    'costgraph.discarded': [...ids].join(','),
  });
}
