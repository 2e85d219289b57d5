import { describe, expect, it } from 'vitest';
import { tenantId } from '../../src/core/ids.ts';
import { measure } from '../../src/planner/measures.ts';
import type { Plan } from '../../src/planner/plan.ts';
import type { Rule } from '../../src/planner/rewrite.ts';
import { formatPlan } from '../../src/planner/format-plan.ts';
import { rewrite } from '../../src/planner/rewrite.ts';
import { fixedState } from '../support/fixed-state.ts';
import { aggregate, ask, filter, isIn, scan, union } from '../support/plans.ts';

const context = { state: fixedState };
const plan = filter(isIn('region_id', ['r']), scan(['region_id', 'effective_cost']));

function rule(name: string, apply: Rule['apply'], scope: Rule['scope'] = 'node'): Rule {
  return { name, because: 'a test says so', scope, apply };
}

/** Fires on Scans only. */
function onScan(name: string, change: (node: Extract<Plan, { kind: 'Scan' }>) => Plan): Rule {
  return rule(name, (node) => (node.kind === 'Scan' ? change(node) : null));
}

describe('the driver of rules', () => {
  it('returns the same object where no rule fires, and says so of each rule', () => {
    const { plan: same, runs } = rewrite(plan, [rule('idle', () => null)], context);
    expect(same).toBe(plan);
    expect(runs).toEqual([
      { rule: 'idle', fired: false, reason: 'nothing in the plan matches', before: null, after: null },
    ]);
  });

  it('shows the plan before the first and after the last firing', () => {
    const shrink = onScan('shrink', (node) =>
      node.range.to > 4 ? { ...node, range: { from: 0, to: Math.floor(node.range.to / 2) } } : node,
    );
    const start = scan(['region_id'], { range: { from: 0, to: 16 } });
    const { runs } = rewrite(start, [shrink], context);
    expect(runs[0]?.fired).toBe(true);
    expect(runs[0]?.reason).toBe('a test says so');
    expect(runs[0]?.before).toBe(start);
    expect(formatPlan(runs[0]?.after ?? start)).toContain('1970-01-01T00:00:00.004Z');
  });

  it('goes bottom-up, through every input', () => {
    const seen: string[] = [];
    const spy = rule('spy', (node) => {
      seen.push(node.kind);
      return null;
    });
    rewrite(aggregate([], [measure('count', null)], union(plan, scan(['a']))), [spy], context);
    expect(seen).toEqual(['Scan', 'Filter', 'Scan', 'Union', 'Aggregate']);
  });

  it('repeats the rules until none fires: a later rule may feed an earlier one', () => {
    const late = rule('late', (node) =>
      node.kind === 'Scan' ? { kind: 'Empty', columns: node.columns } : null,
    );
    const early = rule('early', (node) =>
      node.kind === 'Filter' && node.input.kind === 'Empty' ? node.input : null,
    );
    expect(rewrite(plan, [early, late], context).plan).toEqual({
      kind: 'Empty',
      columns: ['region_id', 'effective_cost'],
    });
  });
});

describe('distrust', () => {
  const lies: readonly (readonly [string, RegExp, Rule])[] = [
    [
      'loses a column',
      /changed the columns from region_id, effective_cost to region_id$/,
      onScan('liar', (node) => ({ ...node, columns: ['region_id'] })),
    ],
    [
      'adds a column',
      /changed the columns/,
      onScan('liar', (node) => ({ ...node, columns: [...node.columns, 'batch'] })),
    ],
    [
      'swaps columns',
      /changed the columns/,
      onScan('liar', (node) => ({ ...node, columns: node.columns.toReversed() })),
    ],
    [
      'reads another tenant',
      /liar brought in a foreign tenant/,
      onScan('liar', (node) => ({ ...node, tenant: other() })),
    ],
    [
      'reads another tenant as well',
      /liar brought in a foreign tenant/,
      onScan('liar', (node) => union(node, { ...node, tenant: other() })),
    ],
    ['asks a store', /liar asks a store/, onScan('liar', (node) => ask(node))],
  ];

  it.each(lies)('catches a rule that %s', (_, message, liar) => {
    expect(() => rewrite(plan, [liar], context)).toThrow(message);
    const whole = rule('liar', (node) => (node === plan ? liarOf(liar, plan) : null), 'plan');
    expect(() => rewrite(plan, [whole], context)).toThrow(message);
  });

  it('stops rules that undo each other', () => {
    const there = rule('there', (node) =>
      node.kind === 'Filter' && node.input.kind === 'Scan' ? union(node) : null,
    );
    const back = rule('back', (node) => (node.kind === 'Union' ? (node.inputs[0] ?? null) : null));
    expect(() => rewrite(plan, [there, back], context)).not.toThrow(); // Undone within a round: nothing changed.
    expect(() => rewrite(plan, [toggle('ASC'), toggle('DESC')], context)).toThrow(
      /do not settle in 10 rounds/,
    );
  });

  it('stops a rule that calls the same plan a new one', () => {
    const restless = onScan('restless', (node) => ({ ...node }));
    expect(() => rewrite(plan, [restless], context)).toThrow(/do not settle/);
  });

  it('lets a rule that throws fail the query', () => {
    const broken = rule('broken', () => {
      throw new Error('out of order');
    });
    expect(() => rewrite(plan, [broken], context)).toThrow('out of order');
  });
});

function other() {
  const id = tenantId('other');
  if (id === null) throw new Error('other is a tenant id');
  return id;
}

function liarOf(liar: Rule, node: Plan): Plan | null {
  return node.kind === 'Filter' ? { ...node, input: liar.apply(node.input, context) ?? node.input } : null;
}

/** Moves the range up to an even, or an odd number of milliseconds. */
function toggle(direction: 'ASC' | 'DESC'): Rule {
  return onScan(direction, (node) =>
    (node.range.to % 2 === 0) === (direction === 'ASC')
      ? { ...node, range: { ...node.range, to: node.range.to + 1 } }
      : node,
  );
}
