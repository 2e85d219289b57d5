import type { Prices } from './capabilities.ts';

/** What a store reads: files (parts of them count as such), compressed bytes of the columns that are read, rows. */
export type Read = { readonly files: number; readonly bytes: number; readonly rows: number };

/** The part of a store's time that grows with what it reads; the start comes on top. */
export function readMs({ files, bytes, rows }: Read, prices: Prices): number {
  return (
    files * prices.msPerFile + (bytes / 1e6) * prices.msPerMegabyte + (rows / 1e6) * prices.msPerMillionRows
  );
}

export function usdOf(ms: number, { usdPerHour }: Prices): number {
  return (ms / 3_600_000) * usdPerHour;
}
