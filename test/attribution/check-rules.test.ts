import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { checkRules } from '../../src/attribution/check-rules.ts';
import { compileRules } from '../../src/attribution/compile-rules.ts';
import { parseRules } from '../../src/attribution/parse-rules.ts';
import type { RuleSet } from '../../src/attribution/rule-set.ts';
import { unmetConditions } from '../../src/attribution/unmet-conditions.ts';
import { attributes, columnCondition, instants, ownersCsv, ruleDocument } from './rule-documents.ts';

const CASES = Number(process.env['COSTGRAPH_FUZZ_CASES'] ?? 500);

function parsed(text: string, csv = ownersCsv): RuleSet {
  const result = parseRules(text, { lookupFile: () => csv });
  if ('ruleSet' in result) return result.ruleSet;
  throw new Error(JSON.stringify(result.errors));
}

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

/** `LINE CODE` of each finding. */
function findings(...texts: readonly string[]): string[] {
  return checkRules(parsed(rules(...texts))).map(({ line, code }) => `${line} ${code}`);
}

const a = '{ key: "tag:a", in: [x] }';
const b = '{ key: "tag:b", startsWith: y }';

describe('a rule that cannot be reached', () => {
  it.each([
    ['behind one for all', '{ value: one }', `{ value: two, when: ${a} }`],
    ['behind the same condition', `{ value: one, when: ${a} }`, `{ value: two, when: ${a} }`],
    [
      'by a part of a list',
      '{ value: one, when: { key: service_name, in: [x, y, z] } }',
      '{ value: two, when: { key: service_name, in: [z, x] } }',
    ],
    [
      'by a list that begins alike',
      '{ value: one, when: { key: service_name, startsWith: Amazon } }',
      '{ value: two, when: { key: service_name, in: [Amazon EC2] } }',
    ],
    ['by more conditions', `{ value: one, when: ${a} }`, `{ value: two, when: { all: [${b}, ${a}] } }`],
    ['by fewer alternatives', `{ value: one, when: { any: [${a}, ${b}] } }`, `{ value: two, when: ${b} }`],
    [
      'by a longer beginning',
      `{ value: one, when: ${b} }`,
      '{ value: two, when: { key: "tag:b", startsWith: yes } }',
    ],
    [
      'by being there',
      '{ value: one, when: { key: service_name, isNull: false } }',
      '{ value: two, when: { key: service_name, matches: ".*x" } }',
    ],
    [
      'by the complement',
      '{ value: one, when: { not: { key: service_name, in: [x] } } }',
      '{ value: two, when: { not: { key: service_name, in: [x, y] } } }',
    ],
    [
      'by time',
      '{ value: one, effective: [{ from: 2018-01-01 }] }',
      '{ value: two, effective: [{ from: 2019-01-01, to: 2020-01-01 }] }',
    ],
    ['by the same source', '{ valueOf: { key: service_name } }', '{ valueOf: { key: service_name } }'],
  ])('is found: %s', (_, first, second) => {
    expect(findings(first, second)).toContain('6 unreachable-rule');
  });

  it.each([
    ['a value may be missing', '{ valueOf: { key: service_name } }', '{ value: other }'],
    [
      'more is listed',
      '{ value: one, when: { key: service_name, in: [x] } }',
      '{ value: two, when: { key: service_name, in: [x, y] } }',
    ],
    [
      'a missing value',
      '{ value: one, when: { key: "tag:a", notIn: [x] } }',
      '{ value: two, when: { not: { key: "tag:a", in: [x] } } }',
    ],
    [
      'case',
      '{ value: one, when: { key: service_name, in: [x] } }',
      '{ value: two, when: { key: service_name, in: [x], ignoreCase: true } }',
    ],
    ['time', '{ value: one, effective: [{ to: 2018-01-01 }] }', '{ value: two }'],
    ['another key', `{ value: one, when: ${a} }`, `{ value: two, when: ${b} }`],
  ])('is not claimed: %s', (_, first, second) => {
    expect(findings(first, second)).not.toContain('6 unreachable-rule');
  });

  it('is found where nothing can meet it, or its dimension is not effective then', () => {
    expect(findings('{ value: one, when: { all: [{ key: service_name, in: [] }] } }')).toEqual([
      '5 unreachable-rule',
    ]);
    const text = rules('{ value: one, effective: [{ to: 2018-01-01 }] }').replace(
      'key: team',
      'key: team\n    effective: [{ from: 2019-01-01 }]',
    );
    expect(checkRules(parsed(text))).toMatchObject([{ line: 6, column: 9, code: 'unreachable-rule' }]);
  });

  it('is never one that gives a value', () => {
    const property = fc.property(
      ruleDocument,
      fc.array(attributes, { maxLength: 8 }),
      (document, charges) => {
        const ruleSet = parsed(JSON.stringify(document, null, 1));
        const unreachable = new Set(
          checkRules(ruleSet).flatMap(({ code, line }) => (code === 'unreachable-rule' ? [line] : [])),
        );
        const { evaluate } = compileRules(ruleSet);
        for (const [i, of] of charges.entries()) {
          const { rules } = evaluate((key) => of[key] ?? null, instants[i % instants.length] ?? 0);
          const lines = ruleSet.dimensions.map((dimension, i) => dimension.rules[rules[i] ?? -1]?.line ?? 0);
          expect(lines.filter((line) => unreachable.has(line))).toEqual([]);
        }
      },
    );
    fc.assert(property, { numRuns: CASES });
  });

  it('is never one whose condition is met, however alike conditions are', () => {
    const property = fc.property(
      columnCondition,
      columnCondition,
      fc.array(attributes, { maxLength: 8 }),
      (first, second, charges) => {
        const rulesOf = [
          { value: 'one', when: first },
          { value: 'two', when: { any: [second, { all: [first, second] }] } },
        ];
        const ruleSet = parsed(
          JSON.stringify({ version: 1, dimensions: [{ key: 'team', rules: rulesOf }] }, null, 1),
        );
        const isUnreachable = checkRules(ruleSet).some(
          ({ code, line }) => code === 'unreachable-rule' && line === ruleSet.dimensions[0]?.rules[1]?.line,
        );
        const { evaluate } = compileRules(ruleSet);
        const values = charges.map((of) => evaluate((key) => of[key] ?? null, 0).values[0]);
        if (isUnreachable) expect(values).not.toContain('two');
      },
    );
    fc.assert(property, { numRuns: CASES });
  });
});

describe('other findings', () => {
  it('name what two rules list', () => {
    const text = rules(
      '{ name: web, value: web, when: { key: "tag:App", in: [shop, cart] } }',
      '{ value: data, when: { any: [{ key: "tag:App", in: [lake, cart] }, { key: service_name, in: [shop] }] } }',
    );
    expect(checkRules(parsed(text))).toEqual([
      {
        line: 6,
        column: 9,
        code: 'overlap',
        message: 'The rule team#2 lists "cart", which web (line 5) takes',
        hint: 'Leave the values out of one of the two.',
        file: null,
      },
    ]);
  });

  it.each([
    ['Web-Team', 'web team', true],
    ['production', 'producton', true],
    ['team payments', 'team payment', true],
    ['team-1', 'team-2', false],
    ['customer a', 'customer b', false],
    ['2018-10', '2018-11', false],
    ['dev', 'devx', false],
    ['---', '***', false],
  ])('compare spelling: %s and %s', (first, second, isSimilar) => {
    const found = findings(`{ value: "${first}", when: ${a} }`, `{ value: "${second}", when: ${b} }`);
    expect(found).toEqual(isSimilar ? ['6 similar-values'] : []);
  });

  it('compare values of lookups and splits too, with their place', () => {
    const text = `${rules('{ value: Ordering, when: { key: service_name, in: [x] } }', '{ lookup: { name: owners, on: "tag:a", column: team } }')}
lookups: [{ name: owners, file: owners.csv }, { name: spare, file: spare.csv }]
splits:
  - { when: { all: [] }, to: [team], by: { even: [odering] } }`;
    const found = checkRules(parsed(text, 'tag:a,team\nx,ordering\n'));
    expect(found.map(({ file, line, code }) => [file, line, code])).toEqual([
      ['owners.csv', 2, 'similar-values'],
      [null, 7, 'unused-lookup'],
      [null, 9, 'similar-values'],
    ]);
  });

  it('say where not all was compared, instead of comparing for ever', () => {
    const list = Array.from({ length: 300 }, (_, i) => `v${i}`).join(', ');
    const texts = Array.from(
      { length: 250 },
      (_, i) => `{ value: t${i}, when: { not: { key: "tag:k${i % 2}", in: [${list}, w${i}] } } }`,
    );
    const started = performance.now();
    expect(findings(...texts)).toEqual(['3 not-checked']);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

describe('conditions that no data meets', () => {
  it('are asked about together, and named by their rule', async () => {
    const ruleSet = parsed(
      rules(
        '{ value: one, when: { all: [{ key: "tag:a", in: [x] }, { not: { key: service_name, startsWith: Amzon } }] } }',
        '{ value: two, when: { any: [{ key: team2, in: [y] }, { key: "tag:a", isNull: true }] } }',
      ).replace('dimensions:', 'dimensions:\n  - key: team2'),
    );
    const asked: string[] = [];
    const found = await unmetConditions(ruleSet, async (tests) => {
      asked.push(...tests.map(({ key }) => key));
      return tests.map(({ key }) => (key === 'service_name' ? 0 : 7));
    });
    expect(asked).toEqual(['tag:a', 'service_name']);
    expect(found).toMatchObject([
      {
        line: 6,
        code: 'unmet-condition',
        message: 'No charge meets the test of service_name (startsWith "Amzon") in team#1',
      },
    ]);
  });
});
