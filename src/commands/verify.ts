import { costError } from '../core/errors.ts';
import { progressBar } from '../ingest/progress.ts';
import type { Difference } from '../ingest/verify.ts';
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

/** @throws VERIFY_DIFFERS after all tenants were looked at */
export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options } = parseArguments(usage, args);
  await using deployment = await openDeployment(io);
  const found: { tenant: string; difference: Difference }[] = [];
  for (const tenant of await readTenants(deployment.control, options.tenant)) {
    const bar = progressBar(options.json ? null : io.stderr, `verify ${tenant}`);
    const report = await verifyTenant({ ...deployment, onProgress: bar.onProgress }, tenant).finally(bar.end);
    found.push(...report.differences.map((difference) => ({ tenant, difference })));
    if (options.json) {
      io.stdout.write(`${JSON.stringify(report)}\n`);
      continue;
    }
    const { batches, charges, files, differences } = report;
    const result = differences.length === 0 ? 'all as it was loaded' : `${differences.length} differences`;
    io.stdout.write(`${tenant}: ${charges} charges of ${batches} batches in ${files} files: ${result}\n`);
    for (const difference of differences) io.stdout.write(`  ${formatDifference(difference)}\n`);
  }
  const [first] = found;
  if (first === undefined) return;
  throw costError('VERIFY_DIFFERS', {
    differences: found.length,
    first: `${first.tenant}: ${formatDifference(first.difference)}`,
  });
}

function formatDifference({ at, expected, found }: Difference): string {
  return `${at}: expected ${expected}, found ${found}`;
}
