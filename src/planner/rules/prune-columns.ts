import { placeOf } from '../../catalog/dimensions.ts';
import { unitColumnOf } from '../measures.ts';
import type { Measure } from '../measures.ts';
import type { ColumnName, Plan } from '../plan.ts';
import { TIME } from '../plan.ts';
import { mapChildren } from '../plan-tree.ts';
import type { Rule } from '../rewrite.ts';
import type { Predicate } from '../predicate.ts';
import { members, rowColumnsOf, testedKeys } from '../predicate.ts';

/**
 *     Aggregate by (region_id): sum(billed_cost)          Aggregate by (region_id): sum(billed_cost)
 *       Lookup tags (tag:Team)                       =>     Scan (charge_period_start, region_id, billed_cost)
 *         Scan (all columns)
 *
 * Columns that nothing above looks at are not read; a Lookup that adds none is gone.
 */
export const pruneColumns: Rule = {
  name: 'prune-columns',
  because: 'what nothing looks at need not be read',
  scope: 'plan',

  apply(plan) {
    const pruned = prune(plan, null);
    return pruned === plan ? null : pruned;
  },
};

/** `needed`: null above the Aggregates, where all columns are the answer's. */
function prune(plan: Plan, needed: ReadonlySet<ColumnName> | null): Plan {
  if (needed === null && plan.kind !== 'Aggregate') return mapChildren(plan, (child) => prune(child, null));
  switch (plan.kind) {
    case 'Aggregate':
      return mapChildren(plan, (child) => prune(child, aggregateNeeds(plan.groupBy, plan.measures)));
    case 'Union': // Of Aggregates: each knows what it needs.
      return mapChildren(plan, (child) => prune(child, needed));
    case 'Filter':
      return mapChildren(plan, (child) => prune(child, union(needed, predicateNeeds(plan.predicate))));
    case 'Bucket': {
      const span = plan.timing === 'PRORATED' ? ['charge_period_start', 'charge_period_end'] : [plan.axis];
      return mapChildren(plan, (child) => prune(child, union(needed, span)));
    }
    case 'Lookup': {
      const columns = plan.columns.filter((column) => needed?.has(column));
      if (columns.length === 0) return prune(plan.input, needed);
      const input = prune(plan.input, union(needed, rowColumnsOf(plan.dictionary, columns)));
      return columns.length === plan.columns.length && input === plan.input
        ? plan
        : { ...plan, columns, input };
    }
    case 'Attribute': // Over groups, which know what they need.
    case 'Allocate':
    case 'Rebucket':
      return mapChildren(plan, (child) => prune(child, null));
    case 'Scan': {
      const span = plan.within === 'overlap' ? ['charge_period_start', 'charge_period_end'] : [plan.axis];
      const read = union(needed, span);
      const columns = plan.columns.filter((column) => read.has(column));
      return columns.length === plan.columns.length ? plan : { ...plan, columns };
    }
    default:
      return plan;
  }
}

function union(needed: ReadonlySet<ColumnName> | null, more: Iterable<ColumnName>): Set<ColumnName> {
  return new Set([...(needed ?? []), ...more]);
}

function aggregateNeeds(groupBy: readonly ColumnName[], measures: readonly Measure[]): Set<ColumnName> {
  const needed = new Set(groupBy.filter((column) => column !== TIME));
  for (const { name, fn, column, where } of measures) {
    needed.add(name); // A final step reads what its partials named.
    if (column !== null) needed.add(column);
    if ((fn === 'unit-min' || fn === 'unit-max') && column !== null)
      needed.add(unitColumnOf[column] ?? column);
    for (const tested of predicateNeeds(where)) needed.add(tested);
  }
  return needed;
}

function predicateNeeds(predicate: Predicate): ColumnName[] {
  const ids = members(predicate).flatMap(({ dictionary, test }) => rowColumnsOf(dictionary, [test.key]));
  return [...testedKeys(predicate).map(columnOf), ...ids];
}

/** The column that holds a dimension: the same name for all but the source's own. */
function columnOf(key: string): ColumnName {
  const place = placeOf(key);
  return place.kind === 'row' || place.kind === 'time' ? place.column : key;
}
