import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildSchema, printSchema } from 'graphql';
import { describe, expect, it } from 'vitest';

import { schema } from '../../src/schema/build-schema.ts';
import { lacking } from '../support/compare-schemas.ts';

const root = join(import.meta.dirname, '../..');

/** What later versions bring. An entry that exists fails the test, so that the list shrinks. */
const LEFT_OUT = ['Subscription'];

describe('the public schema', () => {
  it('has all that the contract names, apart from what is left out for now', async () => {
    const contract = buildSchema(await readFile(join(root, 'test/contract.graphql'), 'utf8'));
    expect(lacking(contract, schema).sort()).toEqual([...LEFT_OUT].sort());
  });

  it('is the one in schema.graphql: "npm run test:update" writes it', async () => {
    await expect(`${printSchema(schema)}\n`).toMatchFileSnapshot(join(root, 'schema.graphql'));
  });
});
