/**
 * Questions about dimensions that the tenant's rules define. Charges are grouped by what the rules look at, and the rules
 * are asked once per group:
 *
 *     Aggregate single by (team)
 *       Filter team in (search)
 *         Attribute (team)
 *           Aggregate single by (sub_account_id, tag:Team)
 *             charges
 *
 * so that what reads charges is a question about base dimensions, which rollups answer as any other, and nothing that is
 * written down depends on rules.
 */
import type { PublishedRules } from '../../catalog/published-rules.ts';
import type { TimeRange } from '../../core/time-range.ts';
import { hasPartials, mergeArms, partialOf } from '../merge-arms.ts';
import type { Measure } from '../measures.ts';
import { isMergeable, measure, unique } from '../measures.ts';
import type { Aggregate, Attribute, ColumnName, RuledDimension } from '../plan.ts';
import type { Predicate } from '../predicate.ts';
import type { TimeBuckets } from '../time-buckets.ts';
import { TRUE, and, testedKeys } from '../predicate.ts';
import { impliedBy } from './implied-predicate.ts';
import type { Era } from './resolve-rules.ts';
import { erasOf, inputsOf, mergeEras, ruledKeys } from './resolve-rules.ts';

/** What is asked of charges: their groups and measures, under a condition. */
export type GroupsAsked = {
  readonly groupBy: readonly ColumnName[];
  readonly measures: readonly Measure[];
  readonly predicate: Predicate;
};

/** How charges are read: of a part of the time, with base dimensions alone; by hours in place of the question's buckets. */
export type ChargesPlan = (asked: GroupsAsked, range: TimeRange, hours?: TimeBuckets) => Aggregate;

const START: ColumnName = 'charge_period_start';
/** What every charge and every rollup has: grouped by nothing at all, no charges would be a group. */
const STANDING: ColumnName = 'billing_currency';

/**
 * @param canCut whether charges of a part of `range` are those that start in it: then each stretch of time has the rules
 *   of that stretch; else charges are grouped by their start as well
 */
export function attributeGroups(
  asked: GroupsAsked,
  rules: PublishedRules | null,
  range: TimeRange,
  canCut: boolean,
  charges: ChargesPlan,
): Aggregate {
  const ruled = ruledKeys(namedKeys(asked), rules);
  if (rules === null || ruled.length === 0) return charges(asked, range);
  const eras = erasOf(ruled, rules, range);
  const over = (dimensions: readonly RuledDimension[], stretch: TimeRange, more: readonly ColumnName[]) =>
    overGroups(asked, dimensions, more, (inner, attribute) => ({
      ...attribute,
      rules: { version: rules.version, range: stretch },
      input: charges(inner, stretch),
    }));
  const [only] = eras;
  if (only !== undefined && eras.length === 1) return over(only.dimensions, range, []);
  const whole = over(mergeEras(eras), range, [START]);
  if (!canCut || !hasPartials(whole)) return whole;
  return mergeArms(
    whole,
    eras.map((era: Era) => partialOf(over(era.dimensions, era.range, []))),
  );
}

export function namedKeys({ groupBy, measures, predicate }: GroupsAsked): ColumnName[] {
  const conditions = [predicate, ...measures.map(({ where }) => where)];
  return [...groupBy, ...conditions.flatMap(testedKeys), ...measures.flatMap(({ column }) => column ?? [])];
}

function overGroups(
  { groupBy, measures, predicate }: GroupsAsked,
  dimensions: readonly RuledDimension[],
  more: readonly ColumnName[],
  overCharges: (inner: GroupsAsked, attribute: Pick<Attribute, 'kind' | 'dimensions'>) => Attribute,
): Aggregate {
  const ruled = new Set(dimensions.map(({ key }) => key));
  const isBase = (part: Predicate) => testedKeys(part).every((key) => !ruled.has(key));
  const parts = predicate.kind === 'and' ? predicate.parts : [predicate];
  const left = and(parts.filter((part) => !isBase(part)));
  const below = and([...parts.filter(isBase), impliedBy(left, dimensions)]);
  const prepared = measures.map((each) => prepare(each, ruled, true));
  const looked = keysOfGroups(groupBy, left, prepared);
  const inner = [...looked.filter((key) => !ruled.has(key)), ...inputsOf(dimensions), ...more];
  const groups: GroupsAsked = {
    groupBy: inner.length === 0 ? [STANDING] : [...new Set(inner)],
    measures: ofCharges(prepared),
    predicate: below,
  };
  const attributed = overCharges(groups, { kind: 'Attribute', dimensions });
  return {
    kind: 'Aggregate',
    step: 'single',
    groupBy,
    measures: prepared.map(({ over }) => over),
    input: left.kind === 'true' ? attributed : { kind: 'Filter', predicate: left, input: attributed },
  };
}

/** A measure of charges as one of their groups (`of`; null: it looks at values in groups), and over these (`over`). */
export type Prepared = { readonly of: Measure | null; readonly over: Measure };

/**
 * A condition that looks at no rule is met by charges, where that may be; any other by groups. Values are looked at in
 * groups where they are to be counted, or come of rules.
 *
 * @param mayMeetBelow whether charges may be left out before they are grouped
 */
export function prepare(each: Measure, ruled: ReadonlySet<ColumnName>, mayMeetBelow: boolean): Prepared {
  const { name, fn, column, where } = each;
  if (!isMergeable(each) || (column !== null && ruled.has(column))) return { of: null, over: each };
  const isBelow = mayMeetBelow && testedKeys(where).every((key) => !ruled.has(key));
  const of = measure(fn, column, isBelow ? where : TRUE);
  const merge = fn === 'unit-min' ? 'min' : fn === 'unit-max' ? 'max' : fn;
  return { of, over: { name, fn: merge, column: of.name, where: isBelow ? TRUE : where } };
}

/** The measures that charges are grouped with, each once. */
export function ofCharges(prepared: readonly Prepared[]): Measure[] {
  return unique(prepared.flatMap(({ of }) => of ?? []));
}

/** What groups have to be told apart by. */
export function keysOfGroups(
  groupBy: readonly ColumnName[],
  predicate: Predicate,
  prepared: readonly Prepared[],
): ColumnName[] {
  return [
    ...groupBy,
    ...testedKeys(predicate),
    ...prepared.flatMap(({ over }) => testedKeys(over.where)),
    ...prepared.flatMap(({ of, over }) => (of === null ? (over.column ?? []) : [])),
  ];
}
