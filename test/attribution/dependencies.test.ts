import { describe, expect, it } from 'vitest';

import { allEdges, edgesOf, evaluationOrder, inputsOf } from '../../src/attribution/dependencies.ts';
import { parseRules } from '../../src/attribution/parse-rules.ts';
import { formatInstant } from '../../src/core/time-range.ts';
import { dedent } from '../support/dedent.ts';

const text = dedent`
  version: 1
  dimensions:
    - key: customer
      rules:
        - { coalesce: [team, "tag:Customer"], effective: [{ to: 2019-01-01 }] }
    - key: team
      effective: [{ from: 2018-01-01 }]
      rules:
        - { lookup: { name: owners, on: sub_account_id, column: team } }
        - { value: web, when: { not: { key: environment, in: [test] } } }
    - key: environment
      rules:
        - { valueOf: { key: "tag:Env" }, effective: [{ from: 2018-06-01, to: 2018-07-01 }] }
    - key: free
      rules: [{ value: x }]
  lookups: [{ name: owners, file: owners.csv }]
`;
const csv = 'sub_account_id,team,valid_from,valid_to\n1,a,,2018-03-01\n1,b,2018-03-01,2019-01-01\n';
const parsed = parseRules(text, { lookupFile: () => csv });
if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors));
const { ruleSet } = parsed;

describe('what dimensions depend on', () => {
  it('comes before them, else in the order of the file', () => {
    expect(evaluationOrder(ruleSet).map(({ key }) => key)).toEqual([
      'environment',
      'team',
      'customer',
      'free',
    ]);
  });

  it('is columns and tags in the end', () => {
    expect(new Set(inputsOf(ruleSet, 'customer'))).toEqual(
      new Set(['tag:Customer', 'sub_account_id', 'tag:Env']),
    );
    expect(inputsOf(ruleSet, 'environment')).toEqual(['tag:Env']);
    expect(inputsOf(ruleSet, 'free')).toEqual([]);
    expect(inputsOf(ruleSet, 'no such')).toEqual([]);
  });

  it('changes at the edges of all that they use', () => {
    const edges = (key: string) => edgesOf(ruleSet, key).map((at) => formatInstant(at).slice(0, 10));
    expect(edges('environment')).toEqual(['2018-06-01', '2018-07-01']);
    expect(edges('team')).toEqual(['2018-01-01', '2018-03-01', '2018-06-01', '2018-07-01', '2019-01-01']);
    expect(edges('customer')).toEqual(edges('team'));
    expect(edges('free')).toEqual([]);
    expect(allEdges(ruleSet)).toEqual(edgesOf(ruleSet, 'customer'));
  });
});
