/**
 * The slow, obvious judge of rules: reads the document itself, as docs/attribution.md tells it. Shares nothing with
 * the product but what filters of questions mean.
 */
import { RE2JS } from 're2js';

import type { Document } from './rule-documents.ts';
import { ownersRows } from './rule-documents.ts';

type Values = Readonly<Record<string, string | null>>;
type Validities = readonly { readonly from?: string; readonly to?: string }[];
type RuleDocument = {
  readonly when?: Document;
  readonly effective?: Validities;
  readonly value?: string;
  readonly valueOf?: {
    readonly key: string;
    readonly normalize?: readonly ('trim' | 'lower' | 'upper')[];
    readonly replace?: readonly { readonly match: string; readonly with: string }[];
  };
  readonly coalesce?: readonly string[];
  readonly lookup?: { readonly on: string | readonly string[]; readonly column: string };
};
type DimensionDocument = {
  readonly key: string;
  readonly effective?: Validities;
  readonly rules: readonly RuleDocument[];
  readonly otherwise?: string | null;
};

/** The value of a dimension, and the rule that gave it. */
export function naiveValue(
  document: Document,
  key: string,
  attributes: Values,
  instant: number,
): { readonly value: string | null; readonly rule: number | null } {
  const dimensions = document['dimensions'] as readonly DimensionDocument[]; // As ruleDocument makes them.
  const dimension = dimensions.find((each) => each.key === key);
  if (dimension === undefined) return { value: attributes[key] ?? null, rule: null };
  if (!holdsAt(dimension.effective, instant)) return { value: null, rule: null };
  const read = (name: string) => naiveValue(document, name, attributes, instant).value;
  for (const [i, rule] of dimension.rules.entries()) {
    if (!holdsAt(rule.effective, instant) || !meets(rule.when ?? { all: [] }, read)) continue;
    const value = valueOfRule(rule, read, instant);
    if (value !== null && value !== '') return { value, rule: i };
  }
  return { value: dimension.otherwise ?? null, rule: null };
}

function holdsAt(effective: Validities = [{}], instant: number): boolean {
  return effective.some(
    ({ from, to }) =>
      (from === undefined || Date.parse(from) <= instant) && (to === undefined || instant < Date.parse(to)),
  );
}

type Read = (key: string) => string | null;

function meets(condition: Document, read: Read): boolean {
  // As ruleDocument makes conditions.
  const { all, any, not, key, isNull, ...test } = condition as {
    readonly all?: readonly Document[];
    readonly any?: readonly Document[];
    readonly not?: Document;
    readonly key: string;
    readonly isNull?: boolean;
    readonly includeNull?: boolean;
  } & TextTest;
  if (all) return all.every((part) => meets(part, read));
  if (any) return any.some((part) => meets(part, read));
  if (not) return !meets(not, read);
  const value = read(key);
  const isMissing = value === null;
  if (isMissing && test.includeNull === true) return true;
  if (isNull !== undefined) return isMissing === isNull;
  return value !== null && meetsText(test, value);
}

type TextTest = {
  readonly in?: readonly string[];
  readonly notIn?: readonly string[];
  readonly startsWith?: string;
  readonly endsWith?: string;
  readonly contains?: string;
  readonly matches?: string;
  readonly ignoreCase?: boolean;
};

function meetsText(test: TextTest, value: string): boolean {
  const fold = test.ignoreCase ? lower : (text: string) => text;
  if (test.in) return test.in.some((each) => fold(each) === fold(value));
  if (test.notIn) return !test.notIn.some((each) => fold(each) === fold(value));
  if (test.startsWith !== undefined) return fold(value).startsWith(fold(test.startsWith));
  if (test.endsWith !== undefined) return fold(value).endsWith(fold(test.endsWith));
  if (test.contains !== undefined) return fold(value).includes(fold(test.contains));
  const flags = test.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0;
  return RE2JS.compile(test.matches ?? '', flags).matches(value);
}

function valueOfRule(rule: RuleDocument, read: Read, instant: number): string | null {
  if (rule.value !== undefined) return rule.value;
  if (rule.coalesce) return rule.coalesce.map(read).find((value) => value !== null && value !== '') ?? null;
  if (rule.lookup) return lookedUp(rule.lookup.on, read, instant);
  if (!rule.valueOf) throw new Error('a rule without value');
  const { key, normalize = [], replace = [] } = rule.valueOf;
  const given = read(key);
  if (given === null) return null;
  const normalized = normalize.reduce((text, name) => ({ trim, lower, upper })[name](text), given);
  return replace.reduce(
    // $0 is all of the match and $$ a dollar in both; only these are made.
    (text, { match, with: by }) =>
      text.replaceAll(
        new RegExp(match.replace('?P<', '?<'), 'gu'),
        by.replaceAll('$0', () => '$&'),
      ),
    normalized,
  );
}

function lookedUp(on: string | readonly string[], read: Read, instant: number): string | null {
  const row = ownersRows.find(
    ({ team, service, from, to }) =>
      team === read('tag:Team') &&
      (typeof on === 'string' || service === read('service_name')) &&
      (from === null || Date.parse(from) <= instant) &&
      (to === null || instant < Date.parse(to)),
  );
  return row?.owner ?? null;
}

function trim(text: string): string {
  return text.replaceAll(/^[\t\n\v\f\r \u00a0]+|[\t\n\v\f\r \u00a0]+$/g, '');
}

function lower(text: string): string {
  return [...text].map((point) => (point === 'İ' ? 'i' : point.toLowerCase())).join('');
}

function upper(text: string): string {
  return [...text].map((point) => (point === 'ß' ? 'ẞ' : point.toUpperCase())).join('');
}
