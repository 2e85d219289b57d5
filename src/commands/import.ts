import { costError } from '../core/errors.ts';
import { sourceName } from '../core/ids.ts';
import { nearNames } from '../core/near.ts';
import { billFormats } from '../ingest/formats/detect-format.ts';
import type { FormatName } from '../ingest/formats/format.ts';
import type { ImportedFile } from '../ingest/import-bills.ts';
import { importBills } from '../ingest/import-bills.ts';
import { progressBar } from '../ingest/progress.ts';
import type { Io, Usage } from './command.ts';
import { openDeployment, readTenant } from './open-deployment.ts';
import { didYouMean, parseArguments, usageError } from './parse-arguments.ts';

const FILES_MAX = 10_000;

export const usage = {
  options: {
    tenant: { kind: 'text', value: 'T', isRequired: true, help: 'whose bills they are' },
    source: { kind: 'text', value: 'S', isRequired: true, help: 'where they come from, such as aws' },
    format: {
      kind: 'text',
      value: 'F',
      isRequired: false,
      help: `${Object.keys(billFormats).join(', ')}; default: found out`,
    },
    mode: {
      kind: 'text',
      value: 'replace|append',
      isRequired: false,
      help: 'the files are a new version of their months (the default), or come on top of what is loaded',
    },
    force: {
      kind: 'flag',
      help: 'replace a month also by one that covers less time; the files that are live change nothing all the same',
    },
    json: { kind: 'flag', help: 'print one JSON object a file' },
  },
  operands: { name: 'FILE', min: 1, max: FILES_MAX },
  examples: [
    'import --tenant acme --source aws cur-2018-10.snappy.parquet',
    'import --tenant acme --source azure --mode append focus-week-2.csv.gz',
  ],
} as const satisfies Usage;

export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options, operands } = parseArguments(usage, args);
  const source = sourceName(options.source);
  if (source === null) throw costError('BAD_NAME', { what: 'source name', value: options.source });
  const request = {
    tenant: readTenant(options.tenant),
    source,
    mode: readMode(options.mode ?? 'replace'),
    force: options.force,
    format: options.format === null ? null : readFormat(options.format),
    paths: operands,
  };
  await using deployment = await openDeployment(io);
  const bar = progressBar(options.json ? null : io.stderr, 'import');
  try {
    const imported = await importBills({ ...deployment, onProgress: bar.onProgress }, request);
    bar.end();
    for (const file of imported) {
      io.stdout.write(options.json ? `${JSON.stringify(file.report)}\n` : formatImported(file));
    }
  } finally {
    bar.end();
  }
}

function readMode(text: string): 'replace' | 'append' {
  if (text === 'replace' || text === 'append') return text;
  throw usageError(
    `--mode "${text}" is neither replace nor append`,
    'Write --mode replace or --mode append.',
  );
}

function readFormat(text: string): FormatName {
  const known = Object.values(billFormats).map(({ name }) => name);
  const found = known.find((name) => name === text);
  if (found !== undefined) return found;
  throw usageError(`There is no format "${text}"`, didYouMean(nearNames(text, known)));
}

/** A line for the file, and one for each of the first rows that were left out. */
export function formatImported({ report, leftOut }: ImportedFile): string {
  const facts = [
    `${report.loaded} charges of ${report.rows} rows loaded`,
    ...(report.duplicates > 0 ? [`${report.duplicates} loaded already`] : []),
    ...(report.quarantined > 0 ? [`${report.quarantined} in quarantine`] : []),
    ...(report.replaced > 0 ? [`${report.replaced} replaced`] : []),
    `billed ${report.billedCost}`,
    `effective ${report.effectiveCost}`,
    ...(report.from !== null && report.to !== null ? [`${report.from} to ${report.to}`] : []),
  ];
  const lines = [`${report.file} (${report.format}): ${facts.join(', ')}`];
  for (const { row, code, reason } of leftOut?.sample ?? []) lines.push(`  row ${row}: ${code} ${reason}`);
  if (report.inlineResources + report.inlineTagSets > 0) {
    lines.push(
      `  dictionary full: ${report.inlineResources} resources and ${report.inlineTagSets} tag sets stay on their charges`,
    );
  }
  if (leftOut !== null) lines.push(`  all rows that were left out: ${leftOut.path}`);
  return `${lines.join('\n')}\n`;
}
