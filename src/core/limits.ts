/** What queries use, and how much of it a tenant's may: of one query, and of all queries of a day. */
import { decimalFromUnits, formatDecimal, parseDecimal } from './decimal.ts';

/**
 * bytes: read of files, compressed. rows: read, of charges or of rollups. groups: rows that come out of the stores.
 * usd: US dollars by the stores' prices. ms: milliseconds in the stores, of all parts of a query together.
 */
export const useNames = ['bytes', 'rows', 'groups', 'usd', 'ms'] as const;
export type UseName = (typeof useNames)[number];
/** Dollars in units of 10^-12, all else in whole units; fractions are rounded up. */
export type Use = Readonly<Record<UseName, bigint>>;

/** What is counted per tenant and UTC day. */
export const dailyNames = ['bytes', 'usd', 'ms'] as const;
export type DailyName = (typeof dailyNames)[number];
export type DayUse = Readonly<Record<DailyName, bigint>>;

export const NO_DAY_USE: DayUse = { bytes: 0n, usd: 0n, ms: 0n };

/** As options of `costgraph limits` and in the control plane. */
export type LimitName = `query-${UseName}` | `daily-${DailyName}`;
export const limitNames: readonly LimitName[] = [
  ...useNames.map((name) => `query-${name}` as const),
  ...dailyNames.map((name) => `daily-${name}` as const),
];
/** In the units of Use; null where there is no limit. */
export type Limits = Readonly<Record<LimitName, bigint | null>>;
/** What a tenant has of its own; for the rest the deployment's limits hold. */
export type OwnLimits = Readonly<Partial<Record<LimitName, bigint>>>;

export function addDayUse(a: DayUse, b: DayUse): DayUse {
  return { bytes: a.bytes + b.bytes, usd: a.usd + b.usd, ms: a.ms + b.ms };
}

export function subtractDayUse(a: DayUse, b: DayUse): DayUse {
  return { bytes: a.bytes - b.bytes, usd: a.usd - b.usd, ms: a.ms - b.ms };
}

/** Null where the text is no such limit: see `limitForm`. */
export function parseLimit(name: LimitName, text: string): bigint | null {
  if (isMoney(name)) return /^\d{1,9}(\.\d{1,12})?$/.test(text) ? parseDecimal(text) : null;
  return /^\d{1,15}$/.test(text) ? BigInt(text) : null;
}

/** What `parseLimit` takes, in words. */
export function limitForm(name: LimitName): string {
  return isMoney(name)
    ? 'US dollars from 0, as in 25 or 0.5, with at most 12 decimal places'
    : 'a whole number from 0, of at most 15 digits';
}

/** The number alone: `1200`, of dollars `0.5`. */
export function formatLimit(name: LimitName | UseName, amount: bigint): string {
  if (!isMoney(name)) return String(amount);
  return formatDecimal(decimalFromUnits(amount)).replace(/\.?0+$/, '');
}

function isMoney(name: LimitName | UseName): boolean {
  return name.endsWith('usd');
}
