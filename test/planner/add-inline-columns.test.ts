import { describe, expect, it } from 'vitest';
import { everyFile, indexFiles } from '../../src/catalog/file-index.ts';
import type { LakeFile } from '../../src/catalog/lake-file.ts';
import type { TenantState } from '../../src/catalog/tenant-state.ts';
import { addInlineColumns } from '../../src/planner/add-inline-columns.ts';
import { fingerprintOf } from '../../src/planner/explain-plan.ts';
import { formatPlan } from '../../src/planner/format-plan.ts';
import { measure } from '../../src/planner/measures.ts';
import type { Plan } from '../../src/planner/plan.ts';
import { outputColumns } from '../../src/planner/plan-tree.ts';
import { planQuery } from '../../src/planner/plan-query.ts';
import { dedent } from '../support/dedent.ts';
import { chargeFile, duckdbOffer, fixedBatch, fixedState } from '../support/fixed-state.ts';
import { aggregate, scan } from '../support/plans.ts';
import { question } from '../support/questions.ts';

const OCTOBER = { from: Date.parse('2018-10-01T00:00Z'), to: Date.parse('2018-11-01T00:00Z') };
const october = fixedBatch('b-october', '2018-10');
const november = fixedBatch('b-november', '2018-11');
const superseded = fixedBatch('b-october-old', '2018-10');

/** The fixed state with one more file, over budget. */
function withFile(file: LakeFile): TenantState {
  const { charges } = fixedState.tables;
  const files = indexFiles('charges', [...everyFile(charges.files), file]);
  return { ...fixedState, tables: { ...fixedState.tables, charges: { ...charges, files } } };
}
const overBudget = (batch: typeof october, inline: readonly string[], nulls = {}): LakeFile => {
  const from = batch === november ? '2018-11-10T00:00Z' : '2018-10-10T00:00Z';
  return chargeFile(batch, 'inline', from, from, { inline, nulls });
};
const charges = scan(['resource_key', 'tag_set'], { range: OCTOBER });
const added = (plan: Plan, state: TenantState) => outputColumns(addInlineColumns(plan, state)).slice(2);

describe('inline columns', () => {
  it('are read where a file of the time holds values in them', () => {
    const state = withFile(overBudget(october, ['inline_resource_id', 'inline_tags']));
    expect(added(charges, state)).toEqual(['inline_resource_id', 'inline_tags']);
  });

  it('are not read for files of batches that the scan leaves out', () => {
    const state = withFile(overBudget(october, ['inline_tags']));
    expect(added({ ...charges, batches: ['b-november'] }, state)).toEqual([]);
    expect(added({ ...charges, batches: ['b-october'] }, state)).toEqual(['inline_tags']);
  });

  it.each([
    ['within the budgets', fixedState],
    ['of another time', withFile(overBudget(november, ['inline_tags']))],
    ['of superseded batches', withFile(overBudget(superseded, ['inline_tags']))],
    ['with nothing but nulls', withFile(overBudget(october, ['inline_tags'], { inline_tags: 30_000 }))],
  ])('are not read for files %s: the plan is the same object', (_, state) => {
    const plan = aggregate([], [measure('count', null)], charges);
    expect(addInlineColumns(plan, state)).toBe(plan);
  });

  it('go through the whole plan, and keep its fingerprint', () => {
    const state = withFile(
      overBudget(october, ['inline_resource_id', 'inline_resource_name', 'inline_tags']),
    );
    const asked = question({
      groupBy: ['resource_id'],
      filter: { dimension: { key: 'tag:CostCenter', in: ['a'] } },
    });
    const plan = planQuery(asked, state, [duckdbOffer]);
    const [rows] = plan.parts;
    expect(rows && formatPlan(rows.plan)).toBe(dedent`
      Page 100 from 0 by resource_id
        Ask duckdb
          Aggregate final by (resource_id): count, sum(effective_cost)
            Lookup resources (resource_id), or inline
              Aggregate partial by (resource_key, inline_resource_id): count, sum(effective_cost)
                Filter tag_set of tags where tag:CostCenter in ("a"), or inline
                  Scan charges charge_period_start [2018-10-01T00:00Z, 2018-11-01T00:00Z) 3/5 files, time proven (resource_key, tag_set, charge_period_start, effective_cost, inline_resource_id, inline_tags)
    `);
    expect(fingerprintOf(plan)).toBe(fingerprintOf(planQuery(asked, fixedState, [duckdbOffer])));
  });
});
