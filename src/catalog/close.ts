import type { Instant, TimeRange } from '../core/time-range.ts';

/** What was known of a period when it was closed: the knowledge state at `sequence`. */
export type Close = TimeRange & {
  readonly name: string;
  readonly sequence: number;
  readonly closedAt: Instant;
  readonly closedBy: string;
};
