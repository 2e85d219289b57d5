import { addInlineColumns } from './add-inline-columns.ts';
import type { LogicalPlan } from './plan.ts';
import type { Rule, RuleContext, RuleRun } from './rewrite.ts';
import { rewrite } from './rewrite.ts';
import { aggregateBeforeLookup } from './rules/aggregate-before-lookup.ts';
import { dictionaryTestToIdSet } from './rules/dictionary-test-to-id-set.ts';
import { pruneColumns } from './rules/prune-columns.ts';
import { pushFilterBelowLookup } from './rules/push-filter-below-lookup.ts';
import { simplifyFilter } from './rules/simplify-filter.ts';

/** The rules in the order they are tried; each line says why it stands where it stands. */
export const rules: readonly Rule[] = [
  simplifyFilter, // first: what is contradictory or always true costs nothing further
  dictionaryTestToIdSet, // before pushing: a filter on ids does not need the lookup
  pushFilterBelowLookup, // before aggregating: fewer charges reach the lookup
  pruneColumns, // lookups that only served filters are gone before the next rule looks for them
  aggregateBeforeLookup, // last: it needs the final filters and lookups to estimate its gain
];

export function logicalToPushed(
  plan: LogicalPlan,
  context: RuleContext,
  off: ReadonlySet<string> = new Set(),
): { plan: LogicalPlan; runs: RuleRun[] } {
  const rewritten = rewrite(
    addInlineColumns(plan, context.state),
    rules.filter((rule) => !off.has(rule.name)),
    context,
  );
  return { plan: rewritten.plan as LogicalPlan, runs: rewritten.runs }; // The driver lets no Ask in.
}
