import type { BatchId, SourceName, TenantId } from '../../core/ids.ts';
import type { DayUse, OwnLimits } from '../../core/limits.ts';
import type { Instant, TimeRange } from '../../core/time-range.ts';
import type { ShapeActuals } from '../ask-actuals.ts';
import type { BatchProfile } from '../batch-profile.ts';
import type { Batch, ColumnStatistics, PublishedBatch } from '../batch.ts';
import type { Close } from '../close.ts';
import type { RulesFormat, RulesText, RulesVersion } from '../published-rules.ts';
import type { RollupRequest } from '../define-rollup.ts';
import type { ObservedNeed } from '../needs.ts';
import type { Rollup } from '../rollups.ts';
import type { TelemetryLoad, TelemetryStream } from '../telemetry.ts';

/**
 * The control plane: tenants, sources, batches and what is live when. Small, transactional, shared by all
 * processes of a deployment. What it holds about data can be rebuilt from the lake.
 *
 * A tenant's knowledge is a sequence 1, 2, 3…: each control step that changes what is live, publishes rules or closes a
 * period takes the next number, with a strictly increasing instant.
 */
export type Control = {
  readonly ensureTenant: (tenant: TenantId) => Promise<void>;
  readonly tenants: () => Promise<TenantId[]>;

  /**
   * A number that changes whenever any process changed the control plane, but for what this one added to the use of a
   * day or to what was needed on it: cheap enough to ask per query.
   */
  readonly changeCounter: () => Promise<number>;
  /** 0 where the tenant has none yet. */
  readonly currentSequence: (tenant: TenantId) => Promise<number>;
  /** The newest sequence whose instant is <= `asOf`; 0 before the first. */
  readonly sequenceAsOf: (tenant: TenantId, asOf: Instant) => Promise<number>;
  /** All batches ever published, newest last; dropped ones too (droppedAt set). */
  readonly publishedBatches: (tenant: TenantId) => Promise<PublishedBatch[]>;

  /**
   * Makes batches live in one step, together with their loads and statistics; in mode replace every other
   * live batch of the same source and month stops being live. Either all of it or nothing. A step that is
   * already published changes nothing and answers as it did. Where `at` is not after the tenant's last
   * instant, the step's instant is that plus 1 ms.
   * @throws COVERS_LESS in mode replace without `force`, checked in the same transaction.
   */
  readonly publish: (step: PublishStep) => Promise<{ sequence: number; replaced: BatchId[] }>;

  /**
   * The newest load of a file's content into a source whose batches are all live now.
   * @see repeatedLoads for whether importing a set of files again would change anything.
   */
  readonly liveLoad: (tenant: TenantId, source: SourceName, sha256: string) => Promise<Load | null>;
  /** Oldest first. */
  readonly loads: (tenant: TenantId) => Promise<Load[]>;
  readonly statistics: (
    tenant: TenantId,
    batches: readonly BatchId[],
  ) => Promise<(ColumnStatistics & { batch: BatchId })[]>;

  /** Those that were measured: batches of earlier versions have none. */
  readonly profiles: (tenant: TenantId, batches: readonly BatchId[]) => Promise<Map<BatchId, BatchProfile>>;

  /**
   * Publishes attribution rules as the tenant's next version, in a step of their own. The text and lookup files of the
   * newest version change nothing, and are answered with that version.
   * @throws RULES_CHANGED where `baseVersion` is not the newest, UNKNOWN_RULES where there is none such
   */
  readonly publishRules: (step: PublishRulesStep) => Promise<RulesVersion & { readonly isNew: boolean }>;
  /** All that were ever published, oldest first. */
  readonly rulesVersions: (tenant: TenantId) => Promise<RulesVersion[]>;
  /** @throws UNKNOWN_RULES */
  readonly rulesText: (tenant: TenantId, version: number) => Promise<RulesText>;

  /**
   * Freezes what is known now under a name, in a step of its own: the batches that are live at it are never dropped.
   * @throws CLOSE_EXISTS, CLOSE_INCOMPLETE where a source has no bill yet, checked in the same transaction
   */
  readonly closePeriod: (step: CloseStep) => Promise<Close>;
  /** Oldest first. */
  readonly closes: (tenant: TenantId) => Promise<Close[]>;

  /** The tenant's rollups: the default ones, as far as they were not dropped, and its own. */
  readonly rollups: (tenant: TenantId) => Promise<Rollup[]>;
  /**
   * From then on imports build parts of it; those of batches before are the caller's to build.
   * @throws BAD_NAME, UNKNOWN_DIMENSION, BAD_ROLLUP, ROLLUP_EXISTS
   */
  readonly createRollup: (tenant: TenantId, request: RollupRequest) => Promise<Rollup>;
  /** From then on nothing reads its parts. @throws UNKNOWN_ROLLUP */
  readonly dropRollup: (tenant: TenantId, name: string) => Promise<Rollup>;

  /** Those with loads, by name. */
  readonly telemetry: (tenant: TenantId) => Promise<TelemetryStream[]>;
  /**
   * Makes a load of a stream known, in a step of its own, and the stream with it where it is the first. A load that is
   * published already changes nothing and answers as it did.
   * @throws COMMIT_CONFLICT where the stream has other loads than the new one comes upon, or other columns
   */
  readonly publishTelemetry: (step: TelemetryStep) => Promise<{ sequence: number }>;

  /** Superseded batches whose knownTo is before `before`, that no close pins and that are not yet dropped. */
  readonly droppable: (tenant: TenantId, before: Instant) => Promise<PublishedBatch[]>;
  /** Batches marked before keep their instant. */
  readonly markDropped: (tenant: TenantId, batches: readonly BatchId[], at: Instant) => Promise<void>;

  /** What the tenant has of its own; for the rest the deployment's limits hold. */
  readonly ownLimits: (tenant: TenantId) => Promise<OwnLimits>;
  /** Puts these in the place of all that the tenant has of its own. */
  readonly setOwnLimits: (tenant: TenantId, limits: OwnLimits) => Promise<void>;
  /** What all processes have added to a UTC day of the tenant. */
  readonly dayUse: (tenant: TenantId, day: UtcDay) => Promise<DayUse>;
  /** Adds all of it, in one transaction, and answers what each tenant has used of its day by then, in order. */
  readonly addDayUses: (uses: readonly TenantDayUse[]) => Promise<DayUse[]>;

  /** What was needed from a UTC day on, by day and need. */
  readonly observedNeeds: (tenant: TenantId, from: UtcDay) => Promise<DayNeed[]>;
  /**
   * Adds all of it in one transaction, forgets what is older than NEEDS_DAYS_MAX, and of days that have more than
   * NEEDS_A_DAY_MAX needs those that took the least time.
   */
  readonly addNeeds: (needs: readonly TenantNeed[], today: UtcDay) => Promise<void>;
  /** What Asks came to, by store and shape, of all processes. */
  readonly actuals: () => Promise<ShapeActuals[]>;
  /** Adds all of it, in one transaction; our own changeCounter stays as it is. */
  readonly addActuals: (added: readonly ShapeActuals[], at: Instant) => Promise<void>;

  /** A random key made once per deployment, for signing cursors. */
  readonly serverKey: () => Promise<Buffer>;
  /**
   * Runs `work` while holding a named lock across processes; waits for it up to `waitMs`. A crashed holder's
   * lock runs out 15 s after its last sign of life, so wait longer than that where a crash must not show.
   * `signal` aborts when the lock was lost all the same (the process hung): work then stops before it commits.
   * @throws LOCKED when others hold it for all of `waitMs`.
   */
  readonly withLease: <T>(
    name: string,
    waitMs: number,
    work: (signal: AbortSignal) => Promise<T>,
  ) => Promise<T>;
  readonly close: () => Promise<void>;
};

/** As in `2026-11-22`. */
export type UtcDay = string;
export type DayNeed = ObservedNeed & { readonly day: UtcDay };
export type TenantNeed = DayNeed & { readonly tenant: TenantId };
export type TenantDayUse = { readonly tenant: TenantId; readonly day: UtcDay; readonly use: DayUse };

/** One file of one import command. */
export type Load = {
  readonly tenant: TenantId;
  readonly source: SourceName;
  readonly sha256: string;
  readonly fileName: string;
  readonly format: string;
  readonly mode: 'replace' | 'append';
  readonly batches: readonly BatchId[];
  readonly loadedAt: Instant;
  /** The printed result of the import, as JSON: a repeated load answers with the same. */
  readonly report: string;
};

export type TelemetryStep = {
  readonly tenant: TenantId;
  readonly stream: Pick<TelemetryStream, 'name' | 'columns'>;
  readonly load: Omit<TelemetryLoad, 'sequence'>;
  /** Id of the newest load that it was made to come upon; null before the first. */
  readonly after: string | null;
  readonly at: Instant;
};

export type PublishRulesStep = RulesText & {
  readonly tenant: TenantId;
  readonly format: RulesFormat;
  /** The version that these rules were made from, 0 for none; null where any may have been published since. */
  readonly baseVersion: number | null;
  readonly by: string;
  readonly at: Instant;
};

export type CloseStep = TimeRange & {
  readonly tenant: TenantId;
  readonly name: string;
  readonly by: string;
  readonly at: Instant;
};

export type PublishStep = {
  readonly tenant: TenantId;
  readonly batches: readonly Batch[];
  readonly loads: readonly Omit<Load, 'loadedAt'>[];
  readonly statistics: readonly (ColumnStatistics & { readonly batch: BatchId })[];
  readonly profiles: ReadonlyMap<BatchId, BatchProfile>;
  readonly force: boolean;
  readonly at: Instant;
};
