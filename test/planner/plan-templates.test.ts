import { describe, expect, it } from 'vitest';
import { parseRules } from '../../src/attribution/parse-rules.ts';
import type { CostQuery } from '../../src/planner/cost-query.ts';
import { unfilteredFiles } from '../../src/planner/choose-files.ts';
import { defaultPlanOptions, planQuery } from '../../src/planner/plan-query.ts';
import type { PlanTemplates } from '../../src/planner/plan-templates.ts';
import { SCANNED_FILES_MAX, planTemplates } from '../../src/planner/plan-templates.ts';
import { scansOf } from '../../src/planner/plan-tree.ts';
import { duckdbOffer, fixedState, rolledUpState } from '../support/fixed-state.ts';
import { scan } from '../support/plans.ts';
import { question } from '../support/questions.ts';
import { withRules } from '../support/rule-arbitraries.ts';

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

describe('plans of a known shape about dimensions of rules', () => {
  const read = parseRules(
    `{ version: 1,
       dimensions: [{ key: team, rules: [{ coalesce: ['tag:Team'] }, { valueOf: { key: service_name, normalize: [lower] } }] }],
       splits: [{ name: all, when: { all: [] }, to: [customer], by: { cost: { of: team, grain: day } } }] }`,
    { lookupFile: () => null },
  );
  if ('errors' in read) throw new Error(JSON.stringify(read.errors));
  const ruled = withRules(rolledUpState, read.ruleSet);
  const october = { from: '2018-10-01T00:00:00Z', to: '2018-11-01T00:00:00Z' };
  const asked = (query: Partial<CostQuery>) => question({ period: october, ...query }, {}, ruled);
  const planned = (query: Partial<CostQuery>, templates: PlanTemplates | null = null) =>
    planQuery(asked(query), ruled, [duckdbOffer], { ...defaultPlanOptions, templates });

  it.each(['team', 'customer'])('have the values of their own: %s', (key) => {
    const templates = planTemplates(() => 0);
    const one = (value: string): Partial<CostQuery> => ({
      groupBy: [key],
      filter: { dimension: { key, in: [value] } },
    });
    planned(one('web'), templates);
    const known = planned(one('shop'), templates);
    expect(known.isCached).toBe(true);
    expect(known.parts).toEqual(planned(one('shop')).parts);
  });

  it.each(['team', 'customer'])('have the days of their own time zone: %s', (key) => {
    const templates = planTemplates(() => 0);
    const days = (timeZone: string): Partial<CostQuery> => ({ granularity: 'DAY', timeZone, groupBy: [key] });
    planned(days('UTC'), templates);
    expect(planned(days('Europe/Berlin'), templates).parts).toEqual(planned(days('Europe/Berlin')).parts);
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
