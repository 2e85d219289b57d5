/**
 * Questions about dimensions that splits give values to. Nothing can be filtered before costs are shared out: what a
 * charge's parts are depends on all that it is shared out with. So all charges of the time are grouped by hour and by what
 * has a say, attributed, shared out split by split, and asked about then:
 *
 *     Aggregate single by (customer)
 *       Filter customer in (acme)
 *         Allocate "ordering by work" to (customer)
 *           Attribute (customer)
 *             Aggregate single by ($time, tag:Application)
 *               charges
 *           Telemetry work
 */
import type { Driver, Split } from '../../attribution/rule-set.ts';
import { testsOf } from '../../attribution/rule-set.ts';
import type { PublishedRules } from '../../catalog/published-rules.ts';
import type { TenantState } from '../../catalog/tenant-state.ts';
import { costError } from '../../core/errors.ts';
import type { TimeRange } from '../../core/time-range.ts';
import { DAY_MS, HOUR_MS } from '../../core/time-range.ts';
import { makeBuckets } from '../bind/make-buckets.ts';
import { chooseTelemetry } from '../choose-telemetry.ts';
import { hasPartials, mergeArms, partialOf } from '../merge-arms.ts';
import type { Measure } from '../measures.ts';
import { measure } from '../measures.ts';
import type { Aggregate, Allocate, ColumnName, Plan } from '../plan.ts';
import { ITEM, SPLIT, STEPS, TIME } from '../plan.ts';
import type { Predicate } from '../predicate.ts';
import { FALSE, TRUE, and, mapLeaves } from '../predicate.ts';
import type { TimeBuckets } from '../time-buckets.ts';
import type { ChargesPlan, GroupsAsked, Prepared } from './attribute-groups.ts';
import { attributeGroups, keysOfGroups, namedKeys, ofCharges, prepare } from './attribute-groups.ts';
import { beginningWith, canonicalOrder } from './canonical-order.ts';
import type { Era } from './resolve-rules.ts';
import { boundsOf, erasOf, inputsOf, isEffectiveHour, ruledKeys } from './resolve-rules.ts';
import { shareConstants } from './share-constants.ts';

/** How the charges of a question are read, and the time of it. */
export type SplitContext = {
  readonly state: TenantState;
  readonly range: TimeRange;
  /** Of the question; null: its whole period is one. */
  readonly buckets: TimeBuckets | null;
  /** Charges belong to the time that they start in: others are not shared out. */
  readonly areStarts: boolean;
  readonly splits: 'APPLIED' | 'NONE';
  readonly charges: ChargesPlan;
};

const CURRENCY: ColumnName = 'billing_currency';
const SPAN: readonly ColumnName[] = ['charge_period_start', 'charge_period_end'];

/**
 * The groups of a question, after splits as far as they have a say in it.
 *
 * @throws BAD_QUERY where charges would have to be shared out that are spread over time
 */
export function allocateGroups(asked: GroupsAsked, context: SplitContext): Aggregate {
  const { state, range, areStarts, charges } = context;
  const { rules } = state;
  const splits = context.splits === 'NONE' ? [] : neededSplits(namedKeys(asked), rules);
  if (rules === null || splits.length === 0)
    return attributeGroups(unsplit(asked), rules, range, areStarts, charges);
  if (!areStarts) {
    const reason = `${splits.map(({ name }) => `"${name}"`).join(', ')}: shared costs are known by the hour that charges start in`;
    const hint = 'Ask with timing START and timeAxis CHARGE_PERIOD, or with splits NONE.';
    throw costError('BAD_QUERY', { reason, hint });
  }
  const extent = intersection(range, extentOf(state));
  if (extent.from >= extent.to) {
    if (asked.groupBy.includes(STEPS)) return ofNothing(asked);
    return attributeGroups(unsplit(asked), rules, range, areStarts, charges);
  }
  const eras = erasOf(ruledIn(asked, splits, rules, context), rules, extent, edgesOfSplits(splits));
  const arms = eras.map((era) => overSplits(asked, era, splits, rules, context));
  const [only] = arms;
  if (only !== undefined && arms.length === 1) return only;
  if (!arms.every(hasPartials)) {
    const reason = 'estimated or conditional distinct counts over rules that change within the period';
    throw costError('BAD_QUERY', {
      reason,
      hint: 'Ask for a period within which the rules stay as they are.',
    });
  }
  return mergeArms(arms[0] as Aggregate, arms.map(partialOf)); // There are eras: at least two.
}

/** Whether a charge may be in several groups. */
export function sharesOut(
  asked: GroupsAsked,
  { state, splits }: Pick<SplitContext, 'state' | 'splits'>,
): boolean {
  return splits === 'APPLIED' && neededSplits(namedKeys(asked), state.rules).length > 0;
}

/** What charges went through, where there are none. */
function ofNothing({ groupBy, measures }: GroupsAsked): Aggregate {
  const read = measures.flatMap(({ column }) => column ?? []);
  const input: Plan = { kind: 'Empty', columns: [...new Set([...groupBy, ...read])] };
  return { kind: 'Aggregate', step: 'single', groupBy, measures, input };
}

/** Without splits nothing came of one. */
function unsplit({ groupBy, measures, predicate }: GroupsAsked): GroupsAsked {
  return {
    groupBy,
    predicate: withoutSplit(predicate),
    measures: measures.map((each) => ({ ...each, where: withoutSplit(each.where) })),
  };
}

function withoutSplit(predicate: Predicate): Predicate {
  return mapLeaves(predicate, (leaf) =>
    leaf.kind === 'test' && leaf.key === SPLIT ? (leaf.orNull ? TRUE : FALSE) : leaf,
  );
}

/** Those that give values to the keys, and those before them whose parts they look at, in their order. */
export function neededSplits(keys: readonly ColumnName[], rules: PublishedRules | null): Split[] {
  const needed: Split[] = [];
  const looked = new Set(keys);
  for (const split of rules?.ruleSet.splits.toReversed() ?? []) {
    if (!looked.has(SPLIT) && !split.to.some((key) => looked.has(key))) continue;
    needed.unshift(split);
    for (const key of keysOfSplit(split)) looked.add(key);
  }
  return needed;
}

function keysOfSplit({ when, to, by }: Split): ColumnName[] {
  return [...testsOf(when).map(({ key }) => key), ...to, ...(by.kind === 'telemetry' ? by.within : [])];
}

/** Those of the rules' dimensions that anything looks at on the way, or that stand in an order before what is looked at. */
function ruledIn(
  asked: GroupsAsked,
  splits: readonly Split[],
  rules: PublishedRules,
  context: SplitContext,
): ColumnName[] {
  const keys = namedKeys(asked);
  const looked = keys.filter((key) => !isOwn(key));
  const onTheWay = stagesOf(looked, splits, rules, context).flatMap(({ before }) => before);
  const given = splits.flatMap(({ to, by }) => (by.kind === 'cost' ? [...to, by.of] : to));
  return ruledKeys([...keys, ...onTheWay, ...given], rules);
}

function edgesOfSplits(splits: readonly Split[]): number[] {
  return splits.flatMap(({ effective }) => effective.flatMap(boundsOf));
}

function intersection(a: TimeRange, b: TimeRange): TimeRange {
  return { from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) };
}

/** The whole hours that charges start in, as far as batches say. */
function extentOf({ batches }: Pick<TenantState, 'batches'>): TimeRange {
  const from = Math.min(...batches.map((batch) => batch.from));
  const to = Math.max(...batches.map((batch) => batch.to));
  return { from: Math.floor(from / HOUR_MS) * HOUR_MS, to: Math.floor(to / HOUR_MS) * HOUR_MS + HOUR_MS };
}

function overSplits(
  asked: GroupsAsked,
  { range, dimensions }: Era,
  needed: readonly Split[],
  rules: PublishedRules,
  context: SplitContext,
): Aggregate {
  const splits = needed.filter(({ effective }) => isEffectiveHour(effective, range.from));
  const isTraced = asked.groupBy.includes(STEPS);
  const ruled = new Set(dimensions.map(({ key }) => key));
  const { groupBy, predicate, measures: wanted } = splits.length === 0 ? unsplit(asked) : asked;
  const prepared = wanted.map((each) => prepare(each, ruled, false));
  const own = ofCharges(prepared);
  const stages = stagesOf(lookedAt(asked, prepared), splits, rules, context);
  const keys = stages.flatMap(({ before }) => before);
  const spans = spansOf(rules);
  const base = [...keys, ...inputsOf(dimensions)].filter((key) => !ruled.has(key) && !isOwn(key));
  const groups = context.charges(
    { groupBy: [...new Set([TIME, CURRENCY, ...spans, ...base])], measures: own, predicate: TRUE },
    range,
    makeBuckets('HOUR', 'UTC', range),
  );
  let plan: Plan = {
    kind: 'Attribute',
    rules: { version: rules.version, range },
    // Nothing has gone through a split yet.
    dimensions: isTraced ? [...dimensions, { key: STEPS, cases: [] }] : dimensions,
    input: groups,
  };
  for (const [i, { split, after }] of stages.entries()) {
    const shared = allocate(split, i, after, own, plan, range, rules, context);
    plan = isTraced ? { ...shared, traced: rules.ruleSet.splits.indexOf(split) } : shared;
  }
  if (predicate.kind !== 'true') plan = { kind: 'Filter', predicate, input: plan };
  if (groupBy.includes(TIME))
    plan = { kind: 'Rebucket', from: range.from, buckets: context.buckets, input: plan };
  // A charge counts once in each row that has parts of it: a row that has several is told by the items that they are of.
  const isOnce = !splits.every(({ to }) => to.every((key) => groupBy.includes(key)));
  const measures = prepared.map(({ over }): Measure =>
    over.fn === 'count' && isOnce ? { ...over, fn: 'count-once' } : over,
  );
  return { kind: 'Aggregate', step: 'single', groupBy, measures, input: plan };
}

const isOwn = (key: ColumnName) => key === TIME || key === SPLIT || key === ITEM || key === STEPS;

/** What has to be told apart once all is shared out. */
function lookedAt({ groupBy, predicate }: GroupsAsked, prepared: readonly Prepared[]): ColumnName[] {
  return keysOfGroups(groupBy, predicate, prepared).filter((key) => !isOwn(key));
}

/** `before`: the columns that a split looks at or passes on; `after`: those that it passes on, in canonical order. */
type Stage = {
  readonly split: Split;
  readonly before: readonly ColumnName[];
  readonly after: readonly ColumnName[];
};

function stagesOf(
  looked: readonly ColumnName[],
  splits: readonly Split[],
  { ruleSet }: PublishedRules,
  { state }: SplitContext,
): Stage[] {
  const order = canonicalOrder(ruleSet, state.tagKeys);
  const stages: Stage[] = [];
  let needed = [...looked];
  for (const split of splits.toReversed()) {
    const after = beginningWith(
      needed.filter((key) => !split.to.includes(key)),
      order,
    ).filter((key) => !split.to.includes(key));
    const before = [...new Set([...after, ...keysOfSplit(split)])];
    stages.unshift({ split, before, after });
    needed = before;
  }
  return stages;
}

/** Weights differ by hour or day, and charges of several take those of all their time. */
function isSpread({ kind }: Driver): boolean {
  return kind === 'telemetry' || kind === 'cost';
}

function allocate(
  split: Split,
  stage: number,
  items: readonly ColumnName[],
  measures: readonly Measure[],
  input: Plan,
  range: TimeRange,
  rules: PublishedRules,
  context: SplitContext,
): Allocate {
  const { name, when, to, by, noDriver, override } = split;
  const free: Predicate[] = override
    ? []
    : to.map((key): Predicate => ({ kind: 'test', key, test: { op: 'none' }, orNull: true }));
  const pool = [TIME, CURRENCY, ...spansOf(rules)];
  return {
    kind: 'Allocate',
    split: name,
    stage,
    members: and([when, ...free]),
    to,
    from: range.from,
    pool: [...new Set([...pool, ...(by.kind === 'telemetry' ? by.within : [])])],
    items: [...new Set([...pool, ...items])],
    measures,
    weights: weightsOf(split, range, rules, context),
    noDriver,
    traced: null,
    input,
  };
}

/** Part of every pool where some split has weights that differ by time: then pools are the same in all questions. */
function spansOf({ ruleSet }: PublishedRules): readonly ColumnName[] {
  return ruleSet.splits.some(({ by }) => isSpread(by)) ? SPAN : [];
}

function weightsOf(
  { by, to, noDriver }: Pick<Split, 'by' | 'to' | 'noDriver'>,
  range: TimeRange,
  rules: PublishedRules,
  { state, charges }: SplitContext,
): Allocate['weights'] {
  switch (by.kind) {
    case 'even':
      return { kind: 'constant', shares: shareConstants(by.values.map((value) => ({ value, weight: '1' }))) };
    case 'fixed':
      return { kind: 'constant', shares: shareConstants(by.weights) };
    case 'cost': {
      const time = wholeDays(range, state);
      const hours = makeBuckets('HOUR', 'UTC', time);
      const cost = measure('sum', 'effective_cost');
      const present: Predicate = { kind: 'test', key: by.of, test: { op: 'any' }, orNull: false };
      const asked = { groupBy: [TIME, CURRENCY, by.of], measures: [cost], predicate: present };
      const plan = attributeGroups(asked, rules, time, true, (inner, part) => charges(inner, part, hours));
      const [key] = to;
      if (key === undefined) throw new Error('a split has keys to give values to');
      return {
        kind: 'measured',
        grain: by.grain,
        agreeing: [CURRENCY],
        keys: [{ key, column: by.of }],
        weight: cost.name,
        from: time.from,
        plan,
      };
    }
    case 'telemetry': {
      const keys = [...by.within, ...to];
      const time = noDriver.some(({ kind }) => kind === 'even')
        ? extentOfStream(by.stream, range, state)
        : wholeDays(range, state);
      const { stream, grain } = by;
      const selection = chooseTelemetry(state, stream, keys, time);
      const plan: Plan =
        selection === null
          ? { kind: 'Empty', columns: [TIME, ...keys, 'units'] }
          : { kind: 'Telemetry', tenant: state.tenant, stream, keys, grain, range: time, selection };
      return {
        kind: 'measured',
        grain: by.grain,
        agreeing: by.within,
        keys: to.map((key) => ({ key, column: key })),
        weight: 'units',
        from: time.from,
        plan,
      };
    }
  }
}

/** All that the stream knows, as well: whom it knows at all is the same for every question. */
function extentOfStream(stream: string, range: TimeRange, state: TenantState): TimeRange {
  const loads = state.telemetry.get(stream)?.loads ?? [];
  const whole = wholeDays(range, state);
  return {
    from: Math.min(whole.from, ...loads.map(({ from }) => Math.floor(from / DAY_MS) * DAY_MS)),
    to: Math.max(whole.to, ...loads.map(({ to }) => Math.ceil(to / DAY_MS) * DAY_MS)),
  };
}

/** Of UTC, to the end of the longest charge. */
function wholeDays({ from, to }: TimeRange, state: Pick<TenantState, 'batches'>): TimeRange {
  const end = Math.max(to, extentOf(state).to);
  return { from: Math.floor(from / DAY_MS) * DAY_MS, to: Math.ceil(end / DAY_MS) * DAY_MS };
}
