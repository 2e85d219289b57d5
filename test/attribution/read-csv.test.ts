import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readCsv } from '../../src/attribution/read-csv.ts';

describe('a CSV text', () => {
  it.each([
    [
      'a,b\n1,2\n',
      [
        [1, ['a', 'b']],
        [2, ['1', '2']],
      ],
    ],
    [
      '\uFEFFa , b\r\n\r\n 1,"2 "',
      [
        [1, ['a', 'b']],
        [3, ['1', '2 ']],
      ],
    ],
    [
      'a\n"x\n""y"""\nz',
      [
        [1, ['a']],
        [2, ['x\n"y"']],
        [4, ['z']],
      ],
    ],
    [
      'a,\n,\n"",""\n',
      [
        [1, ['a', '']],
        [2, ['', '']],
        [3, ['', '']],
      ],
    ],
    [
      'a,b"c\n  "d" ,e',
      [
        [1, ['a', 'b"c']],
        [2, ['d', 'e']],
      ],
    ],
    ['', []],
  ])('%j', (text, rows) => {
    expect(readCsv(text)).toEqual({ rows: rows.map(([line, cells]) => ({ line, cells })) });
  });

  it.each([
    ['a\n"x', 2],
    ['a\n"x"y\n', 2],
    ['"a\nb"c', 1],
  ])('says where a quote goes wrong: %j', (text, badLine) => expect(readCsv(text)).toEqual({ badLine }));

  it('gives back what was written', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', ' ', 'ä') });
    const rows = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }));
    const property = fc.property(rows, (rows) => {
      const text = rows
        .map((cells) => cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(','))
        .join('\n');
      const read = readCsv(text);
      expect('rows' in read ? read.rows.map(({ cells }) => cells) : read).toEqual(rows);
    });
    fc.assert(property);
  });
});
