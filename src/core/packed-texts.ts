/** Texts in one buffer: about a third of what they take as strings, and nothing for the garbage collector to visit. */
export type PackedTexts = {
  /** UTF-8, one after another. */
  readonly bytes: Buffer;
  /** Where each ends. */
  readonly ends: Uint32Array;
};

/** @param texts well-formed; together below 4 GiB */
export function packTexts(texts: readonly string[]): PackedTexts {
  const encoded = texts.map((text) => Buffer.from(text, 'utf8'));
  const ends = new Uint32Array(texts.length);
  let end = 0;
  for (const [number, { length }] of encoded.entries()) ends[number] = end += length;
  const bytes = Buffer.allocUnsafeSlow(end); // A pooled buffer would keep the whole pool alive.
  for (const [number, text] of encoded.entries()) bytes.set(text, (ends[number] ?? 0) - text.length);
  return { bytes, ends };
}

/** The text that was packed as the `number`th, from 0. */
export function textAt({ bytes, ends }: PackedTexts, number: number): string {
  return bytes.toString('utf8', number === 0 ? 0 : ends[number - 1], ends[number]);
}
