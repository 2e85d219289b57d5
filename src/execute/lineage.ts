/** Where the amount of a row comes from: a question about the row, by charge and by what splits did to it. */
import type { CompiledRules } from '../attribution/compile-rules.ts';
import { compileRules } from '../attribution/compile-rules.ts';
import type { NoDriver, RuleSet, Split } from '../attribution/rule-set.ts';
import { CHARGE_IDENTITY } from '../catalog/charge-columns.ts';
import type { Metric } from '../catalog/metrics.ts';
import { metrics } from '../catalog/metrics.ts';
import type { PublishedRules } from '../catalog/published-rules.ts';
import type { Decimal } from '../core/decimal.ts';
import { DECIMAL_SCALE, decimalFromUnits } from '../core/decimal.ts';
import { costError, isCostError } from '../core/errors.ts';
import type { TimeRange } from '../core/time-range.ts';
import { HOUR_MS } from '../core/time-range.ts';
import { neededSplits } from '../planner/attribute/allocate-groups.ts';
import { USUAL_KEYS } from '../planner/attribute/canonical-order.ts';
import { neededDimensions, ruledKeys } from '../planner/attribute/resolve-rules.ts';
import type { Measure, ReadMeasure } from '../planner/measures.ts';
import { measure, measuresOf, metricValue, unique } from '../planner/measures.ts';
import type { SortKey } from '../planner/plan.ts';
import { STEPS } from '../planner/plan.ts';
import type { Predicate } from '../planner/predicate.ts';
import { TRUE, and, testedKeys } from '../planner/predicate.ts';
import type { Question } from '../planner/question.ts';
import type { BoundQuery, Lineage, LineageItem, LineageStep, ParentRow } from './engine.ts';
import { isIn, outsideTop } from './outside-top.ts';
import { readRow } from './page-rows.ts';
import type { QuestionRunner } from './run-question.ts';
import { runRows } from './run-question.ts';

/** Each is the charge's own, and goes through splits as it is. */
const own = {
  source: measure('min', 'source'),
  from: measure('min', 'charge_period_start'),
  to: measure('min', 'charge_period_end'),
  currency: measure('min', 'billing_currency'),
};

/**
 * What the amount of a row of the root table is made of, the largest contributions first whatever their sign; all of them
 * add up to the amount.
 *
 * @throws BAD_QUERY for counts, and for a remainder that cannot be told apart
 */
export async function answerLineage(
  bound: BoundQuery,
  row: ParentRow,
  of: Metric,
  page: { readonly offset: number; readonly limit: number },
  signal: AbortSignal,
  runner: QuestionRunner,
): Promise<Lineage> {
  const { column } = metrics[of];
  if (column === null) {
    const hint = 'Ask for the lineage of a cost or a quantity.';
    throw costError('BAD_QUERY', { reason: 'Counts have no lineage', hint });
  }
  const { question, state } = bound;
  const period = periodOf(question, row);
  if (period === null) return { items: [], totalCount: 0 };
  const trace = traceOf(question, state.rules);
  const origin = measure('max', column);
  const asked: Question = {
    ...question,
    period,
    compare: null,
    granularity: 'TOTAL',
    buckets: null,
    compareBuckets: null,
    groupBy: trace.groupBy,
    filter: and([question.filter, await insideOf(bound, row, signal, runner)]),
    having: [],
    top: null,
    sort: largestFirst(of, trace.groupBy),
    wanted: { rows: { ...page, measures: measuresFor(of, origin) }, totals: null, excluded: null },
  };
  const { rows, totalCount } = await runRows(runner, asked, state, signal, ['period']);
  const items = Array.from({ length: rows.length }, (_, i) =>
    itemOf(readRow(rows, i), of, origin.name, trace, state.rules),
  );
  return { items, totalCount };
}

/** Null for a bucket that only the compared period has. */
function periodOf({ period, buckets }: Question, { bucket }: ParentRow): TimeRange | null {
  if (bucket === null || buckets === null) return period;
  const [from, to] = [buckets.edges[bucket], buckets.edges[bucket + 1]];
  return from === undefined || to === undefined ? null : { from, to };
}

async function insideOf(
  bound: BoundQuery,
  { values, isRemainder }: ParentRow,
  signal: AbortSignal,
  runner: QuestionRunner,
): Promise<Predicate> {
  const { groupBy, top } = bound.question;
  const outside = isRemainder ? await outsideTop(bound, signal, runner) : TRUE;
  if (isCostError(outside)) throw outside;
  const isOpen = (key: string) => !isRemainder || !top?.by.includes(key);
  const keys = groupBy.flatMap((key, i) => (isOpen(key) ? [isIn(key, new Set([values[i] ?? null]))] : []));
  return and([outside, ...keys]);
}

/** What contributions are told apart by, and what of it is shown. */
type Trace = {
  readonly groupBy: readonly string[];
  readonly shown: readonly string[];
  /** The dimensions of rules that the row looks at. */
  readonly decided: readonly string[];
  /** Those, and what they look at. */
  readonly compiled: CompiledRules | null;
};

function traceOf({ groupBy, filter, splits }: Question, rules: PublishedRules | null): Trace {
  const applied = splits === 'NONE' ? [] : neededSplits([...groupBy, ...testedKeys(filter)], rules);
  const decided = ruledKeys(groupBy, rules);
  const compiled = rules && compileRules(only(decided, rules.ruleSet));
  const shown = [...new Set([...groupBy, ...applied.flatMap(({ to }) => to), ...USUAL_KEYS])];
  const steps = applied.length > 0 ? [STEPS] : [];
  const all = new Set([...shown, ...(compiled?.inputs ?? []), ...CHARGE_IDENTITY, ...steps]);
  return { groupBy: [...all], shown, decided, compiled };
}

function only(keys: readonly string[], ruleSet: RuleSet): RuleSet {
  return { ...ruleSet, dimensions: neededDimensions(keys, ruleSet), splits: [] };
}

function measuresFor(of: Metric, origin: Measure): Measure[] {
  return unique([...measuresOf(of), origin, ...Object.values(own)]);
}

function largestFirst(metric: Metric, groupBy: readonly string[]): SortKey[] {
  const keys = [...new Set(['charge_id', ...groupBy])];
  return [
    { by: 'magnitude', metric, direction: 'DESC' },
    ...keys.map((column): SortKey => ({ by: 'key', column, direction: 'ASC' })),
  ];
}

function itemOf(
  read: ReadMeasure,
  of: Metric,
  origin: string,
  trace: Trace,
  rules: PublishedRules | null,
): LineageItem {
  const amount = metricValue(read, of) ?? 0n;
  const whole = unitsAt(read, origin);
  const from = Date.parse(textAt(read, own.from.name));
  const shared = rules === null ? [] : stepsOfSplits(read(STEPS), rules, trace.shown);
  const steps = [...(rules === null ? [] : stepsOfRules(read, from, shared, trace, rules)), ...shared];
  const passedOn = steps.reduce((product, { numerator }) => product * numerator, whole);
  const outOf = steps.reduce((product, { denominator }) => product * denominator, 1n);
  return {
    amount: decimalFromUnits(amount),
    origin: {
      id: textAt(read, 'charge_id'),
      batch: textAt(read, 'batch'),
      source: textAt(read, own.source.name),
      from,
      to: Date.parse(textAt(read, own.to.name)),
      keys: trace.shown.map((key) => ({ key, value: valueAt(read, key) })),
      amount: decimalFromUnits(whole),
      currency: textAt(read, own.currency.name),
    },
    steps: steps.map(({ step }) => step),
    rounding: decimalFromUnits(amount - passedOn / outOf),
  };
}

function valueAt(read: ReadMeasure, key: string): string | null {
  const value = read(key);
  return typeof value === 'string' ? value : null;
}

function textAt(read: ReadMeasure, key: string): string {
  return valueAt(read, key) ?? '';
}

function unitsAt(read: ReadMeasure, name: string): bigint {
  const value = read(name);
  return typeof value === 'bigint' ? value : 0n;
}

/** A step with its share in whole numbers, and the dimensions that it gave values to. */
type Passed = {
  readonly step: LineageStep;
  readonly numerator: bigint;
  readonly denominator: bigint;
  readonly gave: readonly string[];
};

/** Of the row's dimensions of rules those that no split gave values to. */
function stepsOfRules(
  read: ReadMeasure,
  start: number,
  shared: readonly Passed[],
  { decided, compiled }: Trace,
  { version, ruleSet }: PublishedRules,
): Passed[] {
  if (compiled === null) return [];
  const hour = Math.floor(start / HOUR_MS) * HOUR_MS;
  const { values, rules } = compiled.evaluate((key) => valueAt(read, key), hour);
  const given = new Set(shared.flatMap(({ gave }) => gave));
  return decided.flatMap((key): Passed[] => {
    const place = compiled.keys.indexOf(key);
    const dimension = ruleSet.dimensions.find((each) => each.key === key);
    if (dimension === undefined || given.has(key) || (values[place] ?? null) === null) return [];
    const rule = dimension.rules[rules[place] ?? -1];
    const { name, line } = rule ?? { name: 'otherwise', line: dimension.line };
    const reference = { ruleSet: version, dimension: key, name, line };
    const method = rule ? 'RULE' : 'OTHERWISE';
    return [passed(reference, { method, driver: null }, 1n, 1n, [key])];
  });
}

function stepsOfSplits(
  steps: ReturnType<ReadMeasure>,
  { version, ruleSet }: PublishedRules,
  shown: readonly string[],
): Passed[] {
  if (typeof steps !== 'string') return [];
  return steps.split(';').map((text) => {
    const [at = 0n, way = 0n, numerator = 0n, denominator = 1n] = text.split(':').map(BigInt);
    const split = ruleSet.splits[Number(at)];
    if (split === undefined) throw new Error('steps are of the splits of the rules');
    const { name, line, to } = split;
    const dimension = shown.find((key) => to.includes(key)) ?? '';
    const reference = { ruleSet: version, dimension, name, line };
    return passed(reference, wayOf(split, Number(way)), numerator, denominator, to);
  });
}

type Way = { readonly method: string; readonly driver: string | null };

const ONE = 10n ** BigInt(DECIMAL_SCALE);

function passed(
  rule: LineageStep['rule'],
  { method, driver }: Way,
  numerator: bigint,
  denominator: bigint,
  gave: readonly string[],
): Passed {
  const shown = (weight: bigint): Decimal => decimalFromUnits(weight * ONE);
  const step = { rule, numerator: shown(numerator), denominator: shown(denominator), method, driver };
  return { step, numerator, denominator, gave };
}

function wayOf({ by, noDriver }: Split, way: number): Way {
  const driver = by.kind === 'telemetry' ? by.stream : by.kind === 'cost' ? by.of : null;
  const next = way === 0 ? undefined : noDriver[way - 1];
  if (next === undefined) return { method: by.kind.toUpperCase(), driver };
  const isKnown = next.kind === 'spread' || next.kind === 'even';
  return { method: methodOf[next.kind], driver: isKnown ? driver : null };
}

const methodOf: Readonly<Record<NoDriver['kind'], string>> = {
  spread: 'SPREAD_DAY',
  even: 'EVEN',
  value: 'VALUE',
  unattributed: 'UNATTRIBUTED',
};
