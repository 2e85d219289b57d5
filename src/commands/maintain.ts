import type { MaintainReport } from '../ingest/maintain.ts';
import { defaultMaintainOptions, maintainTenant, RETENTION_DAYS } from '../ingest/maintain.ts';
import type { Io, Usage } from './command.ts';
import { openDeployment, readTenants } from './open-deployment.ts';
import { parseArguments, usageError } from './parse-arguments.ts';

const DAYS_MAX = 36_500;

export const usage = {
  options: {
    tenant: { kind: 'text', value: 'T', isRequired: false, help: 'whose tables; default: all' },
    retention: {
      kind: 'text',
      value: 'DAYS',
      isRequired: false,
      help: `how long a replaced version of a month can still be asked for; default ${RETENTION_DAYS}`,
    },
    json: { kind: 'flag', help: 'print one JSON object a tenant' },
  },
  operands: null,
  examples: ['maintain', 'maintain --tenant demo --retention 30'],
} as const satisfies Usage;

/** Snapshots stay for SNAPSHOT_KEEP_HOURS whatever is asked, because queries may hold them. */
export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options } = parseArguments(usage, args);
  const retentionDays = options.retention === null ? RETENTION_DAYS : readDays(options.retention);
  await using deployment = await openDeployment(io);
  for (const tenant of await readTenants(deployment.control, options.tenant)) {
    const report = await maintainTenant(deployment, tenant, {
      ...defaultMaintainOptions(Date.now()),
      retentionDays,
    });
    io.stdout.write(options.json ? `${JSON.stringify(report)}\n` : formatReport(report));
  }
}

function readDays(text: string): number {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (days >= 0 && days <= DAYS_MAX) return days;
  throw usageError(`--retention "${text}" is no number of days from 0 to ${DAYS_MAX}`, 'Write it as in 30.');
}

function formatReport(report: MaintainReport): string {
  const { filesMerged, batchesDropped, batchesDiscarded } = report;
  const done = [
    ...(batchesDropped.length > 0 ? [`dropped ${batchesDropped.length} replaced batches`] : []),
    ...(batchesDiscarded.length > 0
      ? [`cleared away ${batchesDiscarded.length} that never became live`]
      : []),
    ...(filesMerged.before > 0 ? [`merged ${filesMerged.before} files into ${filesMerged.after}`] : []),
    ...(report.snapshotsExpired > 0 ? [`forgot ${report.snapshotsExpired} snapshots`] : []),
    ...(report.filesRemoved > 0
      ? [`removed ${report.filesRemoved} files of ${report.bytesRemoved} bytes`]
      : []),
  ];
  return `${report.tenant}: ${done.length > 0 ? done.join(', ') : 'nothing was due'}\n`;
}
