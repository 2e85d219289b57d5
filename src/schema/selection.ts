/**
 * What the selection set of a table asks of the engine. Read from the operation before anything runs, so
 * that a metric that is not selected is neither scanned nor computed.
 */
import type { FieldNode, GraphQLObjectType } from 'graphql';
import { getArgumentValues, isObjectType } from 'graphql';

import type { Metric } from '../catalog/metrics.ts';
import { metrics } from '../catalog/metrics.ts';
import { canonicalJson, digest } from '../core/digest.ts';
import { costError } from '../core/errors.ts';
import type { DrillDownQuery, WantedInput } from '../execute/engine.ts';
import type { FilterInput } from '../planner/cost-query.ts';
import type { Selecting } from './collect-fields.ts';
import { collectSubfields } from './collect-fields.ts';

export const ROWS_FIRST_MAX = 10_000;
export const COLUMNS_FIRST_MAX = 100_000;
/** What is planned where only `explain` is selected. */
const EXPLAINED_ROWS = 100;

export type Page = { readonly first: number; readonly after: string | null };
type Measures = Required<NonNullable<WantedInput['totals']>>;

export type TableSelection = {
  /** Of rows and columns together; null where neither is selected. */
  readonly rows: Measures | null;
  readonly totals: Measures | null;
  readonly conservation: readonly Metric[];
  /** Of every alias of rows and columns. */
  readonly pages: readonly Page[];
  /** By the first node of each `costs` field inside rows; equal ones are one object. */
  readonly drillDowns: ReadonlyMap<FieldNode, DrillDown>;
  /** Whether any of it has to be asked of the stores: not where plans, bounds and versions are all that is selected. */
  readonly runs: boolean;
  /** Whether the answer says things that its version does not fix: plans and the age of the data. */
  readonly isVolatile: boolean;
};

export type DrillDown = {
  readonly query: DrillDownQuery;
  readonly selection: TableSelection;
  /** Equal for equal arguments and selections. */
  readonly digest: string;
};

type MeasuresDraft = {
  readonly metrics: Set<Metric>;
  readonly amounts: Map<string, { readonly of: Metric; readonly where: FilterInput }>;
  readonly distinct: Set<string>;
  readonly shared: Set<Metric>;
  readonly streams: Set<string>;
};
type Draft = {
  rows: MeasuresDraft | null;
  totals: MeasuresDraft | null;
  readonly conservation: Set<Metric>;
  readonly pages: Page[];
  readonly rowNodes: FieldNode[][];
  explains: boolean;
  showsFreshness: boolean;
};

const metricOfField: ReadonlyMap<string, Metric> = new Map([
  ...Object.values(metrics).map(({ field, metric }) => [field, metric] as const),
  ['consumedUnit', 'CONSUMED_QUANTITY'] as const,
  ['pricingUnit', 'PRICING_QUANTITY'] as const,
]);

/**
 * @param nodes the merged nodes of one field that returns `type`
 * @throws BAD_PAGE
 */
export function selectTable(
  selecting: Selecting,
  type: 'CostTable' | 'CostBreakdown',
  nodes: readonly FieldNode[],
): TableSelection {
  const draft: Draft = {
    rows: null,
    totals: null,
    conservation: new Set(),
    pages: [],
    rowNodes: [],
    explains: false,
    showsFreshness: false,
  };
  const tableType = objectType(selecting, type);
  for (const merged of collectSubfields(selecting, tableType, nodes).values()) {
    addTableField(selecting, tableType, merged, draft);
  }
  const drillDowns = selectRows(selecting, draft);
  const runs = draft.rows !== null || draft.totals !== null || draft.conservation.size > 0;
  if (draft.explains && !runs) {
    draft.rows = emptyMeasures(['EFFECTIVE_COST']);
    draft.totals = emptyMeasures(['EFFECTIVE_COST']);
    draft.pages.push({ first: EXPLAINED_ROWS, after: null });
  }
  return {
    rows: draft.rows && finish(draft.rows),
    totals: draft.totals && finish(draft.totals),
    conservation: [...draft.conservation],
    pages: draft.pages,
    drillDowns,
    runs,
    isVolatile: draft.explains || draft.showsFreshness,
  };
}

function addTableField(
  selecting: Selecting,
  type: GraphQLObjectType,
  nodes: readonly FieldNode[],
  draft: Draft,
): void {
  const [node] = nodes;
  if (!node) return;
  switch (node.name.value) {
    case 'rows': {
      const page = argumentsOf<Page>(selecting, type, node);
      draft.pages.push(checkPage('rows', page, ROWS_FIRST_MAX));
      draft.rows ??= emptyMeasures();
      draft.rowNodes.push(...rowNodesOf(selecting, nodes));
      break;
    }
    case 'columns': {
      const page = argumentsOf<Page & { metrics: readonly Metric[] }>(selecting, type, node);
      draft.pages.push(checkPage('columns', page, COLUMNS_FIRST_MAX));
      draft.rows ??= emptyMeasures();
      for (const metric of page.metrics) draft.rows.metrics.add(metric);
      break;
    }
    case 'totals': {
      draft.totals ??= emptyMeasures();
      const totalsType = objectType(selecting, 'CostTotals');
      addAmounts(selecting, totalsType, nodes, draft.totals, draft);
      break;
    }
    case 'conservation':
      draft.conservation.add(argumentsOf<{ of: Metric }>(selecting, type, node).of);
      break;
    case 'currency':
      // Found by looking at the charges, as totals are.
      draft.totals ??= emptyMeasures();
      break;
    case 'explain':
      draft.explains = true;
      break;
    case 'freshness':
      draft.showsFreshness = true;
      break;
    default: // The rest is known without running.
  }
}

/** The nodes that select of a CostRow, under `nodes` and under `edges { node }`. */
function rowNodesOf(selecting: Selecting, nodes: readonly FieldNode[]): FieldNode[][] {
  const found: FieldNode[][] = [];
  const connection = objectType(selecting, 'CostRowConnection');
  for (const merged of collectSubfields(selecting, connection, nodes).values()) {
    const name = merged[0]?.name.value;
    if (name === 'nodes') found.push([...merged]);
    if (name !== 'edges') continue;
    const edge = objectType(selecting, 'CostRowEdge');
    for (const inner of collectSubfields(selecting, edge, merged).values()) {
      if (inner[0]?.name.value === 'node') found.push([...inner]);
    }
  }
  return found;
}

function selectRows(selecting: Selecting, draft: Draft): Map<FieldNode, DrillDown> {
  const drillDowns = new Map<FieldNode, DrillDown>();
  const known = new Map<string, DrillDown>();
  const rowType = objectType(selecting, 'CostRow');
  for (const nodes of draft.rowNodes) {
    if (draft.rows) addAmounts(selecting, rowType, nodes, draft.rows, draft);
    for (const merged of collectSubfields(selecting, rowType, nodes).values()) {
      const [node] = merged;
      if (node?.name.value !== 'costs') continue;
      const made = makeDrillDown(selecting, rowType, node, merged);
      const drillDown = known.get(made.digest) ?? made;
      known.set(drillDown.digest, drillDown);
      drillDowns.set(node, drillDown);
    }
  }
  return drillDowns;
}

function makeDrillDown(
  selecting: Selecting,
  rowType: GraphQLObjectType,
  node: FieldNode,
  nodes: readonly FieldNode[],
): DrillDown {
  const { groupBy, granularity, filter, orderBy, top } = argumentsOf<DrillDownArguments>(
    selecting,
    rowType,
    node,
  );
  const query = toDrillDownQuery({ groupBy, granularity, filter, orderBy, top });
  const selection = selectTable(selecting, 'CostBreakdown', nodes);
  const { drillDowns, ...rest } = selection;
  const inner = [...drillDowns.values()].map((drillDown) => drillDown.digest);
  return { query, selection, digest: digest({ query, rest, inner }) };
}

type DrillDownArguments = Omit<DrillDownQuery, 'filter' | 'top'> & {
  readonly filter?: DrillDownQuery['filter'] | undefined;
  readonly top?:
    | (Omit<NonNullable<DrillDownQuery['top']>, 'by'> & { readonly by?: readonly string[] | null })
    | null
    | undefined;
};

function toDrillDownQuery({ filter, top, ...rest }: DrillDownArguments): DrillDownQuery {
  return { ...rest, filter: filter ?? null, top: top ? { ...top, by: top.by ?? null } : null };
}

/** Fields of Amounts. What share divides by is a total. */
function addAmounts(
  selecting: Selecting,
  type: GraphQLObjectType,
  nodes: readonly FieldNode[],
  measures: MeasuresDraft,
  draft: Draft,
): void {
  for (const [node] of collectSubfields(selecting, type, nodes).values()) {
    if (!node) continue;
    const name = node.name.value;
    const metric = metricOfField.get(name);
    if (metric) measures.metrics.add(metric);
    if (name === 'amount') {
      const { of, where } = argumentsOf<{ of: Metric; where?: FilterInput | null }>(selecting, type, node);
      if (where) measures.amounts.set(canonicalJson([of, where]), { of, where });
      else measures.metrics.add(of);
    }
    if (name === 'distinct') measures.distinct.add(argumentsOf<{ of: string }>(selecting, type, node).of);
    if (name === 'sharedCost') measures.shared.add(argumentsOf<{ of: Metric }>(selecting, type, node).of);
    if (name === 'unitCost') {
      const { per, of } = argumentsOf<{ per: string; of: Metric }>(selecting, type, node);
      measures.streams.add(per);
      measures.metrics.add(of);
    }
    if (name === 'change' || name === 'share') {
      const { of } = argumentsOf<{ of: Metric }>(selecting, type, node);
      measures.metrics.add(of);
      if (name === 'share') (draft.totals ??= emptyMeasures()).metrics.add(of);
    }
  }
}

function emptyMeasures(metrics: readonly Metric[] = []): MeasuresDraft {
  return {
    metrics: new Set(metrics),
    amounts: new Map(),
    distinct: new Set(),
    shared: new Set(),
    streams: new Set(),
  };
}

function finish({ metrics, amounts, distinct, shared, streams }: MeasuresDraft): Measures {
  // Sorted: the order of fields does not make another plan.
  return {
    metrics: [...metrics].sort(),
    amounts: [...amounts.values()],
    distinct: [...distinct].sort(),
    shared: [...shared].sort(),
    streams: [...streams].sort(),
  };
}

function checkPage(field: string, { first, after }: Page, limit: number): Page {
  if (first >= 0 && first <= limit) return { first, after: after ?? null };
  const hint = `Give 0 to ${limit}, and go on with after.`;
  throw costError('BAD_PAGE', { reason: `${field}(first: ${first})`, hint });
}

function objectType({ schema }: Selecting, name: string): GraphQLObjectType {
  const type = schema.getType(name);
  if (isObjectType(type)) return type;
  throw new Error(`no object type ${name}`);
}

/** Coerced by the schema, which is why the type is taken on trust. */
function argumentsOf<Arguments>(selecting: Selecting, type: GraphQLObjectType, node: FieldNode): Arguments {
  const field = type.getFields()[node.name.value];
  if (!field) throw new Error(`no field ${type.name}.${node.name.value}`);
  return getArgumentValues(field, node, selecting.variableValues) as Arguments;
}

/** The rows that are asked for: one stretch that holds every page. */
export type Window = { readonly offset: number; readonly limit: number };

export function toWanted({ rows, totals, conservation }: TableSelection, window: Window): WantedInput {
  return { rows: rows && { ...rows, ...window }, totals, conservation };
}
