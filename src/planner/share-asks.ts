/**
 * Asks of several plans that group the same rows of one store become one Ask where that is cheaper by its prices: the
 * rows are read once and grouped in several ways. The plans are of one tenant and one state; each goes on with the rows
 * that are its own. Pure.
 */
import type { TenantState } from '../catalog/tenant-state.ts';
import { chooseFiles, unfilteredFiles } from './choose-files.ts';
import { estimateRows } from './estimate.ts';
import type { Grouped } from './join-groups.ts';
import { haveOneBucket, joinOverGroups, joinOverRows, scanOf, setsOf, takeApart } from './join-groups.ts';
import type { Ask, GroupingSets, OneSet, PhysicalPlan, Plan, Scan } from './plan.ts';
import { asksOf, mapChildren, outputColumns } from './plan-tree.ts';
import type { PlannedPart, QueryPlan } from './plan-query.ts';
import type { StoreOffer } from './pushed-to-physical.ts';
import { askStore } from './pushed-to-physical.ts';
import type { RuleRun } from './rewrite.ts';

type Member = { readonly ask: Ask; readonly grouped: Grouped };
/** Members that are asked together, by what is estimated of it; one that is alone, as it is. */
type Together = { readonly members: readonly Member[]; readonly ask: Ask };
type Weighing = {
  readonly state: TenantState;
  readonly offer: StoreOffer;
  readonly fits: (ask: Ask) => boolean;
};

/** By this name it is told of in explain, and switched off. */
export const SHARE_SCANS = 'share-scans';
/** Sharing must save this part of the time by estimates, which are not exact. */
const SAVING_MIN = 0.1;
/** Fine groups at most: estimates of groups of many columns are the least exact of all. */
const FINE_GROUPS_MAX = 20_000;

/**
 * The same plans; those that share an Ask hold it as one object, below nodes that take their rows out of it.
 *
 * @param fits whether an Ask may be run; what is shared may be more than each of its parts
 */
export function shareAsks(
  plans: readonly QueryPlan[],
  state: TenantState,
  offers: readonly StoreOffer[],
  fits: (ask: Ask) => boolean,
): QueryPlan[] {
  const asks = new Set(plans.flatMap(({ parts }) => parts.flatMap(({ plan }) => asksOf(plan))));
  if (asks.size < 2) return [...plans];
  const members = [...asks].flatMap((ask): Member[] => {
    const grouped = takeApart(ask.fragment);
    return grouped === null ? [] : [{ ask, grouped }];
  });
  const places = new Map<Ask, OneSet>();
  for (const some of Map.groupBy(members, ({ ask, grouped }) => `${ask.store} ${grouped.key}`).values()) {
    const offer = offers.find(({ store }) => store === some[0]?.ask.store);
    if (offer === undefined) continue;
    const weighing = { state, offer, fits };
    for (const together of cheapestTogether(some, weighing)) {
      const shared = finalAsk(together, weighing);
      if (shared !== null) placeMembers(places, together.members, shared);
    }
  }
  return places.size === 0 ? [...plans] : plans.map((plan) => withPlaces(plan, places));
}

/** Few groups first: each Ask joins those with which it saves most, or stays alone. */
function cheapestTogether(members: readonly Member[], weighing: Weighing): Together[] {
  const found: Together[] = [];
  const ordered = members.toSorted((a, b) => a.ask.estimate.rows - b.ask.estimate.rows);
  for (const member of ordered) {
    const alone: Together = { members: [member], ask: member.ask };
    const joined = found.map((each) => join(each, alone, weighing));
    const savings = joined.map((each, i) => (each === null ? 0 : savingOf(each, [found[i] ?? alone, alone])));
    const best = savings.indexOf(Math.max(0, ...savings));
    const chosen = joined[best];
    if (chosen) found[best] = chosen;
    else found.push(alone);
  }
  return found;
}

/** Milliseconds; 0 where it is not worth it. */
function savingOf({ ask }: Together, apart: readonly Together[]): number {
  const apartMs = sum(apart.map((each) => each.ask.estimate.ms));
  const saved = apartMs - ask.estimate.ms;
  return saved >= apartMs * SAVING_MIN ? saved : 0;
}

/** Null where they cannot be asked as one. */
function join(a: Together, b: Together, { state, offer, fits }: Weighing): Together | null {
  const members = [...a.members, ...b.members];
  const all = members.map(({ grouped }) => grouped);
  if (!haveOneBucket(all)) return null;
  const overGroups = joinOverGroups(all);
  const forms = [
    joinOverRows(all),
    overGroups !== null && staysSmall(overGroups, all, state) ? overGroups : null,
  ];
  const [ask] = forms
    .flatMap((form) => (form && askStore(withBytes(form, all), state, offer)) ?? [])
    .filter(fits)
    .sort((x, y) => x.estimate.ms - y.estimate.ms);
  return ask === undefined ? null : { members, ask };
}

/** Whether the fine groups are few, or hardly more than some of them need anyway. */
function staysSmall(form: GroupingSets, all: readonly Grouped[], state: TenantState): boolean {
  const needed = all.map(({ fine }) => (fine === null ? 0 : estimateRows(fine.groups, state)));
  return estimateRows(form.input, state) <= Math.max(FINE_GROUPS_MAX, ...needed);
}

/** With the bytes that the united columns take by the mean of those that are read; the files are chosen in the end. */
function withBytes(form: GroupingSets, all: readonly Grouped[]): Plan {
  const scans = all.map(({ rows }) => scanOf(rows));
  const meanBytes =
    sum(scans.map(({ files }) => files?.columnBytes ?? 0)) /
    Math.max(1, sum(scans.map(({ columns }) => columns.length)));
  return onScan(form, (scan) =>
    scan.files === null
      ? scan
      : { ...scan, files: { ...scan.files, columnBytes: meanBytes * scan.columns.length } },
  );
}

function onScan(plan: Plan, change: (scan: Scan) => Scan): Plan {
  return plan.kind === 'Scan' ? change(plan) : mapChildren(plan, (child) => onScan(child, change));
}

/** Null where those who would share it are asked apart after all. */
function finalAsk({ members, ask }: Together, { state, offer, fits }: Weighing): Ask | null {
  if (members.length < 2) return null;
  const shared = askStore(chooseFiles(ask.fragment, unfilteredFiles(state)), state, offer);
  if (shared === null || !fits(shared)) return null;
  const apartMs = sum(members.map((each) => each.ask.estimate.ms));
  return shared.estimate.ms < apartMs ? shared : null;
}

function placeMembers(places: Map<Ask, OneSet>, members: readonly Member[], shared: Ask): void {
  const { numbers } = setsOf(members.map(({ grouped }) => grouped));
  for (const [i, { ask }] of members.entries()) {
    const columns = outputColumns(ask.fragment);
    places.set(ask, { kind: 'OneSet', set: numbers[i] ?? 0, columns, input: shared, alone: ask });
  }
}

function withPlaces(plan: QueryPlan, places: ReadonlyMap<Ask, OneSet>): QueryPlan {
  const place = (node: Plan): Plan =>
    node.kind === 'Ask' ? (places.get(node) ?? node) : mapChildren(node, place);
  // Every Scan is in an Ask still.
  const parts = plan.parts.map((part): PlannedPart => ({ ...part, plan: place(part.plan) as PhysicalPlan }));
  const runs = runsOf(plan, places);
  return runs.length === 0 ? plan : { ...plan, parts, rules: [...plan.rules, ...runs] };
}

/** For explain: what each shared scan of a plan takes the place of. */
function runsOf({ parts }: QueryPlan, places: ReadonlyMap<Ask, OneSet>): RuleRun[] {
  const own = parts.flatMap(({ plan }) => asksOf(plan)).flatMap((ask) => places.get(ask)?.input ?? []);
  return [...new Set(own)].map((shared) => {
    const apart = [...places].filter(([, { input }]) => input === shared).map(([ask]) => ask);
    const apartMs = sum(apart.map(({ estimate }) => estimate.ms));
    const reason = `one scan for ${apart.length} groupings is expected to take ${shared.estimate.ms.toFixed(1)} ms, apart they take ${apartMs.toFixed(1)} ms`;
    return { rule: SHARE_SCANS, fired: true, reason, before: null, after: shared };
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
