import type { TenantState } from '../catalog/tenant-state.ts';
import { costError } from '../core/errors.ts';
import type { TimeRange } from '../core/time-range.ts';
import { formatPredicate } from './predicate.ts';
import type { Predicate, ValueTest } from './predicate.ts';
import type { Capabilities, Prices } from './capabilities.ts';
import { chooseFiles, dictionaryFiles } from './choose-files.ts';
import { estimateRows } from './estimate.ts';
import { isMergeable } from './measures.ts';
import type {
  Ask,
  Estimate,
  FileSelection,
  LogicalPlan,
  PhysicalPlan,
  Plan,
  Pruning,
  Scan,
  StoreName,
} from './plan.ts';
import { children, mapChildren, outputColumns, someNode } from './plan.ts';

/** A store as the planner sees it. */
export type StoreOffer = {
  readonly store: StoreName;
  readonly capabilities: Capabilities;
  readonly prices: Prices;
};

/** What came of weighing the stores for one fragment. */
export type Weighed = {
  readonly store: StoreName;
  /** Where the fragment's charges may be: from its first Scan's start to its last one's end. */
  readonly range: TimeRange;
  readonly chosen: boolean;
  readonly estimate: Estimate;
  readonly reason: string;
};

/**
 * Above this many groups the store sorts and cuts, below it the server does: fetching a group costs the server
 * about as much as sorting it costs the store, and a second pass in the store a millisecond or two.
 */
const FINISH_IN_STORE_GROUPS = 5_000;

export type PhysicalOptions = {
  readonly finish: 'auto' | 'store' | 'server';
  /** The one store that may be asked; null: the cheapest. */
  readonly forceStore: StoreName | null;
};

/**
 * Draws the line between stores and server: every Aggregate becomes (part of) an Ask with its files chosen;
 * Compare, Having, Top and Page join it where that is cheaper.
 *
 * @throws STORE_UNABLE where the forced store is not offered or cannot answer; Error when no store can: the offers
 *   must hold one that does everything (DuckDB)
 */
export function pushedToPhysical(
  pushed: LogicalPlan,
  state: TenantState,
  offers: readonly StoreOffer[],
  { finish, forceStore }: PhysicalOptions,
): { plan: PhysicalPlan; weighed: Weighed[]; unread: Pruning[] } {
  if (forceStore !== null && !offers.some(({ store }) => store === forceStore)) {
    throw costError('STORE_UNABLE', { store: forceStore, reason: 'this server does not have it' });
  }
  const plan = chooseFiles(pushed, state);
  const weighed: Weighed[] = [];
  const unread: Pruning[] = [];
  const ask = (fragment: Plan): Plan => {
    if (!readsFiles(fragment)) {
      unread.push(...scanFiles(fragment).map((selection) => selection.pruning));
      return withoutStore(fragment);
    }
    const { chosen, all } = weigh(fragment, state, offers, forceStore);
    weighed.push(...all);
    return chosen;
  };
  const inStore = finish === 'store' || (finish === 'auto' && groupsOf(plan, state) > FINISH_IN_STORE_GROUPS);
  const placed = inStore && everyScanReads(plan) ? ask(plan) : askAggregates(plan, ask);
  return { plan: placed as PhysicalPlan, weighed, unread }; // Every Scan sat under an Aggregate, which is in an Ask now.
}

function askAggregates(plan: Plan, ask: (fragment: Plan) => Plan): Plan {
  if (plan.kind === 'Aggregate') return ask(plan);
  return mapChildren(plan, (child) => askAggregates(child, ask));
}

function readsFiles(plan: Plan): boolean {
  return someNode(plan, (node) => node.kind === 'Scan' && (node.files?.files.length ?? 0) > 0);
}

function everyScanReads(plan: Plan): boolean {
  return !someNode(
    plan,
    (node) => node.kind === 'Empty' || (node.kind === 'Scan' && node.files?.files.length === 0),
  );
}

/** An Aggregate over no files: no groups, or the one row of a total over nothing. */
function withoutStore(fragment: Plan): Plan {
  const columns = outputColumns(fragment);
  if (fragment.kind !== 'Aggregate' || fragment.groupBy.length > 0) return { kind: 'Empty', columns };
  // A final step counts distinct values by their column, all else by its name.
  const counted = fragment.measures
    .filter((each) => !isMergeable(each))
    .flatMap(({ column }) => column ?? []);
  const empty: Plan = { kind: 'Empty', columns: [...new Set([...columns, ...counted])] };
  return { ...fragment, step: 'final', input: empty };
}

/** The most groups that any Aggregate at the top of the plan hands to the server. */
function groupsOf(plan: Plan, state: TenantState): number {
  if (plan.kind === 'Aggregate') return estimateRows(plan, state);
  return Math.max(0, ...children(plan).map((child) => groupsOf(child, state)));
}

function weigh(
  fragment: Plan,
  state: TenantState,
  offers: readonly StoreOffer[],
  forceStore: StoreName | null,
): { chosen: Ask; all: Weighed[] } {
  const dictionaries = dictionaryFiles(fragment, state);
  const candidates = offers.map((offer) => ({
    offer,
    obstacle:
      forceStore === null || forceStore === offer.store
        ? obstacleOf(fragment, offer.capabilities)
        : 'not allowed by Costgraph-Force-Store',
    estimate: estimateAsk(fragment, dictionaries, offer.prices, state),
  }));
  const able = candidates
    .filter(({ obstacle }) => obstacle === null)
    .sort((a, b) => a.estimate.ms - b.estimate.ms);
  const [best] = able;
  if (!best) throw unanswerable(candidates, forceStore);
  const range = rangeOf(fragment);
  const all = candidates.map(({ offer, obstacle, estimate }): Weighed => {
    const chosen = offer === best.offer;
    const reason =
      obstacle ?? (chosen ? `cheapest of ${able.length} that can answer` : `dearer than ${best.offer.store}`);
    return { store: offer.store, range, chosen, estimate, reason };
  });
  return {
    chosen: { kind: 'Ask', store: best.offer.store, fragment, dictionaries, estimate: best.estimate },
    all,
  };
}

function unanswerable(
  candidates: readonly { readonly offer: StoreOffer; readonly obstacle: string | null }[],
  forceStore: StoreName | null,
): Error {
  const reasons = candidates
    .filter(({ offer }) => forceStore === null || offer.store === forceStore)
    .map(({ obstacle }) => obstacle);
  const reason = reasons.join('; ');
  return forceStore === null
    ? new Error(`no store can answer: ${reason}`)
    : costError('STORE_UNABLE', { store: forceStore, reason: `it ${reason}` });
}

function estimateAsk(
  fragment: Plan,
  dictionaries: Ask['dictionaries'],
  prices: Prices,
  state: TenantState,
): Estimate {
  const looked = Object.values(dictionaries);
  const reads = [...scansOf(fragment).map((scan) => readOf(scan, state)), ...looked.map(wholeOf)];
  const files = sum(reads.map((read) => read.files));
  const bytes = Math.round(sum(reads.map((read) => read.bytes)));
  const scanned = sum(reads.map((read) => read.rows));
  const ms =
    prices.startupMs +
    files * prices.msPerFile +
    (bytes / 1e6) * prices.msPerMegabyte +
    (scanned / 1e6) * prices.msPerMillionRows;
  return {
    rows: Math.round(estimateRows(fragment, state)),
    bytes,
    ms,
    usd: (ms / 3_600_000) * prices.usdPerHour,
  };
}

type Read = { readonly files: number; readonly rows: number; readonly bytes: number };

/** Files are sorted by day, so that of what a Scan does not cover little is read. */
function readOf(scan: Scan, state: TenantState): Read {
  if (scan.files === null) return { files: 0, rows: 0, bytes: 0 };
  const whole = wholeOf(scan.files);
  const rows = estimateRows(scan, state);
  return { ...whole, rows, bytes: whole.rows === 0 ? 0 : (whole.bytes * rows) / whole.rows };
}

function wholeOf({ files, columnBytes }: FileSelection): Read {
  return { files: files.length, rows: sum(files.map((file) => file.records)), bytes: columnBytes };
}

function scansOf(plan: Plan): Scan[] {
  return plan.kind === 'Scan' ? [plan] : children(plan).flatMap(scansOf);
}

export function scanFiles(plan: Plan): FileSelection[] {
  return scansOf(plan).flatMap(({ files }) => files ?? []);
}

function rangeOf(fragment: Plan): TimeRange {
  const ranges = scansOf(fragment).map(({ range }) => range);
  return {
    from: Math.min(...ranges.map((range) => range.from)),
    to: Math.max(...ranges.map((range) => range.to)),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Why a store cannot answer a fragment exactly; null when it can. */
function obstacleOf(plan: Plan, capabilities: Capabilities): string | null {
  if (plan.kind === 'Ask' || !capabilities.nodes[plan.kind]) return `does no ${plan.kind}`;
  const own = ownObstacle(plan, capabilities);
  if (own !== null) return own;
  for (const child of children(plan)) {
    const below = obstacleOf(child, capabilities);
    if (below !== null) return below;
  }
  return null;
}

function ownObstacle(plan: Plan, capabilities: Capabilities): string | null {
  if (plan.kind === 'Filter') return filterObstacle(plan.predicate, capabilities);
  if (plan.kind === 'Bucket' && plan.timing === 'PRORATED' && !capabilities.prorate)
    return 'does not prorate';
  if (plan.kind !== 'Aggregate') return null;
  const unable = plan.measures.find((measure) => capabilities.aggregate[measure.fn] === 'none');
  if (unable) return `cannot compute ${unable.name}`;
  for (const { where } of plan.measures) {
    const obstacle = filterObstacle(where, capabilities);
    if (obstacle !== null) return obstacle;
  }
  return null;
}

function filterObstacle(predicate: Predicate, capabilities: Capabilities): string | null {
  switch (predicate.kind) {
    case 'true':
    case 'false':
      return null;
    case 'not':
      return filterObstacle(predicate.part, capabilities);
    case 'and':
    case 'or':
      return (
        predicate.parts.map((part) => filterObstacle(part, capabilities)).find((each) => each !== null) ??
        null
      );
    default: {
      const { filter } = capabilities;
      const test: ValueTest = predicate.kind === 'member' ? predicate.test.test : predicate.test;
      const fold = 'ignoreCase' in test && test.ignoreCase ? filter.ignoreCase : 'exact';
      const member = predicate.kind === 'member' ? filter.member : 'exact';
      const exact = filter[test.op] === 'exact' && fold === 'exact' && member === 'exact';
      return exact ? null : `cannot filter ${formatPredicate(predicate)} exactly`;
    }
  }
}
