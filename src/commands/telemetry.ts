import { costError } from '../core/errors.ts';
import { IMPORT_WAIT_MS } from '../ingest/import-bills.ts';
import type { TelemetryReport } from '../ingest/load-telemetry.ts';
import { loadTelemetry } from '../ingest/load-telemetry.ts';
import type { Io, Usage } from './command.ts';
import { openDeployment, readTenant } from './open-deployment.ts';
import { parseArguments } from './parse-arguments.ts';

/** Bad rows that the line of a failure names. */
const BAD_ROWS_SHOWN = 5;

export const usage = {
  options: {
    tenant: { kind: 'text', value: 'T', isRequired: true, help: 'whose driver data it is' },
    stream: { kind: 'text', value: 'NAME', isRequired: true, help: 'what it counts, such as work' },
    json: { kind: 'flag', help: 'print a JSON object' },
  },
  operands: { name: 'FILE', min: 1, max: 1 },
  examples: ['telemetry --tenant acme --stream work work-2019-11-26.csv'],
} as const satisfies Usage;

/** @throws BAD_TELEMETRY_ROWS where rows are bad: with --json they are printed as well */
export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options, operands } = parseArguments(usage, args);
  const tenant = readTenant(options.tenant);
  await using deployment = await openDeployment(io);
  const context = { ...deployment, waitMs: IMPORT_WAIT_MS };
  const outcome = await loadTelemetry(context, tenant, options.stream, operands[0] ?? '');
  if (outcome.kind === 'loaded') {
    const { report } = outcome;
    io.stdout.write(options.json ? `${JSON.stringify(report)}\n` : formatLoaded(report));
    return;
  }
  const { file, rows, bad, sample } = outcome;
  if (options.json) io.stdout.write(`${JSON.stringify({ file, rows, bad, errors: sample })}\n`);
  const shown = sample.slice(0, BAD_ROWS_SHOWN);
  throw costError('BAD_TELEMETRY_ROWS', {
    file,
    rows,
    bad,
    sample: shown.map(({ row, code, reason }) => `row ${row}: ${code} ${reason}`),
  });
}

/** A line for the file, and one where its times do not go together with earlier ones. */
export function formatLoaded(report: TelemetryReport): string {
  const facts = [
    ...(report.load === null ? ['nothing new'] : [`${report.added} added`, `${report.replaced} replaced`]),
    ...(report.unchanged > 0 ? [`${report.unchanged} unchanged`] : []),
    `${report.units} units`,
    `${report.from} to ${report.to}`,
  ];
  const lines = [`${report.file} (${report.stream}): ${report.rows} rows: ${facts.join(', ')}`];
  if (report.beside > 0) {
    lines.push(
      `  ${report.beside} earlier rows stay beside them, in the same hours under the same keys: were these loaded at other steps?`,
    );
  }
  return `${lines.join('\n')}\n`;
}
