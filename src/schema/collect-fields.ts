/**
 * What an operation selects of an object, worked out before it is executed: aliases, fragments, type
 * conditions, @skip and @include as in the specification (CollectFields).
 */
import type {
  FieldNode,
  FragmentDefinitionNode,
  GraphQLObjectType,
  GraphQLSchema,
  SelectionSetNode,
} from 'graphql';
import {
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  Kind,
  getDirectiveValues,
  isAbstractType,
  typeFromAST,
} from 'graphql';

/** The parts of GraphQLResolveInfo that selections are read with. */
export type Selecting = {
  readonly schema: GraphQLSchema;
  readonly fragments: Readonly<Record<string, FragmentDefinitionNode>>;
  readonly variableValues: Readonly<Record<string, unknown>>;
};

/** Response key to the nodes that are merged under it, in order of appearance. */
export type CollectedFields = ReadonlyMap<string, readonly FieldNode[]>;

/** @param sets selection sets of the nodes that are merged, all on `type` */
export function collectFields(
  selecting: Selecting,
  type: GraphQLObjectType,
  sets: readonly (SelectionSetNode | undefined)[],
): CollectedFields {
  const fields = new Map<string, FieldNode[]>();
  const visited = new Set<string>();
  const walk = (set: SelectionSetNode): void => {
    for (const node of set.selections) {
      if (!isIncluded(selecting, node)) continue;
      if (node.kind === Kind.FIELD) {
        const key = node.alias?.value ?? node.name.value;
        const merged = fields.get(key);
        if (merged) merged.push(node);
        else fields.set(key, [node]);
      } else if (node.kind === Kind.INLINE_FRAGMENT) {
        if (applies(selecting, type, node)) walk(node.selectionSet);
      } else if (!visited.has(node.name.value)) {
        visited.add(node.name.value);
        const fragment = selecting.fragments[node.name.value];
        if (fragment && applies(selecting, type, fragment)) walk(fragment.selectionSet);
      }
    }
  };
  for (const set of sets) if (set) walk(set);
  return fields;
}

/** The same for the object that fields return. */
export function collectSubfields(
  selecting: Selecting,
  type: GraphQLObjectType,
  nodes: readonly FieldNode[],
): CollectedFields {
  return collectFields(
    selecting,
    type,
    nodes.map((node) => node.selectionSet),
  );
}

function isIncluded({ variableValues }: Selecting, node: Parameters<typeof getDirectiveValues>[1]): boolean {
  if (!node.directives?.length) return true;
  if (getDirectiveValues(GraphQLSkipDirective, node, variableValues)?.['if'] === true) return false;
  return getDirectiveValues(GraphQLIncludeDirective, node, variableValues)?.['if'] !== false;
}

function applies(
  { schema }: Selecting,
  type: GraphQLObjectType,
  { typeCondition }: { readonly typeCondition?: FragmentDefinitionNode['typeCondition'] | undefined },
): boolean {
  if (!typeCondition) return true;
  const condition = typeFromAST(schema, typeCondition);
  if (condition === type) return true;
  return isAbstractType(condition) && schema.isSubType(condition, type);
}
