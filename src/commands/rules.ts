import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { Finding } from '../attribution/check-rules.ts';
import { checkRules } from '../attribution/check-rules.ts';
import { parseRules } from '../attribution/parse-rules.ts';
import type { RuleError } from '../attribution/read-tree.ts';
import type { RuleSet } from '../attribution/rule-set.ts';
import { costError } from '../core/errors.ts';
import { nearNames } from '../core/near.ts';
import type { Io, Usage } from './command.ts';
import { didYouMean, parseArguments, usageError } from './parse-arguments.ts';

export const usage = {
  options: {
    json: { kind: 'flag', help: 'print one JSON object' },
  },
  operands: { name: 'check FILE', min: 2, max: 2 },
  examples: ['rules check rules.yaml', 'rules check --json rules.json'],
} as const satisfies Usage;

type Options = ReturnType<typeof parseArguments<typeof usage>>['options'];
type Action = (file: string, options: Options, io: Io) => Promise<void>;

const actions: Readonly<Record<string, Action>> = { check };

export async function run(args: readonly string[], io: Io): Promise<void> {
  const { options, operands } = parseArguments(usage, args);
  const [word = '', file = ''] = operands;
  const action = Object.hasOwn(actions, word) ? actions[word] : undefined;
  if (action === undefined) {
    const near = nearNames(word, Object.keys(actions));
    throw usageError(`"${word}" is nothing that is done with rules`, didYouMean(near));
  }
  await action(file, options, io);
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
  const [first] = errors;
  if (first === undefined) return;
  throw costError('BAD_RULES', {
    file,
    problems: errors.length,
    first: { ...first, file: pathOf(file, first) },
  });
}

/** Files that the rules name are beside them. */
function readRules(file: string): ReturnType<typeof parseRules> {
  const text = readText(file);
  if (text === null) throw usageError(`The file "${file}" cannot be read`, 'Is the path right?');
  return parseRules(text, { lookupFile: (name) => readText(join(dirname(file), name)) });
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
