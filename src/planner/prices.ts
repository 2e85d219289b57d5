import type { Prices } from './capabilities.ts';
import type { Read } from './plan.ts';

/** The part of a store's time that grows with what it reads; the start comes on top. */
export function readMs({ files, bytes, rows }: Read, prices: Prices): number {
  return (
    files * prices.msPerFile + (bytes / 1e6) * prices.msPerMegabyte + (rows / 1e6) * prices.msPerMillionRows
  );
}

/** All of a store's time for an Ask that gives so many rows. */
export function askMs(read: Read, rowsOut: number, prices: Prices): number {
  return prices.startupMs + readMs(read, prices) + (rowsOut / 1e6) * prices.msPerMillionGroups;
}

export function usdOf(ms: number, { usdPerHour }: Prices): number {
  return (ms / 3_600_000) * usdPerHour;
}
