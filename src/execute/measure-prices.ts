/** Runs Asks of many shapes on a store, to find out what its work costs on this machine. */
import type { TenantState } from '../catalog/tenant-state.ts';
import type { Connector } from '../connectors/connector.ts';
import { bindQuery } from '../planner/bind/bind-query.ts';
import type { CostQuery } from '../planner/cost-query.ts';
import type { Observation } from '../planner/fit-prices.ts';
import { measuresOf } from '../planner/measures.ts';
import { defaultPlanOptions, planQuery } from '../planner/plan-query.ts';
import type { Ask, FileSelection, Plan } from '../planner/plan.ts';
import { asksOf, mapChildren } from '../planner/plan-tree.ts';

/** Every file is read so many times: more files, rows and bytes than the bills have. */
const COPIES = [1, 3, 12];
/** The fastest counts: what else the machine does only slows down. */
const RUNS = 4;
const ROWS_FETCHED_MAX = 1_000_000;

const months = ['2018-10', '2018-11', '2019-11', '2024-09'].map((month) => ({ month }));
const periods = [...months, { from: '2018-01-01T00:00:00Z', to: '2025-01-01T00:00:00Z' }];
const groupings = [
  [],
  ['service_name'],
  ['service_name', 'region_id', 'sub_account_id'],
  ['charge_description', 'sku_id'],
  ['resource_id'],
  ['tag:Environment'],
  ['charge_period_start', 'sku_meter'],
];

/** @param state of the sample bills */
export async function measurePrices(
  store: Connector,
  state: TenantState,
  onFraction: (fraction: number) => void,
): Promise<Observation[]> {
  const asks = periods.flatMap((period) =>
    groupings.flatMap((groupBy) => asksFor({ period, groupBy }, store, state)),
  );
  const observations: Observation[] = [];
  for (const [at, ask] of asks.entries()) {
    for (const copies of COPIES) observations.push(await observe(store, multiplied(ask, copies)));
    onFraction((at + 1) / asks.length);
  }
  return observations;
}

function asksFor(asked: Pick<CostQuery, 'period' | 'groupBy'>, store: Connector, state: TenantState): Ask[] {
  const query: CostQuery = {
    granularity: 'TOTAL',
    filter: null,
    having: [],
    orderBy: [],
    top: null,
    currency: null,
    timing: 'START',
    splits: 'NONE',
    timeAxis: 'CHARGE_PERIOD',
    compare: null,
    knowledge: {},
    timeZone: 'UTC',
    ...asked,
  };
  const measures = measuresOf('EFFECTIVE_COST');
  const wanted = { rows: { measures, offset: 0, limit: ROWS_FETCHED_MAX }, totals: null, excluded: null };
  const { question } = bindQuery(state.tenant, query, state, 0);
  const options = { ...defaultPlanOptions, finish: 'server' as const };
  const { parts } = planQuery({ ...question, wanted }, state, [store], options);
  return parts.flatMap(({ plan }) => asksOf(plan));
}

function multiplied(ask: Ask, copies: number): Ask {
  const { files, bytes, rows } = ask.read;
  return {
    ...ask,
    fragment: repeated(ask.fragment, copies),
    estimate: { ...ask.estimate, ms: ask.estimate.ms * copies },
    read: { files: files * copies, bytes: bytes * copies, rows: rows * copies },
  };
}

function repeated(plan: Plan, copies: number): Plan {
  if (plan.kind !== 'Scan') return mapChildren(plan, (child) => repeated(child, copies));
  return { ...plan, files: plan.files && repeatedFiles(plan.files, copies) };
}

function repeatedFiles(selection: FileSelection, copies: number): FileSelection {
  return { ...selection, files: Array.from({ length: copies }, () => selection.files).flat() };
}

async function observe(store: Connector, ask: Ask): Promise<Observation> {
  const limits = { rowsMax: ROWS_FETCHED_MAX, signal: new AbortController().signal };
  let [fastest, rowsOut] = [Infinity, 0];
  for (let run = 0; run < RUNS; run++) {
    const { rows, ms } = await store.run(ask, limits);
    fastest = Math.min(fastest, ms);
    rowsOut = rows.length;
  }
  return { read: ask.read, rowsOut, ms: fastest, runs: 1 };
}
