import type { RuleSet } from '../../src/attribution/rule-set.ts';
import type { TimeRange } from '../../src/core/time-range.ts';
import { HOUR_MS, ceilHour } from '../../src/core/time-range.ts';
import type { Measure } from '../../src/planner/measures.ts';
import { measuresOf } from '../../src/planner/measures.ts';
import type { Question } from '../../src/planner/question.ts';
import type { TimeBuckets } from '../../src/planner/time-buckets.ts';
import type { Charge, Row, Value } from './charge.ts';
import { valueOf } from './charge.ts';
import { compareRows, computeWhere, meets, metricOf } from './meaning.ts';
import { compareTuples, cutAmounts, passes } from './reference.ts';
import { ruledValue } from './rule-meaning.ts';
import type { Drivers } from './share-out.ts';
import { shareOut } from './share-out.ts';

/** Parts of an answer that were not wanted are null. */
export type QuestionAnswer = {
  /** The summary row, then the rows of the page. */
  readonly rows: readonly Row[] | null;
  readonly totals: Row | null;
  readonly excluded: Row | null;
};

/** What of a charge falls into one bucket: its key values, `$time`, and its amounts, cut where it is prorated. */
type Part = (column: string) => Value;
type Group = { readonly keys: Row; readonly current: Part[]; readonly earlier: Part[] };

/**
 * The judge of the planner as a whole: answers a question straight from the charges, without any plan. Nothing
 * is merged from parts, every row is computed over its own charges, so that distinct counts are true everywhere.
 */
export function answerQuestion(
  question: Question,
  all: readonly Charge[],
  rules: RuleSet | null = null,
  drivers: Drivers = new Map(),
): QuestionAnswer {
  const charges =
    rules === null
      ? all
      : shareOut(
          all.map((charge) => attributed(charge, rules)),
          rules,
          drivers,
        );
  const { period, compare, buckets, compareBuckets, wanted } = question;
  const own = charges.filter((charge) => charge.tenant === question.tenant);
  const isMet = (charge: Charge) => meets(question.filter, (key) => valueOf(charge, key));
  const met = own.filter(isMet);
  const { rows, totals, excluded } = wanted;
  const whole = (range: TimeRange | null, some: readonly Charge[]) =>
    range ? partsIn(question, range, null, some) : [];
  return {
    rows:
      rows &&
      tableOf(
        question,
        rows,
        partsIn(question, period, buckets, met),
        compare ? partsIn(question, compare, compareBuckets, met) : [],
      ),
    totals: totals && amountsOf(question, totals.measures, whole(period, met), whole(compare, met)),
    excluded:
      excluded &&
      measured(
        excluded.measures,
        whole(
          period,
          own.filter((charge) => !isMet(charge)),
        ),
      ),
  };
}

/** With the values that rules give it, as if it had them itself. */
function attributed(charge: Charge, rules: RuleSet): Charge {
  const read = (key: string) => valueOf(charge, key);
  const given = rules.dimensions.flatMap(({ key }) => {
    const value = ruledValue(rules, key, read, charge.span.from);
    return value === null ? [] : [[key, value] as const];
  });
  return { ...charge, values: { ...charge.values, ...Object.fromEntries(given) } };
}

function partsIn(
  { axis, timing }: Question,
  range: TimeRange,
  buckets: TimeBuckets | null,
  charges: readonly Charge[],
): Part[] {
  // Whole hours under PRORATED too: those whose start lies in the period.
  const [first, last] = [ceilHour(range.from), ceilHour(range.to)];
  const edges = buckets?.edges ?? [first, last];
  const pieces = edges.slice(0, -1).map((from, i) => ({ from, to: edges[i + 1] ?? from, number: BigInt(i) }));
  return charges.flatMap((charge) => {
    const { from: start, to: end } = charge.span;
    if (timing === 'START') {
      const hour = hourOf(axis === 'CHARGE_PERIOD' ? start : charge.billing.from);
      if (hour < range.from || hour >= range.to) return [];
      const piece = pieces.find(({ from, to }) => hour >= from && hour < to);
      if (!piece) throw new Error(`the hour ${hour} of a charge is in no bucket`);
      return [part(charge, { $time: piece.number })];
    }
    return pieces.flatMap((piece) => {
      const from = Math.max(piece.from, first, start);
      const to = Math.min(piece.to, last, end);
      const isPoint = start === end && from === start && start < Math.min(piece.to, last);
      if (isPoint) return [part(charge, { $time: piece.number })];
      if (from >= to) return [];
      return [part(charge, { $time: piece.number, ...cutAmounts(charge.amounts, start, end, from, to) })];
    });
  });
}

function hourOf(instant: number): number {
  return Math.floor(instant / HOUR_MS) * HOUR_MS;
}

function part(charge: Charge, own: Row): Part {
  return (column) => own[column] ?? valueOf(charge, column);
}

function tableOf(
  question: Question,
  { measures, offset, limit }: NonNullable<Question['wanted']['rows']>,
  current: readonly Part[],
  earlier: readonly Part[],
): Row[] {
  const keys = [...(question.buckets ? ['$time'] : []), ...question.groupBy];
  const groups = new Map<string, Group>();
  const groupOf = (read: Part) => {
    const values = Object.fromEntries(keys.map((key) => [key, read(key)]));
    const id = JSON.stringify(Object.values(values).map((value) => value?.toString() ?? null));
    const group = groups.get(id) ?? { keys: values, current: [], earlier: [] };
    groups.set(id, group);
    return group;
  };
  for (const read of current) groupOf(read).current.push(read);
  for (const read of earlier) groupOf(read).earlier.push(read);
  // Without keys there is one row, whether anything was charged or not.
  if (keys.length === 0 && groups.size === 0) groups.set('', { keys: {}, current: [], earlier: [] });

  const kept = [...groups.values()].filter((group) => {
    const needed = question.having.flatMap(({ metric }) => measuresOf(metric));
    return passes(question.having, measured(needed, group.current));
  });
  const rowOf = (group: Group): Row => ({
    ...group.keys,
    ...amountsOf(question, [...measures, ...orderMeasures(question)], group.current, group.earlier),
  });
  const rows = question.top ? topRows(question.top, kept, keys, rowOf) : kept.map(rowOf);
  rows.sort((a, b) => compareRows(question.sort, a, b));
  const all = (side: 'current' | 'earlier') =>
    (question.top && !question.top.remainder ? topGroups(question.top, kept).kept : kept).flatMap(
      (group) => group[side],
    );
  const summary = {
    ...amountsOf(question, measures, all('current'), all('earlier')),
    $ordinal: 0n,
    $rows: BigInt(rows.length),
  };
  const shown = rows.slice(offset, offset + limit);
  return [summary, ...shown.map((row, i) => ({ ...row, $ordinal: BigInt(offset + i + 1) }))];
}

function orderMeasures({ sort }: Question): Measure[] {
  return sort.flatMap((key) => (key.by === 'key' ? [] : measuresOf(key.metric)));
}

function measured(measures: readonly Measure[], parts: readonly Part[]): Row {
  return Object.fromEntries(measures.map((measure) => [measure.name, computeWhere(measure, parts)]));
}

/** The measures of the period, and with `compare` those of the second period as `before:`. */
function amountsOf(
  { compare }: Question,
  measures: readonly Measure[],
  current: readonly Part[],
  earlier: readonly Part[],
): Row {
  const now = measured(measures, current);
  if (!compare) return now;
  const before = Object.entries(measured(measures, earlier)).map(([name, value]) => [
    `before:${name}`,
    value,
  ]);
  return { ...now, ...Object.fromEntries(before) };
}

type TopOf = NonNullable<Question['top']>;

function topGroups({ count, by, metric }: TopOf, groups: readonly Group[]) {
  const id = ({ keys }: Group) => JSON.stringify(by.map((key) => keys[key] ?? null));
  const tuples = [...Map.groupBy(groups, id).values()].map((members) => {
    const parts = members.flatMap((group) => group.current);
    return {
      members,
      rank: { ...members[0]?.keys, $rank: metricOf(metric, measured(measuresOf(metric), parts)) },
    };
  });
  tuples.sort((a, b) => compareTuples(by, a.rank, b.rank));
  return {
    kept: tuples.slice(0, count).flatMap(({ members }) => members),
    rest: tuples.slice(count).flatMap(({ members }) => members),
  };
}

function topRows(
  top: TopOf,
  groups: readonly Group[],
  keys: readonly string[],
  rowOf: (group: Group) => Row,
) {
  const { kept, rest } = topGroups(top, groups);
  const rows = kept.map((group) => ({ ...rowOf(group), $remainder: 0n }));
  if (!top.remainder) return rows;
  const open = keys.filter((key) => !top.by.includes(key));
  const id = (group: Group) => JSON.stringify(open.map((key) => group.keys[key]?.toString() ?? null));
  const remainders = [...Map.groupBy(rest, id).values()].map((members) => {
    const values = keys.map((key) => [key, open.includes(key) ? (members[0]?.keys[key] ?? null) : null]);
    return {
      ...rowOf({
        keys: Object.fromEntries(values),
        current: members.flatMap((group) => group.current),
        earlier: members.flatMap((group) => group.earlier),
      }),
      $remainder: 1n,
    };
  });
  return [...rows, ...remainders];
}
