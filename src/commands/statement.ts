import { rename, rm, writeFile } from 'node:fs/promises';

import { readConfig } from '../config.ts';
import { DEADLINE_MAX_MS } from '../execute/run-question.ts';
import { anyRoute } from '../schema/request-route.ts';
import { openEngine } from '../server.ts';
import { formatCsv, formatJson } from '../statements/format-statement.ts';
import type { Statement } from '../statements/make-statement.ts';
import { makeStatement } from '../statements/make-statement.ts';
import { writeParquet } from '../statements/write-parquet.ts';
import type { Io, Usage } from './command.ts';
import { readTenants } from './open-deployment.ts';
import { parseArguments, usageError } from './parse-arguments.ts';

export const usage = {
  options: {
    tenant: { kind: 'text', value: 'T', isRequired: true, help: 'whose costs' },
    dimension: {
      kind: 'text',
      value: 'KEY',
      isRequired: true,
      help: 'who pays: team, tag:Team, sub_account_id…',
    },
    period: { kind: 'text', value: 'MONTH', isRequired: true, help: 'a closed month, such as 2018-10' },
    close: {
      kind: 'text',
      value: 'NAME',
      isRequired: false,
      help: 'default: the newest that covers the month',
    },
    format: { kind: 'text', value: 'FORMAT', isRequired: false, help: 'csv (default), json or parquet' },
    out: {
      kind: 'text',
      value: 'FILE',
      isRequired: false,
      help: 'default: standard output; parquet needs one',
    },
  },
  operands: null,
  examples: [
    'statement --tenant acme --dimension team --period 2018-10',
    'statement --tenant acme --dimension team --period 2018-10 --close 2018-10 --format parquet --out october.parquet',
  ],
} as const satisfies Usage;

const formats = ['csv', 'json', 'parquet'] as const;
type Format = (typeof formats)[number];

/** Writes the chargeback statement of a closed month: the same bytes each time. */
export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options } = parseArguments(usage, args);
  const { dimension, period: month, close, out } = options;
  const format = readFormat(options.format);
  if (format === 'parquet' && out === null)
    throw usageError('--out FILE is missing', 'Parquet is written to a file.');
  await using opened = await openEngine(readConfig(io.environment));
  const [tenant] = await readTenants(opened.control, options.tenant);
  if (tenant === undefined) throw new Error('a tenant that was asked for is found or refused');
  const { signal } = new AbortController();
  const runOptions = { signal, deadlineMs: DEADLINE_MAX_MS, startedAt: performance.now(), ...anyRoute };
  const statement = await makeStatement(opened.engine, { tenant, dimension, month, close }, runOptions);
  if (out === null) io.stdout.write(textOf(statement, format));
  else await writeWhole(out, (path) => write(statement, format, path));
}

function readFormat(text: string | null): Format {
  const format = formats.find((name) => name === (text ?? 'csv'));
  if (format) return format;
  throw usageError(`--format: there is no "${text}"`, `There are ${formats.join(', ')}.`);
}

function textOf(statement: Statement, format: Format): string {
  return format === 'json' ? formatJson(statement) : formatCsv(statement);
}

function write(statement: Statement, format: Format, path: string): Promise<void> {
  return format === 'parquet' ? writeParquet(statement, path) : writeFile(path, textOf(statement, format));
}

/** Under its name there is the whole file, or what was there before. */
async function writeWhole(path: string, write: (path: string) => Promise<void>): Promise<void> {
  const partial = `${path}.partial-${process.pid}`;
  try {
    await write(partial);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw usageError(`The statement cannot be written: ${reason}`, 'Name a file in a folder that is there.');
  }
}
