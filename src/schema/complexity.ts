/**
 * How many values an operation may return, estimated before it runs: what is selected under a list field
 * counts `first` times. Fields that ask a store count for what that costs beside a value.
 */
import type {
  FieldNode,
  FragmentDefinitionNode,
  GraphQLCompositeType,
  GraphQLField,
  GraphQLSchema,
  InlineFragmentNode,
  OperationDefinitionNode,
  SelectionSetNode,
} from 'graphql';
import { Kind, getNamedType, isCompositeType, isObjectType, isInterfaceType, typeFromAST } from 'graphql';

import { costError } from '../core/errors.ts';

/** 10,000 rows of 100 values. */
export const COMPLEXITY_MAX = 1_000_000;
/** A page whose size is not given is seldom full. */
const PAGE_EXPECTED = 20;
/** By coordinate: a query of a store each, and what takes the server a while. */
const WEIGHTS: ReadonlyMap<string, number> = new Map([
  ['Query.costs', 1_000],
  ['CostRow.lineage', 1_000],
  ['Query.restatement', 4_000],
  ['PublishRulesPayload.effect', 4_000],
  ['Dimension.values', 1_000],
  ['Query.rollupAdvice', 50_000],
]);

type Measured = {
  readonly schema: GraphQLSchema;
  readonly fragments: Readonly<Record<string, FragmentDefinitionNode>>;
  /** As they were sent. */
  readonly variables: Readonly<Record<string, unknown>>;
};

/** @throws QUERY_TOO_COMPLEX */
export function checkComplexity(operation: OperationDefinitionNode, measured: Measured): void {
  const type = measured.schema.getRootType(operation.operation);
  const variables = { ...defaultsOf(operation), ...measured.variables };
  const actual = type ? complexityOf({ ...measured, variables }, new Map(), type, operation.selectionSet) : 0;
  if (actual <= COMPLEXITY_MAX) return;
  throw costError('QUERY_TOO_COMPLEX', { what: 'Values of the answer', actual, limit: COMPLEXITY_MAX });
}

/** Of whole numbers, as page sizes are. */
function defaultsOf({ variableDefinitions }: OperationDefinitionNode): Record<string, number> {
  return Object.fromEntries(
    (variableDefinitions ?? []).flatMap(({ variable, defaultValue }) =>
      defaultValue?.kind === Kind.INT ? [[variable.name.value, Number(defaultValue.value)]] : [],
    ),
  );
}

function complexityOf(
  measured: Measured,
  known: Map<string, number>,
  type: GraphQLCompositeType,
  set: SelectionSetNode,
): number {
  let sum = 0;
  for (const node of set.selections) {
    if (node.kind === Kind.FIELD) {
      sum += complexityOfField(measured, known, type, node);
    } else if (node.kind === Kind.INLINE_FRAGMENT) {
      sum += complexityOfFragment(measured, known, type, node);
    } else {
      const name = node.name.value;
      const fragment = measured.fragments[name];
      // Once per fragment, however often it is spread.
      const complexity =
        known.get(name) ?? (fragment && complexityOfFragment(measured, known, type, fragment));
      known.set(name, complexity ?? 0);
      sum += complexity ?? 0;
    }
  }
  return sum;
}

function complexityOfFragment(
  measured: Measured,
  known: Map<string, number>,
  type: GraphQLCompositeType,
  { typeCondition, selectionSet }: FragmentDefinitionNode | InlineFragmentNode,
): number {
  const condition = typeCondition && typeFromAST(measured.schema, typeCondition);
  return complexityOf(measured, known, isCompositeType(condition) ? condition : type, selectionSet);
}

function complexityOfField(
  measured: Measured,
  known: Map<string, number>,
  parent: GraphQLCompositeType,
  node: FieldNode,
): number {
  const name = node.name.value;
  const field = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined;
  // Introspection: bounded by the schema.
  if (!field) return 1;
  const weight = WEIGHTS.get(`${parent.name}.${name}`) ?? 1;
  const type = getNamedType(field.type);
  if (!node.selectionSet || !isCompositeType(type)) return weight;
  return weight + firstOf(measured, field, node) * complexityOf(measured, known, type, node.selectionSet);
}

/** The expected length of a page; 1 for fields that have none. Values that are wrong count 0: they are refused later. */
function firstOf({ variables }: Measured, field: GraphQLField<unknown, unknown>, node: FieldNode): number {
  const argument = field.args.find((each) => each.name === 'first');
  if (!argument) return 1;
  const given = node.arguments?.find((each) => each.name.value === 'first')?.value;
  const usual = Math.min(PAGE_EXPECTED, Number(argument.defaultValue));
  if (given?.kind === Kind.INT) return Number(given.value);
  if (given?.kind !== Kind.VARIABLE) return usual;
  const value = variables[given.name.value];
  return typeof value === 'number' ? Math.max(0, value) : usual;
}
