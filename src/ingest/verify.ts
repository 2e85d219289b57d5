/**
 * Does the lake hold what was loaded? Adds the charges up again from their files and compares them with the
 * control totals, the dictionaries, the manifests and the control plane. Reads only, changes nothing.
 */

/** Something that is not as it must be. */
export type Difference = {
  /** What was compared, in words: the batch, the hour, the currency, the metric. */
  readonly at: string;
  readonly expected: string;
  readonly found: string;
};
