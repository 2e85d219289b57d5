/**
 * Keeps the lake small and quick: few large files instead of many small ones, no batches beyond their
 * retention, no leftovers of imports that never became live, no snapshots that no reader can hold. Answers and
 * their versions stay the same.
 */

/** What was done for one tenant. */
export type MaintainReport = {
  readonly tenant: string;
};
