import { inlineColumns } from '../catalog/charge-columns.ts';
import { mayHoldValues } from '../catalog/lake-file.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import { inlineHolders } from './files-in-time.ts';
import type { Plan, Scan } from './plan.ts';
import { mapChildren } from './plan-tree.ts';

const inlineNames = inlineColumns.map(({ name }) => name);

/**
 * Lets every Scan read the inline columns that files of its batches and its time hold values in. Where none does, as of all
 * tenants within their dictionaries' budgets, the plan stays as it is.
 */
export function addInlineColumns(plan: Plan, state: TenantState): Plan {
  if (plan.kind !== 'Scan') return mapChildren(plan, (child) => addInlineColumns(child, state));
  const added = columnsHeld(plan, state);
  return added.length === 0 ? plan : { ...plan, columns: [...plan.columns, ...added] };
}

function columnsHeld(scan: Scan, state: TenantState): string[] {
  const read = inlineHolders(scan, state);
  return inlineNames.filter((name) => read.some((file) => mayHoldValues(file, name)));
}
