import type { PublishedBatch } from '../catalog/batch.ts';
import { touches } from '../catalog/batch.ts';
import { digest } from '../core/digest.ts';
import { costError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import type { Instant, TimeRange } from '../core/time-range.ts';

/**
 * What an answer depends on, in a few characters: `SEQUENCE.NOW.DIGEST`.
 *
 * SEQUENCE is the newest knowledge step that touched a batch of the asked time, so that unrelated loads (and
 * compaction) change nothing; NOW (0 for absolute periods) fixes what relative periods resolved to; DIGEST covers the
 * tenant, the resolved bounds and the live batches, so that a version of another tenant or question does not fit.
 */
export type VersionParts = {
  readonly sequence: number;
  readonly now: Instant | null;
  readonly digest: string;
};

export type VersionBasis = {
  readonly tenant: TenantId;
  /** The asked period, and the one compared with. */
  readonly periods: readonly TimeRange[];
  readonly axis: 'CHARGE_PERIOD' | 'BILLING_PERIOD';
  /** All batches ever published. */
  readonly history: readonly PublishedBatch[];
  readonly sequence: number;
  /** Null where nothing in the query depends on the clock. */
  readonly now: Instant | null;
};

export function makeVersion(basis: VersionBasis): string {
  const relevant = basis.history.filter((batch) =>
    basis.periods.some((period) => touches(batch, period, basis.axis)),
  );
  const steps = relevant.flatMap((batch) => [batch.liveFromSequence, batch.liveToSequence ?? 0]);
  const sequence = Math.max(0, ...steps.filter((step) => step <= basis.sequence));
  const live = relevant.filter((batch) => isLive(batch, basis.sequence)).map((batch) => batch.id);
  const content = digest([basis.tenant, basis.periods, basis.axis, live.sort()]);
  return `${sequence.toString(36)}.${(basis.now ?? 0).toString(36)}.${content}`;
}

/** @throws VERSION_EXPIRED where the text is no version */
export function parseVersion(version: string): VersionParts {
  const match = /^([0-9a-z]{1,10})\.([0-9a-z]{1,10})\.([\w-]{22})$/.exec(version);
  if (!match) throw costError('VERSION_EXPIRED', { version: version.slice(0, 60) });
  const [, sequence = '', now = '', content = ''] = match;
  const instant = Number.parseInt(now, 36);
  return { sequence: Number.parseInt(sequence, 36), now: instant === 0 ? null : instant, digest: content };
}

export function isLive(batch: PublishedBatch, sequence: number): boolean {
  return (
    batch.liveFromSequence <= sequence && (batch.liveToSequence === null || batch.liveToSequence > sequence)
  );
}
