import { progressBar } from '../ingest/progress.ts';
import { remapTenant } from '../ingest/remap.ts';
import type { Io, Usage } from './command.ts';
import { formatImported } from './import.ts';
import { openDeployment, readTenants } from './open-deployment.ts';
import { parseArguments } from './parse-arguments.ts';

export const usage = {
  options: {
    tenant: { kind: 'text', value: 'T', isRequired: false, help: 'whose bills; default: all' },
    all: { kind: 'flag', help: 'also bills that were mapped by this version' },
    json: { kind: 'flag', help: 'print one JSON object a file' },
  },
  operands: null,
  examples: ['remap', 'remap --tenant demo --all'],
} as const satisfies Usage;

export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options } = parseArguments(usage, args);
  await using deployment = await openDeployment(io);
  for (const tenant of await readTenants(deployment.control, options.tenant)) {
    const bar = progressBar(options.json ? null : io.stderr, `remap ${tenant}`);
    const context = { ...deployment, onProgress: bar.onProgress };
    const remapped = await remapTenant(context, tenant, options.all).finally(bar.end);
    if (options.json) {
      for (const { report } of remapped) io.stdout.write(`${JSON.stringify(report)}\n`);
      continue;
    }
    if (remapped.length === 0) io.stdout.write(`${tenant}: all bills are mapped by the newest mapping\n`);
    for (const file of remapped) io.stdout.write(`${tenant} ${file.source}: ${formatImported(file)}`);
  }
}
