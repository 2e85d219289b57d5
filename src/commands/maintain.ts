import type { MaintainReport } from '../ingest/maintain.ts';
import { maintainTenant } from '../ingest/maintain.ts';
import type { Io, Usage } from './command.ts';
import { openDeployment, readTenants } from './open-deployment.ts';
import { parseArguments } from './parse-arguments.ts';

export const usage = {
  options: {
    tenant: { kind: 'text', value: 'T', isRequired: false, help: 'whose tables; default: all' },
    json: { kind: 'flag', help: 'print one JSON object a tenant' },
  },
  operands: null,
  examples: ['maintain', 'maintain --tenant demo'],
} as const satisfies Usage;

export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options } = parseArguments(usage, args);
  await using deployment = await openDeployment(io);
  for (const tenant of await readTenants(deployment.control, options.tenant)) {
    const report = await maintainTenant(deployment, tenant, Date.now());
    io.stdout.write(options.json ? `${JSON.stringify(report)}\n` : formatMaintained(report));
  }
}

/** A line for the tenant, and one for each thing that was left for the next time. */
export function formatMaintained(report: MaintainReport): string {
  const { filesMerged, batchesDropped, batchesDiscarded, telemetryDiscarded } = report;
  const done = [
    ...(batchesDropped.length > 0 ? [`dropped ${batchesDropped.length} superseded batches`] : []),
    ...(batchesDiscarded.length > 0
      ? [`cleared away ${batchesDiscarded.length} batches that never became live`]
      : []),
    ...(telemetryDiscarded.length > 0
      ? [`cleared away ${telemetryDiscarded.length} loads of driver data that never became known`]
      : []),
    ...(report.partsBuilt > 0 ? [`built ${report.partsBuilt} parts of rollups`] : []),
    ...(filesMerged.before > 0 ? [`merged ${filesMerged.before} files into ${filesMerged.after}`] : []),
    ...(report.snapshotsExpired > 0 ? [`forgot ${report.snapshotsExpired} snapshots`] : []),
    ...(report.filesRemoved > 0
      ? [`removed ${report.filesRemoved} files of ${report.bytesRemoved} bytes`]
      : []),
  ];
  const lines = [`${report.tenant}: ${done.length > 0 ? done.join(', ') : 'nothing was due'}`];
  for (const reason of report.skipped) lines.push(`  left for the next time: ${reason}`);
  return `${lines.join('\n')}\n`;
}
