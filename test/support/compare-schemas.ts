/** Says what of one schema another one lacks, in terms of the SDL. */
import type {
  GraphQLArgument,
  GraphQLField,
  GraphQLInputField,
  GraphQLNamedType,
  GraphQLSchema,
} from 'graphql';
import {
  astFromValue,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isSpecifiedScalarType,
  print,
} from 'graphql';

/** Coordinates of what `wanted` has and `actual` lacks or has otherwise: `CostRow`, `CostRow.lineage`, `Query.costs(query:)`. */
export function lacking(wanted: GraphQLSchema, actual: GraphQLSchema): string[] {
  return Object.values(wanted.getTypeMap())
    .filter((type) => !type.name.startsWith('__') && !isSpecifiedScalarType(type))
    .flatMap((type) => lackingOfType(type, actual.getType(type.name)));
}

function lackingOfType(wanted: GraphQLNamedType, actual: GraphQLNamedType | undefined): string[] {
  const { name } = wanted;
  if (!actual || actual.constructor !== wanted.constructor) return [name];
  if (isEnumType(wanted) && isEnumType(actual)) {
    return wanted
      .getValues()
      .filter((value) => !actual.getValue(value.name))
      .map((value) => `${name}.${value.name}`);
  }
  if (isInputObjectType(wanted) && isInputObjectType(actual)) {
    const fields = actual.getFields();
    return [
      ...(wanted.isOneOf === actual.isOneOf ? [] : [`${name} @oneOf`]),
      ...Object.values(wanted.getFields())
        .filter((field) => !sameInput(field, fields[field.name]))
        .map((field) => `${name}.${field.name}`),
    ];
  }
  if (
    (isObjectType(wanted) && isObjectType(actual)) ||
    (isInterfaceType(wanted) && isInterfaceType(actual))
  ) {
    const implemented = actual.getInterfaces().map((each) => each.name);
    return [
      ...wanted
        .getInterfaces()
        .filter((each) => !implemented.includes(each.name))
        .map((each) => `${name} implements ${each.name}`),
      ...Object.values(wanted.getFields()).flatMap((field) =>
        lackingOfField(`${name}.${field.name}`, field, actual.getFields()[field.name]),
      ),
    ];
  }
  return [];
}

function lackingOfField(
  name: string,
  wanted: GraphQLField<unknown, unknown>,
  actual: GraphQLField<unknown, unknown> | undefined,
): string[] {
  if (!actual || `${actual.type}` !== `${wanted.type}`) return [name];
  return wanted.args
    .filter(
      (arg) =>
        !sameInput(
          arg,
          actual.args.find((each) => each.name === arg.name),
        ),
    )
    .map((arg) => `${name}(${arg.name}:)`);
}

type Input = GraphQLArgument | GraphQLInputField;

function sameInput(wanted: Input, actual: Input | undefined): boolean {
  if (!actual || `${actual.type}` !== `${wanted.type}`) return false;
  return defaultOf(wanted) === defaultOf(actual);
}

function defaultOf({ defaultValue, type }: Input): string {
  if (defaultValue === undefined) return '';
  const node = astFromValue(defaultValue, type);
  return node ? print(node) : '';
}
