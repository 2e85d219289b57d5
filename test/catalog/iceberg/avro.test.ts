import { describe, expect, it } from 'vitest';
import { avroCodec } from '../../../src/catalog/iceberg/avro.ts';

const long = { name: 'n', type: 'long', 'field-id': 1 };
const text = { name: 't', type: ['null', 'string'], default: null, 'field-id': 2 };
const narrow = avroCodec({ type: 'record', name: 'r', fields: [long] });
const wide = avroCodec({ type: 'record', name: 'r', fields: [long, text] });

describe('avroCodec', () => {
  it('keeps longs exact at every width', () => {
    const values = [0, 1, -1, 63, 64, -64, -65, 2 ** 48, -(2 ** 48), 2 ** 53 - 1, -(2 ** 53) + 1];
    const exact = [...values, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
    expect(
      narrow
        .decode(
          narrow.encode(
            {},
            exact.map((n) => ({ n })),
          ),
        )
        .map(valueOf),
    ).toEqual(exact);
    expect(narrow.decode(narrow.encode({}, [{ n: 7n }])).map(valueOf)).toEqual([7]);
  });

  it('writes the field ids and the metadata into the header', () => {
    const header = narrow.encode({ 'format-version': '2' }, []).toString('latin1');
    expect(header).toContain('"field-id":1');
    expect(header).toContain('format-version');
    expect(narrow.decode(narrow.encode({}, []))).toEqual([]);
  });

  it('reads more records than a block takes', () => {
    const records = Array.from({ length: 2_500 }, (_, n) => ({ n }));
    expect(narrow.decode(narrow.encode({}, records)).map(valueOf)).toEqual(records.map(({ n }) => n));
  });

  it('resolves another schema: fields it lacks are null, foreign ones are left out', () => {
    expect(wide.decode(narrow.encode({}, [{ n: 5 }]))).toMatchObject([{ n: 5, t: null }]);
    expect(Object.keys(narrow.decode(wide.encode({}, [{ n: 5, t: 'x' }]))[0] ?? {})).toEqual(['n']);
  });

  it('refuses what is damaged', () => {
    const bytes = wide.encode({}, [{ n: 1, t: 'x'.repeat(100) }]);
    const flipped = Buffer.from(bytes);
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
    expect(() => wide.decode(flipped)).toThrow('damaged');
    expect(() => wide.decode(bytes.subarray(0, -5))).toThrow('cut off');
    expect(() => wide.decode(Buffer.from('PAR1'))).toThrow('not an Avro container');
    expect(() => wide.decode(bytes.subarray(0, 10))).toThrow();
  });
});

function valueOf(record: unknown): unknown {
  return (record as { n: unknown }).n; // By the schema.
}
