/** Is what the table has of each load what the control plane says of it? */
import type { LiveDataFile } from '../catalog/iceberg/data-file.ts';
import { lakeTables } from '../catalog/lake-tables.ts';
import type { TelemetryLoad } from '../catalog/telemetry.ts';
import { formatDecimal } from '../core/decimal.ts';
import type { TenantId } from '../core/ids.ts';
import type { Findings } from './findings.ts';
import { sqlText, sqlTexts } from './formats/sql-text.ts';
import type { IngestSession } from './ingest-session.ts';
import { requiredText } from './ingest-session.ts';
import { telemetrySums } from './merge-telemetry.ts';
import { tableRowsSql } from './read-table-files.ts';

/** @param damaged paths; what is in such a file was said, and sums over the rest of its load say nothing new */
export async function checkTelemetry(
  session: IngestSession,
  tenant: TenantId,
  loads: readonly TelemetryLoad[],
  files: readonly LiveDataFile[],
  damaged: ReadonlySet<string>,
  findings: Findings,
): Promise<void> {
  const byLoad = Map.groupBy(files, ({ partition }) => partition['load']);
  findings.add(
    loads
      .filter(({ id }) => !byLoad.has(id))
      .map(({ id, rows }) => ({ at: `telemetry, load ${id}, rows`, expected: String(rows), found: '0' })),
  );
  const sound = loads.filter(({ id }) => byLoad.get(id)?.every(({ path }) => !damaged.has(path)) === true);
  if (sound.length === 0) return;
  const soundFiles = sound.flatMap(({ id }) => byLoad.get(id) ?? []);
  const rows = `(SELECT * FROM ${tableRowsSql(lakeTables.telemetry, soundFiles)} WHERE tenant = ${sqlText(tenant)})`;
  await findings.addRows(session, 'telemetry', differencesSql(sound, rows), (row) => ({
    at: `telemetry, load ${requiredText(row, 'load')}, ${requiredText(row, 'fact')}`,
    expected: requiredText(row, 'expected'),
    found: requiredText(row, 'found'),
  }));
}

const facts: readonly { readonly name: string; readonly expected: (load: TelemetryLoad) => string }[] = [
  { name: 'rows', expected: ({ rows }) => String(rows) },
  { name: 'units', expected: ({ units }) => formatDecimal(units) },
  { name: 'from_ms', expected: ({ from }) => String(from) },
  { name: 'to_ms', expected: ({ to }) => String(to) },
];

function differencesSql(loads: readonly TelemetryLoad[], rows: string): string {
  const expected = loads.map(
    (load) => `(${sqlTexts([load.id, ...facts.map((fact) => fact.expected(load))])})`,
  );
  const pairs = facts.map(
    ({ name }, i) =>
      `{'fact': '${name}', 'expected': e${i}, 'found': coalesce(CAST(${name} AS VARCHAR), 'nothing')}`,
  );
  return `SELECT load, unnest(one) FROM (
  SELECT load, unnest([${pairs.join(', ')}]) AS one
  FROM (VALUES ${expected.join(', ')}) AS expected(load, ${facts.map((_, i) => `e${i}`).join(', ')})
  LEFT JOIN (SELECT load, ${telemetrySums} FROM ${rows} GROUP BY load) USING (load))
WHERE one.expected IS DISTINCT FROM one.found`;
}
