import SchemaBuilder from '@pothos/core';

import type { Context } from './context.ts';

/** Text on both sides: the values of a scalar are checked by its parser and kept as they were written. */
type Text = { Input: string; Output: string };

/**
 * The one Pothos builder of the schema; every file of types adds to it.
 *
 * No plugins: those that wrap resolvers cost more than all else on a table of thousands of rows.
 */
export const builder = new SchemaBuilder<{
  Context: Context;
  DefaultFieldNullability: false;
  Scalars: {
    Decimal: Text;
    DateTime: Text;
    Duration: Text;
    DimensionKey: Text;
    CurrencyCode: Text;
    BigInt: Text;
  };
}>({ defaultFieldNullability: false });

builder.queryType({});
builder.mutationType({});
