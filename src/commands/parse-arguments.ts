import { parseArgs } from 'node:util';

import type { CostError } from '../core/errors.ts';
import { costError } from '../core/errors.ts';
import { nearNames } from '../core/near.ts';
import type { Option, Usage } from './command.ts';

type ValueOf<O extends Option> = O extends { kind: 'flag' }
  ? boolean
  : O extends { isRequired: true }
    ? string
    : string | null;

export type Arguments<U extends Usage> = {
  readonly options: { readonly [Name in keyof U['options']]: ValueOf<U['options'][Name]> };
  readonly operands: readonly string[];
};

/**
 * Reads a command's arguments: flags are true or false, text options their value, null where left out.
 *
 * @throws USAGE for an unknown, repeated, missing or valueless option, and for too few or too many operands.
 */
export function parseArguments<const U extends Usage>(usage: U, args: readonly string[]): Arguments<U> {
  const known = new Map(Object.entries<Option>(usage.options));
  const given = new Map<string, string | true>();
  const operands: string[] = [];
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      [...known].map(([name, { kind }]) => [name, { type: kind === 'flag' ? 'boolean' : 'string' }] as const),
    ),
    // Not strict, so that the errors are ours.
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    if (given.has(token.name)) throw usageError(`${token.rawName} is given twice`, 'Give it once.');
    given.set(token.name, checkOption(token, known));
  }
  checkOperands(usage, operands);

  const options = [...known].map(([name, option]) => [name, valueOf(name, option, given.get(name))] as const);
  // valueOf gives each option what ValueOf says of its kind; fromEntries forgets which name has which.
  return { options: Object.fromEntries(options) as Arguments<U>['options'], operands };
}

type OptionToken = {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
};

function checkOption(
  { name, rawName, value, inlineValue }: OptionToken,
  known: ReadonlyMap<string, Option>,
): string | true {
  const option = known.get(name);
  if (option === undefined || !rawName.startsWith('--')) {
    const near = nearNames(name, known.keys()).map((known) => `--${known}`);
    throw usageError(`There is no option ${rawName}`, didYouMean(near));
  }
  if (option.kind === 'flag') {
    if (value === undefined) return true;
    throw usageError(`${rawName} takes no value`, `Write ${rawName} alone.`);
  }
  if (value === undefined || value === '' || (value.startsWith('-') && inlineValue !== true)) {
    const hint = `Write ${rawName} ${option.value}, or ${rawName}=${option.value} where it starts with "-".`;
    throw usageError(`${rawName} needs a value`, hint);
  }
  return value;
}

function checkOperands({ operands: asked }: Usage, operands: readonly string[]): void {
  const { name, min, max } = asked ?? { name: '', min: 0, max: 0 };
  const surplus = operands[max];
  if (surplus !== undefined) throw usageError(`"${surplus}" is not expected here`, '--help shows what is.');
  if (operands.length < min) throw usageError(`${name} is missing`, '--help shows examples.');
}

function valueOf(name: string, option: Option, given: string | true | undefined): string | boolean | null {
  if (option.kind === 'flag') return given === true;
  if (given === undefined && option.isRequired) {
    throw usageError(`--${name} ${option.value} is missing`, '--help shows examples.');
  }
  return typeof given === 'string' ? given : null;
}

export function usageError(reason: string, hint: string): CostError {
  return costError('USAGE', { reason, hint });
}

export function didYouMean(near: readonly string[]): string {
  return near.length > 0 ? `Did you mean ${near.join(' or ')}?` : '--help shows what there is.';
}
