import { compareText } from '../core/code-point-order.ts';
import type { BatchId, SourceName } from '../core/ids.ts';
import type { Instant } from '../core/time-range.ts';
import type { PublishedBatch } from './batch.ts';
import type { Load } from './control/control.ts';

/** What is live of one source now. */
export type SourceSummary = {
  readonly name: SourceName;
  /** Of the newest batch. */
  readonly format: string;
  /** The latest end of a live charge; null where no charge is live. */
  readonly billedThrough: Instant | null;
  /** The newest batch. */
  readonly lastBatch: BatchId;
  readonly lastLoadedAt: Instant | null;
  readonly charges: number;
  readonly quarantined: number;
};

/** One summary per source that ever had a batch, by name in code point order. */
export function summarizeSources(
  batches: readonly PublishedBatch[],
  loads: readonly Load[],
): SourceSummary[] {
  const loadsBySource = Map.groupBy(loads, (load) => load.source);
  return [...Map.groupBy(batches, (batch) => batch.source)]
    .map(([name, published]) => summarize(name, published, loadsBySource.get(name) ?? []))
    .sort((a, b) => compareText(a.name, b.name));
}

function summarize(
  name: SourceName,
  published: readonly PublishedBatch[],
  loads: readonly Load[],
): SourceSummary {
  const newest = published.reduce((a, b) => (b.liveFromSequence >= a.liveFromSequence ? b : a));
  const live = published.filter((batch) => batch.liveToSequence === null);
  return {
    name,
    format: newest.format,
    billedThrough: latest(live.filter((batch) => batch.charges > 0).map((batch) => batch.to)),
    lastBatch: newest.id,
    lastLoadedAt: latest(loads.map((load) => load.loadedAt)),
    charges: live.reduce((sum, batch) => sum + batch.charges, 0),
    quarantined: live.reduce((sum, batch) => sum + batch.quarantined, 0),
  };
}

function latest(instants: readonly Instant[]): Instant | null {
  return instants.length === 0 ? null : instants.reduce((a, b) => Math.max(a, b));
}
