import { inlineColumns } from '../catalog/charge-columns.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import { overlaps } from '../core/time-range.ts';
import { unreachable } from '../core/unreachable.ts';
import type { ColumnName, Plan } from './plan.ts';
import { TIME } from './plan.ts';
import type { Predicate, Test } from './predicate.ts';
import { rollupParts } from './rollup-parts.ts';
import { scannedBatches } from './scanned-batches.ts';

/** Assumed where statistics say nothing: a third, as in System R. */
const UNKNOWN_SELECTIVITY = 1 / 3;
const UNKNOWN_DISTINCT = 1_000;
/** Part of a hash key's values that repeat: groups of several columns are fewer than the product. */
const CORRELATION = 0.7;
const isInline: ReadonlySet<string> = new Set(inlineColumns.map(({ name }) => name));

/** Rows out of a node, estimated from counts and statistics of the catalogue. Never below 0. */
export function estimateRows(plan: Plan, state: TenantState): number {
  switch (plan.kind) {
    case 'Scan':
      return scanRows(plan, state);
    case 'Empty':
      return 0;
    case 'Filter':
      return estimateRows(plan.input, state) * selectivity(plan.predicate, state);
    case 'Lookup':
      return estimateRows(plan.input, state);
    case 'Bucket':
      return estimateRows(plan.input, state);
    case 'Aggregate':
      return estimateGroups(plan, state);
    case 'Union':
      return plan.inputs.reduce((sum, input) => sum + estimateRows(input, state), 0);
    case 'Compare':
      return estimateRows(plan.current, state) + estimateRows(plan.earlier, state) / 2;
    case 'Having':
      return estimateRows(plan.input, state) * UNKNOWN_SELECTIVITY;
    case 'Top':
      return Math.min(estimateRows(plan.input, state), plan.by.length === 0 ? 1 : plan.count + 1);
    case 'Page':
      return Math.min(estimateRows(plan.input, state), plan.limit) + 1;
    case 'Ask':
      return plan.estimate.rows;
    case 'Kept':
      return plan.rows;
    case 'Keep':
      return estimateRows(plan.input, state);
    default:
      return unreachable(plan);
  }
}

/** Groups of an Aggregate: at most its input rows, at most the product of distinct values, less what goes together. */
export function estimateGroups(plan: Extract<Plan, { kind: 'Aggregate' }>, state: TenantState): number {
  if (plan.groupBy.length === 0) return 1;
  const rows = estimateRows(plan.input, state);
  const counts = plan.groupBy.map((column) => distinctOf(column, plan.input, state)).sort((a, b) => b - a);
  // The largest counts in full; each further column multiplies by less, for columns of bills go together.
  const groups = counts.reduce((product, count, i) => product * Math.max(1, count) ** (CORRELATION ** i), 1);
  return Math.max(Math.min(groups, rows), Math.min(rows, 1));
}

function scanRows(scan: Extract<Plan, { kind: 'Scan' }>, state: TenantState): number {
  if (scan.files) {
    const records = scan.files.files.reduce((sum, file) => sum + file.records, 0);
    return scan.files.proven.time ? records : Math.min(records, batchRows(scan, state));
  }
  return batchRows(scan, state);
}

/** Charges (or rows of their rollup) of the scanned batches, by the part of their span that the range covers. */
function batchRows(scan: Extract<Plan, { kind: 'Scan' }>, state: TenantState): number {
  let rows = 0;
  const parts = scan.rollup && rollupParts(state, scan.rollup);
  for (const batch of scannedBatches(scan, state)) {
    const ofBatch = parts === null ? batch.charges : (parts.get(batch.id)?.records ?? 0);
    if (scan.axis === 'billing_period_start') {
      const month = Date.parse(`${batch.billingMonth}T00:00:00Z`);
      if (month >= scan.range.from && month < scan.range.to) rows += ofBatch;
      continue;
    }
    if (!overlaps(batch, scan.range)) continue;
    const covered = Math.min(batch.to, scan.range.to) - Math.max(batch.from, scan.range.from);
    rows += (ofBatch * covered) / Math.max(1, batch.to - batch.from);
  }
  return rows;
}

function distinctOf(column: ColumnName, input: Plan, state: TenantState): number {
  if (column === TIME) return bucketCount(input);
  const key = column === 'resource_key' ? 'resource_id' : column;
  if (column === 'tag_set') return tagSets(state);
  // A value is either in the dictionary or inline: both together are as many as the statistics say of it.
  if (isInline.has(column)) return 1;
  const known = state.statistics.get(key)?.distinct ?? UNKNOWN_DISTINCT;
  return Math.min(pinnedValues(column, input), known + 1); // One more: the missing value.
}

/** Distinct tag sets are not counted apart: at least as many as values of the richest tag, at most what all could make. */
function tagSets(state: TenantState): number {
  let most = 1;
  let tags = 0;
  for (const key of state.tagKeys) {
    most = Math.max(most, state.statistics.get(`tag:${key}`)?.distinct ?? 1);
    tags += 1;
  }
  return most * Math.max(1, tags);
}

function bucketCount(plan: Plan): number {
  if (plan.kind === 'Bucket') return plan.buckets?.labels.length ?? 1;
  if (plan.kind === 'Filter' || plan.kind === 'Lookup' || plan.kind === 'Aggregate')
    return bucketCount(plan.input);
  return 1;
}

/** How many values of a column the filters below leave by `in` lists, at most; Infinity where none does. */
function pinnedValues(column: ColumnName, plan: Plan): number {
  if (plan.kind === 'Lookup' || plan.kind === 'Bucket') return pinnedValues(column, plan.input);
  if (plan.kind !== 'Filter') return Infinity;
  const parts = plan.predicate.kind === 'and' ? plan.predicate.parts : [plan.predicate];
  const counts = parts.map((part) =>
    part.kind === 'test' && part.key === column && part.test.op === 'in'
      ? part.test.values.length + (part.orNull ? 1 : 0)
      : Infinity,
  );
  return Math.min(pinnedValues(column, plan.input), ...counts);
}

function selectivity(predicate: Predicate, state: TenantState): number {
  switch (predicate.kind) {
    case 'true':
      return 1;
    case 'false':
      return 0;
    case 'not':
      return 1 - selectivity(predicate.part, state);
    case 'and':
      return predicate.parts.reduce((product, part) => product * selectivity(part, state), 1);
    case 'or':
      return 1 - predicate.parts.reduce((product, part) => product * (1 - selectivity(part, state)), 1);
    case 'member':
      return testSelectivity(predicate.test, state);
    case 'test':
      return testSelectivity(predicate, state);
    default:
      return unreachable(predicate);
  }
}

function testSelectivity({ key, test, orNull }: Test, state: TenantState): number {
  const known = state.statistics.get(key);
  const charges = state.batches.reduce((sum, batch) => sum + batch.charges, 0);
  const missing = known && charges > 0 ? Math.min(1, known.nulls / charges) : 0;
  const ofPresent = presentSelectivity(test, known?.distinct ?? UNKNOWN_DISTINCT);
  return ofPresent * (1 - missing) + (orNull ? missing : 0);
}

function presentSelectivity(test: Test['test'], distinct: number): number {
  switch (test.op) {
    case 'any':
      return 1;
    case 'none':
      return 0;
    case 'in':
      return Math.min(1, test.values.length / Math.max(1, distinct));
    case 'notIn':
      return Math.max(0, 1 - test.values.length / Math.max(1, distinct));
    default:
      return UNKNOWN_SELECTIVITY;
  }
}
