/** Which row of a table, and which row inside that, each group of a drill-down's question belongs to. */
import type { Rows } from '../connectors/connector.ts';
import { TIME } from '../planner/plan.ts';
import type { ParentRow, Tuple } from './engine.ts';
import { columnOf } from './operators/group-rows.ts';
import type { BucketPath } from './nested-buckets.ts';

/** What names a row of one level, beside its bucket. */
export type Level = {
  readonly keys: readonly string[];
  /** Those of the keys that its `top` ranks: a remainder row has no value of them. */
  readonly ranked: readonly string[];
};

/** Where remainder rows are drilled into: by the name of the path they are in, the names of the tuples outside of them. */
export type Remainders = ReadonlyMap<string, ReadonlySet<string>>;

/** Names of the beginnings of a path of rows: of the first row, of the first two, and so on. */
export function pathNames(rows: readonly ParentRow[], levels: readonly Level[]): string[] {
  let name = '';
  return levels.map(({ keys, ranked }, i) => {
    const { values = [], bucket = null, isRemainder = false } = rows[i] ?? {};
    const named = values.filter((_, position) => !isRemainder || !ranked.includes(keys[position] ?? ''));
    return (name += placeName(bucket, named, isRemainder));
  });
}

export function remaindersOf(
  parents: readonly (readonly ParentRow[])[],
  levels: readonly Level[],
): Remainders {
  const remainders = new Map<string, ReadonlySet<string>>();
  for (const rows of parents) {
    if (!rows.some((row) => row.isRemainder)) continue;
    const names = ['', ...pathNames(rows, levels)];
    for (const [i, { isRemainder, kept }] of rows.entries()) {
      const name = names[i] ?? '';
      if (isRemainder && !remainders.has(name)) remainders.set(name, new Set(kept?.map(tupleName)));
    }
  }
  return remainders;
}

/** Row numbers by the name of the path that they belong to. */
export function dealOut(
  rows: Rows,
  paths: readonly BucketPath[],
  levels: readonly Level[],
  remainders: Remainders,
): Map<string, number[]> {
  const times = rows.columns.get(TIME);
  const readers = levels.map(({ keys, ranked }) => ({
    all: valuesReader(rows, keys),
    ranked: valuesReader(rows, ranked),
    open: valuesReader(
      rows,
      keys.filter((key) => !ranked.includes(key)),
    ),
  }));
  const dealt = new Map<string, number[]>();
  for (let i = 0; i < rows.length; i++) {
    const path = paths[Number(times?.[i] ?? 0)] ?? [];
    let name = '';
    for (const [depth, { all, ranked, open }] of readers.entries()) {
      const kept = remainders.get(name);
      const isRemainder = kept !== undefined && !kept.has(tupleName(ranked(i)));
      name += placeName(path[depth] ?? null, isRemainder ? open(i) : all(i), isRemainder);
    }
    const own = dealt.get(name);
    if (own) own.push(i);
    else dealt.set(name, [i]);
  }
  return dealt;
}

/** Reads the values of keys, which are text or null. */
export function valuesReader(rows: Rows, keys: readonly string[]): (index: number) => Tuple {
  const columns = keys.map((key) => columnOf(rows, key));
  return (index) =>
    columns.map((column) => {
      const value = column[index];
      return typeof value === 'string' ? value : null;
    });
}

export function tupleName(tuple: Tuple): string {
  return JSON.stringify(tuple);
}

function placeName(bucket: number | null, values: Tuple, isRemainder: boolean): string {
  return JSON.stringify([bucket, values, isRemainder]);
}
