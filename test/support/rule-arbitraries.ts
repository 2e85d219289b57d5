import * as fc from 'fast-check';
import type {
  Driver,
  Effective,
  NoDriver,
  Rule,
  RuleDimension,
  RuleSet,
  RuleValue,
  Split,
  Validity,
} from '../../src/attribution/rule-set.ts';
import { ALWAYS } from '../../src/attribution/rule-set.ts';
import type { PublishedRules } from '../../src/catalog/published-rules.ts';
import { ruledDimensions } from '../../src/catalog/published-rules.ts';
import type { TenantState } from '../../src/catalog/tenant-state.ts';
import type { Measure } from '../../src/planner/measures.ts';
import { measuresOf } from '../../src/planner/measures.ts';
import { IS_PART } from '../../src/planner/plan.ts';
import type { Question } from '../../src/planner/question.ts';
import { anchors, closePredicateOn } from './arbitraries.ts';
import { streamColumns } from './telemetry-fixture.ts';
import { withKeys } from './with-keys.ts';

const baseKeys = [
  'sub_account_id',
  'region_id',
  'service_name',
  'charge_category',
  'tag:Team',
  'tag:team',
  "tag:É'",
  'resource_id',
];
/** Later ones may look at earlier ones. */
const ruledNames = ['team', 'environment', 'owner'];
const words = ['a', 'A', 'b', 'ab', '', 'Usage', 'x', `o'hara"\\; --`];
const position = { line: 1, column: 1 };

const bound = fc.option(fc.constantFrom(...anchors), { freq: 1 });
const validity: fc.Arbitrary<Validity> = fc
  .tuple(bound, bound)
  .map(([a, b]) =>
    a !== null && b !== null && a >= b ? { from: b, to: a === b ? null : a } : { from: a, to: b },
  );
const effective: fc.Arbitrary<Effective> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(ALWAYS) },
  { weight: 1, arbitrary: validity.map((each) => [each]) },
);

function valueArbitrary(keys: readonly string[]): fc.Arbitrary<RuleValue> {
  const key = fc.constantFrom(...keys);
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc
        .constantFrom(...words.filter((word) => word !== ''))
        .map((value): RuleValue => ({ kind: 'value', value })),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('valueOf' as const),
        key,
        normalize: fc.subarray(['trim', 'lower', 'upper'] as const),
        replace: fc.constantFrom(
          [],
          [{ match: '(a)(b)?', by: ['<', 2, 1, '\\>'] }],
          [{ match: '[b-z]+', by: [] }],
        ),
      }),
    },
    {
      weight: 1,
      arbitrary: fc
        .uniqueArray(key, { minLength: 1, maxLength: 3 })
        .map((some): RuleValue => ({ kind: 'coalesce', keys: some })),
    },
    {
      weight: 1,
      arbitrary: fc.constant<RuleValue>({ kind: 'lookup', name: 'list', on: ['region_id'], column: 'owner' }),
    },
  );
}

const lookupRows = fc
  .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(...words)), {
    selector: ([key]) => key,
    maxLength: 3,
  })
  .chain((rows) => fc.tuple(fc.constant(rows), validity))
  .map(([rows, limited]) =>
    rows.map(([key, value], i) => ({
      cells: [key, value === '' ? null : value],
      effective: i === 0 ? limited : { from: null, to: null },
      line: i + 2,
    })),
  );

function dimensionArbitrary(key: string, i: number): fc.Arbitrary<RuleDimension> {
  const keys = [...baseKeys, ...ruledNames.slice(0, i), ...ruledNames.slice(0, i)];
  const rule = fc
    .record({
      when: fc.oneof(fc.constant({ kind: 'true' } as const), closePredicateOn(keys)),
      value: valueArbitrary(keys),
      effective,
    })
    .map((raw): Omit<Rule, 'name'> => ({ ...position, ...raw, when: raw.when as Rule['when'] })); // Of tests alone.
  return fc
    .record({
      rules: fc.array(rule, { maxLength: 4 }),
      effective,
      otherwise: fc.constantFrom(null, null, 'rest'),
    })
    .map((raw): RuleDimension => ({
      ...position,
      key,
      label: key,
      description: null,
      ...raw,
      rules: raw.rules.map((each, n) => ({ ...each, name: `${key}#${n + 1}` })),
    }));
}

export const ruleSetArbitrary: fc.Arbitrary<RuleSet> = fc
  .tuple(fc.tuple(...ruledNames.map(dimensionArbitrary)), lookupRows)
  .map(([dimensions, rows]) => ({
    version: 1,
    // In any order: which is looked at first is found out.
    dimensions: dimensions.toReversed(),
    lookups: [{ ...position, name: 'list', file: 'list.csv', columns: ['region_id', 'owner'], rows }],
    splits: [],
  }));

const noDriver: fc.Arbitrary<NoDriver[]> = fc
  .tuple(
    fc.shuffledSubarray([{ kind: 'spread', over: 'day' } as const, { kind: 'even' } as const]),
    fc.constantFrom<NoDriver>({ kind: 'value', value: 'rest' }, { kind: 'unattributed' }),
  )
  .map(([first, last]) => [...first, last]);

const driver: fc.Arbitrary<Driver> = fc.oneof(
  fc
    .uniqueArray(fc.constantFrom('a', 'b', 'c', `o'hara"\\; --`), { minLength: 1 })
    .map((values): Driver => ({ kind: 'even', values })),
  fc.constantFrom<Driver>({
    kind: 'fixed',
    weights: [
      { value: 'a', weight: '0.6' },
      { value: 'b', weight: '0.3' },
      { value: 'c', weight: '0' },
      { value: 'x', weight: '0.1000000001' },
    ],
  }),
  fc.record({
    kind: fc.constant('cost' as const),
    of: fc.constantFrom('team', 'environment', 'owner', 'region_id', 'tag:Team'),
    grain: fc.constantFrom('hour' as const, 'day' as const),
  }),
);

const toOne: fc.Arbitrary<Pick<Split, 'to' | 'by'>> = fc.record({
  to: fc.constantFrom(...ruledNames, 'customer').map((key) => [key]),
  by: driver,
});

/** By a stream, or by one that nobody has loaded. */
const byTelemetry: fc.Arbitrary<Pick<Split, 'to' | 'by'>> = fc
  .constantFrom(...Object.entries(streamColumns), ['unknown', ['customer', 'team']] as const)
  .chain(([stream, columns]) => {
    const free = columns.filter((key) => key === 'customer' || ruledNames.includes(key));
    const some = fc.shuffledSubarray(free, { minLength: 1, maxLength: Math.min(2, free.length) });
    const within = fc.oneof(fc.constant([]), fc.subarray([...columns]));
    return fc
      .tuple(some, within, fc.constantFrom('hour' as const, 'day' as const))
      .map(([to, agreeing, grain]) => ({
        to,
        by: { kind: 'telemetry', stream, grain, within: agreeing.filter((key) => !to.includes(key)) },
      }));
  });

function splitArbitrary(i: number): fc.Arbitrary<Split> {
  return fc
    .record({
      given: fc.oneof(toOne, byTelemetry),
      when: fc.oneof(
        fc.constant({ kind: 'true' } as const),
        closePredicateOn([...baseKeys, ...ruledNames, 'customer']),
      ),
      noDriver,
      override: fc.constantFrom(false, false, true),
      effective,
    })
    .map(({ given, ...raw }) => ({
      ...position,
      name: `split'"\\#${i + 1}`,
      ...given,
      ...raw,
      when: raw.when as Split['when'], // Of tests alone.
    }));
}

/** With up to three splits. */
export const splitRuleSetArbitrary: fc.Arbitrary<RuleSet> = fc
  .tuple(ruleSetArbitrary, fc.constantFrom(1, 1, 2, 3))
  .chain(([ruleSet, count]) =>
    fc.tuple(fc.constant(ruleSet), fc.tuple(...[0, 1, 2].slice(0, count).map(splitArbitrary))),
  )
  .map(([ruleSet, splits]) => ({
    ...ruleSet,
    dimensions: [
      ...ruleSet.dimensions,
      {
        ...position,
        key: 'customer',
        label: 'customer',
        description: null,
        effective: ALWAYS,
        rules: [],
        otherwise: null,
      },
    ],
    splits,
  }));

/** The same question about dimensions of the rules, in place of some. */
export function aboutRules(
  question: Question,
  offset: number,
  names: readonly string[] = ruledNames,
): Question {
  return withKeys(question, (key) => {
    const place = [...key].reduce((sum, letter) => sum + letter.charCodeAt(0), offset) % (names.length + 2);
    return names[place] ?? key;
  });
}

/** About what is shared out, too: of whole hours that charges start in, and of amounts that can be. */
export function aboutSplits(question: Question, offset: number): Question {
  const about = aboutRules(question, offset, [...ruledNames, 'customer', 'customer']);
  const { rows, totals, excluded } = about.wanted;
  const shared = offset === 0 ? measuresOf('EFFECTIVE_COST', IS_PART) : [];
  const able = (measures: readonly Measure[]) => [
    ...measures.filter(({ fn, column }) => !((fn === 'min' || fn === 'max') && column === 'billed_cost')),
    ...shared,
  ];
  return {
    ...about,
    axis: 'CHARGE_PERIOD',
    timing: 'START',
    wanted: {
      rows: rows && { ...rows, measures: able(rows.measures) },
      totals: totals && { measures: able(totals.measures) },
      excluded: excluded && { measures: able(excluded.measures) },
    },
  };
}

export function withRules(state: TenantState, ruleSet: RuleSet, version = '1'): TenantState {
  const rules: PublishedRules = { version, ruleSet, publishedAt: 0, publishedBy: 'somebody' };
  return { ...state, rules, ruled: ruledDimensions(rules) };
}
