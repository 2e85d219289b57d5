/**
 * Answers that the server still has, in place of asking for them again. What an Ask answers is determined by its
 * fragment and by the live batches that its time can touch, and batches never change: so answers are kept under a digest
 * of both, and no commit makes one wrong.
 *
 * Where groups of disjoint sets of charges can be merged, answers are kept for each source and month apart, which is
 * what an import replaces or adds to: afterwards only what it changed is asked for again. A month that a period holds
 * wholly has one answer for all such periods; of periods that slide with the clock see cut-at-days.ts.
 */
import type { TenantState } from '../catalog/tenant-state.ts';
import { touches } from '../catalog/batch.ts';
import { digest } from '../core/digest.ts';
import type { Instant, TimeRange } from '../core/time-range.ts';
import { ALL_TIME, ceilDay, floorDay } from '../core/time-range.ts';
import { cutAtDays } from './cut-at-days.ts';
import { hasPartials, mergeArms, partialOf } from './merge-arms.ts';
import { isMergeable } from './measures.ts';
import type {
  Aggregate,
  Ask,
  Bucket,
  ColumnName,
  FileSelection,
  Kept,
  PhysicalPlan,
  Plan,
  Pruning,
  Scan,
} from './plan.ts';
import { mapChildren, outputColumns, scansOf, someNode } from './plan-tree.ts';
import type { StoreOffer } from './pushed-to-physical.ts';
import { askLess } from './pushed-to-physical.ts';
import { scannedBatches } from './scanned-batches.ts';

/** What of a tenant's answers the server still has: how many rows there are under a key; null where there are none. */
export type KeptAnswers = { readonly rowsOf: (key: string) => number | null };

/** Of a source's billing month the live batches that can hold charges of a fragment's time, and what they reach over. */
type Unit = {
  readonly source: string;
  readonly month: string;
  readonly batches: readonly string[];
  readonly from: Instant;
  readonly to: Instant;
};

/** Beyond this many rows in all, an answer is kept as a whole only: merging would take longer than it saves. */
const MERGED_ROWS_MAX = 20_000;
/** More rows than this are not kept. */
export const KEPT_ROWS_MAX = 50_000;
const UNIT_COLUMNS: readonly ColumnName[] = ['source', 'billing_month'];

export function keepAnswers(
  plan: PhysicalPlan,
  state: TenantState,
  offers: readonly StoreOffer[],
  kept: KeptAnswers,
): { plan: PhysicalPlan; unread: readonly Pruning[] } {
  const unread: Pruning[] = [];
  const keep = (node: Plan): Plan => {
    if (node.kind !== 'Ask') return mapChildren(node, keep);
    const less = keepAsk(node, state, offers, kept);
    if (!someNode(less, ({ kind }) => kind === 'Ask')) unread.push(...scansOf(node.fragment).map(unreadOf));
    return less;
  };
  return { plan: keep(plan) as PhysicalPlan, unread }; // Every Scan is in an Ask still.
}

/** What is not read of the files of a Scan that nothing is asked of any more. */
function unreadOf({ files }: Scan): Pruning {
  const nothing = { filesTotal: 0, filesRead: 0, bytesTotal: 0, bytesRead: 0, skipped: [] };
  return files === null ? nothing : restrictFiles(files, new Set()).pruning;
}

function keepAsk(ask: Ask, state: TenantState, offers: readonly StoreOffer[], kept: KeptAnswers): Plan {
  if (ask.estimate.rows > KEPT_ROWS_MAX) return ask;
  const units = unitsOf(ask.fragment, state);
  const whole = digest([state.tenant, digestOf(ask.fragment), units.map(({ batches }) => batches)]);
  const columns = outputColumns(ask.fragment);
  const all = keptAt(whole, columns, kept);
  if (all !== null) return all;
  const root = mergeableRoot(ask, units.length);
  const keepWhole = (input: Plan): Plan => ({
    kind: 'Keep',
    columns,
    by: [],
    units: [{ key: whole, values: [] }],
    input,
  });
  if (root === null) return keepWhole(ask);

  const partial = root.step === 'single' ? partialOf(root) : root;
  const cut = cutAtDays(ask, partial, state, offers);
  if (cut !== null) return keepWhole(mergeArms(root, [keepAsk(cut.days, state, offers, kept), ...cut.ends]));
  if (units.length < 2) return keepWhole(ask);
  const ofAnyTime = digestOf(withoutTime(partial));
  const arms: Plan[] = [];
  const missing: { readonly unit: Unit; readonly key: string }[] = [];
  for (const unit of units) {
    const times = scansOf(partial).map((scan) => timeOf(unit, scan));
    const key = digest([state.tenant, ofAnyTime, times, unit.batches]);
    const arm = keptAt(key, outputColumns(partial), kept);
    if (arm === null) missing.push({ unit, key });
    else arms.push(arm);
  }
  if (missing.length > 0) {
    const askFor = (fragment: Plan) => askLess(ask, fragment, state, offers);
    arms.push(askMissing(partial, missing, askFor));
  }
  return keepWhole(mergeArms(root, arms));
}

function keptAt(key: string, columns: readonly ColumnName[], kept: KeptAnswers): Kept | null {
  const rows = kept.rowsOf(key);
  return rows === null ? null : { kind: 'Kept', key, columns, rows };
}

/** By source and month; the batches sorted, so that equal units have equal digests. */
function unitsOf(fragment: Plan, state: TenantState): Unit[] {
  const batches = scansOf(fragment).flatMap((scan) => {
    const axis = scan.axis === 'billing_period_start' ? 'BILLING_PERIOD' : 'CHARGE_PERIOD';
    return scannedBatches(scan, state).filter((batch) => touches(batch, scan.range, axis));
  });
  const byMonth = Map.groupBy(new Set(batches), ({ source, billingMonth }) => `${billingMonth} ${source}`);
  return [...byMonth]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, [first, ...others]]) => {
      if (first === undefined) return [];
      const all = [first, ...others];
      const from = Math.min(...all.map((batch) => batch.from));
      const to = Math.max(...all.map((batch) => batch.to));
      const ids = all.map(({ id }) => String(id)).sort();
      return [{ source: first.source, month: first.billingMonth, batches: ids, from, to }];
    });
}

const digests = new WeakMap<Plan, string>();

/** What a fragment asks, whatever files hold the rows. Fragments of plans that are used again are digested once. */
function digestOf(fragment: Plan): string {
  const known = digests.get(fragment) ?? digest(essenceOf(fragment));
  digests.set(fragment, known);
  return known;
}

/** Without what the rest determines. */
function essenceOf(plan: Plan): unknown {
  if (plan.kind === 'Scan') return { ...plan, files: null };
  if (plan.kind === 'Telemetry') return { ...plan, selection: plan.selection.loads };
  const below = mapChildren(plan, (child) => essenceOf(child) as Plan); // Only to be digested.
  if (below.kind === 'Attribute') return { ...below, dimensions: below.dimensions.map(({ key }) => key) };
  return below.kind === 'Bucket' && below.timing === 'START' ? withoutEnds(below) : below;
}

/** What is read is within the period, so it is numbered alike wherever in a day that begins and ends. */
function withoutEnds(bucket: Bucket): Bucket {
  const { buckets } = bucket;
  const last = (buckets?.edges.length ?? 0) - 1;
  const edges = buckets?.edges.map((edge, i) =>
    i === 0 ? floorDay(edge) : i === last ? ceilDay(edge) : edge,
  );
  return { ...bucket, clip: ALL_TIME, buckets: buckets && edges ? { ...buckets, edges } : buckets };
}

function withoutTime(plan: Plan): Plan {
  return plan.kind === 'Scan' ? { ...plan, range: { from: 0, to: 0 } } : mapChildren(plan, withoutTime);
}

/** What of a unit's time a Scan reads: the same for all Scans that read the whole unit. A charge may start where it ends. */
function timeOf(unit: Unit, { axis, range }: Scan): TimeRange | null {
  if (axis === 'billing_period_start') return null;
  return { from: Math.max(range.from, unit.from), to: Math.min(range.to, unit.to + 1) };
}

/** The Aggregate at the root of a fragment, where groups of single units can be merged into its own; else null. */
function mergeableRoot({ fragment, estimate }: Ask, units: number): Aggregate | null {
  if (fragment.kind !== 'Aggregate' || estimate.rows * units > MERGED_ROWS_MAX) return null;
  // What is shared out together is not of one source and month.
  if (someNode(fragment, ({ kind }) => kind === 'Allocate')) return null;
  return fragment.step === 'final'
    ? fragment.measures.every(isMergeable)
      ? fragment
      : null
    : hasPartials(fragment)
      ? fragment
      : null;
}

/** One Ask for all that is missing, whose rows are kept for each unit. */
function askMissing(
  partial: Aggregate,
  missing: readonly { readonly unit: Unit; readonly key: string }[],
  askFor: (fragment: Plan) => Ask,
): Plan {
  const batches = missing.flatMap(({ unit }) => unit.batches);
  const by = missing.length > 1 ? UNIT_COLUMNS : [];
  const fragment = restrict(groupedBy(partial, by), new Set(batches));
  const reads = scansOf(fragment).some(({ files }) => files !== null && files.files.length > 0);
  const input: Plan = reads ? askFor(fragment) : { kind: 'Empty', columns: outputColumns(fragment) };
  const units = missing.map(({ unit, key }) => ({
    key,
    values: by.length > 0 ? [unit.source, unit.month] : [],
  }));
  return { kind: 'Keep', columns: outputColumns(partial), by, units, input };
}

function groupedBy(plan: Plan, columns: readonly ColumnName[]): Plan {
  const input = mapChildren(plan, (child) => groupedBy(child, columns));
  if (input.kind === 'Aggregate') return { ...input, groupBy: [...new Set([...input.groupBy, ...columns])] };
  if (input.kind === 'Scan') return { ...input, columns: [...new Set([...input.columns, ...columns])] };
  return input;
}

function restrict(plan: Plan, batches: ReadonlySet<string>): Plan {
  if (plan.kind !== 'Scan') return mapChildren(plan, (child) => restrict(child, batches));
  return { ...plan, batches: [...batches], files: plan.files && restrictFiles(plan.files, batches) };
}

function restrictFiles(selection: FileSelection, batches: ReadonlySet<string>): FileSelection {
  const files = selection.files.filter(({ batch }) => batch !== null && batches.has(batch));
  const left = selection.files.filter((file) => !files.includes(file));
  const size = (some: readonly { readonly sizeBytes: number }[]) =>
    some.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const [bytesRead, bytesLeft] = [size(files), size(left)];
  const { pruning } = selection;
  const skipped = { reason: 'KEPT', files: left.length, bytes: bytesLeft };
  return {
    ...selection,
    files,
    columnBytes:
      bytesRead === 0 ? 0 : Math.round((selection.columnBytes * bytesRead) / (bytesRead + bytesLeft)),
    pruning: {
      ...pruning,
      filesRead: files.length,
      bytesRead,
      skipped: left.length === 0 ? pruning.skipped : [...pruning.skipped, skipped],
    },
  };
}
