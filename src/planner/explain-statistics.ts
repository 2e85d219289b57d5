/** For explain: what the estimate of a node's rows rests on. */
import { inlineColumns } from '../catalog/charge-columns.ts';
import { columnOf } from '../catalog/source-profile.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import type { Instant } from '../core/time-range.ts';
import type { ColumnName, Plan } from './plan.ts';
import { TIME } from './plan.ts';
import { children } from './plan-tree.ts';
import { members, testedKeys } from './predicate.ts';
import type { ScannedSource } from './scanned-sources.ts';
import { leavesOf, mergeSources, scannedSources } from './scanned-sources.ts';

/** From the best to the worst; `assumed`: nothing was measured. */
const confidences = ['counted', 'sampled', 'sketched', 'assumed'] as const;
export type UsedConfidence = (typeof confidences)[number];

/** Numbers of charges are exact, so a node that looks at no column is `counted`. */
export type UsedStatistics = {
  /** Of the worst of the columns. */
  readonly confidence: UsedConfidence;
  /** When the oldest of the numbers was measured. */
  readonly measuredFrom: Instant;
  readonly columns: readonly UsedColumn[];
};
export type UsedColumn = {
  readonly key: ColumnName;
  /** Distinct values of the source with most, a missing one among them; null: not measured in each source. */
  readonly values: number | null;
  /** Values of which it is known how frequent they are. */
  readonly frequent: number;
  /** The part of the charges without a value; null: not measured in each source. */
  readonly nullShare: number | null;
  readonly confidence: UsedConfidence;
};

const isInline: ReadonlySet<ColumnName> = new Set(inlineColumns.map(({ name }) => name));

/** Null for nodes that are not estimated by statistics: those of the server, and those that read nothing. */
export function usedStatistics(plan: Plan, state: TenantState): UsedStatistics | null {
  const keys = lookedAt(plan);
  const sources = mergeSources(leavesOf(plan).map(({ scan }) => scannedSources(scan, state)));
  if (keys === null || sources.length === 0) return null;
  const own = new Set(keys.filter((key) => key !== TIME && !isInline.has(key)));
  const columns = [...own].map((key) => usedColumn(key, sources));
  return {
    confidence: worst(columns.map(({ confidence }) => confidence)),
    measuredFrom: Math.min(...sources.map(({ profile }) => profile.measuredFrom)),
    columns,
  };
}

/** The columns whose values decide how many rows a node gives; of an Ask those of all that is in it. */
function lookedAt(plan: Plan): readonly ColumnName[] | null {
  switch (plan.kind) {
    case 'Scan':
      return [];
    case 'Filter':
      return [...testedKeys(plan.predicate), ...members(plan.predicate).map(({ test }) => test.key)];
    case 'Aggregate':
      return plan.groupBy;
    case 'GroupingSets':
      return plan.sets.flat();
    case 'Ask':
      return lookedAtBelow(plan.fragment);
    default:
      return null;
  }
}

function lookedAtBelow(plan: Plan): ColumnName[] {
  return [...(lookedAt(plan) ?? []), ...children(plan).flatMap(lookedAtBelow)];
}

function usedColumn(key: ColumnName, sources: readonly ScannedSource[]): UsedColumn {
  const columns = sources.map(({ profile }) =>
    columnOf(profile, key === 'resource_key' ? 'resource_id' : key),
  );
  const known = columns.filter((column) => column !== undefined);
  const isKnown = known.length === sources.length;
  const charges = sources.reduce((sum, source) => sum + source.profile.charges, 0);
  const missing = sources.reduce(
    (sum, { profile }, i) => sum + profile.charges * (columns[i]?.nullShare ?? 0),
    0,
  );
  return {
    key,
    values: isKnown ? Math.max(...known.map(({ values }) => values)) : null,
    frequent: new Set(known.flatMap(({ common }) => [...common.keys()])).size,
    nullShare: isKnown ? missing / Math.max(1, charges) : null,
    confidence: worst(columns.map((column) => column?.confidence ?? 'assumed')),
  };
}

function worst(all: readonly UsedConfidence[]): UsedConfidence {
  return confidences.findLast((confidence) => all.includes(confidence)) ?? 'counted';
}
