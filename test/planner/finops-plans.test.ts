import { describe, expect, it } from 'vitest';
import { formatPlan } from '../../src/planner/format-plan.ts';
import { formatRange } from '../../src/planner/plan.ts';
import { planQuery } from '../../src/planner/plan-query.ts';
import { duckdbOffer, rolledUpState } from '../support/fixed-state.ts';
import { question } from '../support/questions.ts';
import { finopsQuestions } from './finops-questions.ts';

/** Plans of what people ask, over charges and rollups: sources and shape only. Read the difference before accepting it. */
describe('plans of FinOps questions', () => {
  it('are forty', () => expect(Object.keys(finopsQuestions)).toHaveLength(40));

  it.each(Object.entries(finopsQuestions))('%s', async (name, query) => {
    const { parts, candidates } = planQuery(question(query), rolledUpState, [duckdbOffer]);
    const plans = parts.map((part) => `${part.name}:\n${formatPlan(part.plan, 1)}`);
    const ways = candidates().map(
      (each) => `${each.chosen ? '*' : '-'} ${formatRange(each)} ${each.source}: ${each.reason}`,
    );
    const text = [...plans, '-- candidates', ...ways, ''].join('\n');
    await expect(text).toMatchFileSnapshot(`plans/finops/${name}.plan.txt`);
  });
});
