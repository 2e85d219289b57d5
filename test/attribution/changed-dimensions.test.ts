import { describe, expect, it } from 'vitest';

import { changedDimensions } from '../../src/attribution/changed-dimensions.ts';
import { parseRules } from '../../src/attribution/parse-rules.ts';
import type { RuleSet } from '../../src/attribution/rule-set.ts';

const DIMENSIONS = `version: 1
dimensions:
  - key: team
    rules:
      - { valueOf: { key: environment } }
      - { lookup: { name: owners, on: [sub_account_id], column: team } }
  - { key: environment, rules: [{ valueOf: { key: "tag:env" } }] }
  - { key: plan, rules: [{ value: free, when: { key: service_name, in: [S3] } }] }
lookups: [{ name: owners, file: owners.csv }]
`;
const SPLITS = `${DIMENSIONS}splits:
  - { when: { key: environment, in: [shared] }, to: [customer], by: { even: [a, b] } }
  - { when: { key: customer, in: [b] }, to: [feature], by: { even: [x, y] } }
`;

function rules(source: string, owners = 'sub_account_id,team\n1,web\n'): RuleSet {
  const parsed = parseRules(source, { lookupFile: () => owners });
  if ('ruleSet' in parsed) return parsed.ruleSet;
  throw new Error(parsed.errors[0]?.message);
}

describe('the dimensions that other rules change', () => {
  const base = rules(SPLITS);

  it('are none where only the layout of the file is another', () => {
    expect(changedDimensions(base, rules(`# edited\n\n${SPLITS}`))).toEqual([]);
  });

  it('are all of the first rules', () => {
    expect(changedDimensions(null, rules(DIMENSIONS))).toEqual(['environment', 'team', 'plan']);
  });

  it('are those whose rules or lookups differ, and what looks at them, splits too', () => {
    expect(changedDimensions(base, rules(SPLITS.replace('free', 'paid')))).toEqual(['plan']);
    expect(changedDimensions(base, rules(SPLITS, 'sub_account_id,team\n1,data\n'))).toEqual(['team']);
    expect(changedDimensions(base, rules(SPLITS.replace('tag:env', 'tag:environment')))).toEqual([
      'environment',
      'team',
      'customer',
      'feature',
    ]);
  });

  it('are what splits share out to, from the first that differs, and what is there no more', () => {
    expect(changedDimensions(base, rules(SPLITS.replace('[x, y]', '[x, z]')))).toEqual(['feature']);
    expect(changedDimensions(base, rules(SPLITS.replace('[a, b]', '[a, c]')))).toEqual([
      'customer',
      'feature',
    ]);
    expect(changedDimensions(base, rules(DIMENSIONS))).toEqual(['customer', 'feature']);
    expect(changedDimensions(rules(DIMENSIONS), base)).toEqual(['customer', 'feature']);
  });
});
