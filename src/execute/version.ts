import type { PublishedBatch } from '../catalog/batch.ts';
import { isLive, touches } from '../catalog/batch.ts';
import type { TelemetryStream } from '../catalog/telemetry.ts';
import { digest } from '../core/digest.ts';
import { costError } from '../core/errors.ts';
import type { TenantId } from '../core/ids.ts';
import type { Instant, TimeRange } from '../core/time-range.ts';

/**
 * What an answer depends on, in a few characters: `SEQUENCE.RULES.NOW.DIGEST`.
 *
 * SEQUENCE is the newest knowledge step that touched a batch of the asked time, or loaded driver data, so that loads of
 * bills of another time (and compaction) change nothing; RULES is the version of the tenant's rules (0 for none), whether the question names one of
 * their dimensions or not; NOW (0 for absolute periods) fixes what relative periods resolved to; DIGEST covers the tenant,
 * the resolved bounds and the live batches, so that a version of another tenant or question does not fit.
 */
export type VersionParts = {
  readonly sequence: number;
  /** 0 for none. */
  readonly rules: number;
  readonly now: Instant | null;
};

export type VersionBasis = {
  readonly tenant: TenantId;
  /** The asked period, and the one compared with. */
  readonly periods: readonly TimeRange[];
  readonly axis: 'CHARGE_PERIOD' | 'BILLING_PERIOD';
  /** All batches ever published. */
  readonly history: readonly PublishedBatch[];
  /** Streams with their loads. */
  readonly telemetry: Iterable<TelemetryStream>;
  readonly sequence: number;
  /** 0 for none. */
  readonly rules: number;
  /** Null where nothing in the query depends on the clock. */
  readonly now: Instant | null;
};

export function makeVersion(basis: VersionBasis): string {
  const relevant = basis.history.filter((batch) =>
    basis.periods.some((period) => touches(batch, period, basis.axis)),
  );
  const steps = relevant.flatMap((batch) => [batch.liveFromSequence, batch.liveToSequence ?? 0]);
  for (const { loads } of basis.telemetry) steps.push(...loads.map(({ sequence }) => sequence));
  const sequence = Math.max(0, ...steps.filter((step) => step <= basis.sequence));
  const live = relevant.filter((batch) => isLive(batch, basis.sequence)).map((batch) => batch.id);
  const content = digest([basis.tenant, basis.periods, basis.axis, live.sort()]);
  return [...[sequence, basis.rules, basis.now ?? 0].map((part) => part.toString(36)), content].join('.');
}

/** @throws VERSION_EXPIRED where the text is no version */
export function parseVersion(version: string): VersionParts {
  const match = /^([0-9a-z]{1,10})\.([0-9a-z]{1,10})\.([0-9a-z]{1,10})\.[\w-]{22}$/.exec(version);
  if (!match) throw costError('VERSION_EXPIRED', { version: version.slice(0, 60) });
  const [sequence = 0, rules = 0, now = 0] = match.slice(1).map((part) => Number.parseInt(part, 36));
  return { sequence, rules, now: now === 0 ? null : now };
}
