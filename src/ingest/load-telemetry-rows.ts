/** Driver data as a call brings it: rows become a file, and that is loaded as any other. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { BadTelemetryRow, TelemetryCall, TelemetryRow } from '../catalog/telemetry.ts';
import { hasSameKeys, TIME_COLUMN, UNITS_COLUMN } from '../catalog/telemetry.ts';
import { costError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import type { TelemetryContext } from './load-telemetry.ts';
import { loadTelemetry } from './load-telemetry.ts';
import { BAD_ROWS_NAMED_MAX } from './telemetry-file.ts';

/** More belong into a file. */
export const CALL_ROWS_MAX = 10_000;

/** Beside telemetryRowCodes. */
export const telemetryCallCodes = ['WRONG_KEYS', 'BAD_TEXT'] as const;

/**
 * All rows or none.
 *
 * @throws BAD_NAME, BAD_TELEMETRY, TABLE_DAMAGED, STORAGE_FULL, LOCKED and others: then nothing has changed
 */
export async function loadTelemetryRows(
  context: TelemetryContext,
  tenant: TenantId,
  stream: string,
  rows: readonly TelemetryRow[],
): Promise<TelemetryCall> {
  const [first] = rows;
  if (first === undefined) return { accepted: 0, replaced: 0, bad: [] };
  if (rows.length > CALL_ROWS_MAX) {
    throw costError('BAD_TELEMETRY', {
      reason: `There are ${rows.length} rows in one call, the limit is ${CALL_ROWS_MAX}`,
      hint: 'Send them in several calls, or load a file by "costgraph telemetry".',
    });
  }
  const keys = keysOf(first);
  const bad = rows.flatMap((row, i) => problemsOf(row, i + 1, keys));
  if (bad.length > 0) return { accepted: 0, replaced: 0, bad: bad.slice(0, BAD_ROWS_NAMED_MAX) };
  const folder = await mkdtemp(join(context.lake.folders.tmp, 'call-'));
  try {
    const text = csvOf(rows, keys);
    // Named by its content: what loads come from is told apart by it.
    const path = join(folder, `call-${createHash('sha256').update(text).digest('hex').slice(0, 12)}`);
    await writeFile(path, text);
    const outcome = await loadTelemetry(context, tenant, stream, path);
    if (outcome.kind === 'refused') return { accepted: 0, replaced: 0, bad: outcome.sample };
    return { accepted: rows.length, replaced: outcome.report.replaced, bad: [] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function keysOf({ keys }: TelemetryRow): string[] {
  return keys.map(({ dimension }) => dimension);
}

/** What a file could not say of a row. */
function problemsOf(row: TelemetryRow, number: number, keys: readonly string[]): BadTelemetryRow[] {
  const own = keysOf(row);
  if (!hasSameKeys(own, keys) || new Set(own).size < own.length) {
    const reason = `its keys are ${own.join(', ') || '(none)'}; all rows have the same, each once`;
    return [{ row: number, code: 'WRONG_KEYS', reason }];
  }
  const wrong = row.keys.find(({ value }) => value.includes('\0') || !value.isWellFormed());
  if (wrong === undefined) return [];
  const reason = `${wrong.dimension} holds NUL or half of a surrogate pair`;
  return [{ row: number, code: 'BAD_TEXT', reason }];
}

function csvOf(rows: readonly TelemetryRow[], keys: readonly string[]): string {
  const lines = rows.map((row) => {
    const values = new Map(row.keys.map(({ dimension, value }) => [dimension, value]));
    return [instantText(row.time), ...keys.map((key) => values.get(key) ?? ''), row.units];
  });
  return [[TIME_COLUMN, ...keys, UNITS_COLUMN], ...lines]
    .map((fields) => `${fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(',')}\n`)
    .join('');
}

/** RFC 3339 has more forms than files have. What is none is told as it is. */
function instantText(text: string): string {
  const instant = new Date(text);
  return Number.isNaN(instant.getTime()) ? text : instant.toISOString();
}
