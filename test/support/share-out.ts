import type { NoDriver, RuleSet, Split, Validity } from '../../src/attribution/rule-set.ts';
import { canonicalOrder } from '../../src/planner/attribute/canonical-order.ts';
import type { Charge } from './charge.ts';
import { compareValues, valueOf } from './charge.ts';
import { meets } from './meaning.ts';

/**
 * What splits mean, said in the plainest way: charge by charge and key by key, in exact integers. Shares no evaluating
 * code with the product; the order that charges stand in is a matter of definition, and taken from it.
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const floorTo = (unit: number, at: number) => Math.floor(at / unit) * unit;
const ceilTo = (unit: number, at: number) => Math.ceil(at / unit) * unit;

/** Driver data by stream: units of 10^-12. */
export type DriverRow = {
  readonly time: number;
  readonly keys: Readonly<Record<string, string>>;
  readonly units: bigint;
};
export type Drivers = ReadonlyMap<string, readonly DriverRow[]>;

/** All charges of a tenant, with the parts of those that are shared in their place; `$charge` tells whose they are. */
export function shareOut(charges: readonly Charge[], rules: RuleSet, drivers: Drivers): readonly Charge[] {
  if (rules.splits.length === 0) return charges;
  const numbered = charges.map((charge, i) => ({
    ...charge,
    values: { ...charge.values, $charge: String(i) },
  }));
  let current: Charge[] = numbered;
  const tags = new Set(
    charges
      .flatMap(({ values }) => Object.keys(values))
      .filter((key) => key.startsWith('tag:'))
      .map((key) => key.slice(4)),
  );
  const order = canonicalOrder(rules, tags);
  const isSpread = rules.splits.some(({ by }) => by.kind === 'telemetry' || by.kind === 'cost');
  for (const split of rules.splits) {
    const isMember = (charge: Charge) => isShared(split, charge);
    const pools = Map.groupBy(current.filter(isMember), (charge) => poolOf(charge, split, isSpread));
    const parts = [...pools.values()].flatMap((pool) =>
      sharePool(split, sorted(pool, order), numbered, drivers),
    );
    current = [...current.filter((charge) => !isMember(charge)), ...parts];
  }
  return current;
}

function isShared({ effective, when, to, override }: Split, charge: Charge): boolean {
  const hour = floorTo(HOUR_MS, charge.span.from);
  const isValid = ({ from, to: end }: Validity) =>
    (from === null || ceilTo(HOUR_MS, from) <= hour) && (end === null || hour < ceilTo(HOUR_MS, end));
  const isFree = override || to.every((key) => charge.values[key] === undefined);
  return effective.some(isValid) && isFree && meets(when, (key) => valueOf(charge, key));
}

/** @param isSpread whether some split of the rules has weights that differ by time */
function poolOf(charge: Charge, { by }: Split, isSpread: boolean): string {
  const within = by.kind === 'telemetry' ? by.within.map((key) => valueOf(charge, key)) : [];
  const spans = isSpread ? [charge.span.from, charge.span.to] : [];
  const currency = charge.values['billing_currency'];
  return JSON.stringify([charge.tenant, floorTo(HOUR_MS, charge.span.from), currency, ...spans, ...within]);
}

function sorted(pool: readonly Charge[], order: readonly string[]): Charge[] {
  return pool.toSorted((a, b) => {
    for (const key of order) {
      const [x, y] = [valueOf(a, key), valueOf(b, key)];
      if (x === y) continue;
      if (x === null || y === null) return x === null ? 1 : -1;
      return compareValues(x, y);
    }
    return 0;
  });
}

type Weight = { readonly keys: readonly string[]; readonly weight: bigint };

function sharePool(
  split: Split,
  pool: readonly Charge[],
  all: readonly Charge[],
  drivers: Drivers,
): Charge[] {
  const weights = weightsOf(split, pool, all, drivers);
  if (weights === null)
    return pool.map((charge) => ({ ...charge, values: without(charge.values, split.to) }));
  const total = weights.reduce((sum, { weight }) => sum + weight, 0n);
  const floor = (n: bigint) => (n < 0n && n % total !== 0n ? n / total - 1n : n / total);
  const through: Record<string, bigint> = {};
  return pool.flatMap((charge) => {
    const before = { ...through };
    for (const [column, amount] of Object.entries(charge.amounts))
      through[column] = (through[column] ?? 0n) + amount;
    let y = 0n;
    return weights.map(({ keys, weight }): Charge => {
      const [from, to] = [y, y + weight];
      y = to;
      const amounts = Object.keys(charge.amounts).map((column) => {
        const [start, end] = [before[column] ?? 0n, through[column] ?? 0n];
        return [column, floor(end * to) - floor(start * to) - floor(end * from) + floor(start * from)];
      });
      const given = Object.fromEntries(split.to.map((key, i) => [key, keys[i] ?? '']));
      const values = { ...charge.values, ...given, $split: split.name };
      return { ...charge, values, amounts: Object.fromEntries(amounts) };
    });
  });
}

function without(values: Charge['values'], keys: readonly string[]): Charge['values'] {
  return Object.fromEntries(Object.entries(values).filter(([key]) => !keys.includes(key)));
}

/** In order of their keys, none of no weight; null where the pool stays as it is. */
function weightsOf(
  split: Split,
  pool: readonly Charge[],
  all: readonly Charge[],
  drivers: Drivers,
): Weight[] | null {
  const { by, noDriver } = split;
  if (by.kind === 'even') return ordered(by.values.map((value) => ({ keys: [value], weight: 1n })));
  if (by.kind === 'fixed')
    return ordered(by.weights.map(({ value, weight }) => ({ keys: [value], weight: unitsOf(weight) })));
  const [charge] = pool;
  if (charge === undefined) return null;
  const rows = driverRows(split, charge, all, drivers);
  const grainMs = by.grain === 'hour' ? HOUR_MS : DAY_MS;
  const { from, to } = charge.span;
  const hour = floorTo(HOUR_MS, from);
  const isLong = to - from > grainMs;
  const start = floorTo(grainMs, hour);
  const end = isLong ? ceilTo(HOUR_MS, to) : start + grainMs;
  const dayStart = floorTo(DAY_MS, hour);
  const dayEnd = floorTo(DAY_MS, isLong ? ceilTo(HOUR_MS, to) - 1 : hour) + DAY_MS;
  const found = summed(
    rows.filter(({ time }) => floorTo(grainMs, time) >= start && floorTo(grainMs, time) < end),
  );
  if (found !== null) return found;
  for (const next of noDriver) {
    const weights = fallback(next, split, rows, dayStart, dayEnd, grainMs);
    if (weights === 'none') return null;
    if (weights !== null) return weights;
  }
  return null;
}

type Row = { readonly time: number; readonly keys: readonly string[]; readonly units: bigint };

function fallback(
  next: NoDriver,
  split: Split,
  rows: readonly Row[],
  from: number,
  to: number,
  grainMs: number,
): Weight[] | null | 'none' {
  const ofDays = rows.filter(({ time }) => floorTo(grainMs, time) >= from && floorTo(grainMs, time) < to);
  switch (next.kind) {
    case 'spread':
      return summed(ofDays);
    case 'even': {
      const known = split.by.kind === 'telemetry' ? rows : ofDays;
      const distinct = new Map(known.map(({ keys }) => [JSON.stringify(keys), keys]));
      return distinct.size === 0
        ? null
        : ordered([...distinct.values()].map((keys) => ({ keys, weight: 1n })));
    }
    case 'value':
      return [{ keys: split.to.map(() => next.value), weight: 1n }];
    case 'unattributed':
      return 'none';
  }
}

function driverRows(split: Split, charge: Charge, all: readonly Charge[], drivers: Drivers): Row[] {
  const { by, to } = split;
  if (by.kind === 'cost') {
    const own = all.filter(
      (each) =>
        each.tenant === charge.tenant &&
        each.values['billing_currency'] === charge.values['billing_currency'],
    );
    return own.flatMap((each) => {
      const value = valueOf(each, by.of);
      if (value === null) return [];
      return [
        {
          time: floorTo(HOUR_MS, each.span.from),
          keys: [String(value)],
          units: each.amounts['effective_cost'] ?? 0n,
        },
      ];
    });
  }
  if (by.kind !== 'telemetry') return [];
  const rows = drivers.get(by.stream) ?? [];
  const agreeing = rows.filter(({ keys }) =>
    by.within.every((key) => (keys[key] ?? null) === valueOf(charge, key)),
  );
  return agreeing.map(({ time, keys, units }) => ({ time, keys: to.map((key) => keys[key] ?? ''), units }));
}

function summed(rows: readonly Row[]): Weight[] | null {
  const weights = [...Map.groupBy(rows, ({ keys }) => JSON.stringify(keys)).values()].map((own) => ({
    keys: own[0]?.keys ?? [],
    weight: own.reduce((sum, { units }) => sum + units, 0n),
  }));
  const total = weights.reduce((sum, { weight }) => sum + weight, 0n);
  return total > 0n ? ordered(weights) : null;
}

function ordered(weights: readonly Weight[]): Weight[] {
  return weights
    .filter(({ weight }) => weight !== 0n)
    .toSorted((a, b) => {
      const i = a.keys.findIndex((key, place) => key !== b.keys[place]);
      return i === -1 ? 0 : compareValues(a.keys[i] ?? '', b.keys[i] ?? '');
    });
}

function unitsOf(decimal: string): bigint {
  const [whole = '0', fraction = ''] = decimal.split('.');
  return BigInt(whole) * 10n ** 12n + BigInt(fraction.padEnd(12, '0'));
}
