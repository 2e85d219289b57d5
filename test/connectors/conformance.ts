import { expect, describe, it } from 'vitest';
import type { Connector } from '../../src/connectors/connector.ts';
import type { Exactness } from '../../src/planner/capabilities.ts';
import type { Measure } from '../../src/planner/measures.ts';
import { measure, measuresOf } from '../../src/planner/measures.ts';
import type { Ask, Estimate, FileSelection, Plan } from '../../src/planner/plan.ts';
import type { Member, Predicate, Test, ValueTest } from '../../src/planner/predicate.ts';
import { FALSE, TRUE, and, not, or } from '../../src/planner/predicate.ts';
import type { RowObject } from '../support/row-objects.ts';
import { rowObjects, sortedRows, units } from '../support/row-objects.ts';
import {
  aggregate,
  ask,
  bucket,
  compare,
  evenBuckets,
  filter,
  groupingSets,
  having,
  isIn,
  isMissing,
  key,
  lookup,
  page,
  scan,
  test,
  top,
  union,
} from '../support/plans.ts';
import { decimalFromUnits } from '../../src/core/decimal.ts';
import { DAY_MS } from '../../src/core/time-range.ts';

/** A store over the charges of sample-charges.ts. */
export type ConformanceSubject = {
  readonly connector: Connector;
  readonly charges: FileSelection;
  readonly dictionaries: Ask['dictionaries'];
  /** Of all Asks: a store may run small ones in another way than large ones. */
  readonly estimate: Estimate;
};

const OCTOBER = { from: Date.UTC(2018, 9, 1), to: Date.UTC(2018, 10, 1) };
const DAYS = evenBuckets(OCTOBER, DAY_MS);
const COST = measuresOf('EFFECTIVE_COST');
const ALL = ['a', 'b', 'c', 'd', 'e', 'f'];

const text = (
  op: Extract<ValueTest, { value: string }>['op'],
  value: string,
  ignoreCase = false,
): ValueTest => ({
  op,
  value,
  ignoreCase,
});
const list = (op: 'in' | 'notIn', values: readonly string[], ignoreCase = false): ValueTest => ({
  op,
  values,
  ignoreCase,
});
const many = Array.from({ length: 10_000 }, (_, i) => `value ${i}`);

/** What each test of a value means for the service of the sample charges: written out by hand. */
const serviceTests: readonly [string, ValueTest, readonly string[]][] = [
  ['any', { op: 'any' }, ['a', 'b', 'c', 'e', 'f']],
  ['none', { op: 'none' }, []],
  ['in', list('in', ['EC2', 'S3']), ['a', 'b', 'c']],
  ['in none', list('in', []), []],
  ['in thousands', list('in', [...many, 'EC2']), ['a', 'b']],
  ['in thousands ignoring case', list('in', [...many, 'EC2É'], true), ['e']],
  ['in ignoring case', list('in', ['S3', 'ec2', 'ec2é'], true), ['a', 'b', 'c', 'e']],
  ['notIn', list('notIn', ['EC2']), ['c', 'e', 'f']],
  ['notIn none', list('notIn', []), ['a', 'b', 'c', 'e', 'f']],
  ['notIn thousands', list('notIn', [...many, 'EC2']), ['c', 'e', 'f']],
  ['startsWith', text('startsWith', 'EC'), ['a', 'b']],
  ['startsWith ignoring case', text('startsWith', 'Ec', true), ['a', 'b', 'e']],
  ['startsWith nothing', text('startsWith', ''), ['a', 'b', 'c', 'e', 'f']],
  ['startsWith what LIKE takes for a wildcard', text('startsWith', '50%_'), ['f']],
  ['startsWith a lone wildcard', text('startsWith', '%'), []],
  ['endsWith', text('endsWith', '\\'), ['f']],
  ['endsWith ignoring case', text('endsWith', 'É', true), ['e']],
  ['contains', text('contains', 'C'), ['a', 'b']],
  ['contains ignoring case', text('contains', 'C2', true), ['a', 'b', 'e']],
  ['matches the whole value', text('matches', 'EC'), []],
  ['matches', text('matches', 'E.\\d|S.'), ['a', 'b', 'c']],
  ['matches ignoring case', text('matches', 'ec2.?', true), ['a', 'b', 'e']],
];

const member = (dictionary: Member['dictionary'], tested: Test): Member => ({
  kind: 'member',
  dictionary,
  test: tested,
});

const predicates: readonly [string, Predicate, readonly string[]][] = [
  ['true', TRUE, ALL],
  ['false', FALSE, []],
  ['a missing value', isMissing('service_name'), ['d']],
  ['a value or none', test('service_name', list('notIn', ['EC2']), true), ['c', 'd', 'e', 'f']],
  ['and', and([isIn('service_name', ['EC2']), isIn('region_id', ['eu'])]), ['b']],
  ['or', or([isIn('service_name', ['S3']), isIn('region_id', ["a'b"])]), ['c', 'f']],
  [
    'not over missing values',
    not(and([isIn('service_name', ['EC2']), isIn('region_id', ['eu'])])),
    ['a', 'c', 'd', 'e', 'f'],
  ],
  ['not or', not(or([isIn('service_name', ['EC2']), isMissing('region_id')])), ['d', 'e', 'f']],
  [
    'a time as text',
    isIn('charge_period_start', ['2018-10-01T01:30:00.500Z', '2018-10-02T00:00:00Z']),
    ['b', 'c'],
  ],
  ['the source', isIn('source', ['aws']), ALL],
];

/** Over entries: some charges have no id, some ids no entry, some entries no value. */
const memberTests: readonly [string, Member, readonly string[]][] = [
  ['a resource', member('resources', isIn('resource_id', ['i-1'])), ['a', 'e', 'f']],
  ['a name', member('resources', isIn('resource_name', ['web'])), ['a', 'e']],
  ['no such name', member('resources', test('resource_name', list('notIn', ['web']))), ['f']],
  [
    'no such name, or none',
    member('resources', test('resource_name', list('notIn', ['web']), true)),
    ['b', 'c', 'd', 'f'],
  ],
  ['a missing name', member('resources', isMissing('resource_name')), ['b', 'c', 'd']],
  ['a present name', member('resources', test('resource_name', { op: 'any' })), ['a', 'e', 'f']],
  ['a tag', member('tags', isIn('tag:App', ['shop'])), ['a', 'c']],
  ['a tag ignoring case', member('tags', test('tag:App', list('in', ['SHOP'], true))), ['a', 'b', 'c']],
  ['a missing tag', member('tags', isMissing('tag:App')), ['d', 'e']],
  ['a tag or none', member('tags', isIn('tag:Env', ['dev'], { orNull: true })), ['b', 'd', 'e', 'f']],
  ['a tag of the other tenant', member('tags', isIn('tag:App', ['secret'])), []],
];

/** Checks every claim of a store against what the algebra means, over charges small enough to reckon by hand. */
export function describeConformance(name: string, open: () => Promise<ConformanceSubject>): void {
  describe(`${name} does what it claims`, () => {
    const run = async (plan: (charges: Plan) => Plan, columns: readonly string[], range = OCTOBER) => {
      const { connector, charges, dictionaries, estimate } = await open();
      const input = scan(columns, { range: { from: Date.UTC(2018, 8, 1), to: range.to }, files: charges });
      const limits = { rowsMax: 1_000, signal: new AbortController().signal };
      return (await connector.run(ask(plan(input), dictionaries, estimate), limits)).rows;
    };
    const idsWhere = async (predicate: Predicate, dictionary: Plan['kind'] | null = null) => {
      const columns = [
        'charge_id',
        'service_name',
        'region_id',
        'source',
        'charge_period_start',
        'resource_key',
        'tag_set',
      ];
      const rows = await run((charges) => {
        const looked = dictionary
          ? lookup(
              'tags',
              ['tag:App', 'tag:Env'],
              lookup('resources', ['resource_id', 'resource_name'], charges),
            )
          : charges;
        return aggregate(['charge_id'], [], filter(predicate, looked));
      }, columns);
      return sortedRows(rows).map((row) => row['charge_id']);
    };
    const complement = (ids: readonly string[]) => ALL.filter((id) => !ids.includes(id));
    const claimed = async (claim: (connector: Connector) => Exactness) =>
      claim((await open()).connector) === 'exact';

    describe('filters', () => {
      it.each(serviceTests)('%s', async (_, valueTest, expected) => {
        const isClaimed = await claimed(({ capabilities }) =>
          'ignoreCase' in valueTest && valueTest.ignoreCase
            ? capabilities.filter.ignoreCase
            : capabilities.filter[valueTest.op],
        );
        if (!isClaimed) return;
        const missing = ['d'];
        const plain = test('service_name', valueTest);
        const orNull = test('service_name', valueTest, true);
        expect(await idsWhere(plain)).toEqual(expected);
        expect(await idsWhere(not(plain))).toEqual(complement(expected));
        expect(await idsWhere(orNull)).toEqual([...expected, ...missing].sort());
        expect(await idsWhere(not(orNull))).toEqual(complement([...expected, ...missing]));
      });

      it.each(predicates)('%s', async (_, predicate, expected) => {
        expect(await idsWhere(predicate)).toEqual(expected);
        expect(await idsWhere(not(predicate))).toEqual(complement(expected));
      });

      it.each(memberTests)('entries with %s, by id and looked up', async (_, entries, expected) => {
        if (!(await claimed(({ capabilities }) => capabilities.filter.member))) return;
        expect(await idsWhere(entries)).toEqual(expected);
        expect(await idsWhere(not(entries))).toEqual(complement(expected));
        expect(await idsWhere(entries.test, 'Lookup')).toEqual(expected);
        expect(await idsWhere(not(entries.test), 'Lookup')).toEqual(complement(expected));
      });
    });

    describe('values that charges carry inline', () => {
      const columns = ['charge_id', 'resource_key', 'tag_set', 'inline_resource_id', 'inline_tags'];
      const ids = async (predicate: Predicate, keys: readonly string[] = []) => {
        const resources = keys.filter((each) => each.startsWith('resource'));
        const tags = keys.filter((each) => each.startsWith('tag:'));
        const rows = await run(
          (charges) =>
            aggregate(
              ['charge_id'],
              [],
              filter(predicate, lookup('tags', tags, lookup('resources', resources, charges))),
            ),
          columns,
        );
        return sortedRows(rows).map((row) => row['charge_id']);
      };
      const inlineTests: readonly [string, Member, readonly string[]][] = [
        ['a resource', member('resources', isIn('resource_id', ['i-2', 'i-9'])), ['b', 'c']],
        ['another', member('resources', test('resource_id', list('notIn', ['i-9']))), ['a', 'b', 'e', 'f']],
        ['another or none', member('resources', isIn('resource_id', ['i-2'], { orNull: true })), ['b', 'd']],
        ['a missing resource', member('resources', isMissing('resource_id')), ['d']],
        ['a tag', member('tags', isIn('tag:App', ['Shop'])), ['b', 'd']],
        ['a missing tag', member('tags', isMissing('tag:App')), ['e']],
        ['a tag inline alone', member('tags', isIn('tag:a/b~c"d', ['x\ny'])), ['d']],
      ];

      it.each(inlineTests)('%s, by id and looked up', async (_, entries, expected) => {
        if (!(await claimed(({ capabilities }) => capabilities.filter.member))) return;
        expect(await ids(entries)).toEqual(expected);
        expect(await ids(not(entries))).toEqual(complement(expected));
        expect(await ids(entries.test, [entries.test.key])).toEqual(expected);
        expect(await ids(not(entries.test), [entries.test.key])).toEqual(complement(expected));
      });
    });

    describe('measures', () => {
      const service = isIn('service_name', ['EC2']);
      const cases: readonly [Measure, bigint | string | null][] = [
        [measure('count', null), 6n],
        [measure('count', null, service), 2n],
        [measure('count', null, member('tags', isIn('tag:App', ['shop']))), 2n],
        [measure('sum', 'effective_cost'), units('13.050000000007')],
        [measure('sum', 'effective_cost', service), units('3.75')],
        [measure('sum', 'effective_cost', FALSE), null],
        [measure('min', 'effective_cost'), units('-1')],
        [measure('max', 'effective_cost'), units('10')],
        [measure('min', 'service_name'), '50%_\\'],
        [measure('max', 'service_name'), 'ec2É'],
        [measure('unit-min', 'consumed_quantity'), ''],
        [measure('unit-max', 'consumed_quantity'), 'Hrs'],
        [measure('unit-min', 'consumed_quantity', service), 'Hrs'],
        [measure('unit-max', 'consumed_quantity', isIn('region_id', ['none'])), null],
        [measure('count-distinct', 'service_name'), 4n],
        [measure('count-distinct', 'service_name', isMissing('service_name')), 0n],
        [measure('count-distinct-estimate', 'service_name'), 4n],
      ];
      const columns = [
        'service_name',
        'region_id',
        'effective_cost',
        'consumed_quantity',
        'consumed_unit',
        'tag_set',
      ];
      it.each(cases)('$name', async (asked, expected) => {
        if ((await open()).connector.capabilities.aggregate[asked.fn] === 'none') return;
        const rows = await run((charges) => aggregate([], [asked], charges), columns);
        expect(rowObjects(rows)).toEqual([{ [asked.name]: expected }]);
      });

      it('gives one row over nothing without groups, and none with', async () => {
        const asked = [...COST, measure('count-distinct', 'service_name'), measure('min', 'effective_cost')];
        const over = (groupBy: readonly string[]) =>
          run((charges) => aggregate(groupBy, asked, filter(FALSE, charges)), columns);
        expect(rowObjects(await over([]))).toEqual([
          {
            count: 0n,
            'sum(effective_cost)': null,
            'count-distinct(service_name)': 0n,
            'min(effective_cost)': null,
          },
        ]);
        expect((await over(['service_name'])).length).toBe(0);
      });

      it('merges partials, and counts distinct values over them', async () => {
        const partial = (charges: Plan) => aggregate(['resource_key', 'region_id'], COST, charges, 'partial');
        const looked = (charges: Plan) => lookup('resources', ['resource_id'], partial(charges));
        const asked = [...COST, measure('count-distinct', 'region_id')];
        const rows = await run(
          (charges) => aggregate(['resource_id'], asked, looked(charges), 'final'),
          ['resource_key', 'region_id', 'effective_cost'],
        );
        const row = (resource: string | null, count: bigint, sum: string, regions: bigint) => ({
          resource_id: resource,
          count,
          'sum(effective_cost)': units(sum),
          'count-distinct(region_id)': regions,
        });
        expect(sortedRows(rows)).toEqual([
          row('i-1', 3n, '1.800000000007', 2n),
          row('i-2', 1n, '2.25', 1n),
          row(null, 2n, '9', 1n),
        ]);
      });
    });

    describe('time', () => {
      const columns = ['charge_id', 'effective_cost', 'charge_period_start', 'charge_period_end'];
      const start = async (buckets: typeof DAYS | null) => {
        const { charges } = await open();
        const rows = await run(
          () =>
            aggregate(
              ['charge_id', '$time'],
              [],
              bucket(scan(columns, { range: OCTOBER, files: charges }), { buckets, clip: OCTOBER }),
            ),
          columns,
        );
        return sortedRows(rows).map((row) => [row['charge_id'], row['$time']]);
      };

      it('puts a charge into the bucket of its start', async () => {
        expect(await start(DAYS)).toEqual([
          ['a', 0n],
          ['b', 0n],
          ['c', 1n],
          ['d', 30n],
          ['e', 4n],
        ]);
        expect(await start(null)).toEqual(['a', 'b', 'c', 'd', 'e'].map((id) => [id, 0n]));
      });

      it('finds buckets of uneven width', async () => {
        const edges = [0, 1, 2, 5, 6, 20, 30, 31].map((day) => OCTOBER.from + day * DAY_MS);
        const uneven = { ...DAYS, edges, labels: edges.slice(0, -1) };
        expect(await start(uneven)).toEqual([
          ['a', 0n],
          ['b', 0n],
          ['c', 1n],
          ['d', 6n],
          ['e', 2n],
        ]);
      });

      it('spreads a charge over the buckets that it touches, to the last unit', async () => {
        const { connector, charges, dictionaries, estimate } = await open();
        if (!connector.capabilities.prorate) return;
        const thirds = evenBuckets({ from: Date.UTC(2018, 9, 1), to: Date.UTC(2018, 9, 3) }, 7 * 3_600_000);
        const clip = { from: Date.UTC(2018, 9, 1), to: Date.UTC(2018, 9, 2, 22) };
        const input = scan(columns, { range: clip, within: 'overlap', files: charges });
        const spread = bucket(input, { timing: 'PRORATED', buckets: thirds, clip });
        const asked = measure('sum', 'effective_cost');
        const limits = { rowsMax: 100, signal: new AbortController().signal };
        const { rows } = await connector.run(
          ask(aggregate(['charge_id', '$time'], [asked], spread), dictionaries, estimate),
          limits,
        );
        const cells = sortedRows(rows).map((row) => [row['charge_id'], row['$time'], row[asked.name]]);
        // f: 0.3 over 24 h, of which 12 are in the clip. c: 10 over 24 h, cut at 04:00, 11:00, 18:00 and by the clip.
        expect(cells).toEqual([
          ['a', 0n, units('1.5')],
          ['b', 0n, units('2.25')],
          ['c', 3n, 1_666_666_666_666n],
          ['c', 4n, 4_583_333_333_333n - 1_666_666_666_666n],
          ['c', 5n, 7_500_000_000_000n - 4_583_333_333_333n],
          ['c', 6n, 9_166_666_666_666n - 7_500_000_000_000n],
          ['f', 0n, units('0.0875')],
          ['f', 1n, units('0.0625')],
        ]);
      });

      it('counts a charge of no length at its start, and cuts negative amounts toward zero', async () => {
        const { connector, charges, dictionaries, estimate } = await open();
        if (!connector.capabilities.prorate) return;
        const range = { from: Date.UTC(2018, 9, 5), to: Date.UTC(2018, 10, 2) };
        const sevenths = evenBuckets(range, 7 * 60_000, 'HOUR');
        const input = scan(columns, { range, within: 'overlap', files: charges });
        const spread = bucket(input, { timing: 'PRORATED', buckets: sevenths, clip: range });
        const asked = measure('sum', 'effective_cost');
        const limits = { rowsMax: 100, signal: new AbortController().signal };
        const { rows } = await connector.run(
          ask(aggregate(['charge_id', '$time'], [asked], spread), dictionaries, estimate),
          limits,
        );
        const cells = sortedRows(rows);
        expect(cells.filter((row) => row['charge_id'] === 'e').map((row) => row[asked.name])).toEqual([7n]);
        const parts = cells
          .filter((row) => row['charge_id'] === 'd')
          .map((row) => BigInt(row[asked.name] ?? 0n));
        // Sixteen pieces of seven minutes and what is left at either end.
        expect(parts.length).toBe(18);
        expect(parts.filter((part) => part === -58_333_333_333n || part === -58_333_333_334n).length).toBe(
          16,
        );
        expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(units('-1'));
      });
    });

    describe('whole results', () => {
      const columns = ['service_name', 'region_id', 'effective_cost'];
      const byService = (charges: Plan) => aggregate(['service_name'], COST, charges);
      const cost = (row: RowObject) => [row['service_name'], row['sum(effective_cost)']];

      it('unites', async () => {
        const rows = await run((charges) => {
          const arm = (region: string) =>
            aggregate(['service_name'], COST, filter(isIn('region_id', [region]), charges), 'partial');
          const empty: Plan = { kind: 'Empty', columns: ['service_name', ...COST.map(({ name }) => name)] };
          return aggregate(['service_name'], COST, union(arm('us'), empty, arm('eu')), 'final');
        }, columns);
        expect(sortedRows(rows).map(cost)).toEqual([
          ['EC2', units('3.75')],
          ['ec2É', 7n],
          [null, units('-1')],
        ]);
      });

      describe('groups in several ways at once', () => {
        const sets = [['service_name', 'charge_period_start'], ['$time'], ['service_name', 'region_id'], []];
        const measures = [
          measure('count', null),
          measure('sum', 'effective_cost', isIn('service_name', ['EC2'])),
          measure('min', 'region_id'),
          measure('count-distinct', 'region_id'),
        ];
        const columns = ['service_name', 'region_id', 'effective_cost', 'charge_period_start'];
        const inDays = (charges: Plan) => bucket(charges, { buckets: DAYS, clip: OCTOBER });
        const only = (rows: readonly RowObject[], set: number) =>
          rows.filter(({ $set }) => $set === BigInt(set));

        it.each(sets.map((set, i): [string, number, string[]] => [set.join() || 'nothing', i, set]))(
          'as each way by itself: by %s',
          async (_, i, set) => {
            if (!(await open()).connector.capabilities.nodes.GroupingSets) return;
            const input = (charges: Plan) => inDays(filter(isIn('source', ['aws']), charges));
            const read = [...columns, 'source'];
            const all = await run((charges) => groupingSets(sets, measures, input(charges)), read, OCTOBER);
            const alone = await run((charges) => aggregate(set, measures, input(charges)), read, OCTOBER);
            const others = Object.fromEntries(
              sets.flat().flatMap((key) => (set.includes(key) ? [] : [[key, null]])),
            );
            expect(only(sortedRows(all), i)).toEqual(
              sortedRows(alone).map((row) => ({ ...row, ...others, $set: BigInt(i) })),
            );
          },
        );

        it('merging partials, and counting values among them', async () => {
          if (!(await open()).connector.capabilities.nodes.GroupingSets) return;
          const [count, , least, distinct] = measures;
          if (!count || !least || !distinct) throw new Error('there are four measures');
          const rows = await run((charges) => {
            const fine = aggregate(['service_name', 'region_id'], [count, least], charges, 'partial');
            return groupingSets([['service_name'], []], [count, least, distinct], fine, 'final');
          }, columns);
          const alone = (set: string[]) =>
            run((charges) => aggregate(set, [count, least, distinct], charges), columns);
          expect(only(sortedRows(rows), 0)).toEqual(
            sortedRows(await alone(['service_name'])).map((row) => ({ ...row, $set: 0n })),
          );
          expect(only(sortedRows(rows), 1)).toEqual(
            sortedRows(await alone([])).map((row) => ({ ...row, service_name: null, $set: 1n })),
          );
        });

        it('over nothing: no groups, and the one row of a total', async () => {
          if (!(await open()).connector.capabilities.nodes.GroupingSets) return;
          const rows = await run(
            (charges) => groupingSets([['region_id'], []], measures.slice(0, 1), filter(FALSE, charges)),
            columns,
          );
          expect(sortedRows(rows)).toEqual([{ $set: 1n, region_id: null, count: 0n }]);
        });
      });

      it('compares, missing keys among the keys', async () => {
        const rows = await run((charges) => {
          const arm = (region: string) => byService(filter(isIn('region_id', [region]), charges));
          return compare(['service_name'], COST, arm('us'), arm('eu'));
        }, columns);
        const row = (
          service: string | null,
          now: [bigint, bigint | null],
          then: [bigint, bigint | null],
        ) => ({
          service_name: service,
          count: now[0],
          'sum(effective_cost)': now[1],
          'before:count': then[0],
          'before:sum(effective_cost)': then[1],
        });
        expect(sortedRows(rows)).toEqual([
          row('EC2', [1n, units('1.5')], [1n, units('2.25')]),
          row('ec2É', [1n, 7n], [0n, null]),
          row(null, [0n, null], [1n, units('-1')]),
        ]);
      });

      it('keeps groups that meet every bound', async () => {
        const rows = await run(
          (charges) =>
            having(
              [
                { metric: 'EFFECTIVE_COST', op: 'gte', value: decimalFromUnits(7n) },
                { metric: 'EFFECTIVE_COST', op: 'lt', value: decimalFromUnits(units('10')) },
                { metric: 'CHARGE_COUNT', op: 'lte', value: decimalFromUnits(units('1.5')) },
              ],
              byService(charges),
            ),
          columns,
        );
        expect(sortedRows(rows).map(cost)).toEqual([
          ['50%_\\', units('0.3')],
          ['ec2É', 7n],
        ]);
      });

      it('keeps the largest groups and merges the rest, apart from the missing value', async () => {
        const ranked = (remainder: boolean) =>
          run(
            (charges) =>
              top(byService(charges), {
                count: 2,
                by: ['service_name'],
                keys: ['service_name'],
                measures: COST,
                remainder,
              }),
            columns,
          );
        const row = (service: string | null, remainder: bigint, sum: bigint) => [service, remainder, sum];
        const cells = async (remainder: boolean) =>
          sortedRows(await ranked(remainder)).map((each) => [
            each['service_name'],
            each['$remainder'],
            each['sum(effective_cost)'],
          ]);
        const kept = [row('EC2', 0n, units('3.75')), row('S3', 0n, units('10'))];
        expect(await cells(false)).toEqual(kept);
        expect(await cells(true)).toEqual([...kept, row(null, 1n, units('0.300000000007') - units('1'))]);
      });

      it('sorts, cuts and sums up', async () => {
        const rows = await run(
          (charges) =>
            page(
              top(byService(charges), {
                count: 4,
                by: ['service_name'],
                keys: ['service_name'],
                measures: COST,
              }),
              { sort: [key('service_name', 'DESC')], measures: COST, offset: 1, limit: 3 },
            ),
          columns,
        );
        expect(
          rowObjects(rows).map((row) => [
            row['$ordinal'],
            row['$rows'],
            row['service_name'],
            row['$remainder'],
            row['count'],
          ]),
        ).toEqual([
          [0n, 5n, null, null, 6n],
          [2n, null, 'S3', 0n, 1n],
          [3n, null, 'EC2', 0n, 2n],
          [4n, null, '50%_\\', 0n, 1n],
        ]);
      });
    });
  });
}
