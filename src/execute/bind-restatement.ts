/** Two states of knowledge, and the way from one to the other: one cause at a time. */
import { changedDimensions } from '../attribution/changed-dimensions.ts';
import type { RuleDimension } from '../attribution/rule-set.ts';
import { ALWAYS } from '../attribution/rule-set.ts';
import type { PublishedBatch } from '../catalog/batch.ts';
import type { Control } from '../catalog/control/control.ts';
import type { Metric } from '../catalog/metrics.ts';
import type { PublishedRules } from '../catalog/published-rules.ts';
import { ruledDimensions } from '../catalog/published-rules.ts';
import type { TelemetryStream } from '../catalog/telemetry.ts';
import type { TenantState } from '../catalog/tenant-state.ts';
import { compareText } from '../core/code-point-order.ts';
import { digest } from '../core/digest.ts';
import { costError } from '../core/errors.ts';
import type { Instant } from '../core/time-range.ts';
import { formatInstant } from '../core/time-range.ts';
import { GROUP_BY_MAX } from '../planner/bind/bind-query.ts';
import type { CostQuery, KnowledgeInput, PeriodInput } from '../planner/cost-query.ts';
import type { Pinned } from './bind-bound.ts';
import { bindAt, pinKnowledge } from './bind-bound.ts';
import type {
  BoundQuery,
  BoundRestatement,
  EffectRequest,
  RestatementRequest,
  RestatementStep,
} from './engine.ts';
import type { StateStore } from './pin-state.ts';
import type { RuleReader } from './read-rules.ts';
import { ROWS_FETCHED_MAX } from './run-question.ts';

/** Of one cause, what changed is named so often; then counted. */
const CHANGES_NAMED_MAX = 5;

/** One end of the way. `knowledge` is what its version is checked against. */
type End = { readonly state: TenantState; readonly knowledge: KnowledgeInput };

export async function bindRestatement(
  control: Control,
  states: StateStore,
  request: RestatementRequest,
): Promise<BoundRestatement> {
  const { tenant, query, of, now } = request;
  if (Object.values(query.knowledge).some((each) => (each ?? null) !== null)) {
    const reason = 'The query names a state of knowledge, and so do from and to';
    throw costError('BAD_QUERY', { reason, hint: 'Leave out knowledge.' });
  }
  const from = await pinKnowledge(control, states, tenant, request.from, now);
  // Pinned last: its lake holds the batches of both.
  const to = await pinKnowledge(control, states, tenant, request.to, now);
  const ends = [
    { state: from.state, knowledge: request.from },
    { state: to.state, knowledge: request.to },
  ] as const;
  return bindWay(query, of, ends, to.now);
}

/** Null where there are no bills that a default query could be about. */
export async function bindEffect(
  control: Control,
  states: StateStore,
  readRules: RuleReader,
  { tenant, change, query, now: clock }: EffectRequest,
): Promise<BoundRestatement | null> {
  const { rules: _rules, ...knowledge } = query?.knowledge ?? {};
  const { state, now } = await pinKnowledge(control, states, tenant, knowledge, clock);
  const before = change.before && (await readRules(tenant, change.before));
  const asked = query ?? (await effectQuery(control, state, before, change.after, now));
  if (asked === null) return null;
  const ends = [
    { state: withRules(state, before), knowledge: {} },
    { state: withRules(state, change.after), knowledge: {} },
  ] as const;
  return bindWay(asked, 'EFFECTIVE_COST', ends, now);
}

function bindWay(query: CostQuery, of: Metric, ends: readonly [End, End], now: Instant): BoundRestatement {
  refuseUncomparable(query);
  const { tenant } = ends[0].state;
  const bind = ({ state, knowledge }: End): BoundQuery => {
    const wanted = { metrics: [of], amounts: [], distinct: [] };
    const rows = { ...wanted, offset: 0, limit: ROWS_FETCHED_MAX };
    const pinned: Pinned = { state, now };
    return bindAt(tenant, { ...query, knowledge }, { rows, totals: wanted, conservation: [] }, pinned);
  };
  const known = ends.flatMap(({ state }) => state.rules?.ruleSet.dimensions ?? []);
  const [before, after] = [knowing(ends[0].state, known), knowing(ends[1].state, known)];
  const from = bind({ ...ends[0], state: before });
  const to = bind({ ...ends[1], state: after });

  const batches = changeOfBatches(before.batches, after.batches);
  const telemetry = changeOfTelemetry(before.telemetry, after.telemetry);
  const rules = changeOfRules(before.rules, after.rules);
  const billed = { ...after, telemetry: before.telemetry, rules: before.rules, ruled: before.ruled };
  const driven = { ...billed, telemetry: after.telemetry };
  const data = step('DATA', batches, 'the bills are the same', from, () =>
    bind({ state: billed, knowledge: {} }),
  );
  const drivers = step('TELEMETRY', telemetry, 'the driver data is the same', data.bound, () =>
    bind({ state: driven, knowledge: {} }),
  );
  const last = step('RULES', rules, 'the rules are the same', drivers.bound, () => to);
  const ruleVersions = [before.rules?.version ?? null, after.rules?.version ?? null];
  const version = digest([from.version, to.version, ruleVersions]);
  return { of, from, steps: [data, drivers, last], version };
}

/** @param changes in words; where there are none the state is that of the step before */
function step(
  kind: RestatementStep['kind'],
  changes: readonly string[],
  otherwise: string,
  before: BoundQuery,
  bind: () => BoundQuery,
): RestatementStep {
  if (changes.length === 0) return { kind, detail: otherwise, bound: before };
  const named = changes.slice(0, CHANGES_NAMED_MAX).join('; ');
  const more = changes.length - CHANGES_NAMED_MAX;
  return { kind, detail: more > 0 ? `${named}; and ${more} more` : named, bound: bind() };
}

/** @throws BAD_QUERY where the groups of two states are no pairs */
function refuseUncomparable({ compare, having, top }: CostQuery): void {
  const named = [compare && 'compare', having.length > 0 && 'having', top && 'top'].find(Boolean);
  if (!named) return;
  const reason = `A restatement has all groups of two states side by side, and no ${named}`;
  throw costError('BAD_QUERY', { reason, hint: `Leave out ${named}.` });
}

function withRules(state: TenantState, rules: PublishedRules | null): TenantState {
  return { ...state, rules, ruled: ruledDimensions(rules) };
}

/** The state with dimensions that other rules define: by its own no charge has a value of them. */
function knowing(state: TenantState, dimensions: readonly RuleDimension[]): TenantState {
  const unknown = new Map(dimensions.map((each) => [each.key, each]));
  for (const key of state.ruled.keys()) unknown.delete(key);
  if (unknown.size === 0) return state;
  const empty = [...unknown.values()].map((dimension): RuleDimension => ({
    ...dimension,
    effective: ALWAYS,
    rules: [],
    otherwise: null,
  }));
  const { ruleSet, ...rest } = state.rules ?? noRules;
  return withRules(state, {
    ...rest,
    ruleSet: { ...ruleSet, dimensions: [...ruleSet.dimensions, ...empty] },
  });
}

const noRules: PublishedRules = {
  version: '0',
  ruleSet: { version: 1, dimensions: [], lookups: [], splits: [] },
  publishedAt: 0,
  publishedBy: '',
};

/** A line per source and month. */
function changeOfBatches(before: readonly PublishedBatch[], after: readonly PublishedBatch[]): string[] {
  const kept = new Set(before.map(({ id }) => id)).intersection(new Set(after.map(({ id }) => id)));
  const nameOf = ({ source, billingMonth }: PublishedBatch) => `${source} ${billingMonth.slice(0, 7)}`;
  const changed = (batches: readonly PublishedBatch[]) =>
    Map.groupBy(
      batches.filter(({ id }) => !kept.has(id)),
      nameOf,
    );
  const [gone, come] = [changed(before), changed(after)];
  const names = [...new Set([...gone.keys(), ...come.keys()])].sort(compareText);
  return names.map((name) => {
    const [old, fresh] = [gone.get(name), come.get(name)].map(formatBatches);
    if (!old) return `${name}: ${fresh} added`;
    return fresh ? `${name}: ${old} replaced by ${fresh}` : `${name}: ${old} is not live`;
  });
}

function formatBatches(batches: readonly PublishedBatch[] = []): string | null {
  const [first, ...others] = batches;
  if (first === undefined) return null;
  return others.length === 0 ? `batch ${first.id}` : `${batches.length} batches`;
}

/** A line per stream. */
function changeOfTelemetry(
  before: ReadonlyMap<string, TelemetryStream>,
  after: ReadonlyMap<string, TelemetryStream>,
): string[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort(compareText);
  return names.flatMap((name) => {
    const [old = 0, fresh = 0] = [before, after].map((streams) => streams.get(name)?.loads.length ?? 0);
    return old === fresh ? [] : [`${name}: ${fresh} loads instead of ${old}`];
  });
}

function changeOfRules(before: PublishedRules | null, after: PublishedRules | null): string[] {
  const [old, fresh] = [before, after].map((rules) => (rules ?? noRules).version);
  if (old === fresh) return [];
  const name = (version = '0') =>
    version === '0' ? 'no rules' : /^\d+$/.test(version) ? `version ${version}` : 'rules not published';
  return [`${name(old)} → ${name(fresh)}`];
}

async function effectQuery(
  control: Control,
  state: TenantState,
  before: PublishedRules | null,
  after: PublishedRules,
  now: Instant,
): Promise<CostQuery | null> {
  const period = await effectPeriod(control, state, now);
  if (period === null) return null;
  return {
    period,
    granularity: 'TOTAL',
    groupBy: changedDimensions(before?.ruleSet ?? null, after.ruleSet).slice(0, GROUP_BY_MAX),
    filter: null,
    having: [],
    orderBy: [],
    top: null,
    currency: null,
    timing: 'START',
    timeAxis: 'CHARGE_PERIOD',
    splits: 'APPLIED',
    compare: null,
    knowledge: {},
    timeZone: 'UTC',
  };
}

/** The period that was closed last, else the last whole month that there are bills of. */
async function effectPeriod(
  control: Control,
  { tenant, batches }: TenantState,
  now: Instant,
): Promise<PeriodInput | null> {
  const closed = (await control.closes(tenant)).at(-1);
  if (closed) return { from: formatInstant(closed.from), to: formatInstant(closed.to) };
  const months = new Set(batches.map(({ billingMonth }) => billingMonth.slice(0, 7)));
  const running = new Date(now).toISOString().slice(0, 7);
  const last = [...months].sort().findLast((month) => month < running);
  return last === undefined ? null : { month: last };
}
