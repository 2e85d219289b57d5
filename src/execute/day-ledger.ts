/**
 * What tenants use of a UTC day: counted in memory, so that no query waits for it, and added to the control plane every
 * few seconds and at the end. A crash loses what was counted since; other processes' use is known as late.
 */
import type { Control, UtcDay } from '../catalog/control/control.ts';
import type { TenantId } from '../core/ids.ts';
import type { DayUse } from '../core/limits.ts';
import { NO_DAY_USE, addDayUse, subtractDayUse } from '../core/limits.ts';
import type { Instant } from '../core/time-range.ts';
import { DAY_MS } from '../core/time-range.ts';
import { createBackgroundWriter } from './background-writer.ts';

/** The longest that use is kept in memory alone, and that other processes' is not seen. */
export const USE_WRITTEN_EVERY_MS = 5_000;

export type DayLedger = AsyncDisposable & {
  /** Reads what other processes have added, where that was not done lately. */
  readonly refresh: (tenant: TenantId) => Promise<void>;
  /** What the tenant used today, as far as it is known here. */
  readonly used: (tenant: TenantId) => DayUse;
  readonly add: (tenant: TenantId, use: DayUse) => void;
};

type Entry = {
  readonly tenant: TenantId;
  readonly day: UtcDay;
  /** Of all processes, as the control plane had it at `readAt`. */
  stored: DayUse;
  readAt: Instant;
  /** Counted here and not yet stored. */
  counted: DayUse;
  /** What is being written is in what is stored already, or not yet: it is not read meanwhile. */
  isWriting: boolean;
};

export function openDayLedger(control: Control, clock: () => Instant): DayLedger {
  const entries = new Map<string, Entry>();
  const writer = createBackgroundWriter(USE_WRITTEN_EVERY_MS, 'day-use.not-written', async () => {
    await writeCounted(entries, control, clock);
    forgetOtherDays(entries, utcDay(clock()));
  });
  const entryOf = (tenant: TenantId): Entry => {
    const day = utcDay(clock());
    const key = `${day} ${tenant}`;
    const kept = entries.get(key);
    if (kept) return kept;
    const unread = { stored: NO_DAY_USE, readAt: -Infinity, counted: NO_DAY_USE, isWriting: false };
    const entry = { tenant, day, ...unread };
    entries.set(key, entry);
    return entry;
  };
  return {
    refresh: async (tenant) => {
      const entry = entryOf(tenant);
      const { day, readAt } = entry;
      if (Math.abs(clock() - readAt) < USE_WRITTEN_EVERY_MS || entry.isWriting) return;
      const stored = await control.dayUse(tenant, day);
      // A write that came in between brings what all have used by then.
      if (entry.isWriting || entry.readAt !== readAt) return;
      entry.stored = stored;
      entry.readAt = clock();
    },
    used: (tenant) => {
      const { stored, counted } = entryOf(tenant);
      return addDayUse(stored, counted);
    },
    add: (tenant, use) => {
      const entry = entryOf(tenant);
      entry.counted = addDayUse(entry.counted, use);
      writer.soon();
    },
    [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
  };
}

/** What cannot be written stays counted. */
async function writeCounted(
  entries: ReadonlyMap<string, Entry>,
  control: Control,
  clock: () => Instant,
): Promise<void> {
  const parts = [...entries.values()].filter(isCounted).map((entry) => ({ entry, use: entry.counted }));
  if (parts.length === 0) return;
  for (const { entry } of parts) entry.isWriting = true;
  try {
    const uses = parts.map(({ entry: { tenant, day }, use }) => ({ tenant, day, use }));
    const totals = await control.addDayUses(uses);
    for (const [i, { entry, use }] of parts.entries()) {
      entry.counted = subtractDayUse(entry.counted, use);
      entry.stored = totals[i] ?? entry.stored;
      entry.readAt = clock();
    }
  } finally {
    for (const { entry } of parts) entry.isWriting = false;
  }
}

function forgetOtherDays(entries: Map<string, Entry>, today: UtcDay): void {
  for (const [key, entry] of entries) {
    if (entry.day !== today && !isCounted(entry)) entries.delete(key);
  }
}

/** Whatever runs takes a millisecond at least. */
function isCounted({ counted }: Entry): boolean {
  return counted.ms > 0n;
}

/** `2026-11-22` */
export function utcDay(instant: Instant): UtcDay {
  return new Date(instant).toISOString().slice(0, 10);
}

export function nextUtcMidnight(instant: Instant): Instant {
  return (Math.floor(instant / DAY_MS) + 1) * DAY_MS;
}
