import { toLowerSimple } from '../core/fold-case.ts';
import { editDistance } from '../core/near.ts';
import type { Finding } from './check-rules.ts';
import type { Position, RuleSet } from './rule-set.ts';

/** With more values than this only case and punctuation are compared, not spelling. */
export const SPELLING_VALUES_MAX = 500;
/** Words that are shorter differ by a letter on purpose. */
const WORD_LENGTH_MIN = 5;

type Given = Position & { readonly value: string; readonly file: string | null };

/** Values of a dimension that differ from an earlier one by case, punctuation or a letter alone. */
export function findSimilarValues(ruleSet: RuleSet, key: string): Finding[] {
  const values = new Map<string, Given>();
  for (const given of givenValues(ruleSet, key)) if (!values.has(given.value)) values.set(given.value, given);
  const byLetters = new Map<string, Given>();
  const findings: Finding[] = [];
  for (const given of values.values()) {
    const letters = wordsOf(given.value).join('');
    const same = byLetters.get(letters);
    if (same !== undefined && letters !== '') findings.push(similar(key, given, same, 'case or punctuation'));
    else byLetters.set(letters, given);
  }
  if (byLetters.size > SPELLING_VALUES_MAX) return findings;
  const distinct = [...byLetters.values()];
  for (const [i, given] of distinct.entries()) {
    const near = distinct.slice(0, i).find((other) => isMisspelt(given.value, other.value));
    if (near) findings.push(similar(key, given, near, 'one letter'));
  }
  return findings;
}

function similar(key: string, given: Given, other: Given, by: string): Finding {
  const { line, column, file, value } = given;
  const place = other.file === null ? `line ${other.line}` : `${other.file}, line ${other.line}`;
  const message = `"${value}" of ${key} differs from "${other.value}" (${place}) by ${by} alone`;
  return {
    line,
    column,
    file,
    code: 'similar-values',
    message,
    hint: 'If they are the same, write them alike.',
  };
}

/** Values that rules, lookups and splits write down, in that order. */
function givenValues({ dimensions, lookups, splits }: RuleSet, key: string): Given[] {
  const given: Given[] = [];
  for (const { rules, otherwise, line, column } of dimensions.filter((dimension) => dimension.key === key)) {
    for (const { value, ...at } of rules) {
      if (value.kind === 'value')
        given.push({ value: value.value, line: at.line, column: at.column, file: null });
      if (value.kind !== 'lookup') continue;
      const lookup = lookups.find(({ name }) => name === value.name);
      const column = lookup?.columns.indexOf(value.column) ?? -1;
      for (const { cells, line } of lookup?.rows ?? []) {
        const cell = cells[column];
        if (cell) given.push({ value: cell, line, column: 1, file: lookup?.file ?? null });
      }
    }
    if (otherwise !== null) given.push({ value: otherwise, line, column, file: null });
  }
  for (const { to, by, noDriver, line, column } of splits) {
    if (!to.includes(key)) continue;
    const values =
      by.kind === 'even' ? by.values : by.kind === 'fixed' ? by.weights.map(({ value }) => value) : [];
    const rest = noDriver.flatMap((step) => (step.kind === 'value' ? [step.value] : []));
    for (const value of [...values, ...rest]) given.push({ value, line, column, file: null });
  }
  return given;
}

function wordsOf(value: string): string[] {
  return toLowerSimple(value)
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .filter((word) => word !== '');
}

/** Exactly one word differs, by one letter; numbers are different on purpose. */
function isMisspelt(a: string, b: string): boolean {
  const [words, others] = [wordsOf(a), wordsOf(b)];
  if (words.length !== others.length) return false;
  const differing = words.flatMap((word, i) =>
    word === others[i] ? [] : [[word, others[i] ?? ''] as const],
  );
  const [only] = differing;
  if (only === undefined || differing.length > 1) return false;
  const [word, other] = only;
  const isWord = Math.max(word.length, other.length) >= WORD_LENGTH_MIN;
  return isWord && digitsOf(word) === digitsOf(other) && editDistance(word, other, 1) <= 1;
}

function digitsOf(word: string): string {
  return word.replaceAll(/\P{N}/gu, '');
}
