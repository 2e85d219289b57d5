import { describe, expect, it } from 'vitest';
import { formatExactJson, parseExactJson } from '../../../src/catalog/iceberg/exact-json.ts';

describe('exact JSON', () => {
  it('keeps snapshot ids exact, both ways, and all else as JSON does', () => {
    const value = {
      'current-snapshot-id': -1n,
      snapshots: [{ 'snapshot-id': 9_223_372_036_854_775_807n, 'parent-snapshot-id': 7n, 'timestamp-ms': 5 }],
      refs: { main: { 'snapshot-id': 2n ** 53n + 1n } },
      nothing: null,
      words: ['{"snapshot-id":5}', '"snapshot-id": 5', 'snapshot-id'],
      summary: { 'snapshot-id': '5' },
    };
    const text = formatExactJson(value);
    expect(text).toContain('"snapshot-id":9223372036854775807,');
    expect(parseExactJson(text)).toEqual(value);
    expect(parseExactJson('{ "snapshot-id" : 12 }')).toEqual({ 'snapshot-id': 12n });
    expect(() => parseExactJson('{"snapshot-id":')).toThrow(SyntaxError);
  });
});
