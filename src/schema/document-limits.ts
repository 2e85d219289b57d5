/** What a document may be before anything is done with it; checked by its syntax alone. */
import type { DocumentNode, FragmentDefinitionNode, SelectionSetNode } from 'graphql';
import { GraphQLError, Kind, parse, visit } from 'graphql';

import { costError } from '../core/errors.ts';

export const TOKENS_MAX = 20_000;
/** A full introspection query is 15 deep, four nested drill-downs 17. */
export const DEPTH_MAX = 20;
export const ALIASES_MAX = 200;
/** Validation compares fields in pairs. */
export const FIELDS_MAX = 2_000;

/** @throws QUERY_TOO_COMPLEX for too many tokens, GraphQLError for wrong syntax */
export function parseWithinLimits(source: string): DocumentNode {
  try {
    return parse(source, { maxTokens: TOKENS_MAX });
  } catch (error) {
    if (!(error instanceof GraphQLError) || !error.message.includes('tokens. Parsing aborted')) throw error;
    throw tooComplex('Tokens of the document', `more than ${TOKENS_MAX}`, TOKENS_MAX);
  }
}

/** @throws QUERY_TOO_DEEP, QUERY_TOO_COMPLEX */
export function checkDocument(document: DocumentNode): void {
  let fields = 0;
  let aliases = 0;
  visit(document, {
    Field: ({ alias }) => {
      fields++;
      if (alias) aliases++;
    },
  });
  if (fields > FIELDS_MAX) throw tooComplex('Fields of the document', fields, FIELDS_MAX);
  if (aliases > ALIASES_MAX) throw tooComplex('Aliases of the document', aliases, ALIASES_MAX);
  const depth = depthOf(document);
  if (depth > DEPTH_MAX) {
    throw costError('QUERY_TOO_DEEP', { what: 'Depth of the operation', actual: depth, limit: DEPTH_MAX });
  }
}

function tooComplex(what: string, actual: number | string, limit: number): Error {
  return costError('QUERY_TOO_COMPLEX', { what, actual, limit });
}

function depthOf(document: DocumentNode): number {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  // Each fragment once: spreads of spreads could repeat it without end. Cycles count 0; validation refuses them.
  const known = new Map<string, number>();
  const ofFragment = (name: string): number => {
    const depth = known.get(name);
    if (depth !== undefined) return depth;
    known.set(name, 0);
    const fragment = fragments.get(name);
    const measured = fragment ? ofSet(fragment.selectionSet) : 0;
    known.set(name, measured);
    return measured;
  };
  const ofSet = (set: SelectionSetNode): number =>
    Math.max(
      0,
      ...set.selections.map((node) => {
        if (node.kind === Kind.FRAGMENT_SPREAD) return ofFragment(node.name.value);
        if (node.kind === Kind.INLINE_FRAGMENT) return ofSet(node.selectionSet);
        return 1 + (node.selectionSet ? ofSet(node.selectionSet) : 0);
      }),
    );
  return Math.max(
    0,
    ...document.definitions.map((definition) =>
      definition.kind === Kind.OPERATION_DEFINITION ? ofSet(definition.selectionSet) : 0,
    ),
  );
}
