/**
 * The version of an answer as its HTTP entity tag. An operation has one where its roots are `costs` fields and
 * nothing in it changes without a new version (plans and the age of the data do).
 */
import type { ExecutionArgs, ExecutionResult } from 'graphql';
import { Kind, getArgumentValues, getOperationAST, getVariableValues } from 'graphql';

import { digest } from '../core/digest.ts';
import { collectFields } from './collect-fields.ts';
import type { Context } from './context.ts';
import type { CostQueryArgument } from './inputs.ts';
import type { TableBinding } from './table.ts';
import { bindTable } from './table.ts';

/** The tag of a result, or null where it has none. */
export async function tagOfResult(result: ExecutionResult, { bindings }: Context): Promise<string | null> {
  if (result.errors?.length || !result.data) return null;
  const keys = Object.keys(result.data);
  const bound = await Promise.all(keys.map((key) => bindings.get(key)));
  return tagOf(keys.map((key, i) => [key, bound[i]] as const));
}

/** The tag that the result will have, found by binding its tables and running nothing. */
export async function tagOfOperation(args: ExecutionArgs, context: Context): Promise<string | null> {
  const { schema, document } = args;
  const operation = getOperationAST(document, args.operationName);
  const type = schema.getQueryType();
  const costs = type?.getFields()['costs'];
  if (operation?.operation !== 'query' || !type || !costs) return null;
  const { coerced } = getVariableValues(
    schema,
    operation.variableDefinitions ?? [],
    args.variableValues ?? {},
  );
  if (!coerced) return null;
  const fragments = Object.fromEntries(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition]] : [],
    ),
  );
  const selecting = { schema, fragments, variableValues: coerced };
  const tables: (readonly [string, TableBinding])[] = [];
  for (const [key, nodes] of collectFields(selecting, type, [operation.selectionSet])) {
    const [node] = nodes;
    if (node?.name.value !== 'costs') return null;
    try {
      // Coerced by the schema.
      const { query } = getArgumentValues(costs, node, coerced) as { query: CostQueryArgument };
      tables.push([key, await bindTable(context, selecting, key, nodes, query)]);
    } catch {
      return null; // Executing meets the same error and reports it.
    }
  }
  return tagOf(tables);
}

/** Of one table its version itself. */
function tagOf(tables: readonly (readonly [string, TableBinding | undefined])[]): string | null {
  const versions: (readonly [string, string])[] = [];
  for (const [key, table] of tables) {
    if (!table || table.selection.isVolatile) return null;
    versions.push([key, table.bound.version]);
  }
  const [first] = versions;
  if (!first) return null;
  return `"${versions.length === 1 ? first[1] : digest(versions)}"`;
}

/** Whether the value of an If-None-Match header names the tag; weak tags count (RFC 9110, 13.1.2). */
export function matchesTag(header: string, tag: string): boolean {
  return header.split(',').some((each) => each.trim().replace(/^W\//, '') === tag);
}
