import type { TenantState } from '../catalog/tenant-state.ts';
import { costError } from '../core/errors.ts';
import { obstacleOf } from './obstacle.ts';
import type { Capabilities, Prices } from './capabilities.ts';
import type { FilesOfScan } from './choose-files.ts';
import { chooseFiles, dictionaryFiles } from './choose-files.ts';
import { estimateRows } from './estimate.ts';
import { listsOf } from './attribute/lists.ts';
import { isMergeable } from './measures.ts';
import type {
  Ask,
  Estimate,
  FileSelection,
  LogicalPlan,
  PhysicalPlan,
  Plan,
  Pruning,
  Read,
  Scan,
  StoreName,
} from './plan.ts';
import { children, mapChildren, outputColumns, scansOf, someNode } from './plan-tree.ts';
import { askMs, usdOf } from './prices.ts';
import type { SetsWork } from './sets-price.ts';
import { setsMs, setsWork } from './sets-price.ts';

/** A store as the planner sees it. */
export type StoreOffer = {
  readonly store: StoreName;
  readonly capabilities: Capabilities;
  readonly prices: Prices;
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
  filesOf: FilesOfScan,
): { plan: PhysicalPlan; unread: Pruning[] } {
  if (forceStore !== null && !offers.some(({ store }) => store === forceStore)) {
    throw costError('STORE_UNABLE', { store: forceStore, reason: 'this server does not have it' });
  }
  const plan = chooseFiles(pushed, filesOf);
  const unread: Pruning[] = [];
  const ask = (fragment: Plan): Plan => {
    if (!readsFiles(fragment)) {
      unread.push(...scanFiles(fragment).map((selection) => selection.pruning));
      return withoutStore(fragment);
    }
    return askCheapest(fragment, state, offers, forceStore);
  };
  const inOne = finish !== 'server' && everyScanReads(plan);
  const apart = inOne && finish === 'store' ? plan : askAggregates(plan, ask);
  const inStore = inOne && (finish === 'store' || hasManyGroups(apart, state));
  const placed = inStore ? ask(plan) : apart;
  return { plan: placed as PhysicalPlan, unread }; // Every Scan sat under an Aggregate, which is in an Ask now.
}

/** Arms are asked each by itself: their stores may differ, and each answer can be kept. */
function askAggregates(plan: Plan, ask: (fragment: Plan) => Plan): Plan {
  const joinsArms = plan.kind === 'Aggregate' && plan.input.kind === 'Union';
  if (plan.kind === 'Aggregate' && !joinsArms) return ask(plan);
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

/** Whether some Aggregate at the top of the plan hands many groups to the server, or makes them there: at most one a row. */
function hasManyGroups(plan: Plan, state: TenantState): boolean {
  if (plan.kind === 'Ask') return plan.estimate.rows > FINISH_IN_STORE_GROUPS;
  if (plan.kind !== 'Aggregate') return children(plan).some((child) => hasManyGroups(child, state));
  const most = estimateRows(plan.input, state);
  return most > FINISH_IN_STORE_GROUPS && estimateRows(plan, state) > FINISH_IN_STORE_GROUPS;
}

/** @throws STORE_UNABLE where no store may, or can, answer a fragment whose files are chosen */
export function askCheapest(
  fragment: Plan,
  state: TenantState,
  offers: readonly StoreOffer[],
  forceStore: StoreName | null,
): Ask {
  const dictionaries = dictionaryFiles(fragment, state);
  const lists = listsOf(fragment, state);
  const work = workOf(fragment, dictionaries, state);
  const obstacles: string[] = [];
  const allowed = offers.filter(({ store }) => forceStore === null || store === forceStore);
  const priced = allowed.map((offer) => ({ ...offer, estimate: estimateOf(work, offer.prices) }));
  for (const { store, capabilities, estimate } of priced.sort((a, b) => a.estimate.ms - b.estimate.ms)) {
    const obstacle = obstacleOf(fragment, capabilities);
    if (obstacle === null) {
      return { kind: 'Ask', store, fragment, dictionaries, lists, estimate, read: work.read };
    }
    obstacles.push(obstacle);
  }
  throw unanswerable(obstacles, forceStore);
}

/** A fragment whose files are chosen, asked of one store; null where it cannot answer. */
export function askStore(
  fragment: Plan,
  state: TenantState,
  { store, capabilities, prices }: StoreOffer,
): Ask | null {
  if (obstacleOf(fragment, capabilities) !== null) return null;
  const dictionaries = dictionaryFiles(fragment, state);
  const work = workOf(fragment, dictionaries, state);
  const lists = listsOf(fragment, state);
  const estimate = estimateOf(work, prices);
  return { kind: 'Ask', store, fragment, dictionaries, lists, estimate, read: work.read };
}

/** The same store asked for less: its fragment's files are a part of those that it was chosen for. */
export function askLess(ask: Ask, fragment: Plan, state: TenantState, offers: readonly StoreOffer[]): Ask {
  const offer = offers.find(({ store }) => store === ask.store);
  if (!offer) throw new Error(`the store ${ask.store} is not offered`);
  const work = workOf(fragment, ask.dictionaries, state);
  return { ...ask, fragment, estimate: estimateOf(work, offer.prices), read: work.read };
}

function unanswerable(obstacles: readonly string[], forceStore: StoreName | null): Error {
  const reason = obstacles.join('; ');
  return forceStore === null
    ? new Error(`no store can answer: ${reason}`)
    : costError('STORE_UNABLE', { store: forceStore, reason: `it ${reason}` });
}

/** What answering takes, whatever store does it. */
type Work = { readonly read: Read; readonly rows: number; readonly sets: SetsWork | null };

function workOf(fragment: Plan, dictionaries: Ask['dictionaries'], state: TenantState): Work {
  const read = { files: 0, bytes: 0, rows: 0 };
  const add = ({ files, bytes, rows }: Read) => {
    read.files += files;
    read.bytes += bytes;
    read.rows += rows;
  };
  for (const scan of scansOf(fragment)) add(readOf(scan, state));
  for (const looked of Object.values(dictionaries)) add(wholeOf(looked));
  read.bytes = Math.round(read.bytes);
  return { read, rows: Math.round(estimateRows(fragment, state)), sets: setsWork(fragment, state) };
}

function estimateOf({ read, rows, sets }: Work, prices: Prices): Estimate {
  const ms = askMs(read, rows, prices) + (sets === null ? 0 : setsMs(sets, prices));
  return { rows, bytes: read.bytes, ms, usd: usdOf(ms, prices) };
}

/** Files are sorted by day, so that of what a Scan does not cover little is read. */
function readOf(scan: Scan, state: TenantState): Read {
  if (scan.files === null) return { files: 0, rows: 0, bytes: 0 };
  const whole = wholeOf(scan.files);
  const rows = estimateRows(scan, state);
  return { ...whole, rows, bytes: whole.rows === 0 ? 0 : (whole.bytes * rows) / whole.rows };
}

function wholeOf({ files, columnBytes }: FileSelection): Read {
  const rows = files.reduce((sum, { records }) => sum + records, 0);
  return { files: files.length, rows, bytes: columnBytes };
}

export function scanFiles(plan: Plan): FileSelection[] {
  return scansOf(plan).flatMap(({ files }) => files ?? []);
}
