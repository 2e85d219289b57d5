/**
 * Rows of earlier answers, under digests of all that determines them (src/planner/keep-answers.ts): what is here is
 * right for ever, and only goes to make room. Bounded in bytes; who holds most gives way first, so that no tenant can
 * push out what others keep.
 */
import type { Rows } from '../connectors/connector.ts';
import type { TenantId } from '../core/ids.ts';
import type { KeptAnswers } from '../planner/keep-answers.ts';
import { KEPT_ROWS_MAX } from '../planner/keep-answers.ts';
import { createFlights } from './flights.ts';

/** One answer may take this part of the whole. */
const ENTRY_SHARE_MAX = 0.1;
const BYTES_PER_VALUE = 8;
const BYTES_PER_BIGINT = 24;
const BYTES_PER_TEXT = 24;
const BYTES_PER_CHARACTER = 2;

/** A tenant's answers, for one question: what planning saw stays at hand until the question is answered. */
export type QuestionAnswers = KeptAnswers & {
  /** @throws Error for a key that `rowsOf` did not know */
  readonly take: (key: string) => Rows;
  readonly keep: (key: string, rows: Rows) => void;
  /**
   * The rows of `work`, which runs once for all who ask under the key at the same time.
   *
   * @param signal ends the waiting; `work` is aborted when nobody waits any more
   */
  readonly once: (
    key: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<Rows>,
  ) => Promise<Rows>;
};

export type AnswerCache = {
  /** @param before only what was kept before this instant, by `performance.now()`; default: all */
  readonly forQuestion: (tenant: TenantId, before?: number) => QuestionAnswers;
  readonly bytes: () => number;
};

export function createAnswerCache(bytesMax: number): AnswerCache {
  const tenants = new Map<TenantId, TenantEntries>();
  const flights = createFlights<Rows>();
  let total = 0;

  const makeRoom = (): void => {
    while (total > bytesMax) {
      const [largest] = [...tenants.values()].sort((a, b) => b.bytes - a.bytes);
      if (largest === undefined) return;
      total -= dropOldest(largest);
    }
  };
  const keep = (tenant: TenantId, key: string, rows: Rows): void => {
    if (rows.length > KEPT_ROWS_MAX) return;
    const bytes = bytesOf(rows);
    if (bytes > bytesMax * ENTRY_SHARE_MAX) return;
    const own = tenants.get(tenant) ?? { bytes: 0, entries: new Map() };
    tenants.set(tenant, own);
    if (own.entries.has(key)) return;
    own.entries.set(key, { rows, bytes, keptAt: performance.now() });
    own.bytes += bytes;
    total += bytes;
    makeRoom();
  };

  return {
    bytes: () => total,
    forQuestion: (tenant, before = Infinity) => {
      const seen = new Map<string, Rows>();
      return {
        rowsOf: (key) => {
          const entry = touch(tenants.get(tenant), key);
          if (entry === null || entry.keptAt >= before) return null;
          seen.set(key, entry.rows);
          return entry.rows.length;
        },
        take: (key) => {
          const rows = seen.get(key);
          if (rows === undefined) throw new Error('a plan names an answer that planning did not see');
          return rows;
        },
        keep: (key, rows) => keep(tenant, key, rows),
        once: (key, signal, work) => flights.join(`${tenant} ${key}`, signal, work),
      };
    },
  };
}

type Entry = { readonly rows: Rows; readonly bytes: number; readonly keptAt: number };
/** In the order of last use: a Map iterates as inserted. */
type TenantEntries = { bytes: number; readonly entries: Map<string, Entry> };

function touch(own: TenantEntries | undefined, key: string): Entry | null {
  const entry = own?.entries.get(key);
  if (own === undefined || entry === undefined) return null;
  own.entries.delete(key);
  own.entries.set(key, entry);
  return entry;
}

/** How many bytes that freed. */
function dropOldest(own: TenantEntries): number {
  const [oldest] = own.entries;
  if (oldest === undefined) return 0;
  const [key, { bytes }] = oldest;
  own.entries.delete(key);
  own.bytes -= bytes;
  return bytes;
}

function bytesOf({ columns }: Rows): number {
  let bytes = 0;
  for (const values of columns.values()) {
    for (const value of values) {
      bytes += BYTES_PER_VALUE;
      if (typeof value === 'bigint') bytes += BYTES_PER_BIGINT;
      else if (value !== null) bytes += BYTES_PER_TEXT + value.length * BYTES_PER_CHARACTER;
    }
  }
  return bytes;
}
