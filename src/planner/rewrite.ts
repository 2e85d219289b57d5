import type { TenantState } from '../catalog/tenant-state.ts';
import type { Plan } from './plan.ts';
import { children, mapChildren, outputColumns, someNode } from './plan-tree.ts';

/** What a rule may look at besides the plan: statistics, never a store or a clock. */
export type RuleContext = { readonly state: TenantState };

/**
 * A rewrite that never changes an answer. `node` rules look at one node and its children; `plan` rules at the
 * whole tree. Null when there is nothing to do.
 */
export type Rule = {
  readonly name: string;
  readonly because: string;
  readonly scope: 'node' | 'plan';
  readonly apply: (plan: Plan, context: RuleContext) => Plan | null;
};

/** Whether a rule did anything, and the plan before its first and after its last firing. */
export type RuleRun = {
  readonly rule: string;
  readonly fired: boolean;
  readonly reason: string;
  readonly before: Plan | null;
  readonly after: Plan | null;
};

/** Rules feed each other; a plan that still changes after this many rounds has two rules that undo each other. */
const ROUNDS_MAX = 10;

/**
 * Applies each rule of the list, in order, until none fires. The driver distrusts rules: after each firing the
 * output columns must be what they were, no Scan may be of another tenant, and nothing may be asked of a store yet.
 *
 * @throws Error when a rule breaks this, or when rules undo each other
 */
export function rewrite(
  plan: Plan,
  rules: readonly Rule[],
  context: RuleContext,
): { plan: Plan; runs: RuleRun[] } {
  const runs = new Map(rules.map((rule): [string, RuleRun] => [rule.name, notFired(rule)]));
  let current = plan;
  for (let round = 0; ; round++) {
    if (round === ROUNDS_MAX) throw new Error(`rules do not settle in ${ROUNDS_MAX} rounds`);
    const start = current;
    for (const rule of rules) {
      const next =
        rule.scope === 'plan' ? (rule.apply(current, context) ?? current) : walk(current, rule, context);
      if (next === current) continue;
      verify(rule, current, next);
      const before = runs.get(rule.name)?.before ?? current;
      runs.set(rule.name, { rule: rule.name, fired: true, reason: rule.because, before, after: next });
      current = next;
    }
    if (current === start) return { plan: current, runs: [...runs.values()] };
  }
}

function notFired(rule: Rule): RuleRun {
  return { rule: rule.name, fired: false, reason: 'nothing in the plan matches', before: null, after: null };
}

function walk(plan: Plan, rule: Rule, context: RuleContext): Plan {
  const below = mapChildren(plan, (child) => walk(child, rule, context));
  return rule.apply(below, context) ?? below;
}

function verify(rule: Rule, was: Plan, is: Plan): void {
  const columns = (plan: Plan): string => outputColumns(plan).join(', ');
  if (columns(was) !== columns(is)) {
    throw new Error(`rule ${rule.name} changed the columns from ${columns(was)} to ${columns(is)}`);
  }
  if (someNode(is, (node) => node.kind === 'Ask')) throw new Error(`rule ${rule.name} asks a store`);
  const before = tenants(was);
  for (const tenant of tenants(is)) {
    if (!before.has(tenant)) throw new Error(`rule ${rule.name} brought in a foreign tenant`);
  }
}

function tenants(plan: Plan): Set<string> {
  if (plan.kind === 'Scan') return new Set([plan.tenant]);
  return new Set(children(plan).flatMap((child) => [...tenants(child)]));
}
