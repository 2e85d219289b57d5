import { describe, expect, it } from 'vitest';

import { estimateValues } from '../../src/attribution/estimate-values.ts';
import { parseRules } from '../../src/attribution/parse-rules.ts';

const RULES = `version: 1
lookups: [{ name: owners, file: owners.csv }]
dimensions:
  - key: team
    rules:
      - { value: web, when: { key: service_name, in: [A] } }
      - { value: data, when: { key: service_name, in: [B] } }
      - { value: web, when: { key: service_name, in: [C] } }
    otherwise: nobody
  - key: owner
    rules: [{ lookup: { name: owners, on: [sub_account_id], column: owner } }]
  - key: feature
    rules: [{ coalesce: [team, "tag:Feature"] }, { valueOf: { key: region_id } }]
splits:
  - { when: { all: [] }, to: [team], by: { even: [web, ops] }, noDriver: [value: rest] }
  - { when: { all: [] }, to: [owner], by: { cost: { of: cost_center, grain: day } } }
  - { when: { all: [] }, to: [cost_center], by: { cost: { of: owner, grain: day } } }
  - { when: { all: [] }, to: [customer], by: { telemetry: work, grain: hour } }
`;

describe('the number of values of a rule dimension', () => {
  const parsed = parseRules(RULES, {
    lookupFile: () => 'sub_account_id,owner\n1,ada\n2,bob\n3,ada\n4,\n',
  });
  if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors));
  const keys: Readonly<Record<string, number>> = { 'tag:Feature': 7, region_id: 10 };
  const known = { ofKey: (key: string) => keys[key] ?? 0, ofStream: () => 20 };

  it.each([
    ['constants of rules and splits, each once', 'team', 5],
    ['cells of a lookup', 'owner', 2],
    ['those of the inputs, dimensions among them', 'feature', 5 + 7 + 10],
    ['what a split shares by, also in a circle', 'cost_center', 2],
    ['keys of driver data', 'customer', 20],
  ])('is estimated by %s', (_, key, count) => {
    expect(estimateValues(parsed.ruleSet, key, known)).toBe(count);
  });
});
