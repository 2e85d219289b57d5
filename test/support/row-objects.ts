import type { Rows } from '../../src/connectors/connector.ts';

export type RowObject = Readonly<Record<string, bigint | string | null>>;

/** Rows as objects, for comparison by eye and by `toEqual`. */
export function rowObjects(rows: Rows): RowObject[] {
  return Array.from({ length: rows.length }, (_, i) =>
    Object.fromEntries([...rows.columns].map(([name, values]) => [name, values[i] ?? null])),
  );
}

/** In an order that depends on the values alone, for results that promise none. */
export function sortedRows(rows: Rows): RowObject[] {
  const text = (row: RowObject) =>
    JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
  return rowObjects(rows).sort((a, b) => (text(a) < text(b) ? -1 : 1));
}

/** Units of 10^-12 of a number written out: `units('1.5')`. */
export function units(decimal: string): bigint {
  const [whole = '', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.padEnd(12, '0'));
}
