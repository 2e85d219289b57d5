import type { CostError } from '../core/errors.ts';
import { costError, isCostError } from '../core/errors.ts';
import { log } from '../core/log.ts';
import { nearNames } from '../core/near.ts';
import type { Command, Io, Usage } from './command.ts';
import { formatCommandHelp, formatProgramHelp, formatSynopsis } from './format-help.ts';
import { didYouMean, usageError } from './parse-arguments.ts';

export type CommandEntry = {
  readonly summary: string;
  /** Loaded when it is run: a token needs no query engine. */
  readonly load: () => Promise<Command>;
};

/** In the order of the help. */
const commands: Readonly<Record<string, CommandEntry>> = {
  serve: {
    summary: 'answer over HTTP: GraphQL at /graphql, the explorer at /',
    load: () => import('./serve.ts'),
  },
  query: {
    summary: 'answer the GraphQL operation of a file on standard output',
    load: () => import('./query.ts'),
  },
  import: {
    summary: 'load bills',
    load: () => import('./import.ts'),
  },
  telemetry: {
    summary: 'load driver data: units of work that costs are split by',
    load: () => import('./telemetry.ts'),
  },
  remap: {
    summary: 'load kept bills again by a mapping that has become better',
    load: () => import('./remap.ts'),
  },
  maintain: {
    summary: 'compact tables, and drop and expire what is due',
    load: () => import('./maintain.ts'),
  },
  rollups: {
    summary: 'list, create, drop or rebuild what charges are put together by',
    load: () => import('./rollups.ts'),
  },
  advise: {
    summary: 'propose which rollups to create and drop, by what was asked',
    load: () => import('./advise.ts'),
  },
  rules: {
    summary: 'check, publish, list or show attribution rules',
    load: () => import('./rules.ts'),
  },
  statement: {
    summary: 'write who has what share of the costs of a closed month',
    load: () => import('./statement.ts'),
  },
  verify: {
    summary: 'add up the raw charges again and compare',
    load: () => import('./verify.ts'),
  },
  limits: {
    summary: "show or set what a tenant's queries may use",
    load: () => import('./limits.ts'),
  },
  calibrate: {
    summary: 'measure what queries cost on this machine',
    load: () => import('./calibrate.ts'),
  },
  token: {
    summary: 'make a signed token for the secret in COSTGRAPH_AUTH_SECRET',
    load: () => import('./token.ts'),
  },
};

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/**
 * Runs the command that `args` name and answers the exit status. A failure is one line on standard error:
 * `CODE: what happened. hint`, with the synopsis below where the command line was wrong.
 */
export async function runCommand(
  args: readonly string[],
  io: Io,
  registry: Readonly<Record<string, CommandEntry>> = commands,
): Promise<number> {
  const [name = '', ...rest] = args;
  const entry = Object.hasOwn(registry, name) ? registry[name] : undefined;
  if (entry === undefined) return withoutCommand(name, io, registry);
  let usage: Usage | null = null;
  try {
    const command = await entry.load();
    usage = command.usage;
    if (asksForHelp(rest)) io.stdout.write(formatCommandHelp(name, entry.summary, usage));
    else await command.run(rest, io);
    return EXIT_DONE;
  } catch (error) {
    const shown = isCostError(error) ? error : internalError(name, error);
    io.stderr.write(formatError(shown));
    if (shown.code !== 'USAGE' || usage === null) return EXIT_FAILED;
    io.stderr.write(`Usage: ${formatSynopsis(name, usage)}\n`);
    return EXIT_USAGE;
  }
}

function withoutCommand(name: string, io: Io, registry: Readonly<Record<string, CommandEntry>>): number {
  const help = formatProgramHelp(Object.entries(registry).map(([name, { summary }]) => [name, summary]));
  if (asksForHelp([name]) || name === 'help') {
    io.stdout.write(help);
    return EXIT_DONE;
  }
  const reason = name === '' ? 'No command is given' : `There is no command "${name}"`;
  io.stderr.write(formatError(usageError(reason, didYouMean(nearNames(name, Object.keys(registry))))));
  io.stderr.write(help);
  return EXIT_USAGE;
}

function asksForHelp(args: readonly string[]): boolean {
  return args.includes('--help') || args.includes('-h');
}

function internalError(command: string, error: unknown): CostError {
  const stack = error instanceof Error ? error.stack : String(error);
  log('error', 'command.failed', { command, error: stack });
  return costError('INTERNAL', {}, error);
}

/** One line, whatever a store's own message looks like. */
function formatError({ code, message, hint }: CostError): string {
  return `${`${code}: ${message}. ${hint}`.replaceAll(/\s*\n\s*/g, ' ')}\n`;
}
