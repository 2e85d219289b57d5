import { addInlineColumns } from './add-inline-columns.ts';
import type { LogicalPlan, Plan } from './plan.ts';
import type { Rule, RuleContext, RuleRun } from './rewrite.ts';
import { rewrite } from './rewrite.ts';
import { aggregateBeforeLookup } from './rules/aggregate-before-lookup.ts';
import { dictionaryTestToIdSet } from './rules/dictionary-test-to-id-set.ts';
import { pruneColumns } from './rules/prune-columns.ts';
import { pushFilterBelowLookup } from './rules/push-filter-below-lookup.ts';
import { simplifyFilter } from './rules/simplify-filter.ts';

/** Before sources are chosen, in the order they are tried: what is asked, in its simplest form. */
const normalizing: readonly Rule[] = [
  simplifyFilter, // what is contradictory or always true costs nothing further
];

/** Once they are: each line says why it stands where it stands. */
const pushing: readonly Rule[] = [
  dictionaryTestToIdSet, // before pushing: a filter on ids does not need the lookup
  pushFilterBelowLookup, // before aggregating: fewer charges reach the lookup
  pruneColumns, // lookups that only served filters are gone before the next rule looks for them
  aggregateBeforeLookup, // last: it needs the final filters and lookups to estimate its gain
];

export const rules: readonly Rule[] = [...normalizing, ...pushing];

export type Rewritten = { readonly plan: LogicalPlan; readonly runs: readonly RuleRun[] };

export function normalize(plan: LogicalPlan, context: RuleContext, off: ReadonlySet<string>): Rewritten {
  return apply(addInlineColumns(plan, context.state), normalizing, context, off);
}

export function pushDown(plan: LogicalPlan, context: RuleContext, off: ReadonlySet<string>): Rewritten {
  return apply(plan, pushing, context, off);
}

function apply(plan: Plan, all: readonly Rule[], context: RuleContext, off: ReadonlySet<string>): Rewritten {
  const rewritten = rewrite(
    plan,
    all.filter((rule) => !off.has(rule.name)),
    context,
  );
  return { plan: rewritten.plan as LogicalPlan, runs: rewritten.runs }; // The driver lets no Ask in.
}
