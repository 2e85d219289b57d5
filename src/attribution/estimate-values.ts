import type { Lookup, RuleDimension, RuleSet, RuleValue, Split } from './rule-set.ts';

/** What is known of how many values other keys have. */
export type KnownCounts = {
  /** Of a column or a tag. */
  readonly ofKey: (key: string) => number;
  /** Of the keys of a stream of driver data. */
  readonly ofStream: (stream: string) => number;
};

/**
 * About how many values a dimension has: the constants that its rules and splits name, and for each other place that
 * values come from as many as there are. Values of different places may be the same, so it is rather too many.
 */
export function estimateValues(
  { dimensions, lookups, splits }: RuleSet,
  key: string,
  known: KnownCounts,
): number {
  const byKey = new Map(dimensions.map((dimension) => [dimension.key, dimension]));
  const asked = new Set<string>();
  const count = (each: string): number => {
    const dimension = byKey.get(each);
    if (dimension === undefined) return known.ofKey(each);
    // Splits may share out by each other's values: of one that is asked about already there are no more.
    if (asked.has(each)) return 0;
    asked.add(each);
    const own = splits.filter(({ to }) => to.includes(each));
    const constants = new Set([...constantsOf(dimension), ...own.flatMap(constantsOfSplit)]);
    const others = [
      ...dimension.rules.map(({ value }) => valuesOf(value, lookups, count)),
      ...own.map(({ by }) =>
        by.kind === 'cost' ? count(by.of) : by.kind === 'telemetry' ? known.ofStream(by.stream) : 0,
      ),
    ];
    return others.reduce((sum, some) => sum + some, constants.size);
  };
  return count(key);
}

function constantsOf({ rules, otherwise }: RuleDimension): string[] {
  const named = rules.flatMap(({ value }) => (value.kind === 'value' ? [value.value] : []));
  return otherwise === null ? named : [...named, otherwise];
}

function constantsOfSplit({ by, noDriver }: Split): string[] {
  const named =
    by.kind === 'even' ? by.values : by.kind === 'fixed' ? by.weights.map(({ value }) => value) : [];
  return [...named, ...noDriver.flatMap((each) => (each.kind === 'value' ? [each.value] : []))];
}

function valuesOf(value: RuleValue, lookups: readonly Lookup[], count: (key: string) => number): number {
  switch (value.kind) {
    case 'value':
      return 0;
    case 'valueOf':
      return count(value.key);
    case 'coalesce':
      return value.keys.reduce((sum, key) => sum + count(key), 0);
    case 'lookup': {
      const { columns = [], rows = [] } = lookups.find(({ name }) => name === value.name) ?? {};
      const place = columns.indexOf(value.column);
      return new Set(rows.flatMap(({ cells }) => cells[place] ?? [])).size;
    }
  }
}
