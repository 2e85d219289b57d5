/** The text of rules: what stands where. What goes together, and what keys there are, is checked in resolve-*.ts. */
import type { Instant } from '../core/time-range.ts';
import type { NoDriver, Position } from './rule-set.ts';
import { grains, normalizations } from './rule-set.ts';
import type { JsonSchema, Placed, ReadBy, Shape } from './shape.ts';
import {
  alternative,
  anyText,
  choice,
  eitherKind,
  fields,
  flag,
  list,
  mapped,
  namedValues,
  number,
  optional,
  orNull,
  reference,
  required,
  text,
  textLike,
  word,
} from './shape.ts';

export const DIMENSIONS_MAX = 50;
export const RULES_MAX = 1_000;
export const LOOKUPS_MAX = 20;
export const SPLITS_MAX = 50;
/** Of one list of a condition, or of values that share evenly or by weights. */
export const LIST_VALUES_MAX = 20_000;
export const PARTS_MAX = 1_000;
export const KEYS_MAX = 10;
export const REPLACEMENTS_MAX = 10;
export const VALIDITIES_MAX = 100;
const NO_DRIVERS_MAX = 4;

const HOUR = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:00(?::00)?Z)?$/;
const hour = textLike<Instant>(
  { pattern: HOUR.source },
  'a day such as 2018-11-01, or a full hour such as 2018-11-01T06:00Z',
  parseHour,
);

/** A day of UTC, by its first instant, or a full hour; null where there is no such. */
export function parseHour(source: string): Instant | null {
  if (!HOUR.test(source)) return null;
  const instant = Date.parse(source);
  // Date.parse takes 30 February, and gives 2 March.
  return Number.isNaN(instant) || !new Date(instant).toISOString().startsWith(source.slice(0, 13))
    ? null
    : instant;
}

const effective = list(
  reference('validity', () => validity),
  1,
  VALIDITIES_MAX,
);
const validity = fields('a validity', {
  from: optional(hour, 'First instant (UTC) that it holds for; always before, where left out.'),
  to: optional(hour, 'First instant that it holds for no more; always after, where left out.'),
});
const EFFECTIVE = 'Stretches of time, by the start of a charge, that it holds for. Default: always.';

export type RawCondition = Position &
  (
    | { readonly kind: 'all' | 'any'; readonly parts: readonly RawCondition[] }
    | { readonly kind: 'not'; readonly part: RawCondition }
    | { readonly kind: 'test'; readonly test: RawTest }
  );
const condition: Shape<RawCondition> = reference('condition', () => anyCondition);

const test = fields('a test', {
  key: required(text, 'A FOCUS column (service_name), a tag (tag:Team) or another dimension.'),
  in: alternative(list(anyText, 0, LIST_VALUES_MAX), 'It is one of these.'),
  notIn: alternative(list(anyText, 0, LIST_VALUES_MAX), 'It is there, and none of these.'),
  startsWith: alternative(anyText, 'It begins with this.'),
  endsWith: alternative(anyText, 'It ends with this.'),
  contains: alternative(anyText, 'It holds this.'),
  matches: alternative(anyText, 'This RE2 expression describes all of it.'),
  isNull: alternative(flag, 'It is missing (true), or there (false).'),
  ignoreCase: optional(flag, 'Whether A and a are the same. Default: false.'),
  includeNull: optional(flag, 'Whether a missing value meets the test too. Default: false.'),
});
export type RawTest = ReadBy<typeof test>;

const anyCondition: Shape<RawCondition> = choice('a condition', {
  all: mapped(
    fields('all', { all: required(list(condition, 0, PARTS_MAX), 'All of these hold; of none: true.') }),
    ({ all: parts, at }) => ({ kind: 'all' as const, parts, ...at }),
  ),
  any: mapped(
    fields('any', { any: required(list(condition, 0, PARTS_MAX), 'One of these holds; of none: false.') }),
    ({ any: parts, at }) => ({ kind: 'any' as const, parts, ...at }),
  ),
  not: mapped(fields('not', { not: required(condition, 'This does not hold.') }), ({ not: part, at }) => ({
    kind: 'not' as const,
    part,
    ...at,
  })),
  key: mapped(test, (test) => ({ kind: 'test' as const, test, ...test.at })),
});

const keys = list(text, 1, KEYS_MAX);
const oneOrMoreKeys = eitherKind<readonly Placed<string>[]>(
  { text: mapped(text, (key) => [key]), list: keys },
  'a key or a list of keys',
);

const replacement = fields('a replacement', {
  match: required(text, 'RE2 expression; each match is replaced.'),
  with: required(
    anyText,
    'What comes instead; $1 to $9 are groups of the match, $0 is all of it, $$ a dollar.',
  ),
});
export type RawReplacement = ReadBy<typeof replacement>;

const rule = fields('a rule', {
  name: optional(text, 'Names it in explanations. Default: the key and its number, as in team#2.'),
  when: optional(condition, 'What a charge must meet. Default: every charge does.'),
  value: alternative(text, 'The value itself.'),
  valueOf: alternative(
    fields('valueOf', {
      key: required(text, 'Whose value is taken.'),
      normalize: optional(
        list(word(normalizations), 1, normalizations.length),
        'What is done to it, in this order.',
      ),
      replace: optional(list(replacement, 1, REPLACEMENTS_MAX), 'Then what is replaced, in this order.'),
    }),
    'The value of another key. Where it is missing, the next rule is looked at.',
  ),
  coalesce: alternative(keys, 'The value of the first of these keys that has one.'),
  lookup: alternative(
    fields('lookup', {
      name: required(text, 'Which lookup.'),
      on: required(oneOrMoreKeys, 'Keys whose values are found in the columns of the same names.'),
      column: required(text, 'The column whose value is taken.'),
    }),
    'A value from a lookup. Where there is no row, the next rule is looked at.',
  ),
  effective: optional(effective, EFFECTIVE),
});
export type RawRule = ReadBy<typeof rule>;

const dimension = fields('a dimension', {
  key: required(text, 'How questions name it: lower-case letters, digits and _, the first a letter.'),
  label: optional(text, 'How people see it. Default: made from the key.'),
  description: optional(text, 'What it is.'),
  effective: optional(effective, `${EFFECTIVE} Outside, no charge has a value.`),
  rules: optional(
    list(
      reference('rule', () => rule),
      0,
      RULES_MAX,
    ),
    'The first that is met and has a value gives it.',
  ),
  otherwise: optional(
    orNull(text),
    'The value where no rule gives one. Default: null, which is unattributed.',
  ),
});
export type RawDimension = ReadBy<typeof dimension>;

const lookup = fields('a lookup', {
  name: required(text, 'How rules name it.'),
  file: required(
    text,
    'CSV file beside the rules: a header of columns; valid_from and valid_to are validity.',
  ),
});
export type RawLookup = ReadBy<typeof lookup>;

const weight = textLike<string>(
  { pattern: String.raw`^\d{1,9}(?:\.\d{1,12})?$` },
  'a weight from 0 such as "0.6"',
  (source) => (/^\d{1,9}(?:\.\d{1,12})?$/.test(source) ? source : null),
);
const grain = word(grains);

const driver = choice('by', {
  telemetry: mapped(
    fields('by', {
      telemetry: required(text, 'The stream whose units are the weights.'),
      grain: required(grain, 'Weights of each hour, or of each UTC day.'),
      within: optional(keys, 'Columns of the stream that a charge must agree with to get its weights.'),
    }),
    (read) => ({ kind: 'telemetry' as const, ...read }),
  ),
  even: mapped(
    fields('by', { even: required(list(text, 1, LIST_VALUES_MAX), 'All of these get the same.') }),
    (read) => ({ kind: 'even' as const, ...read }),
  ),
  fixed: mapped(
    fields('by', { fixed: required(namedValues(weight, LIST_VALUES_MAX), 'Each gets by its weight.') }),
    (read) => ({ kind: 'fixed' as const, ...read }),
  ),
  cost: mapped(
    fields('by', {
      cost: required(
        fields('cost', {
          of: required(text, 'The key whose values get by their effective cost.'),
          grain: required(grain, 'Cost of each hour, or of each UTC day.'),
        }),
        'Each value gets by what it costs already.',
      ),
    }),
    (read) => ({ kind: 'cost' as const, ...read }),
  ),
});
export type RawDriver = ReadBy<typeof driver>;

function step(value: NoDriver, { line, column }: Position): Placed<NoDriver> {
  return { value, line, column };
}

const noDriverFields = choice('a step of noDriver', {
  spread: mapped(
    fields('a step of noDriver', { spread: required(word(['day']), 'The weights of the whole UTC day.') }),
    ({ spread, at }) => step({ kind: 'spread', over: spread.value }, at),
  ),
  value: mapped(
    fields('a step of noDriver', { value: required(text, 'All of it to this one.') }),
    ({ value, at }) => step({ kind: 'value', value: value.value }, at),
  ),
});
const noDriver = list(
  eitherKind<Placed<NoDriver>>(
    {
      text: mapped(word(['even', 'unattributed']), ({ value, ...at }) => step({ kind: value }, at)),
      map: noDriverFields,
    },
    'spread: day, even, value: NAME or unattributed',
  ),
  1,
  NO_DRIVERS_MAX,
);

const split = fields('a split', {
  name: optional(text, 'Names it in explanations. Default: its number, as in split#2.'),
  when: required(condition, 'Whose cost is shared out. All of it: {all: []}.'),
  to: required(keys, 'Dimensions that get their values by the weights.'),
  by: required(driver, 'Where the weights come from.'),
  noDriver: optional(noDriver, 'What to try, in order, where there are no weights. Default: unattributed.'),
  override: optional(flag, 'Whether values that are there are replaced too. Default: false.'),
  effective: optional(effective, EFFECTIVE),
});
export type RawSplit = ReadBy<typeof split>;

export const rulesShape = fields('a file of rules', {
  version: required(number(1), 'Of this language.'),
  dimensions: optional(list(dimension, 0, DIMENSIONS_MAX), "Dimensions of the tenant's own."),
  lookups: optional(list(lookup, 0, LOOKUPS_MAX), 'Lists and hierarchies in files.'),
  splits: optional(list(split, 0, SPLITS_MAX), 'Shared cost shared out, in this order.'),
});
export type RawRules = ReadBy<typeof rulesShape>;

/** What docs/attribution-rules.schema.json holds. */
export const rulesJsonSchema: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Attribution rules of costgraph',
  description: 'See attribution.md. YAML and JSON alike.',
  ...rulesShape.schema,
  $defs: { condition: anyCondition.schema, rule: rule.schema, validity: validity.schema },
};
