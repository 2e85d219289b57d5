import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { Ajv2020 } from 'ajv/dist/2020.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseRules } from '../../src/attribution/parse-rules.ts';
import { rulesJsonSchema } from '../../src/attribution/rules-grammar.ts';
import { ownersCsv, ruleDocument } from './rule-documents.ts';

const FILE = resolve(import.meta.dirname, '../../docs/attribution-rules.schema.json');

// Alternatives are required by oneOf in the schema of the same object, which strictRequired does not see; and every
// object of JavaScript has a valueOf that is not its own.
const fits = new Ajv2020({ strictRequired: false, ownProperties: true }).compile(
  JSON.parse(JSON.stringify(rulesJsonSchema)) as object,
);

function isRead(document: unknown): boolean {
  return 'ruleSet' in parseRules(JSON.stringify(document), { lookupFile: () => ownersCsv });
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** The document with one thing in it changed: the `at`th, counted from the outside. */
function edited(document: Json, at: number, by: (old: Json) => Json): Json {
  let left = at;
  const walk = (value: Json): Json => {
    if (left-- === 0) return by(value);
    if (Array.isArray(value)) return value.map(walk);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, walk(inner)]));
  };
  return walk(document);
}

const changes: readonly ((old: Json) => Json)[] = [
  () => 1,
  () => true,
  () => null,
  () => '',
  () => [],
  () => ({}),
  () => 'even',
  (old) => (Array.isArray(old) ? [] : [old]),
  (old) => (old !== null && typeof old === 'object' && !Array.isArray(old) ? { ...old, extra: 1 } : 'x'),
  (old) =>
    old !== null && typeof old === 'object' ? Object.fromEntries(Object.entries(old).slice(1)) : 'not',
  (old) =>
    old !== null && typeof old === 'object' ? { ...old, any: [], value: 'x' } : { key: 'service_name' },
];

describe('the JSON Schema of rules', () => {
  it('is published as docs/attribution-rules.schema.json', async () => {
    await expect(`${JSON.stringify(rulesJsonSchema, null, 2)}\n`).toMatchFileSnapshot(FILE);
    expect(JSON.parse(readFileSync(FILE, 'utf8'))).toHaveProperty('$schema');
  });

  it('takes all that is read', () => {
    const property = fc.property(ruleDocument, (document) => {
      expect(isRead(document)).toBe(true);
      expect(fits(document), JSON.stringify(fits.errors)).toBe(true);
    });
    fc.assert(property, { numRuns: 200 });
  });

  it('refuses nothing that is read, and takes nothing that is not a matter of meaning', () => {
    // What only reading sees: keys, names, times and expressions that are none, circles, one thing twice.
    const meaning =
      /There is|There are|cannot be|already|circle|RE2|matches where|groups|names no|ends before|overlaps|is a time|no name|never tried|add up|not a day|no column|several|is on line|has no|No dimension/;
    const property = fc.property(
      ruleDocument,
      fc.nat(60),
      fc.constantFrom(...changes),
      (document, at, change) => {
        const text = JSON.stringify(edited(document as Json, at, change));
        const result = parseRules(text, { lookupFile: () => ownersCsv });
        const isFitting = fits(JSON.parse(text));
        if ('ruleSet' in result) expect(isFitting, JSON.stringify(fits.errors)).toBe(true);
        else if (isFitting) expect(result.errors.filter(({ message }) => !meaning.test(message))).toEqual([]);
      },
    );
    fc.assert(property, { numRuns: 1_000 });
  });

  it.each([
    [{ version: 1 }, true],
    [{ version: 2 }, false],
    [
      {
        version: 1,
        splits: [{ when: { all: [] }, to: ['a'], by: { even: ['x'] }, noDriver: [{ spread: 'day' }] }],
      },
      true,
    ],
    [
      { version: 1, splits: [{ when: { all: [] }, to: ['a'], by: { even: ['x'], fixed: { a: '1' } } }] },
      false,
    ],
    [{ version: 1, splits: [{ when: { all: [] }, to: ['a'], by: { fixed: { a: 1 } } }] }, false],
    [{ version: 1, dimensions: [{ key: 'a', rules: [{ value: 'x', when: { all: [], any: [] } }] }] }, false],
    [{ version: 1, dimensions: [{ key: 'a', effective: [{ from: '2018-11' }] }] }, false],
    [{ version: 1, dimensions: [{ key: 'a', effective: [{ from: '2018-11-01T06:30Z' }] }] }, false],
    [{ version: 1, dimensions: [{ key: 'a', otherwise: null }] }, true],
  ])('agrees with reading on %j: %s', (document, isGood) => {
    expect(fits(document)).toBe(isGood);
    expect(isRead(document)).toBe(isGood);
  });
});
