import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rowDimensionNames } from '../../src/catalog/charge-columns.ts';
import type { LakeFile } from '../../src/catalog/lake-file.ts';
import { nullsFrom } from '../../src/catalog/lake-file.ts';
import type { Match } from '../../src/planner/match-file.ts';
import { matchFile, provingKey } from '../../src/planner/match-file.ts';
import type { Member, Predicate } from '../../src/planner/predicate.ts';
import { FALSE, TRUE, and, not, or } from '../../src/planner/predicate.ts';
import { dictionaryTestToIdSet } from '../../src/planner/rules/dictionary-test-to-id-set.ts';
import { applyRule } from '../support/apply-rule.ts';
import { chargesArbitrary, lateColumns, predicateArbitrary } from '../support/arbitraries.ts';
import type { Charge } from '../support/charge.ts';
import { compareValues, valueOf } from '../support/charge.ts';
import { fixedFile } from '../support/fixed-state.ts';
import { meets } from '../support/meaning.ts';
import { filter, isIn, isMissing, scan, test } from '../support/plans.ts';

/** 'A' to 'C', every fourth row without a value. */
const file = fixedFile('f', {
  records: 100,
  bounds: { service_name: ['A', 'C'], region_id: ['eu', 'eu'] },
  nulls: { service_name: 25, invoice_id: 100, resource_key: 100 },
  lacks: ['sku_meter'],
  partition: { source: 'aws' },
});
const prefix = (value: string) => test('service_name', { op: 'startsWith', value, ignoreCase: false });
const notIn = (key: string, values: string[], orNull = false) =>
  test(key, { op: 'notIn', values, ignoreCase: false }, orNull);
const member = (key: string, orNull = false): Member => ({
  kind: 'member',
  dictionary: key.startsWith('tag:') ? 'tags' : 'resources',
  test: isIn(key, ['x'], { orNull }),
});

describe('what statistics of a file prove', () => {
  const cases: readonly (readonly [string, Predicate, Match])[] = [
    ['a value below the bounds', isIn('service_name', ['0', '9']), 'none'],
    ['a value above the bounds', isIn('service_name', ['D']), 'none'],
    ['values on both sides of the bounds', isIn('service_name', ['0', 'D']), 'none'],
    ['the lower bound itself', isIn('service_name', ['A']), 'some'],
    ['the upper bound itself', isIn('service_name', ['C']), 'some'],
    ['a value outside, or missing', isIn('service_name', ['D'], { orNull: true }), 'some'],
    ['the only value', isIn('region_id', ['as', 'eu']), 'all'],
    ['all but the only value', notIn('region_id', ['eu']), 'none'],
    ['not a value outside: missing values do not meet it', notIn('service_name', ['D']), 'some'],
    ['not a value outside, or missing', notIn('service_name', ['D'], true), 'all'],
    ['a prefix below', prefix('0'), 'none'],
    ['a prefix above', prefix('CC'), 'none'],
    ['a prefix of a bound', prefix('C'), 'some'],
    ['the empty prefix', prefix(''), 'some'],
    ['a column of nulls', isIn('invoice_id', ['x']), 'none'],
    ['missing in a column of nulls', isMissing('invoice_id'), 'all'],
    ['a column that the file does not hold', test('sku_meter', { op: 'any' }), 'none'],
    ['missing in a column without nulls', isMissing('region_id'), 'none'],
    ['present in a column without nulls', test('region_id', { op: 'any' }), 'all'],
    ['the source of the partition', isIn('source', ['aws']), 'all'],
    ['another source', isIn('source', ['gcp']), 'none'],
    [
      'ignoring case: bounds say nothing',
      test('service_name', { op: 'in', values: ['d'], ignoreCase: true }),
      'some',
    ],
    [
      'a part of the text: bounds say nothing',
      test('service_name', { op: 'contains', value: 'D', ignoreCase: false }),
      'some',
    ],
    ['a column without bounds', isIn('sub_account_id', ['1']), 'some'],
    ['a tag', isIn('tag:Team', ['a']), 'some'],
    ['ids of a dictionary, all null', member('resource_id'), 'none'],
    ['ids of a dictionary, all null, or missing', member('resource_id', true), 'all'],
    ['ids of a dictionary, some present', member('tag:Team'), 'some'],
    ['nothing', FALSE, 'none'],
    ['anything', TRUE, 'all'],
    ['both of none and some', and([isIn('service_name', ['D']), isIn('service_name', ['A'])]), 'none'],
    ['either of none and all', or([isIn('service_name', ['D']), isIn('region_id', ['eu'])]), 'all'],
    ['the opposite of none', not(isIn('service_name', ['D'])), 'all'],
  ];
  it.each(cases)('%s', (_, predicate, match) => expect(matchFile(predicate, file)).toBe(match));

  it('names the first part that proves that no row meets it', () => {
    const outside = isIn('service_name', ['D']);
    expect(provingKey(and([isIn('region_id', ['eu']), outside]), file)).toBe('service_name');
    expect(provingKey(member('resource_id'), file)).toBe('resource_key');
    expect(provingKey(or([outside, isMissing('region_id')]), file)).toBe(null);
  });
});

type Looseness = 'exact' | 'shortened' | 'unknown';

/** A file of the charges with bounds and counts that are true, though not always tight. */
function fileOf(
  charges: readonly Charge[],
  bounds: Looseness,
  knowsNulls: boolean,
  isOld: boolean,
): LakeFile {
  const values = (column: string) =>
    charges.map((charge) => valueOf(charge, column)).filter((value) => value !== null);
  const holds = (column: string) => !isOld || values(column).length > 0 || !lateColumns.includes(column);
  return {
    ...fixedFile('f', { records: charges.length, partition: { source: charges[0]?.source ?? 'aws' } }),
    holds,
    nulls: (column) =>
      nullsFrom(knowsNulls && holds(column) ? charges.length - values(column).length : null, charges.length),
    bounds(column) {
      const sorted = values(column).sort(compareValues).map(String);
      const [least, greatest] = [sorted[0], sorted.at(-1)];
      const isText = (rowDimensionNames as readonly string[]).includes(column); // Widened to ask for any text.
      if (!isText || bounds === 'unknown' || least === undefined || greatest === undefined) return null;
      return bounds === 'exact'
        ? { lower: least, upper: greatest }
        : { lower: firstPoint(least, 0), upper: firstPoint(greatest, 1) };
    },
  };
}

/** The first code point of a text, moved up by `step`: sorts below, or above all that begin with it. */
function firstPoint(value: string, step: number): string {
  const [first] = value;
  return first === undefined ? '' : String.fromCodePoint((first.codePointAt(0) ?? 0) + step);
}

describe('proofs', () => {
  it('hold for every row: none is met by no row, all by every row', () => {
    const proofs = { none: 0, some: 0, all: 0 };
    const property = fc.property(
      fc.boolean().chain((overBudget) => chargesArbitrary({ minLength: 0, maxLength: 6 }, overBudget)),
      predicateArbitrary,
      fc.constantFrom<Looseness>('exact', 'exact', 'shortened', 'unknown'),
      fc.boolean(),
      fc.boolean(),
      (all, asked, bounds, knowsNulls, isOld) => {
        const charges = all.filter(({ source }) => source === all[0]?.source);
        const lake = fileOf(charges, bounds, knowsNulls, isOld);
        const byIds = applyRule(dictionaryTestToIdSet, filter(asked, scan([])));
        for (const predicate of [asked, byIds.kind === 'Filter' ? byIds.predicate : asked]) {
          const met = charges.filter((charge) => meets(predicate, (key) => valueOf(charge, key)));
          const match = matchFile(predicate, lake);
          proofs[match] += 1;
          if (match === 'none') expect(met).toEqual([]);
          if (match === 'all') expect(met).toEqual(charges);
        }
      },
    );
    fc.assert(property, { numRuns: 2_000 });
    expect(Math.min(proofs.none, proofs.all)).toBeGreaterThan(50); // Enough was proved to be a test.
  });

  it('hold for prefixes at the edges of the bounds, surrogate pairs among them', () => {
    const text = fc
      .array(fc.constantFrom('a', 'b', '～', '😀', '\u{10ffff}'), { maxLength: 3 })
      .map((points) => points.join(''));
    const property = fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), text, (values, value) => {
      const sorted = values.toSorted(compareValues);
      const lake = fixedFile('f', { bounds: { service_name: [sorted[0] ?? '', sorted.at(-1) ?? ''] } });
      const met = values.filter((each) => each.startsWith(value)).length;
      const match = matchFile(prefix(value), lake);
      if (match === 'none') expect(met).toBe(0);
      if (match === 'all') expect(met).toBe(values.length);
    });
    fc.assert(property, { numRuns: 2_000 });
  });
});
