import type { RuleSet } from '../../src/attribution/rule-set.ts';
import { metrics } from '../../src/catalog/metrics.ts';
import type {
  Aggregate,
  Bucket,
  Compare,
  HavingTest,
  Page,
  Plan,
  Scan,
  Top,
} from '../../src/planner/plan.ts';
import { aggregateOf, outputColumns } from '../../src/planner/plan-tree.ts';
import type { Dictionary, Predicate } from '../../src/planner/predicate.ts';
import type { Charge, Row, Value } from './charge.ts';
import { compareValues, valueOf } from './charge.ts';
import { compareRows, compute, meets, merge, metricOf } from './meaning.ts';
import { rollupRows } from './rollup-rows.ts';
import { caseValue } from './rule-meaning.ts';

/**
 * The slow, obvious judge of plans: executes any plan row by row over charges in memory, as the comments of
 * src/planner/plan.ts define each node. A column that a plan has lost is an error, never a null.
 */
export function reference(plan: Plan, charges: readonly Charge[], rules: RuleSet | null = null): Row[] {
  const run = (node: Plan): Row[] => {
    switch (node.kind) {
      case 'Scan':
        return scan(node, charges);
      case 'Empty':
        return [];
      case 'Lookup':
        return run(node.input).map((row) => {
          const entry = entryOf(node.dictionary, row);
          return { ...row, ...pick(node.columns, (column) => entry(column)) };
        });
      case 'Attribute':
        return run(node.input).map((row) =>
          node.dimensions.reduce<Row>(
            (known, each) => ({ ...known, [each.key]: caseValue(each, reader(known), rules) }),
            row,
          ),
        );
      case 'Allocate':
      case 'Rebucket':
      case 'Telemetry':
        throw new Error('what is shared out is judged by the answers of stores');
      case 'Filter':
        return run(node.input).filter((row) => isMet(node.predicate, row));
      case 'Bucket':
        return run(node.input).flatMap((row) =>
          node.timing === 'START' ? atStart(node, row) : prorated(node, row),
        );
      case 'Aggregate':
        return aggregate(node, run(node.input), isMet);
      case 'GroupingSets': {
        const rows = run(node.input);
        const keys = [...new Set(node.sets.flat())];
        return node.sets.flatMap((set, i) =>
          aggregate(aggregateOf(node, i), rows, isMet).map((row) => ({
            ...pick(keys, (key) => (set.includes(key) ? get(row, key) : null)),
            ...row,
            $set: BigInt(i),
          })),
        );
      }
      case 'OneSet':
        return run(node.input)
          .filter((row) => get(row, '$set') === BigInt(node.set))
          .map((row) => pick(node.columns, reader(row)));
      case 'Union':
        return node.inputs.flatMap(run);
      case 'Compare':
        return compare(node, run(node.current), run(node.earlier));
      case 'Having':
        return run(node.input).filter((row) => passes(node.tests, row));
      case 'Top':
        return top(node, run(node.input));
      case 'Page':
        return page(node, run(node.input));
      case 'Ask':
        return run(node.fragment);
      case 'Keep':
        return run(node.input).map((row) => pick(node.columns, reader(row)));
      case 'Kept':
        throw new Error('the reference keeps no answers');
    }
  };
  const dictionaries = {
    resources: new Map(charges.map((charge) => [charge.resourceKey, charge])),
    tags: new Map(charges.map((charge) => [charge.tagSet, charge])),
  };
  const entryOf = (dictionary: Dictionary, row: Row) => {
    const id = get(row, dictionary === 'resources' ? 'resource_key' : 'tag_set');
    const charge = typeof id === 'bigint' ? dictionaries[dictionary].get(id) : undefined;
    return (column: string) => (charge ? valueOf(charge, column) : inlineValue(column, row));
  };
  const isMet = (predicate: Predicate, row: Row) =>
    meets(predicate, reader(row), (key) => entryOf(dictionaryOf(key), row)(key));
  return run(plan);
}

/** What a row carries itself, as far as its Scan read it. */
function inlineValue(key: string, row: Row): Value {
  if (dictionaryOf(key) === 'resources') return row[`inline_${key}`] ?? null;
  const tags = JSON.parse(String(row['inline_tags'] ?? '{}')) as Record<string, string>; // As valueOf wrote it.
  return tags[key.slice('tag:'.length)] ?? null;
}

function dictionaryOf(key: string): Dictionary {
  return key.startsWith('tag:') ? 'tags' : 'resources';
}

function get(row: Row, column: string): Value {
  const value = row[column];
  if (value === undefined) throw new Error(`no column ${column} among ${Object.keys(row).join(', ')}`);
  return value;
}

function reader(row: Row): (column: string) => Value {
  return (column) => get(row, column);
}

function pick(columns: readonly string[], read: (column: string) => Value): Row {
  return Object.fromEntries(columns.map((column) => [column, read(column)]));
}

function textOf(keys: readonly string[], row: Row): string {
  return JSON.stringify(keys.map((key) => get(row, key)?.toString() ?? null));
}

function scan(node: Scan, charges: readonly Charge[]): Row[] {
  const { tenant, range, within, axis, batches, columns, rollup } = node;
  const inside = ({ span, billing }: Charge) => {
    const { from, to } = axis === 'charge_period_start' ? span : billing;
    const startsInside = from >= range.from && from < range.to;
    return within === 'start' || from === to ? startsInside : from < range.to && to > range.from;
  };
  const own = charges.filter(
    (charge) => charge.tenant === tenant && (batches === null || batches.includes(charge.batch)),
  );
  if (rollup !== null) {
    const startOf = (row: Row) => Date.parse(String(get(row, axis)));
    return rollupRows(rollup, own)
      .filter((row) => startOf(row) >= range.from && startOf(row) < range.to)
      .map((row) => pick(columns, (column) => get(row, column)));
  }
  return own.filter(inside).map((charge) => pick(columns, (column) => valueOf(charge, column)));
}

function atStart({ axis, buckets }: Bucket, row: Row): Row[] {
  if (buckets === null) return [{ ...row, $time: 0n }];
  const start = Date.parse(String(get(row, axis)));
  const number = buckets.labels.findIndex(
    (_, i) => start >= (buckets.edges[i] ?? NaN) && start < (buckets.edges[i + 1] ?? NaN),
  );
  if (number === -1) throw new Error(`a charge at ${start} is in no bucket`);
  return [{ ...row, $time: BigInt(number) }];
}

function prorated({ buckets, clip }: Bucket, row: Row): Row[] {
  const start = Date.parse(String(get(row, 'charge_period_start')));
  const end = Date.parse(String(get(row, 'charge_period_end')));
  const edges = buckets?.edges ?? [clip.from, clip.to];
  return edges.slice(0, -1).flatMap((edge, i) => {
    const from = Math.max(edge, clip.from);
    const to = Math.min(edges[i + 1] ?? NaN, clip.to);
    const piece = { ...row, $time: BigInt(i) };
    if (start === end) return from <= start && start < to ? [piece] : [];
    const [cutFrom, cutTo] = [Math.max(from, start), Math.min(to, end)];
    return cutFrom < cutTo ? [{ ...piece, ...cutAmounts(row, start, end, cutFrom, cutTo) }] : [];
  });
}

/** F(to) − F(from) with F(t) = amount × (t − start) ÷ (end − start), toward zero as bigint division goes. */
export function cutAmounts(row: Row, start: number, end: number, from: number, to: number): Row {
  const until = (amount: bigint, at: number) => (amount * BigInt(at - start)) / BigInt(end - start);
  const cut: Record<string, Value> = {};
  for (const { column } of Object.values(metrics)) {
    const amount = column === null ? undefined : row[column];
    if (column !== null && typeof amount === 'bigint') cut[column] = until(amount, to) - until(amount, from);
  }
  return cut;
}

function aggregate(
  { step, groupBy, measures }: Aggregate,
  rows: readonly Row[],
  isMet: (predicate: Predicate, row: Row) => boolean,
): Row[] {
  const groups = [...Map.groupBy(rows, (row) => textOf(groupBy, row)).values()];
  if (groupBy.length === 0 && groups.length === 0) groups.push([]);
  return groups.map((members) => {
    const values = measures.map((measure) => {
      const { name, fn, where } = measure;
      // Partials of a distinct count are grouped by its column too; what is left to do is to count the values.
      const isMerge = step === 'final' && !fn.startsWith('count-distinct');
      const value = isMerge
        ? merge(
            measure,
            members.map((row) => get(row, name)),
          )
        : compute(measure, members.filter((row) => isMet(where, row)).map(reader));
      return [name, value] as const;
    });
    return { ...pick(groupBy, reader(members[0] ?? {})), ...Object.fromEntries(values) };
  });
}

function compare({ keys, measures }: Compare, current: readonly Row[], earlier: readonly Row[]): Row[] {
  const currentByKey = new Map(current.map((row) => [textOf(keys, row), row]));
  const earlierByKey = new Map(earlier.map((row) => [textOf(keys, row), row]));
  const all = new Map([...earlierByKey, ...currentByKey]);
  return [...all].map(([key, row]) => {
    const side = (from: Row | undefined, prefix: string) =>
      measures.map((measure) => [
        `${prefix}${measure.name}`,
        from ? get(from, measure.name) : measure.fn.startsWith('count') ? 0n : null,
      ]);
    return {
      ...pick(keys, reader(row)),
      ...Object.fromEntries([...side(currentByKey.get(key), ''), ...side(earlierByKey.get(key), 'before:')]),
    };
  });
}

/** Whether a row meets every test; counts are compared in whole charges, a null metric meets none. */
export function passes(tests: readonly HavingTest[], row: Row): boolean {
  return tests.every(({ metric, op, value }) => {
    const units = metricOf(metric, row);
    if (units === null) return false;
    const actual = metric === 'CHARGE_COUNT' ? units * 10n ** 12n : units;
    return { gt: actual > value, gte: actual >= value, lt: actual < value, lte: actual <= value }[op];
  });
}

/** Merges all measures of rows, those of a compared period too. */
function mergeRows(measures: Page['measures'], rows: readonly Row[], columns: readonly string[]): Row {
  return Object.fromEntries(
    measures.flatMap((measure) =>
      [measure.name, `before:${measure.name}`]
        .filter((name) => name === measure.name || columns.includes(name))
        .map((name) => [
          name,
          merge(
            measure,
            rows.map((row) => get(row, name)),
          ),
        ]),
    ),
  );
}

function top({ count, by, metric, remainder, keys, measures, input }: Top, rows: readonly Row[]): Row[] {
  const columns = outputColumns(input);
  const tuples = [...Map.groupBy(rows, (row) => textOf(by, row)).values()].map((members) => {
    const merged = mergeRows(measures, members, columns);
    return { members, rank: { ...members[0], $rank: metricOf(metric, merged) } };
  });
  tuples.sort((a, b) => compareTuples(by, a.rank, b.rank));
  const kept = tuples.slice(0, count).flatMap(({ members }) => members);
  const rest = tuples.slice(count).flatMap(({ members }) => members);
  const keptRows = kept.map((row) => ({ ...row, $remainder: 0n }));
  if (!remainder) return keptRows;
  const open = keys.filter((key) => !by.includes(key));
  const restRows = [...Map.groupBy(rest, (row) => textOf(open, row)).values()].map((members) => ({
    ...pick(by, () => null),
    ...pick(open, reader(members[0] ?? {})),
    ...mergeRows(measures, members, columns),
    $remainder: 1n,
  }));
  return [...keptRows, ...restRows];
}

/** Largest `$rank` first, null ranks last, ties by the keys with missing values last. */
export function compareTuples(by: readonly string[], a: Row, b: Row): number {
  const pairs: [Value, Value, number][] = [
    [a['$rank'] ?? null, b['$rank'] ?? null, -1],
    ...by.map((key): [Value, Value, number] => [get(a, key), get(b, key), 1]),
  ];
  for (const [x, y, sign] of pairs) {
    if (x === null && y === null) continue;
    if (x === null) return 1;
    if (y === null) return -1;
    const order = sign * compareValues(x, y);
    if (order !== 0) return order;
  }
  return 0;
}

function page({ sort, offset, limit, measures, input }: Page, rows: readonly Row[]): Row[] {
  const sorted = rows.toSorted((a, b) => compareRows(sort, a, b));
  const summary = {
    ...mergeRows(measures, rows, outputColumns(input)),
    $ordinal: 0n,
    $rows: BigInt(rows.length),
  };
  const shown = sorted.slice(offset, offset + limit);
  return [summary, ...shown.map((row, i) => ({ ...row, $ordinal: BigInt(offset + i + 1), $rows: null }))];
}
