import { describe, expect, it } from 'vitest';
import {
  columnName,
  identifier,
  integer,
  jsonTexts,
  ownName,
  sql,
  text,
} from '../../../src/connectors/sql/sql-text.ts';

describe('SQL text', () => {
  it('doubles the quotes of values and names', () => {
    expect(sql`SELECT ${text("O'Brien; --")} AS ${identifier('a"b')}`).toBe(
      `SELECT 'O''Brien; --' AS "a""b"`,
    );
  });

  it('leaves backslashes and wildcards alone: they mean nothing in a literal', () => {
    expect(text('50%_\\')).toBe(`'50%_\\'`);
  });

  it.each(['a\0b', '\ud800', 'a\udc00b'])('refuses %j, which no engine can be sent', (value) => {
    for (const make of [text, identifier, (each: string) => jsonTexts([each])]) {
      expect(() => make(value)).toThrow(expect.objectContaining({ code: 'BAD_FILTER' }));
    }
  });

  it('takes whole numbers only', () => {
    expect(integer(-3n)).toBe('-3');
    expect(() => integer(0.5)).toThrow();
    expect(() => integer(Number.NaN)).toThrow();
  });

  it('writes many texts as one literal', () => {
    expect(jsonTexts(["O'Brien", 'a"b'])).toBe(`'["O''Brien","a\\"b"]'`);
  });

  it('gives names of its own unquoted only where they are plain', () => {
    expect(ownName('groups_2')).toBe('groups_2');
    expect(() => ownName('groups; DROP')).toThrow();
  });

  it('keeps columns apart whose names differ in case alone', () => {
    const names = ['tag:Team', 'tag:team', 'tag:TEAM', 'tag:team ^4', 'service_name'].map(columnName);
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(5);
    expect(names[4]).toBe('service_name');
  });
});
