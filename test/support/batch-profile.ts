import type { BatchProfile, CommonValue } from '../../src/catalog/batch-profile.ts';

/** Charges of one kind: a value per column, and the hours since 1970 at which there are such charges. */
export type TestTuple = { readonly values: readonly (string | null)[]; readonly hours: readonly number[] };

/** What an import would measure of such charges, one an hour of each kind; all values are listed as common. */
export function batchProfile(keys: readonly string[], tuples: readonly TestTuple[]): BatchProfile {
  const count = (of: (tuple: TestTuple) => readonly unknown[]) =>
    new Set(tuples.flatMap((tuple) => of(tuple).map((each) => JSON.stringify(each)))).size;
  const day = (hour: number) => Math.floor(hour / 24);
  const columns = keys.map((key, i) => {
    const values = [...new Set(tuples.map((tuple) => tuple.values[i] ?? null))];
    const common = values.map((value): CommonValue => {
      const own = tuples.filter((tuple) => (tuple.values[i] ?? null) === value);
      const charges = own.reduce((sum, { hours }) => sum + hours.length, 0);
      return [value, charges, keys.map((_, j) => new Set(own.map((tuple) => tuple.values[j] ?? null)).size)];
    });
    return {
      key,
      values: values.length,
      dayValues: count((tuple) => tuple.hours.map((hour) => [tuple.values[i], day(hour)])),
      hourValues: count((tuple) => tuple.hours.map((hour) => [tuple.values[i], hour])),
      common,
    };
  });
  return {
    sampledOneIn: 1,
    tuples: tuples.length,
    countedTuples: tuples.length,
    dayTuples: count((tuple) => tuple.hours.map((hour) => [tuple.values, day(hour)])),
    days: count((tuple) => tuple.hours.map(day)),
    hours: count((tuple) => tuple.hours),
    constants: [],
    columns,
    pairs: keys.flatMap((_, i) =>
      keys.slice(0, i).map((__, j) => count((tuple) => [[tuple.values[i], tuple.values[j]]])),
    ),
  };
}
