import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decimalFromUnits, formatDecimal, parseDecimal } from '../../../src/core/decimal.ts';
import { NUMBER_MAX, decimalsOf } from '../../../src/ingest/formats/decimal-sql.ts';
import { BillBench } from './mapped-bill.ts';

let bench: BillBench;
beforeAll(async () => {
  bench = await BillBench.open();
});
afterAll(async () => bench[Symbol.asyncDispose]());

type Parsed = { readonly value: string | null; readonly residue: string | null };

async function parsed(type: string, values: readonly string[]): Promise<readonly Parsed[]> {
  const list = values.map((value, i) => `(${i}, CAST('${value}' AS ${type}))`).join(', ');
  const from = `SELECT i, v AS x_source FROM (VALUES ${list}) AS given(i, v)`;
  const rows = await bench.rows(
    `SELECT i, x, x_residue FROM (${decimalsOf(from, [{ alias: 'x', type }])}) ORDER BY CAST(i AS INTEGER)`,
  );
  return rows.map(({ x, x_residue: residue }) => ({ value: x ?? null, residue: residue ?? null }));
}

const residueOf = (text: string): string =>
  `${text.startsWith('-') ? '-' : ''}${text.replace('-', '').padEnd(32, '0')}`;

describe('decimals of texts', () => {
  it.each([
    ['1.0000000000005', '1.000000000000', '0.0000000000005'],
    ['1.0000000000015', '1.000000000002', '-0.0000000000005'],
    ['-1.0000000000005', '-1.000000000000', '-0.0000000000005'],
    ['-1.0000000000015', '-1.000000000002', '0.0000000000005'],
    ['9.2E-6', '0.000009200000', '0.'],
    ['1.5e-13', '0.000000000000', '0.00000000000015'],
    ['12.5e3', '12500.000000000000', '0.'],
    ['+.5', '0.500000000000', '0.'],
    ['5.', '5.000000000000', '0.'],
    ['0.1000000000000000055', '0.100000000000', '0.0000000000000000055'],
    ['999999999999999999.5', '999999999999999999.500000000000', '0.'],
    ['1e-400', '0.000000000000', '0.'],
  ])('reads %s', async (text, value, residue) => {
    expect(await parsed('VARCHAR', [text])).toEqual([{ value, residue: residueOf(residue) }]);
  });

  it('decides a tie by a digit far behind the 30th', async () => {
    const [above] = await parsed('VARCHAR', [`1.0000000000005${'0'.repeat(30)}1`]);
    expect(above?.value).toBe('1.000000000001');
  });

  it('knows what is no number, or too large', async () => {
    const wrong = [
      'abc',
      '1,5',
      '1.234,56',
      '1_000',
      '0x10',
      'NaN',
      'inf',
      '-',
      '.',
      '1e',
      '$5',
      '(5)',
      '1 000',
      '1e18',
      '-1e18',
      '1e400',
    ];
    for (const { value } of await parsed('VARCHAR', wrong)) expect(value).toBeNull();
  });

  it('agrees with the decimals of the process', async () => {
    const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`));
    const text = fc
      .tuple(
        fc.constantFrom('', '-'),
        digits(17),
        fc.option(digits(25)),
        fc.option(fc.integer({ min: -25, max: 3 })),
      )
      .map(
        ([sign, whole, fraction, exponent]) =>
          `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`,
      );
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 200, maxLength: 200 }), async (texts) => {
        expect((await parsed('VARCHAR', texts)).map(({ value }) => value)).toEqual(texts.map(expected));
      }),
      { numRuns: 20 },
    );
  });
});

describe('decimals of doubles', () => {
  it('are of their shortest text, as this process writes it too', async () => {
    const rounded = fc
      .tuple(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), fc.integer({ min: 0, max: 15 }))
      .map(([value, places]) => Number(value.toFixed(places)));
    const any = fc.oneof(rounded, fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e16, max: 1e16 }));
    await fc.assert(
      fc.asyncProperty(fc.array(any, { minLength: 200, maxLength: 200 }), async (doubles) => {
        const texts = doubles.map(String);
        expect((await parsed('DOUBLE', texts)).map(({ value }) => value)).toEqual(texts.map(expected));
      }),
      { numRuns: 20 },
    );
  });

  it('are none when they are not finite', async () => {
    for (const { value } of await parsed('DOUBLE', ['nan', 'inf', '-inf'])) expect(value).toBeNull();
  });
});

describe('decimals of other types', () => {
  it.each([
    ['FLOAT', '0.1', '0.100000000000'],
    ['DECIMAL(38,18)', '1.000000000000500000', '1.000000000000'],
    ['DECIMAL(38,18)', '1.000000000001500001', '1.000000000002'],
    ['DECIMAL(38,18)', '99999999999999999999', null],
    ['DECIMAL(38,2)', '-12.34', '-12.340000000000'],
    ['DECIMAL(38,2)', '1e30', null],
    ['HUGEINT', '10000000000000000000', null],
    ['BIGINT', '-7', '-7.000000000000'],
  ])('%s %s', async (type, text, value) => {
    const [only] = await parsed(type, [text]);
    expect(only?.value).toBe(value);
  });
});

function expected(text: string): string | null {
  const decimal = parseDecimal(text);
  if (decimal === null) throw new Error(`no decimal: ${text}`);
  const limit = NUMBER_MAX * 10n ** 12n;
  return decimal < limit && decimal > -limit ? formatDecimal(decimalFromUnits(decimal)) : null;
}
