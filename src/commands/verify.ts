import { costError } from '../core/errors.ts';
import { progressBar } from '../ingest/progress.ts';
import type { VerifyReport } from '../ingest/verify.ts';
import { verifyTenant } from '../ingest/verify.ts';
import type { Io, Usage } from './command.ts';
import { openDeployment, readTenants } from './open-deployment.ts';
import { parseArguments } from './parse-arguments.ts';

export const usage = {
  options: {
    tenant: { kind: 'text', value: 'T', isRequired: false, help: 'whose tables; default: all' },
    json: { kind: 'flag', help: 'print one JSON object a tenant' },
  },
  operands: null,
  examples: ['verify', 'verify --tenant demo'],
} as const satisfies Usage;

/** @throws VERIFY_FAILED after all tenants were looked at */
export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options } = parseArguments(usage, args);
  await using deployment = await openDeployment(io);
  const failed: string[] = [];
  let differences = 0;
  for (const tenant of await readTenants(deployment.control, options.tenant)) {
    const bar = progressBar(options.json ? null : io.stderr, `verify ${tenant}`);
    const report = await verifyTenant({ ...deployment, onProgress: bar.onProgress }, tenant).finally(bar.end);
    io.stdout.write(options.json ? `${JSON.stringify(report)}\n` : formatVerified(report));
    differences += report.differenceCount;
    if (report.differenceCount > 0) failed.push(tenant);
  }
  if (failed.length > 0) throw costError('VERIFY_FAILED', { differences, tenants: failed });
}

/** A line for the tenant, and one for each of the first differences. */
export function formatVerified(report: VerifyReport): string {
  const { tenant, batches, charges, telemetryRows, files, differenceCount, differences } = report;
  const found = differenceCount === 1 ? '1 difference' : `${differenceCount} differences`;
  const result = differenceCount === 0 ? 'all as it was loaded' : found;
  const telemetry = telemetryRows === 0 ? '' : ` and ${telemetryRows} rows of driver data`;
  const lines = [
    `${tenant}: ${charges} charges of ${batches} batches${telemetry} in ${files} files: ${result}`,
  ];
  for (const { at, expected, found } of differences) {
    lines.push(`  ${at}: expected ${expected}, found ${found}`);
  }
  const more = differenceCount - differences.length;
  if (more > 0) lines.push(`  and ${more} more`);
  return `${lines.join('\n')}\n`;
}
