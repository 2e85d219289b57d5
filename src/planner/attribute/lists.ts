import type { TenantState } from '../../catalog/tenant-state.ts';
import { isValid } from '../../attribution/rule-set.ts';
import type { CaseValue, List, Plan } from '../plan.ts';
import { listKey } from '../plan.ts';
import { children } from '../plan-tree.ts';

/** The lists that a fragment's Attributes look into, as far as they are valid and have what is looked for. */
export function listsOf(fragment: Plan, state: TenantState): ReadonlyMap<string, List> {
  const lists = new Map<string, List>();
  for (const value of lookupsIn(fragment)) {
    const key = listKey(value);
    if (!lists.has(key)) lists.set(key, listOf(value, state));
  }
  return lists;
}

type ListLookup = Extract<CaseValue, { kind: 'lookup' }>;

function lookupsIn(plan: Plan): ListLookup[] {
  const own =
    plan.kind === 'Attribute'
      ? plan.dimensions.flatMap(({ cases }) =>
          cases.flatMap(({ value }) => (value.kind === 'lookup' ? [value] : [])),
        )
      : [];
  return [...own, ...children(plan).flatMap(lookupsIn)];
}

function listOf({ name, on, column, at }: ListLookup, { rules }: TenantState): List {
  const lookup = rules?.ruleSet.lookups.find((each) => each.name === name);
  if (lookup === undefined) throw new Error(`the rules look into ${name}, which they lack`);
  const places = on.map((key) => lookup.columns.indexOf(key));
  const valuePlace = lookup.columns.indexOf(column);
  const rows = lookup.rows.flatMap(({ cells, effective }) => {
    const value = cells[valuePlace] ?? null;
    const texts = places.flatMap((place) => cells[place] ?? []);
    return value === null || texts.length < on.length || !isValid(effective, at)
      ? []
      : [{ on: texts, value }];
  });
  return { rows };
}
