import { DuckDBInstance } from '@duckdb/node-api';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PATTERNS_MAX, checkPattern, checkPatternCount } from '../../../src/planner/bind/check-pattern.ts';
import { measuresOf } from '../../../src/planner/measures.ts';
import type { Predicate } from '../../../src/planner/predicate.ts';
import { and } from '../../../src/planner/predicate.ts';
import { test } from '../../support/plans.ts';
import { question } from '../../support/questions.ts';

function accepts(pattern: string, ignoreCase = false): boolean {
  try {
    checkPattern('region_id', pattern, ignoreCase);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/^(BAD_FILTER|TOO_LARGE)$/) });
    return false;
  }
}

describe('an expression', () => {
  it.each([
    ['.*'],
    ['[^/]{1,500}/.*'],
    ['\\pL{1,10}-\\pN{1,3}'],
    ['[a-zà-öø-ÿ]{1,200}'],
    ['arn:aws:ec2:[a-z0-9-]+:\\d{12}:instance/i-[0-9a-f]{8,17}'],
    ['字'.repeat(1_000)],
    ['k'.repeat(1_000), true],
    ['(?i:service)-\\d{1,100}', true],
  ])('of a usual size is taken: %s', (pattern, ignoreCase = false) => {
    expect(accepts(pattern, ignoreCase)).toBe(true);
  });

  it.each([
    ['\\pL{1000}'],
    ['\\pL{15}'], // From here on DuckDB takes a hundred times as long per value.
    ['(\\pL|\\pN){14}'],
    ['[^\\pL]{20}'],
    ['\\p{Lu}{50}'],
    ['[àЖ字😀éИ本]{600}[àЖ字😀éИ本]{400}'],
    ['(?i)(abcdefgh){900}'],
    ['(abcdefgh){900}', true],
  ])('of a program that is too large is not: %s', (pattern, ignoreCase = false) => {
    expect(accepts(pattern, ignoreCase)).toBe(false);
  });

  it('that is taken compiles in a store', async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const atom = fc.constantFrom(
      'a',
      'k',
      '.',
      '\\d',
      '\\S',
      '\\pL',
      '\\PN',
      '\\p{Lu}',
      '[^x]',
      '[à-ž字😀]',
      '😀',
      '\\b',
    );
    const repeat = fc.oneof(
      fc.constantFrom('', '*', '+?', '?'),
      fc.integer({ min: 1, max: 1_000 }).map((count) => `{${count}}`),
      fc.tuple(fc.nat(5), fc.nat(400)).map(([least, more]) => `{${least},${least + more}}`),
    );
    const pattern = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { depthSize: 'small' },
        fc.tuple(atom, repeat).map(([one, times]) => (one === '\\b' ? one : one + times)),
        fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => a + b),
        fc.tuple(tie('pattern'), tie('pattern'), repeat).map(([a, b, times]) => `(${a}|${b})${times}`),
      ),
    })).pattern;
    let taken = 0;
    const property = fc.asyncProperty(pattern, fc.boolean(), async (each, ignoreCase) => {
      if (!accepts(each, ignoreCase)) return;
      taken += 1;
      await connection.run(`SELECT regexp_full_match('', '${each}'${ignoreCase ? ", 'i'" : ''})`);
    });
    await fc.assert(property, { numRuns: 300 });
    expect(taken).toBeGreaterThan(30);
    connection.closeSync();
    instance.closeSync();
  });
});

describe('the expressions of a query', () => {
  const matches = (value: string): Predicate =>
    test('region_id', { op: 'matches', value, ignoreCase: false });
  const numbered = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => matches(`r${from + i}`));
  const check = (filter: Predicate, amounts: readonly Predicate[]) => {
    const measures = amounts.flatMap((where) => measuresOf('EFFECTIVE_COST', where));
    const asked = question({ groupBy: ['source'] }, { totals: { measures } });
    return () => checkPatternCount({ ...asked, filter });
  };

  it('are counted in the filter and in amounts together, each once', () => {
    const filter = and([...numbered(0, 5), { kind: 'not', part: matches('r0') }]);
    expect(check(filter, numbered(3, PATTERNS_MAX - 3))).not.toThrow();
    expect(check(filter, numbered(4, PATTERNS_MAX - 3))).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE', message: expect.stringContaining('regular expressions') }),
    );
  });
});
