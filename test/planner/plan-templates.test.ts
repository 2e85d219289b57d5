import { describe, expect, it } from 'vitest';
import type { CostQuery } from '../../src/planner/cost-query.ts';
import { unfilteredFiles } from '../../src/planner/choose-files.ts';
import { defaultPlanOptions, planQuery } from '../../src/planner/plan-query.ts';
import { SCANNED_FILES_MAX, planTemplates } from '../../src/planner/plan-templates.ts';
import { scansOf } from '../../src/planner/plan-tree.ts';
import { duckdbOffer, fixedState, rolledUpState } from '../support/fixed-state.ts';
import { scan } from '../support/plans.ts';
import { question } from '../support/questions.ts';

const planner = (templates = planTemplates(() => 0)) => {
  return (query: Partial<CostQuery>) =>
    planQuery(question(query), rolledUpState, [duckdbOffer], { ...defaultPlanOptions, templates });
};
const service = (...names: readonly string[]): Partial<CostQuery> => ({
  period: { from: '2018-10-01T00:00:00Z', to: '2018-12-01T00:00:00Z' },
  groupBy: ['service_name'],
  filter: { dimension: { key: 'service_name', in: names } },
});

describe('plans of a known shape', () => {
  it('are those of a planner that knows nothing, with their own values', () => {
    const plan = planner();
    plan(service('AWS Budgets'));
    for (const names of [['Amazon Glacier'], ['Zoo'], ['AWS Budgets', 'Zoo'], ['AWS Budgets']]) {
      const known = plan(service(...names));
      expect(known.isCached).toBe(true);
      expect(known.parts).toEqual(planner()(service(...names)).parts);
    }
  });

  it('hold the very Scans of earlier ones where values exclude no file of their time', () => {
    const plan = planner();
    const scansFor = (region: string) => {
      const filter = { dimension: { key: 'region_id', in: [region] } };
      return plan({ ...service(), filter }).parts.flatMap((part) => scansOf(part.plan));
    };
    const [first, second] = [scansFor('eu-west-1'), scansFor('us-east-1')];
    expect(first.length).toBeGreaterThan(0);
    expect(second.every((each, i) => each === first[i])).toBe(true);
  });

  it('say what was weighed only when they are made anew', () => {
    const plan = planner();
    expect(plan(service('Amazon Glacier')).candidates().length).toBeGreaterThan(0);
    expect(plan(service('AWS Budgets')).candidates()).toEqual([]);
  });
});

describe('files of a time', () => {
  const october = { from: Date.parse('2018-10-01T00:00Z'), to: Date.parse('2018-11-01T00:00Z') };
  const found = unfilteredFiles(fixedState)(scan([], { range: october }));

  it('are remembered for a Scan until there are too many of all', () => {
    let looks = 0;
    const filesOf = planTemplates(() => 0).remembering(() => {
      looks += 1;
      return { ...found, count: SCANNED_FILES_MAX / 2 - 1 };
    });
    const [first, second, third] = [scan([]), scan([]), scan([])];
    for (const each of [first, second, first, second]) filesOf(each);
    expect(looks).toBe(2);
    filesOf(third);
    filesOf(second);
    expect(looks).toBe(3);
    filesOf(first);
    expect(looks).toBe(4);
  });

  it('are not remembered where one Scan has too many', () => {
    let looks = 0;
    const filesOf = planTemplates(() => 0).remembering(() => {
      looks += 1;
      return { ...found, count: SCANNED_FILES_MAX };
    });
    const one = scan([]);
    filesOf(one);
    filesOf(one);
    expect(looks).toBe(2);
  });
});
