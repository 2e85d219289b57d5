/**
 * Writes the types of the schema and of every operation in the tests (`graphql(…)`) to test/generated, which is
 * not committed: `npm test` runs this first.
 */
import { join } from 'node:path';
import { generate } from '@graphql-codegen/cli';

const root = join(import.meta.dirname, '..');

await generate(
  {
    cwd: root,
    schema: 'schema.graphql',
    documents: ['test/**/*.ts', '!test/generated/**'],
    ignoreNoDocuments: true,
    generates: {
      'test/generated/': {
        preset: 'client',
        presetConfig: { gqlTagName: 'graphql', fragmentMasking: false },
        config: {
          // No enum of TypeScript: those are more than types, and Node strips types only.
          enumsAsTypes: true,
          useTypeImports: true,
          importExtension: '.ts',
          documentMode: 'string',
          immutableTypes: true,
          strictScalars: true,
          scalars: {
            Decimal: 'string',
            DateTime: 'string',
            Duration: 'string',
            DimensionKey: 'string',
            CurrencyCode: 'string',
            BigInt: 'string',
            ID: 'string',
          },
        },
      },
    },
    silent: true,
  },
  true,
);
