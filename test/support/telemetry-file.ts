/** Files of driver data, loaded through the real pipeline. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { TenantId } from '../../src/core/ids.ts';
import type { TelemetryContext, TelemetryOutcome, TelemetryReport } from '../../src/ingest/load-telemetry.ts';
import { loadTelemetry } from '../../src/ingest/load-telemetry.ts';

/** Where a test loads, and what of the context. */
export type Loading = Omit<TelemetryContext, 'waitMs'> & { readonly folder: string };

let files = 0;

/** Loads lines of CSV, the header first. */
export async function loadLines(
  { folder, ...context }: Loading,
  tenant: TenantId,
  stream: string,
  lines: readonly string[],
): Promise<TelemetryOutcome> {
  files += 1;
  const path = join(folder, `telemetry-${files}.csv`);
  await writeFile(path, `${lines.join('\n')}\n`);
  return loadTelemetry({ ...context, waitMs: 60_000 }, tenant, stream, path);
}

export async function loaded(outcome: Promise<TelemetryOutcome>): Promise<TelemetryReport> {
  const found = await outcome;
  if (found.kind === 'loaded') return found.report;
  throw new Error(`refused: ${JSON.stringify(found)}`);
}
