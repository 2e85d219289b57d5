import { describe, expect, it } from 'vitest';
import { chargeColumns, inlineColumns } from '../../../src/catalog/charge-columns.ts';
import { formatPlan } from '../../../src/planner/format-plan.ts';
import { measure, measuresOf } from '../../../src/planner/measures.ts';
import type { Plan, Scan } from '../../../src/planner/plan.ts';
import { TIME } from '../../../src/planner/plan.ts';
import { children } from '../../../src/planner/plan-tree.ts';
import { pruneColumns } from '../../../src/planner/rules/prune-columns.ts';
import { applyRule } from '../../support/apply-rule.ts';
import { dedent } from '../../support/dedent.ts';
import { aggregate, bucket, compare, filter, isIn, lookup, page, scan } from '../../support/plans.ts';

const everything = chargeColumns.map((column) => column.name);
const count = measure('count', null);
const sum = measure('sum', 'effective_cost');

function readBy(plan: Plan): readonly string[] {
  const pruned = applyRule(pruneColumns, plan);
  const scans = (node: Plan): Scan[] => (node.kind === 'Scan' ? [node] : children(node).flatMap(scans));
  return scans(pruned).flatMap((node) => node.columns);
}

describe('prune-columns', () => {
  it('reads what groups, sums and filters look at, and looks up only what is used', () => {
    const looked = lookup(
      'tags',
      ['tag:Team', 'tag:Other'],
      lookup('resources', ['resource_id'], scan(everything)),
    );
    const plan = aggregate(['tag:Team'], [count, sum], filter(isIn('region_id', ['r']), looked));
    expect(formatPlan(applyRule(pruneColumns, plan))).toBe(dedent`
      Aggregate single by (tag:Team): count, sum(effective_cost)
        Filter region_id in ("r")
          Lookup tags (tag:Team)
            Scan charges charge_period_start [1970-01-01T00:00Z, 2200-01-01T00:00Z) (tag_set, charge_period_start, effective_cost, region_id)
    `);
  });

  it('keeps the id that a set of ids is asked of, without its lookup', () => {
    const member = { kind: 'member', dictionary: 'resources', test: isIn('resource_id', ['r']) } as const;
    const plan = aggregate(
      [],
      [count],
      filter(member, lookup('resources', ['resource_id'], scan(everything))),
    );
    expect(formatPlan(applyRule(pruneColumns, plan))).toBe(dedent`
      Aggregate single by (): count
        Filter resource_key of resources where resource_id in ("r")
          Scan charges charge_period_start [1970-01-01T00:00Z, 2200-01-01T00:00Z) (resource_key, charge_period_start)
    `);
  });

  it('keeps what charges carry inline of the dimensions that are looked up or asked of', () => {
    const member = { kind: 'member', dictionary: 'tags', test: isIn('tag:Team', ['a']) } as const;
    const columns = [...everything, ...inlineColumns.map(({ name }) => name)];
    const looked = lookup('resources', ['resource_id', 'resource_type'], scan(columns));
    const read = (plan: Plan) => readBy(plan).filter((column) => column.startsWith('inline_'));
    expect(read(aggregate(['resource_type'], [count], looked))).toEqual(['inline_resource_type']);
    expect(read(aggregate([], [count], filter(member, looked)))).toEqual(['inline_tags']);
    expect(read(aggregate([], [count], looked))).toEqual([]);
  });

  it('reads the unit beside a quantity', () => {
    const plan = aggregate([], measuresOf('CONSUMED_QUANTITY'), scan(everything));
    expect(readBy(plan)).toEqual(['charge_period_start', 'consumed_quantity', 'consumed_unit']);
  });

  it('reads the columns of conditions', () => {
    const plan = aggregate(
      [],
      [measure('sum', 'billed_cost', isIn('charge_category', ['Tax']))],
      scan(everything),
    );
    expect(readBy(plan)).toEqual(['charge_period_start', 'billed_cost', 'charge_category']);
  });

  it('reads the whole span of a charge to spread it', () => {
    const plan = aggregate(
      [TIME],
      [count],
      bucket(scan(everything, { within: 'overlap' }), { timing: 'PRORATED' }),
    );
    expect(readBy(plan)).toEqual(['charge_period_start', 'charge_period_end']);
  });

  it('reads the axis that the range is of', () => {
    const billed = scan(everything, { axis: 'billing_period_start' });
    expect(readBy(aggregate([], [count], billed))).toEqual(['billing_period_start']);
  });

  it('prunes both periods of a comparison, below what the answer shows', () => {
    const side = aggregate(['region_id'], [count], scan(everything));
    const compared = compare(['region_id'], [count], side, side);
    expect(readBy(page(compared, { sort: [], measures: [count] }))).toEqual([
      'charge_period_start',
      'region_id',
      'charge_period_start',
      'region_id',
    ]);
  });

  it('keeps what partials named', () => {
    const partial = aggregate(
      ['tag_set'],
      [count, sum],
      scan(['charge_period_start', 'tag_set', 'effective_cost']),
      'partial',
    );
    const plan = aggregate(['tag:Team'], [count, sum], lookup('tags', ['tag:Team'], partial), 'final');
    expect(applyRule(pruneColumns, plan)).toBe(plan);
  });

  it('does not fire where all is needed', () => {
    const plan = aggregate(['region_id'], [count], scan(['charge_period_start', 'region_id']));
    expect(applyRule(pruneColumns, plan)).toBe(plan);
  });

  it('does not fire on rows that are the answer themselves', () => {
    const plan = filter(isIn('region_id', ['r']), scan(everything));
    expect(applyRule(pruneColumns, plan)).toBe(plan);
  });
});
