import type { Rows } from '../../connectors/connector.ts';

/** All rows of all inputs; the columns are those of the first. */
export function union(inputs: readonly Rows[]): Rows {
  const names = [...(inputs[0]?.columns.keys() ?? [])];
  const columns = new Map(
    names.map((name) => [name, inputs.flatMap((input) => input.columns.get(name) ?? [])]),
  );
  return { length: inputs.reduce((sum, input) => sum + input.length, 0), columns };
}
