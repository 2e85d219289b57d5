/** Puts the schema together: each file of types adds its own to the builder when it is loaded. */
import type { GraphQLSchema } from 'graphql';

import './scalars.ts';
import './catalog-types.ts';
import './cost-types.ts';
import './knowledge-types.ts';
import './lineage-types.ts';
import './restatement-types.ts';
import './rollup-types.ts';
import './telemetry-types.ts';
import { builder } from './builder.ts';

export const schema: GraphQLSchema = builder.toSchema();
