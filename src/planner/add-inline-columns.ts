import { inlineColumns } from '../catalog/charge-columns.ts';
import type { LakeFile, TenantState } from '../catalog/tenant-state.ts';
import { isOutside } from './choose-files.ts';
import { nullsOf } from './match-file.ts';
import type { Plan, Scan } from './plan.ts';
import { mapChildren } from './plan.ts';
import { scannedBatches } from './scanned-batches.ts';

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
  const holding = state.tables.charges.files.filter((file) =>
    inlineNames.some((name) => hasValues(file, name)),
  );
  if (holding.length === 0) return [];
  const scanned = new Set<unknown>(scannedBatches(scan, state).map(({ id }) => id));
  const read = holding.filter((file) => scanned.has(file.partition['batch']) && !isOutside(scan, file));
  return inlineNames.filter((name) => read.some((file) => hasValues(file, name)));
}

function hasValues(file: LakeFile, column: string): boolean {
  return nullsOf(file, column) !== file.records;
}
