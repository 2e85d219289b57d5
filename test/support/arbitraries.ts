import * as fc from 'fast-check';
import type { Metric } from '../../src/catalog/metrics.ts';
import { metrics } from '../../src/catalog/metrics.ts';
import { decimalFromUnits } from '../../src/core/decimal.ts';
import type { TenantId } from '../../src/core/ids.ts';
import type { Instant, TimeRange } from '../../src/core/time-range.ts';
import { DAY_MS, HOUR_MS } from '../../src/core/time-range.ts';
import { makeBuckets } from '../../src/planner/bind/make-buckets.ts';
import type { Measure } from '../../src/planner/measures.ts';
import { measure, measuresOf } from '../../src/planner/measures.ts';
import type { HavingTest, SortKey } from '../../src/planner/plan.ts';
import { TIME } from '../../src/planner/plan.ts';
import type { Predicate, Test, ValueTest } from '../../src/planner/predicate.ts';
import { TRUE, and, not, or } from '../../src/planner/predicate.ts';
import type { Question } from '../../src/planner/question.ts';
import type { Granularity } from '../../src/planner/time-buckets.ts';
import type { Charge } from './charge.ts';
import { compareValues, timeText } from './charge.ts';

/** Few distinct values everywhere, so that groups, filters and edges meet: that is where answers go wrong. */
const plainWords = "a|A|b|ab|aB|| a|a b|NULL|o'hara|%|_|a%b|\\|a\nb".split('|');
const caseWords = 'ä Ä a\u0308 ß ẞ Σ σ ς i I İ ı \u212a k ſ s'.split(' ');
const orderWords = '～ 😀 \u{10400} \u{10428} 2018-10-01T00:00:00Z'.split(' ');
const word = fc.oneof(
  fc.constantFrom('a', 'A', 'b'),
  fc.constantFrom(...plainWords, ...caseWords, ...orderWords),
);
/** Null one time in so many. */
const half = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 2, nil: null });
const often = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 5, nil: null });

/**
 * Edges of months, years and daylight-saving changes (Lord Howe, Berlin, New York), midnights off the hour (Lord
 * Howe, Kolkata), and an ordinary hour; several times where charges shall meet.
 */
export const anchors = [
  '2018-10-01T00:00:00Z',
  '2018-10-06T15:30:00Z',
  '2018-10-03T13:30:00Z',
  '2018-10-28T01:00:00Z',
  '2018-11-01T00:00:00Z',
  '2018-11-01T00:00:00Z',
  '2018-11-04T06:00:00Z',
  '2018-11-04T06:00:00Z',
  '2018-11-03T18:30:00Z',
  '2018-11-14T05:00:00Z',
  '2018-12-31T23:00:00Z',
].map((text) => Date.parse(text));

const instant: fc.Arbitrary<Instant> = fc
  .tuple(
    fc.constantFrom(...anchors),
    fc.constantFrom(0, 0, 0, -24, -1, 1, 2, 24),
    fc.constantFrom(0, 0, 0, 0, 0, 1, -1, HOUR_MS / 2, HOUR_MS - 1),
  )
  .map(([anchor, hours, ms]) => anchor + hours * HOUR_MS + ms);

const hours = [0, 0, 1 / HOUR_MS, 1, 1, 1, 1.5, 24, 7 * 24 + 12_345 / HOUR_MS, 31 * 24, 365 * 24];
const lengthMs = fc.constantFrom(...hours).map((hours) => Math.round(hours * HOUR_MS));

/** Mostly small numbers of units; some that need more than 18 digits. */
const amount: fc.Arbitrary<bigint> = fc.oneof(
  { weight: 4, arbitrary: fc.bigInt({ min: -3n, max: 3n }) },
  { weight: 4, arbitrary: fc.bigInt({ min: -5n, max: 5n }).map((units) => units * 10n ** 12n) },
  { weight: 2, arbitrary: fc.bigInt({ min: -(10n ** 14n), max: 10n ** 14n }) },
  { weight: 1, arbitrary: fc.constantFrom(10n ** 18n, -(10n ** 18n), 999_999_999_999_999_999n) },
  { weight: 1, arbitrary: fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }) },
);

export const TENANT = 'acme' as TenantId; // What tenantId('acme') gives, without its null.
const resourceKeys = ['resource_id', 'resource_name', 'resource_type'];
const tagKeys = ['tag:Team', 'tag:team', 'tag:a:b', "tag:É'"];
const rowKeys = [
  'service_name',
  'region_id',
  'sub_account_id',
  'charge_category',
  'billing_currency',
  'consumed_unit',
  'pricing_unit',
  'sku_meter',
  'source',
];
const timeKeys = ['charge_period_start', 'charge_period_end', 'billing_period_start', 'billing_period_end'];
const textKeys = [...rowKeys, ...resourceKeys, ...tagKeys];
/** Named by no charge. */
const absentKeys = ['invoice_id', 'tag:Absent'];
/** Columns of a charge's row that questions may name, beside times. */
export const askedColumns: readonly string[] = [
  'tenant',
  'batch',
  ...rowKeys,
  ...resourceKeys,
  'invoice_id',
  ...Object.values(metrics).flatMap(({ column }) => column ?? []),
];
/** Columns that old files lack: see lake-fixture.ts. */
export const lateColumns = ['sku_meter', 'list_cost', 'pricing_quantity', 'pricing_unit'];

const rawCharge = fc.record({
  isForeign: fc.constantFrom(false, false, false, false, false, false, false, true),
  source: fc.constantFrom('aws', 'focus'),
  version: fc.constantFrom(1, 1, 1, 1, 2),
  isOld: fc.boolean(),
  from: instant,
  lengthMs,
  billedLate: fc.constantFrom(false, false, true),
  resource: often(fc.nat(4)),
  tagSet: often(fc.nat(4)),
  inlineResource: fc.boolean(),
  inlineTags: fc.boolean(),
  values: fc.record({
    service_name: often(word),
    region_id: often(fc.constantFrom('a', 'b', 'c')),
    sub_account_id: half(word),
    charge_category: fc.constantFrom('Usage', 'Tax', 'Credit'),
    billing_currency: fc.constantFrom('USD', 'USD', 'USD', 'EUR'),
    consumed_unit: often(fc.constantFrom('h', 'GB', '')),
    pricing_unit: often(fc.constantFrom('h', 'GB')),
    sku_meter: half(word),
  }),
  amounts: fc.record({
    billed_cost: amount,
    effective_cost: amount,
    list_cost: often(amount),
    contracted_cost: half(amount),
    consumed_quantity: often(amount),
    pricing_quantity: half(amount),
  }),
});

function withoutNulls<T>(record: Readonly<Record<string, T | null>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, T] => entry[1] !== null),
  );
}

function monthOf(at: Instant, add: number): Instant {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + add, 1);
}

/**
 * Of two tenants and two versions of batches; the second versions are superseded (see `isLive`).
 *
 * @param overBudget half of the charges carry their resource, and half their tags, inline; no matter whether others
 *   with the same values have ids, as after a budget was raised
 */
export function chargesArbitrary(
  size: { minLength: number; maxLength: number },
  overBudget: boolean,
): fc.Arbitrary<Charge[]> {
  const dictionary = (keys: readonly string[]) =>
    fc.array(fc.record(Object.fromEntries(keys.map((key) => [key, half(word)]))), {
      minLength: 5,
      maxLength: 5,
    });
  return fc
    .tuple(dictionary(resourceKeys), dictionary(tagKeys), fc.array(rawCharge, { ...size, size: 'max' }))
    .map(([resources, tagSets, raws]) =>
      raws.map((raw): Charge => {
        const billingFrom = monthOf(raw.from, raw.billedLate ? 1 : 0);
        const billingMonth = timeText(billingFrom).slice(0, 10);
        const values = withoutNulls({
          ...raw.values,
          ...(raw.resource === null ? {} : resources[raw.resource]),
          ...(raw.tagSet === null ? {} : tagSets[raw.tagSet]),
        });
        const amounts: Record<string, bigint> = withoutNulls(raw.amounts);
        const inlineResource = overBudget && raw.inlineResource;
        const inlineTags = overBudget && raw.inlineTags;
        if (raw.isOld) {
          for (const column of lateColumns) {
            delete values[column];
            delete amounts[column];
          }
        }
        return {
          tenant: raw.isForeign ? 'other' : TENANT,
          source: raw.source,
          batch: `${raw.source}-${billingMonth}-${raw.version}`,
          billingMonth,
          billing: { from: billingFrom, to: monthOf(billingFrom, 1) },
          span: { from: raw.from, to: raw.from + raw.lengthMs },
          resourceKey: raw.resource === null || inlineResource ? null : 2n ** 62n + BigInt(raw.resource),
          tagSet: raw.tagSet === null || inlineTags ? null : BigInt(raw.tagSet),
          inlineResource,
          inlineTags,
          values,
          amounts,
        };
      }),
    );
}

export function isLive(charge: Charge): boolean {
  return charge.batch.endsWith('-1');
}

const patterns = [
  'a',
  'a.*',
  '.',
  '[^a]*',
  '(a|b)+',
  'A',
  'ä?',
  '😀',
  '',
  '.*b',
  '^a$',
  '\\PL+',
  '(?s)a.b',
  '\u212a|ß',
];

/** Lists long enough to be written as a table, but for a few values of strangers. */
const strangers = Array.from({ length: 60 }, (_, i) => `stranger ${i}`);
const someWords = fc
  .tuple(fc.uniqueArray(word, { maxLength: 6 }), fc.constantFrom([], [], [], strangers))
  .map(([values, more]) => [...values, ...more].sort(compareValues));

function valueTest(isTime: boolean): fc.Arbitrary<ValueTest> {
  const times = [...new Set(anchors)].flatMap((at) => [timeText(at), timeText(at + HOUR_MS / 2)]);
  const value = isTime
    ? fc.constantFrom(...times, '2018-1', '2018-10', '2018-11-04', 'T01', '00Z', '.001')
    : word;
  const values = isTime ? fc.subarray(times).map((some) => some.sort(compareValues)) : someWords;
  return valueTestOf(value, values);
}

function valueTestOf(value: fc.Arbitrary<string>, values: fc.Arbitrary<string[]>): fc.Arbitrary<ValueTest> {
  const ignoreCase = fc.boolean();
  return fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom({ op: 'any' } as const, { op: 'none' } as const) },
    { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('in', 'notIn'), values, ignoreCase }) },
    {
      weight: 2,
      arbitrary: fc.record({ op: fc.constantFrom('startsWith', 'endsWith', 'contains'), value, ignoreCase }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        op: fc.constant('matches' as const),
        value: fc.constantFrom(...patterns),
        ignoreCase,
      }),
    },
  );
}

const test: fc.Arbitrary<Test> = fc.oneof(
  { weight: 8, arbitrary: testOf(textKeys, false) },
  { weight: 1, arbitrary: testOf(absentKeys, false) },
  { weight: 1, arbitrary: testOf(timeKeys, true) },
);

function testOf(
  keys: readonly string[],
  isTime: boolean,
  ofValue: fc.Arbitrary<ValueTest> = valueTest(isTime),
): fc.Arbitrary<Test> {
  return fc.record({
    kind: fc.constant('test' as const),
    key: fc.constantFrom(...keys),
    test: ofValue,
    orNull: fc.boolean(),
  });
}

/** Lists on one key, of few values: what simplifying merges. */
const listsOnOneKey: fc.Arbitrary<Test[]> = fc
  .tuple(
    fc.constantFrom(...textKeys),
    fc.array(fc.tuple(fc.subarray(['a', 'b', 'c', 'Usage', 'USD']), fc.boolean()), {
      minLength: 2,
      maxLength: 3,
    }),
  )
  .map(([key, lists]) =>
    lists.map(([values, orNull]) => ({
      kind: 'test',
      key,
      test: { op: 'in', values: values.sort(compareValues), ignoreCase: false },
      orNull,
    })),
  );

export function closePredicateOn(keys: readonly string[]): fc.Arbitrary<Predicate> {
  return junctionsOf(testOf(keys, false, closeValueTest()), []);
}

/** Tests that have much to do with each other. */
const closeTest = testOf(['service_name', 'tag:Team', 'billing_currency'], false, closeValueTest());

function closeValueTest(): fc.Arbitrary<ValueTest> {
  const value = fc.constantFrom('', 'a', 'A', 'b', 'ab', 'aB', '1', '12', 'ſ', 's', 'S', 'K', '\u212a');
  const values = fc.uniqueArray(value, { maxLength: 4 }).map((some) => some.sort(compareValues));
  return valueTestOf(value, values);
}

function junctionsOf(test: fc.Arbitrary<Test>, more: fc.Arbitrary<Predicate>[]): fc.Arbitrary<Predicate> {
  return fc.letrec<{ predicate: Predicate }>((tie) => ({
    predicate: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      test,
      ...more,
      fc.array(tie('predicate'), { maxLength: 3 }).map(and),
      fc.array(tie('predicate'), { maxLength: 3 }).map(or),
      tie('predicate').map(not),
    ),
  })).predicate;
}

/** On few keys, of few values: much follows from the rest, or contradicts it. */
export const closePredicateArbitrary = junctionsOf(closeTest, [
  fc.array(closeTest, { minLength: 2, maxLength: 4 }).map(and),
  fc.array(closeTest, { minLength: 2, maxLength: 4 }).map(or),
]);

export const predicateArbitrary = junctionsOf(test, [
  listsOnOneKey.map(and),
  listsOnOneKey.map(or),
  closePredicateArbitrary,
]);

/** Filters that leave a stretch of the time that is asked about. */
const startArbitrary = fc
  .array(testOf(['charge_period_start', 'billing_period_start'], true), { minLength: 1, maxLength: 2 })
  .chain((tests) => fc.constantFrom(and(tests), or(tests)));
const filterArbitrary = fc.oneof(
  { weight: 4, arbitrary: predicateArbitrary },
  { weight: 1, arbitrary: fc.tuple(startArbitrary, predicateArbitrary).map(and) },
  { weight: 1, arbitrary: startArbitrary },
);

const metric = fc.constantFrom(...Object.values(metrics).map((definition): Metric => definition.metric));
/** Mostly keys of few values: then top has a remainder, and missing values meet it. */
const groupKey = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom('region_id', 'charge_category', 'consumed_unit') },
  { weight: 2, arbitrary: fc.constantFrom('tag:Team', 'tag:team') },
  { weight: 3, arbitrary: fc.constantFrom(...textKeys, ...timeKeys, ...absentKeys) },
);

const measuresArbitrary: fc.Arbitrary<Measure[]> = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: metric.map((each) => measuresOf(each)) },
      {
        weight: 2,
        arbitrary: fc.tuple(metric, predicateArbitrary).map(([each, where]) => measuresOf(each, where)),
      },
      {
        weight: 1,
        arbitrary: fc
          .tuple(
            fc.constantFrom('count-distinct', 'count-distinct', 'count-distinct-estimate'),
            groupKey,
            half(predicateArbitrary),
          )
          .map(([fn, key, where]) => [measure(fn, key, where ?? TRUE)]),
      },
      {
        weight: 1,
        arbitrary: fc
          .tuple(
            fc.constantFrom('min', 'max'),
            fc.constantFrom('billing_currency', 'region_id', 'billed_cost'),
          )
          .map(([fn, column]) => [measure(fn, column)]),
      },
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((lists) => [...new Map(lists.flat().map((each) => [each.name, each])).values()]);

const periodHours = [1 / HOUR_MS, 0.5, 5, 24, 72.1, 31 * 24, 31 * 24, 90 * 24, 90 * 24, 400 * 24];
const period: fc.Arbitrary<TimeRange> = fc
  .tuple(instant, fc.constantFrom(...periodHours))
  .map(([from, hours]) => ({ from, to: from + Math.round(hours * HOUR_MS) }));

const HOURLY_MAX_MS = 4 * DAY_MS;
const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe'];
const granularities: Granularity[] = ['TOTAL', 'TOTAL', 'HOUR', 'DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR'];
const direction = fc.constantFrom('ASC' as const, 'DESC' as const);

const havingOf = (metric: fc.Arbitrary<Metric>, units: fc.Arbitrary<bigint>): fc.Arbitrary<HavingTest> =>
  fc.record({ metric, op: fc.constantFrom('gt', 'gte', 'lt', 'lte'), value: units.map(decimalFromUnits) });
const counted = fc.constantFrom<Metric>('CHARGE_COUNT');
const having = fc.oneof(
  { weight: 3, arbitrary: havingOf(metric, fc.oneof(fc.constant(0n), amount)) },
  {
    weight: 1,
    arbitrary: havingOf(
      counted,
      fc.bigInt({ min: 0n, max: 3n }).map((count) => count * 10n ** 12n),
    ),
  },
);

/** A page of everything, or a small one further on. */
const pageArbitrary = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ offset: 0, limit: 10_000 }) },
  { weight: 1, arbitrary: fc.record({ offset: fc.nat(6), limit: fc.nat(4) }) },
);

/** Questions as bind-query.ts makes them: no PRORATED over billing periods, `top.by` in `groupBy`, a total order. */
export const questionArbitrary: fc.Arbitrary<Question> = fc
  .record({
    period,
    compare: half(period),
    mode: fc.constantFrom(
      { axis: 'CHARGE_PERIOD', timing: 'START' } as const,
      { axis: 'CHARGE_PERIOD', timing: 'START' } as const,
      { axis: 'CHARGE_PERIOD', timing: 'PRORATED' } as const,
      { axis: 'BILLING_PERIOD', timing: 'START' } as const,
    ),
    granularity: fc.constantFrom(...granularities),
    timeZone: fc.constantFrom(...zones),
    groupBy: fc.uniqueArray(groupKey, { maxLength: 3 }),
    filter: fc.option(filterArbitrary, { freq: 2, nil: TRUE }),
    having: fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(having, { minLength: 1, maxLength: 2 }) },
    ),
    top: fc.option(
      fc.record({
        count: fc.integer({ min: 1, max: 4 }),
        by: fc.array(fc.nat(2), { minLength: 1, maxLength: 3 }),
        metric,
        remainder: fc.boolean(),
      }),
      { freq: 2 },
    ),
    orderBy: fc.array(
      fc.record({ by: fc.constantFrom('metric', 'change', 'key'), metric, direction, key: fc.nat(4) }),
      { maxLength: 2 },
    ),
    rows: fc.option(fc.tuple(measuresArbitrary, pageArbitrary), { freq: 8 }),
    totals: half(measuresArbitrary),
    excluded: half(measuresArbitrary),
  })
  .map((raw): Question => {
    const cap = (range: TimeRange) =>
      raw.granularity === 'HOUR' ? { ...range, to: Math.min(range.to, range.from + HOURLY_MAX_MS) } : range;
    const bucketsOf = (range: TimeRange) =>
      raw.granularity === 'TOTAL' ? null : makeBuckets(raw.granularity, raw.timeZone, range);
    const [asked, compare] = [cap(raw.period), raw.compare && cap(raw.compare)];
    const keys = [...(raw.granularity === 'TOTAL' ? [] : [TIME]), ...raw.groupBy];
    const by = new Set(raw.top?.by.map((i) => raw.groupBy[i % raw.groupBy.length] ?? ''));
    return {
      tenant: TENANT,
      period: asked,
      compare,
      ...raw.mode,
      granularity: raw.granularity,
      timeZone: raw.timeZone,
      buckets: bucketsOf(asked),
      compareBuckets: compare && bucketsOf(compare),
      splits: 'APPLIED',
      groupBy: raw.groupBy,
      filter: raw.filter,
      having: raw.having,
      top: raw.top && raw.groupBy.length > 0 ? { ...raw.top, by: [...by] } : null,
      sort: totalOrder(raw.orderBy, keys, compare !== null),
      wanted: {
        rows: raw.rows && { measures: raw.rows[0], ...raw.rows[1] },
        totals: raw.totals && { measures: raw.totals },
        excluded: raw.excluded && { measures: raw.excluded },
      },
    };
  });

type RawOrder = { by: 'metric' | 'change' | 'key'; metric: Metric; direction: 'ASC' | 'DESC'; key: number };

function totalOrder(orderBy: readonly RawOrder[], keys: readonly string[], hasCompare: boolean): SortKey[] {
  const asked = orderBy.flatMap(({ by, metric, direction, key }): SortKey[] => {
    if (by !== 'key') return by === 'change' && !hasCompare ? [] : [{ by, metric, direction }];
    const column = keys[key % keys.length];
    return column === undefined ? [] : [{ by, column, direction }];
  });
  const named = new Set(asked.flatMap((key) => (key.by === 'key' ? [key.column] : [])));
  const rest = keys.filter((column) => !named.has(column));
  return [...asked, ...rest.map((column): SortKey => ({ by: 'key', column, direction: 'ASC' }))];
}
