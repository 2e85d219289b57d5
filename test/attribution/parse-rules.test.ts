import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { ERRORS_MAX, parseRules } from '../../src/attribution/parse-rules.ts';
import { LOOKUP_BYTES_MAX, LOOKUP_ROWS_MAX } from '../../src/attribution/read-lookup.ts';
import { RULE_TEXT_BYTES_MAX, TREE_DEPTH_MAX } from '../../src/attribution/read-tree.ts';
import {
  CONDITION_DEPTH_MAX,
  CONDITION_TESTS_MAX,
  RULE_PATTERNS_MAX,
} from '../../src/attribution/resolve-condition.ts';
import { ALWAYS } from '../../src/attribution/rule-set.ts';
import type { RuleSet } from '../../src/attribution/rule-set.ts';
import {
  DIMENSIONS_MAX,
  LIST_VALUES_MAX,
  LOOKUPS_MAX,
  RULES_MAX,
  SPLITS_MAX,
} from '../../src/attribution/rules-grammar.ts';
import { TEXT_LENGTH_MAX } from '../../src/attribution/shape.ts';
import { dedent } from '../support/dedent.ts';

type Files = Readonly<Record<string, string>>;

function parse(text: string, files: Files = {}) {
  return parseRules(text, { lookupFile: (name) => files[name] ?? null });
}

/** `LINE:COLUMN message` of each problem, with the file before those of a lookup's. */
function problems(text: string, files: Files = {}): string[] {
  const parsed = parse(text, files);
  if ('ruleSet' in parsed) return [];
  return parsed.errors.map(
    ({ file, line, column, message }) => `${file === null ? '' : `${file}:`}${line}:${column} ${message}`,
  );
}

function ruleSetOf(text: string, files: Files = {}): RuleSet {
  const parsed = parse(text, files);
  if ('ruleSet' in parsed) return parsed.ruleSet;
  throw new Error(JSON.stringify(parsed.errors));
}

/** As the design has it, to the letter. */
const EXAMPLE = `version: 1
dimensions:
  - key: environment
    label: Environment
    rules:                                    # first match wins; one value per charge
      - value: production
        when: { any: [ { key: "tag:Environment", in: [prod, Production] }, { key: sub_account_id, in: ["0112"] } ] }
      - valueOf: { key: "tag:Environment", normalize: [trim, lower] }
    otherwise: null                           # or a value; null stays visible as unattributed
  - key: team
    effective: [{ from: 2018-11-01 }]         # validity over ChargePeriodStart, half-open; default: always;
    rules: [...]                              # also allowed on a single rule or split
lookups:                                      # lists and hierarchies: accounts to owners, thousands of entries
  - name: owners
    file: owners.csv                          # columns: sub_account_id, team, [valid_from, valid_to]; stored with the version
splits:                                       # shared cost shared out; sums are kept exactly
  - name: ordering by work
    when: { key: "tag:Application", in: [ordering] }
    to: [customer, plan]                      # dimensions that get their values from the driver
    by: { telemetry: work, grain: hour }      # or even: [a, b] | fixed: { a: "0.6", b: "0.4" } | cost: { of: team, grain: day }
    noDriver: [unattributed]                  # in order: spread: day, even, value: NAME, unattributed
`;
const owners = {
  'owners.csv': 'sub_account_id,team,valid_from,valid_to\n0112,web,,2018-11-01\n0112,api,2018-11-01,\n',
};

describe('the example of the design', () => {
  it('is read to the letter, but for the rules it leaves out', () => {
    expect(problems(EXAMPLE, owners)).toEqual(['12:13 An entry of rules is a text, not a rule']);
  });

  it('means what it says', () => {
    const text = EXAMPLE.replace('[...]', '[{ lookup: { name: owners, on: sub_account_id, column: team } }]');
    const ruleSet = ruleSetOf(text, owners);
    expect(ruleSet.dimensions).toMatchObject([
      {
        key: 'environment',
        label: 'Environment',
        effective: ALWAYS,
        otherwise: null,
        line: 3,
        column: 5,
        rules: [
          {
            name: 'environment#1',
            line: 6,
            column: 9,
            when: { kind: 'or' },
            value: { kind: 'value', value: 'production' },
          },
          { name: 'environment#2', line: 8, when: { kind: 'true' }, value: { normalize: ['trim', 'lower'] } },
        ],
      },
      {
        key: 'team',
        effective: [{ from: Date.UTC(2018, 10, 1), to: null }],
        rules: [{ value: { on: ['sub_account_id'] } }],
      },
      { key: 'customer', label: 'Customer', rules: [], line: 19, column: 10 },
      { key: 'plan', rules: [], line: 19, column: 20 },
    ]);
    expect(ruleSet.lookups).toMatchObject([
      {
        columns: ['sub_account_id', 'team'],
        rows: [
          { cells: ['0112', 'web'], effective: { from: null, to: Date.UTC(2018, 10, 1) }, line: 2 },
          { cells: ['0112', 'api'], effective: { from: Date.UTC(2018, 10, 1), to: null }, line: 3 },
        ],
      },
    ]);
    expect(ruleSet.splits).toMatchObject([
      {
        name: 'ordering by work',
        to: ['customer', 'plan'],
        by: { kind: 'telemetry', stream: 'work', grain: 'hour', within: [] },
        noDriver: [{ kind: 'unattributed' }],
        override: false,
        effective: ALWAYS,
      },
    ]);
    expect(JSON.parse(JSON.stringify(ruleSet))).toEqual(ruleSet);
  });

  it.each([
    ['even: [a, b]', { kind: 'even', values: ['a', 'b'] }],
    [
      'fixed: { a: "0.6", b: "0.4" }',
      {
        kind: 'fixed',
        weights: [
          { value: 'a', weight: '0.6' },
          { value: 'b', weight: '0.4' },
        ],
      },
    ],
    ['cost: { of: team, grain: day }', { kind: 'cost', of: 'team', grain: 'day' }],
  ])('takes the driver %s', (driver, by) => {
    const text = EXAMPLE.replace('[...]', '[]').replace('telemetry: work, grain: hour', driver);
    expect(ruleSetOf(text.replace('[customer, plan]', '[customer]'), owners).splits).toMatchObject([{ by }]);
  });

  it('takes the steps of noDriver, and lets nothing be lost behind them', () => {
    const noDriver = (steps: string) =>
      ruleSetOf(EXAMPLE.replace('[...]', '[]').replace('[unattributed]', steps), owners).splits[0]?.noDriver;
    expect(noDriver('[spread: day, unattributed]')).toEqual([
      { kind: 'spread', over: 'day' },
      { kind: 'unattributed' },
    ]);
    expect(noDriver('[even]')).toEqual([{ kind: 'even' }, { kind: 'unattributed' }]);
    expect(noDriver('[spread: day, value: rest]')).toEqual([
      { kind: 'spread', over: 'day' },
      { kind: 'value', value: 'rest' },
    ]);
  });
});

/** Rules of the dimension team: the first is on line 5. */
function rules(...texts: readonly string[]): string {
  return [
    'version: 1',
    'dimensions:',
    '  - key: team',
    '    rules:',
    ...texts.map((text) => `      - ${text}`),
  ].join('\n');
}

function splits(...texts: readonly string[]): string {
  return ['version: 1', 'splits:', ...texts.map((text) => `  - ${text}`)].join('\n');
}

function lookups(csv: string): [text: string, files: Files] {
  const rule = '{ lookup: { name: owners, on: [sub_account_id], column: team } }';
  return [`${rules(rule)}\nlookups: [{ name: owners, file: owners.csv }]`, { 'owners.csv': csv }];
}

describe('problems of the text', () => {
  it.each([
    ['', '1:1 There are no rules'],
    [
      'version: 1\n  x: 2',
      '1:10 This is neither YAML nor JSON: nested mappings are not allowed in compact mappings',
    ],
    ['{"version": 1,\n "dimensions": [}', '2:17 '],
    ['%YAML 1.1\n---\nversion: 1', '1:1 The text says that it is YAML 1.1'],
    ['version: 1\n---\nversion: 1', '2:1 A second document begins here'],
    ['- a', '1:1 The text is a list, not a file of rules'],
    ['version: 2', '1:10 version is 2, not 1'],
    ['dimensions: []', '1:1 A file of rules lacks "version"'],
    ['version: 1\nversion: 1', '2:1 "version" is here twice'],
    ['version: 1\ndimension: []', '2:1 A file of rules has no field "dimension"'],
    ['version: 1\n1: x', '2:1 This name is no text'],
    ['version: 1\ndimensions: &a []\nsplits: *a', '3:9 *a is an alias'],
    ['version: !!int 1', '1:16 tag:yaml.org,2002:int is a tag of YAML'],
    ['version: 1\ndimensions: {}', '2:13 dimensions is a group of fields, not a list'],
    [rules('{ value: 0112 }'), '5:18 value is 0112, not a text'],
    [rules('{ value: yes }').replace('yes', 'true'), '5:18 value is true or false, not a text'],
    [rules('{ value: "" }'), '5:18 value is empty'],
    [rules('{ value: "\\0" }'), '5:18 value has a character that no text can hold'],
    [rules('{ valeu: a }'), '5:11 A rule has no field "valeu"'],
    [rules('{ name: a }'), '5:9 A rule lacks one of value, valueOf, coalesce, lookup'],
    [rules('{ value: a, coalesce: [team] }'), '5:21 A rule has value and coalesce'],
    [rules('{ valueOf: service_name }'), '5:20 valueOf is a text, not valueOf'],
    [
      rules('{ valueOf: { key: service_name, normalize: [lowr] } }'),
      '5:53 An entry of normalize "lowr" is not known',
    ],
    [rules('{ value: a, when: [] }'), '5:27 when is a list, not a condition'],
    [rules('{ value: a, when: { al: [] } }'), '5:29 A condition lacks one of all, any, not, key'],
    [rules('{ value: a, when: { all: [], not: {} } }'), '5:38 all has no field "not"'],
    [rules('{ value: a, when: { key: service_name } }'), '5:27 A test lacks one of in, notIn, '],
    [
      rules('{ value: a, when: { key: service_name, in: [], matches: a } }'),
      '5:56 A test has in and matches',
    ],
    [rules('{ value: a, when: { key: service_name, in: a } }'), '5:52 in is a text, not a list'],
    [rules('{ value: a, when: { key: service_name, in: [1] } }'), '5:53 An entry of in is 1, not a text'],
    [
      rules('{ value: a, when: { key: service_name, isNull: "yes" } }'),
      '5:56 isNull is a text, not true or false',
    ],
    [rules('{ value: a, effective: [] }'), '5:32 effective is empty'],
    [rules('{ value: a, effective: [{ from: 2018-02-30 }] }'), '5:41 from "2018-02-30" is not a day'],
    [
      rules('{ value: a, effective: [{ from: 2018-02-03T04:05Z }] }'),
      '5:41 from "2018-02-03T04:05Z" is not a day',
    ],
    [rules('{ value: a, effective: [{ from: 2018 }] }'), '5:41 from is 2018, not a text'],
    [
      splits('{ when: { all: [] }, to: [a], by: { evn: [x] } }'),
      '3:41 by lacks one of telemetry, even, fixed, cost',
    ],
    [splits('{ when: { all: [] }, to: [a], by: { fixed: { x: 0.5 } } }'), '3:53 x is 0.5, not a text'],
    [splits('{ when: { all: [] }, to: [a], by: { fixed: { x: "-1" } } }'), '3:53 x "-1" is not a weight'],
    [splits('{ when: { all: [] }, to: [a], by: { fixed: {} } }'), '3:48 fixed is empty'],
    [splits('{ to: [a], by: { even: [x] } }'), '3:5 A split lacks "when"'],
    [
      splits('{ when: { all: [] }, to: [a], by: { even: [x] }, noDriver: [spread: week] }'),
      '3:73 spread "week" is not known',
    ],
    [
      splits('{ when: { all: [] }, to: [a], by: { even: [x] }, noDriver: even }'),
      '3:64 noDriver is a text, not a list',
    ],
  ])('%j', (text, problem) => {
    const found = problems(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(problem);
  });
});

describe('problems of what goes together', () => {
  it.each([
    ['version: 1\ndimensions: [{ key: Team }]', '2:21 "Team" cannot be the key of a dimension'],
    [
      'version: 1\ndimensions: [{ key: service_name }]',
      '2:21 "service_name" is a name that charges have already',
    ],
    [
      'version: 1\ndimensions: [{ key: effective_cost }]',
      '2:21 "effective_cost" is a name that charges have already',
    ],
    ['version: 1\ndimensions: [{ key: a }, { key: a }]', '2:33 There is a dimension "a" on line 2 already'],
    [
      rules('{ name: x, value: a }', '{ name: x, value: b }'),
      '6:17 There is a rule of team "x" on line 5 already',
    ],
    [
      rules('{ value: a }', '{ name: "team#1", value: b }'),
      '6:17 There is a rule of team "team#1" on line 5 already',
    ],
    [rules('{ coalesce: [ServiceName] }'), '5:22 There is no "ServiceName"'],
    [rules('{ coalesce: ["tag:"] }'), '5:22 There is no "tag:"'],
    [rules('{ valueOf: { key: charge_period_start } }'), '5:27 "charge_period_start" is a time'],
    [rules('{ value: a, when: { not: { key: tags.Team, in: [x] } } }'), '5:41 There is no "tags.Team"'],
    [rules('{ valueOf: { key: team } }'), '3:5 Dimensions use each other in a circle: team → team'],
    [
      'version: 1\ndimensions:\n  - { key: a, rules: [{ coalesce: [b] }] }\n  - { key: b, rules: [{ value: x, when: { key: c, in: [y] } }] }\n  - { key: c, rules: [{ valueOf: { key: b } }] }',
      '4:5 Dimensions use each other in a circle: b → c → b',
    ],
    [
      rules('{ value: a, when: { key: service_name, matches: "(?=a)" } }'),
      '5:57 "(?=a)" is no RE2 expression',
    ],
    [
      rules('{ value: a, when: { key: service_name, matches: "(a)\\\\1" } }'),
      '5:57 "(a)\\1" is no RE2 expression',
    ],
    [
      rules('{ value: a, when: { key: service_name, matches: "(a{99}){999}" } }'),
      '5:57 The expression has with its',
    ],
    [
      rules('{ valueOf: { key: service_name, replace: [{ match: "a*", with: "" }] } }'),
      '5:60 "a*" also matches where',
    ],
    [
      rules('{ valueOf: { key: service_name, replace: [{ match: "a", with: "$1" }] } }'),
      '5:71 "a" has 0 groups',
    ],
    [
      rules('{ valueOf: { key: service_name, replace: [{ match: "a", with: "$x" }] } }'),
      '5:71 A $ in "$x" names no',
    ],
    [
      rules('{ value: a, effective: [{ from: 2018-02-03, to: 2018-02-03 }] }'),
      '5:33 The validity ends before it',
    ],
    [
      rules('{ value: a, effective: [{ from: 2018-02-03 }, { to: 2018-02-04 }] }'),
      '5:33 The validity overlaps that of line 5',
    ],
    [
      rules('{ lookup: { name: owners, on: sub_account_id, column: x } }'),
      '5:27 There is no lookup "owners"',
    ],
    ['version: 1\nlookups: [{ name: a, file: ../a.csv }]', '2:28 "../a.csv" is not beside the rules'],
    ['version: 1\nlookups: [{ name: a, file: /a.csv }]', '2:28 "/a.csv" is not beside the rules'],
    ['version: 1\nlookups: [{ name: a, file: a.csv }]', '2:28 The file "a.csv" cannot be read'],
    [splits('{ when: { all: [] }, to: ["tag:a"], by: { even: [x] } }'), '3:31 "tag:a" cannot be the key'],
    [
      splits('{ when: { all: [] }, to: [a, a], by: { telemetry: w, grain: day } }'),
      '3:34 There is a key of this split',
    ],
    [
      splits('{ when: { all: [] }, to: [a, b], by: { even: [x] } }'),
      '3:34 Only telemetry shares out to several',
    ],
    [
      splits('{ when: { all: [] }, to: [a], by: { even: [x, x] } }'),
      '3:51 There is a value "x" on line 3 already',
    ],
    [
      splits('{ when: { all: [] }, to: [a], by: { fixed: { x: "0", y: "0.00" } } }'),
      '3:39 The weights add up to 0',
    ],
    [
      splits('{ when: { all: [] }, to: [a], by: { cost: { of: teem, grain: day } } }'),
      '3:53 There is no "teem"',
    ],
    [
      splits('{ when: { all: [] }, to: [a], by: { telemetry: W W, grain: day } }'),
      '3:52 "W W" is no name of a stream',
    ],
    [
      splits('{ when: { all: [] }, to: [a], by: { telemetry: w, grain: day, within: [a] } }'),
      '3:76 There is a key of this split "a" on line 3 already',
    ],
    [
      splits('{ when: { all: [] }, to: [a], by: { even: [x] }, noDriver: [unattributed, even] }'),
      '3:79 This step is never tried',
    ],
    [
      splits(
        '{ name: s, when: { all: [] }, to: [a], by: { even: [x] } }',
        '{ name: s, when: { all: [] }, to: [a], by: { even: [x] } }',
      ),
      '4:13 There is a split "s" on line 3 already',
    ],
  ])('%j', (text, problem) => {
    const found = problems(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(problem);
  });

  it.each([
    ['', '1:1 The file is empty'],
    ['sub_account_id,\n', '1:1 A column has no name'],
    ['sub_account_id,team,team\n', '1:1 The column "team" is here twice'],
    ['a,b\n"x', '2:1 A quoted cell does not end as it should'],
    ['sub_account_id,team\n1\n', '2:1 The row has 1 cells, the first line has 2'],
    ['sub_account_id,team,valid_from\n1,a,soon\n', '2:1 valid_from "soon" is no day or full hour'],
    [
      'sub_account_id,team,valid_from,valid_to\n1,a,2018-11-01,2018-11-01\n',
      '2:1 valid_from is not before valid_to',
    ],
    [`sub_account_id,team\n1,${'x'.repeat(TEXT_LENGTH_MAX + 1)}\n`, '2:1 The cell of team is too long'],
    ['sub_account_id,team\n1,a\n\n2,b\n1,c\n', '5:1 sub_account_id ["1"] is on line 2 too'],
    [
      'sub_account_id,team,valid_from,valid_to\n1,a,2018-11-01,\n1,b,,2018-12-01\n',
      '3:1 sub_account_id ["1"] is on line 2 too, for the same time',
    ],
    ['sub_account_id,team\n,a\n', '2:1 The row has no sub_account_id'],
  ])('in a lookup: %j', (csv, problem) => {
    const found = problems(...lookups(csv));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`owners.csv:${problem}`);
  });

  it('in what is asked of a lookup', () => {
    expect(problems(...lookups('account,team\n1,a\n'))).toEqual([
      '5:40 owners.csv has no column "sub_account_id"',
    ]);
    expect(problems(...lookups('sub_account_id,teams\n1,a\n'))).toEqual([
      '5:65 owners.csv has no column "team"',
    ]);
  });
});

describe('all problems at once', () => {
  it('come in the order of the text, each once, with hints', () => {
    const text = dedent`
      version: 1
      dimensions:
        - key: team
          lable: Team
          rules:
            - { value: 7 }
            - { valueOf: { key: environmnt } }
        - key: environment
          rules: [{ valueOf: { key: "tag:Env", normalize: trim } }]
    `;
    expect(parse(text)).toEqual({
      errors: [
        {
          line: 4,
          column: 5,
          message: 'A dimension has no field "lable"',
          hint: 'Did you mean label?',
          file: null,
        },
        {
          line: 6,
          column: 18,
          message: 'value is 7, not a text',
          hint: 'Write it in quotes: "7".',
          file: null,
        },
        {
          line: 7,
          column: 27,
          message: 'There is no "environmnt"',
          hint: 'Did you mean environment?',
          file: null,
        },
        {
          line: 9,
          column: 53,
          message: 'normalize is a text, not a list',
          hint: 'Write a list.',
          file: null,
        },
      ],
    });
  });

  it('do not blame those who use what could not be read', () => {
    const text = dedent`
      version: 1
      dimensions:
        - { key: team, rules: [{ lookup: { name: owners, on: customer, column: team } }] }
        - { key: feature, rules: [{ valueOf: { key: customer } }] }
      lookups: [{ name: owners, file: missing.csv }]
      splits: [{ to: [customer], by: { even: [a] } }]
    `;
    expect(problems(text)).toEqual([
      '5:33 The file "missing.csv" cannot be read',
      '6:10 A split lacks "when"',
    ]);
  });
});

describe('limits', () => {
  const many = (count: number, text: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => text(i));
  const nested = (depth: number) =>
    `${'{ not: '.repeat(depth - 1)}{ key: service_name, in: [a] }${' }'.repeat(depth - 1)}`;
  const test = '{ key: service_name, in: [a] }';
  const dimension = (count: number, i = 0) =>
    `{ key: d${i}, rules: [${many(count, (j) => `{ value: v${j} }`).join(', ')}] }`;
  const list = (count: number) => many(count, (i) => `v${i}`).join(', ');

  it.each([
    ['bytes', RULE_TEXT_BYTES_MAX, (n: number) => `version: 1 #${' '.repeat(n - 12)}`],
    [
      'dimensions',
      DIMENSIONS_MAX,
      (n: number) => `version: 1\ndimensions: [${many(n, (i) => dimension(1, i)).join(', ')}]`,
    ],
    [
      'rules',
      RULES_MAX,
      (n: number) => `version: 1\ndimensions: [${dimension(10)}, ${dimension(n - 10, 1)}]`,
    ],
    [
      'splits',
      SPLITS_MAX,
      (n: number) => splits(...many(n, () => '{ when: { all: [] }, to: [a], by: { even: [x] } }')),
    ],
    [
      'lookups',
      LOOKUPS_MAX,
      (n: number) => `version: 1\nlookups: [${many(n, (i) => `{ name: l${i}, file: a.csv }`).join(', ')}]`,
    ],
    ['characters', TEXT_LENGTH_MAX, (n: number) => rules(`{ value: ${'x'.repeat(n)} }`)],
    ['deep', CONDITION_DEPTH_MAX, (n: number) => rules(`{ value: a, when: ${nested(n)} }`)],
    [
      'tests',
      CONDITION_TESTS_MAX,
      (n: number) =>
        rules(
          `{ value: a, when: { all: [{ all: [${test}] }, { any: [${many(n - 1, () => test).join(', ')}] }] } }`,
        ),
    ],
    [
      'values',
      LIST_VALUES_MAX,
      (n: number) => rules(`{ value: a, when: { key: service_name, in: [${list(n)}] } }`),
    ],
    [
      'expressions',
      RULE_PATTERNS_MAX,
      (n: number) =>
        rules(
          `{ value: a, when: { any: [${many(n, (i) => `{ key: service_name, matches: a${i} }`).join(', ')}] } }`,
        ),
    ],
  ])('of %s: %d and no more', (_, limit, text) => {
    const files = { 'a.csv': 'a\n1\n' };
    expect(problems(text(limit), files)).toEqual([]);
    expect(problems(text(limit + 1), files)).toHaveLength(1);
  });

  it('of lookups', () => {
    const rows = (count: number) => `sub_account_id,team\n${many(count, (i) => `${i},t`).join('\n')}`;
    expect(problems(...lookups(rows(LOOKUP_ROWS_MAX)))).toEqual([]);
    expect(problems(...lookups(rows(LOOKUP_ROWS_MAX + 1)))).toEqual([
      '6:11 The lookups have 100001 rows, the limit is 100000',
    ]);
    const large = `sub_account_id,team\n${' '.repeat(LOOKUP_BYTES_MAX)}`;
    expect(problems(...lookups(large))[0]).toMatch(/^6:33 "owners.csv" has \d+ bytes/);
  });

  it('of depth, of the text and of problems', () => {
    const open = '['.repeat(TREE_DEPTH_MAX);
    expect(problems(`version: ${open}${']'.repeat(TREE_DEPTH_MAX)}`)[0]).toContain('1:');
    expect(problems('['.repeat(50_000)).length).toBeGreaterThan(0);
    expect(problems(rules(...many(2 * ERRORS_MAX, () => '{ value: 1 }')))).toHaveLength(ERRORS_MAX);
  });
});

describe('any text', () => {
  const source = stringify({
    version: 1,
    dimensions: [{ key: 'team', rules: [{ value: 'a', when: { key: 'tag:a', in: ['b'] } }] }],
  });

  it('is read or has problems in it, and nothing is thrown', () => {
    const cut = fc.tuple(
      fc.nat(source.length),
      fc.nat(10),
      fc.oneof(
        fc.string(),
        fc.constantFrom('{', '[', '- ', ': ', '"', "'", '\t', '&a ', '*a', '!!x ', '? ', '|', '%'),
      ),
    );
    const edited = fc
      .array(cut, { maxLength: 4 })
      .map((cuts) =>
        cuts.reduce((text, [at, length, by]) => text.slice(0, at) + by + text.slice(at + length), source),
      );
    const property = fc.property(fc.oneof(edited, fc.string({ unit: 'binary' })), (text) => {
      const parsed = parse(text);
      if ('ruleSet' in parsed) return;
      expect(parsed.errors.length).toBeGreaterThan(0);
      const lines = text.split(/\r\n|\n|\r/).length;
      for (const { line, column, message, hint } of parsed.errors) {
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(lines + 1);
        expect(column).toBeGreaterThanOrEqual(1);
        expect(message.length * hint.length).toBeGreaterThan(0);
      }
    });
    fc.assert(property, { numRuns: 1_000 });
  });
});
