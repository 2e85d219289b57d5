import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { Finding } from '../attribution/check-rules.ts';
import { checkRules } from '../attribution/check-rules.ts';
import { parseRules } from '../attribution/parse-rules.ts';
import type { RuleError } from '../attribution/read-tree.ts';
import type { RuleSet } from '../attribution/rule-set.ts';
import { costError } from '../core/errors.ts';
import type { RulesVersion } from '../catalog/published-rules.ts';
import { formatInstant } from '../core/time-range.ts';
import type { PublishOutcome } from '../execute/engine.ts';
import { findRules } from '../execute/read-rules.ts';
import { publishRules } from '../execute/rule-book.ts';
import { nearNames } from '../core/near.ts';
import type { Io, Usage } from './command.ts';
import { openDeployment, readTenant, readTenants } from './open-deployment.ts';
import { didYouMean, parseArguments, usageError } from './parse-arguments.ts';

/** Who the command line is, as what was published says. */
const AUTHOR = 'cli';

export const usage = {
  options: {
    tenant: { kind: 'text', value: 'T', isRequired: false, help: 'whose rules; for all but check' },
    base: {
      kind: 'text',
      value: 'VERSION',
      isRequired: false,
      help: 'publish only if this is the newest version still; 0: if none was published',
    },
    json: { kind: 'flag', help: 'print one JSON object; list: one a version' },
  },
  operands: { name: 'check FILE|publish FILE|list|show [VERSION]', min: 1, max: 2 },
  examples: [
    'rules check rules.yaml',
    'rules publish --tenant acme rules.yaml',
    'rules list --tenant acme',
    'rules show --tenant acme 3',
  ],
} as const satisfies Usage;

type Published = Extract<PublishOutcome, { readonly kind: 'published' }>;
type Options = ReturnType<typeof parseArguments<typeof usage>>['options'];
type Action = (operand: string | null, options: Options, io: Io) => Promise<void>;

const actions: Readonly<Record<string, Action>> = {
  check: (operand, options, io) => check(fileOf('check', operand), options, io),
  publish: (operand, options, io) => publish(fileOf('publish', operand), options, io),
  list,
  show,
};

export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options, operands } = parseArguments(usage, args);
  const [word = '', operand = null] = operands;
  const action = Object.hasOwn(actions, word) ? actions[word] : undefined;
  if (action === undefined) {
    const near = nearNames(word, Object.keys(actions));
    throw usageError(`"${word}" is nothing that is done with rules`, didYouMean(near));
  }
  await action(operand, options, io);
}

function fileOf(word: string, operand: string | null): string {
  if (operand !== null) return operand;
  throw usageError(`${word} FILE is missing`, '--help shows examples.');
}

function tenantOf({ tenant }: Options): string {
  if (tenant !== null) return tenant;
  throw usageError('--tenant T is missing', '--help shows examples.');
}

/** Prints what is wrong, and what is probably a mistake. @throws BAD_RULES after all was printed */
async function check(file: string, options: Options, io: Io): Promise<void> {
  const parsed = readRules(file);
  const errors = 'errors' in parsed ? parsed.errors : [];
  const warnings = 'ruleSet' in parsed ? checkRules(parsed.ruleSet) : [];
  if (options.json) io.stdout.write(`${JSON.stringify({ file, errors, warnings })}\n`);
  else {
    for (const error of errors) io.stdout.write(formatProblem(file, 'error', error));
    for (const warning of warnings) io.stdout.write(formatProblem(file, `warning: ${warning.code}`, warning));
    if ('ruleSet' in parsed) io.stdout.write(formatSummary(file, parsed.ruleSet, warnings.length));
  }
  refuseErrors(file, errors);
}

/** Prints the version that holds the rules, or what is wrong with them. @throws BAD_RULES after all was printed */
async function publish(file: string, options: Options, io: Io): Promise<void> {
  const tenant = readTenant(tenantOf(options));
  const source = readSource(file);
  await using deployment = await openDeployment(io);
  const outcome = await publishRules(deployment.control, {
    tenant,
    source,
    lookupFile: lookupsBeside(file),
    baseVersion: options.base,
    dryRun: false,
    by: AUTHOR,
    at: Date.now(),
  });
  if (outcome.kind === 'published') {
    const { version, isNew } = outcome;
    io.stdout.write(
      options.json ? `${JSON.stringify({ file, ...toJson(version), isNew })}\n` : formatPublished(outcome),
    );
  } else if (outcome.kind === 'refused') {
    const { errors } = outcome;
    if (options.json) io.stdout.write(`${JSON.stringify({ file, errors })}\n`);
    else for (const error of errors) io.stdout.write(formatProblem(file, 'error', error));
    refuseErrors(file, errors);
  }
}

async function list(_operand: string | null, options: Options, io: Io): Promise<void> {
  await using deployment = await openDeployment(io);
  const { control } = deployment;
  for (const tenant of await readTenants(control, tenantOf(options))) {
    for (const version of (await control.rulesVersions(tenant)).toReversed()) {
      const line = options.json ? JSON.stringify(toJson(version)) : formatVersion(version);
      io.stdout.write(`${line}\n`);
    }
  }
}

/** Prints the text of a version, by default the newest, as it was published. @throws UNKNOWN_RULES */
async function show(operand: string | null, options: Options, io: Io): Promise<void> {
  await using deployment = await openDeployment(io);
  const { control } = deployment;
  for (const tenant of await readTenants(control, tenantOf(options))) {
    const newest = (await control.rulesVersions(tenant)).at(-1)?.version ?? 0;
    const version = await findRules(control, tenant, operand ?? String(newest));
    const text = await control.rulesText(tenant, version.version);
    io.stdout.write(options.json ? `${JSON.stringify({ ...toJson(version), ...text })}\n` : text.source);
  }
}

function refuseErrors(file: string, errors: readonly RuleError[]): void {
  const [first] = errors;
  if (first === undefined) return;
  throw costError('BAD_RULES', {
    file,
    problems: errors.length,
    first: { ...first, file: pathOf(file, first) },
  });
}

function readRules(file: string): ReturnType<typeof parseRules> {
  return parseRules(readSource(file), { lookupFile: lookupsBeside(file) });
}

function readSource(file: string): string {
  const text = readText(file);
  if (text !== null) return text;
  throw usageError(`The file "${file}" cannot be read`, 'Is the path right?');
}

/** Files that the rules name are beside them. */
function lookupsBeside(file: string): (name: string) => string | null {
  return (name) => readText(join(dirname(file), name));
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

type Problem = Pick<RuleError | Finding, 'line' | 'column' | 'message' | 'hint' | 'file'>;

/** As compilers write it, so that editors find the place. */
function formatProblem(rules: string, kind: string, problem: Problem): string {
  const { line, column, message, hint } = problem;
  return `${pathOf(rules, problem)}:${line}:${column}: ${kind}: ${message}. ${hint}\n`;
}

function pathOf(rules: string, { file }: Pick<Problem, 'file'>): string {
  return file === null ? rules : join(dirname(rules), file);
}

function toJson({ version, format, publishedAt, publishedBy, digest }: RulesVersion) {
  return { version, format, publishedAt: formatInstant(publishedAt), publishedBy, digest };
}

function formatPublished({ version, isNew }: Published): string {
  return isNew ? `version ${version.version} is published\n` : `nothing is new: ${formatVersion(version)}\n`;
}

function formatVersion({ version, format, publishedAt, publishedBy }: RulesVersion): string {
  const by = publishedBy === '' ? '' : ` by ${publishedBy}`;
  return `version ${version} (${format}), published at ${formatInstant(publishedAt)}${by}`;
}

function formatSummary(file: string, { dimensions, lookups, splits }: RuleSet, warnings: number): string {
  const rules = dimensions.reduce((sum, dimension) => sum + dimension.rules.length, 0);
  const parts = [
    counted(dimensions.length, 'dimension'),
    counted(rules, 'rule'),
    counted(lookups.length, 'lookup'),
    counted(splits.length, 'split'),
  ];
  return `${file}: ${parts.join(', ')}; ${counted(warnings, 'warning')}\n`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
