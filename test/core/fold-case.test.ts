import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';

import { toLowerSimple, toUpperSimple } from '../../src/core/fold-case.ts';

describe('case by the simple mapping', () => {
  it.each([
    ['İstanbul ΣΑΣ ẞ', 'istanbul σασ ß'],
    ['Ordering', 'ordering'],
  ])('lowers %s', (text, lower) => expect(toLowerSimple(text)).toBe(lower));

  it.each([
    ['straße ᾳ ŉ ﬁ', 'STRAẞE ᾼ ŉ ﬁ'],
    ['ordering', 'ORDERING'],
  ])('raises %s', (text, upper) => expect(toUpperSimple(text)).toBe(upper));

  it('is that of DuckDB, but for letters younger than its tables', async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll(
      `SELECT chr(i::INTEGER), lower(chr(i::INTEGER)), upper(chr(i::INTEGER)) FROM range(1, 1114112) t(i)
       WHERE i NOT BETWEEN 55296 AND 57343 AND i <> 65279`,
    );
    // chr, lower and upper give texts.
    const rows = reader.getRows() as [string, string, string][];
    connection.closeSync();
    instance.closeSync();
    const differing = rows.filter(
      ([letter, lower, upper]) => toLowerSimple(letter) !== lower || toUpperSimple(letter) !== upper,
    );
    const mapped = differing.filter(([letter, lower, upper]) => lower !== letter || upper !== letter);
    expect(mapped).toEqual([]);
    expect(differing.length).toBeLessThan(200);
  });
});
