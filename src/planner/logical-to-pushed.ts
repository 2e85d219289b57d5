import { addInlineColumns } from './add-inline-columns.ts';
import type { LogicalPlan, Plan } from './plan.ts';
import type { Rule, RuleContext, RuleRun } from './rewrite.ts';
import { rewrite } from './rewrite.ts';
import { aggregateBeforeLookup } from './rules/aggregate-before-lookup.ts';
import { dictionaryTestToIdSet } from './rules/dictionary-test-to-id-set.ts';
import { narrowScanRange } from './rules/narrow-scan-range.ts';
import { pruneColumns } from './rules/prune-columns.ts';
import { pushFilterBelowLookup } from './rules/push-filter-below-lookup.ts';
import { simplifyFilter } from './rules/simplify-filter.ts';

/** Before sources are chosen, in the order they are tried: what is asked, in its simplest form. */
const normalizing: readonly Rule[] = [
  simplifyFilter, // what is contradictory or always true costs nothing further
  narrowScanRange, // on simple tests; sources then cover what is left of the time
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

/** The runs are of all rules: those that are off say so. */
function apply(plan: Plan, all: readonly Rule[], context: RuleContext, off: ReadonlySet<string>): Rewritten {
  const on = all.filter((rule) => !off.has(rule.name));
  const rewritten = rewrite(plan, on, context);
  const runs = new Map(rewritten.runs.map((run) => [run.rule, run]));
  return {
    plan: rewritten.plan as LogicalPlan, // The driver lets no Ask in.
    runs: all.map(({ name }) => runs.get(name) ?? switchedOff(name)),
  };
}

function switchedOff(rule: string): RuleRun {
  return { rule, fired: false, reason: 'switched off', before: null, after: null };
}
