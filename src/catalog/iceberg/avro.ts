/**
 * Avro object container files, as Iceberg keeps manifests and manifest lists.
 *
 * `avsc` encodes and decodes the records: it compiles a schema to straight-line code and resolves a file's
 * schema against ours. Its own container streams are not used: they write the schema back without Iceberg's
 * `field-id` attributes, and are asynchronous for files of a few kilobytes. So the framing is here.
 */
import { randomBytes } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Schema } from 'avsc';
import avro from 'avsc';

export type AvroSchema = string | readonly AvroSchema[] | { readonly [attribute: string]: unknown };

const MAGIC = Buffer.from('Obj\u0001', 'latin1');
const SYNC_SIZE_BYTES = 16;
const BLOCK_RECORDS_MAX = 1_000;
/** A damaged size must not make us allocate without bound: no manifest comes near this. */
const BLOCK_SIZE_BYTES_MAX = 512 * 1024 * 1024;

/** Longs are numbers where a double holds them, else bigints; both can be written. */
const exactLong = avro.types.LongType.__with(
  {
    fromBuffer: decodeLong,
    toBuffer: encodeLong,
    fromJSON: Number, // Defaults in schemas: Iceberg has none but null.
    toJSON: String,
    isValid: (value: unknown) => typeof value === 'bigint' || Number.isSafeInteger(value),
    compare: (a: number | bigint, b: number | bigint) => (a < b ? -1 : a > b ? 1 : 0),
  },
  true,
);

function decodeLong(bytes: Uint8Array): number | bigint {
  let zigzag = 0n;
  if (bytes.length <= 7) {
    let small = 0;
    for (let i = bytes.length - 1; i >= 0; i--) small = small * 128 + ((bytes[i] ?? 0) & 127);
    return small % 2 === 0 ? small / 2 : -(small + 1) / 2;
  }
  for (let i = bytes.length - 1; i >= 0; i--) zigzag = (zigzag << 7n) | BigInt((bytes[i] ?? 0) & 127);
  const value = (zigzag >> 1n) ^ -(zigzag & 1n);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function encodeLong(value: number | bigint): Buffer {
  const wide = BigInt(value);
  let zigzag = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
  const bytes: number[] = [];
  while (zigzag > 127n) {
    bytes.push(Number(zigzag & 127n) | 128);
    zigzag >>= 7n;
  }
  bytes.push(Number(zigzag));
  return Buffer.from(bytes);
}

type Resolver = ReturnType<avro.Type['createResolver']> | undefined;

export type AvroCodec = {
  /** The container's bytes; `metadata` joins the schema in its header. Records are written as they are: shape them by the schema. */
  readonly encode: (metadata: Readonly<Record<string, string>>, records: readonly unknown[]) => Buffer;
  /** The records, each of exactly this codec's schema: fields the file lacks are null, foreign ones are left out. */
  readonly decode: (container: Buffer) => unknown[];
};

/** Compiles a schema: make codecs once and keep them. `decode` throws a plain Error on anything that is no such container. */
export function avroCodec(schema: AvroSchema): AvroCodec {
  const schemaText = JSON.stringify(schema);
  const type = compile(schemaText);
  /** From the schemas of files to ours; none is needed for files that we wrote. */
  const resolvers = new Map<string, Resolver>([[schemaText, undefined]]);
  return {
    encode: (metadata, records) => {
      const sync = randomBytes(SYNC_SIZE_BYTES);
      const header = { ...metadata, 'avro.schema': schemaText, 'avro.codec': 'deflate' };
      const parts: Uint8Array[] = [MAGIC, encodeHeader(header), sync];
      for (let i = 0; i < records.length; i += BLOCK_RECORDS_MAX) {
        const block = records.slice(i, i + BLOCK_RECORDS_MAX);
        const packed = deflateRawSync(Buffer.concat(block.map((record) => type.toBuffer(record))));
        parts.push(encodeLong(block.length), encodeLong(packed.length), packed, sync);
      }
      return Buffer.concat(parts);
    },
    decode: (container) => {
      const { header, body } = decodeHeader(container);
      const fileSchema = header['avro.schema'] ?? '';
      if (!resolvers.has(fileSchema)) resolvers.set(fileSchema, type.createResolver(compile(fileSchema)));
      const codec = header['avro.codec'] ?? 'null';
      return decodeBlocks(container, body, codec, type, resolvers.get(fileSchema));
    },
  };
}

function compile(schemaText: string): avro.Type {
  // JSON.parse gives what avsc itself checks and refuses when it is no schema.
  const schema = JSON.parse(schemaText) as Schema;
  return avro.Type.forSchema(schema, {
    registry: { long: exactLong },
    wrapUnions: 'never',
    omitRecordMethods: true,
  });
}

const headerType = avro.Type.forSchema({ type: 'map', values: 'bytes' });

function encodeHeader(header: Readonly<Record<string, string>>): Buffer {
  return headerType.toBuffer(
    Object.fromEntries(Object.entries(header).map(([key, value]) => [key, Buffer.from(value)])),
  );
}

function decodeHeader(container: Buffer): { header: Record<string, string>; body: number } {
  if (!container.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('not an Avro container');
  const { value, offset } = headerType.decode(container, MAGIC.length);
  if (offset < 0) throw new Error('the header is cut off');
  // headerType says so: a map of bytes.
  const pairs = Object.entries(value as Record<string, Buffer>);
  return {
    header: Object.fromEntries(pairs.map(([key, bytes]) => [key, bytes.toString('utf8')])),
    body: offset,
  };
}

function decodeBlocks(
  container: Buffer,
  body: number,
  codec: string,
  type: avro.Type,
  resolver: Resolver,
): unknown[] {
  const sync = container.subarray(body, body + SYNC_SIZE_BYTES);
  const records: unknown[] = [];
  let offset = body + SYNC_SIZE_BYTES;
  while (offset < container.length) {
    const count = readLong(container, offset);
    const size = readLong(container, count.next);
    const end = size.next + size.value;
    if (size.value < 0 || end + SYNC_SIZE_BYTES > container.length) throw new Error('a block is cut off');
    if (!container.subarray(end, end + SYNC_SIZE_BYTES).equals(sync)) throw new Error('a block is damaged');
    const block = unpack(container.subarray(size.next, end), codec);
    let position = 0;
    for (let i = 0; i < count.value; i++) {
      const decoded = type.decode(block, position, resolver);
      if (decoded.offset < 0) throw new Error('a record is cut off');
      records.push(decoded.value);
      position = decoded.offset;
    }
    offset = end + SYNC_SIZE_BYTES;
  }
  return records;
}

function unpack(block: Buffer, codec: string): Buffer {
  if (codec === 'null') return block;
  if (codec === 'deflate') return inflateRawSync(block, { maxOutputLength: BLOCK_SIZE_BYTES_MAX });
  throw new Error(`the codec ${codec} is not supported`);
}

function readLong(bytes: Buffer, start: number): { value: number; next: number } {
  let next = start;
  while (((bytes[next] ?? 0) & 128) !== 0) next += 1;
  return { value: Number(decodeLong(bytes.subarray(start, next + 1))), next: next + 1 };
}
