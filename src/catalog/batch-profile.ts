/**
 * What a batch's charges look like: how values of columns go together, which are frequent, and how much of the time they
 * are there. The planner estimates with it how many groups an answer has.
 *
 * Measured over tuples: the distinct combinations of values of the columns that vary but have few values.
 */
export type BatchProfile = {
  /** Measured on one charge of so many; 1: on all of them. */
  readonly sampledOneIn: number;
  readonly tuples: number;
  /** Those with most charges, over which values, pairs and what is common are counted. */
  readonly countedTuples: number;
  /** Tuples by UTC day. */
  readonly dayTuples: number;
  /** UTC days and hours with charges. */
  readonly days: number;
  readonly hours: number;
  /** Columns of one value (or none) in all charges. */
  readonly constants: readonly (readonly [key: string, value: string | null])[];
  readonly columns: readonly ProfiledColumn[];
  /** Distinct pairs of values for columns (1, 0), (2, 0), (2, 1), (3, 0) …; a missing value is a value. */
  readonly pairs: readonly number[];
};

export type ProfiledColumn = {
  /** A dimension key, or `tag_set`. */
  readonly key: string;
  /** Distinct values, a missing one among them. */
  readonly values: number;
  /** Distinct pairs of a value and a UTC day, and a UTC hour, that it has charges in. */
  readonly dayValues: number;
  readonly hourValues: number;
  /** The most frequent values, where they are a good part of the charges. */
  readonly common: readonly CommonValue[];
};

/** A value, its charges, and of each column of the profile how many values it goes together with. */
export type CommonValue = readonly [value: string | null, charges: number, meets: readonly number[]];
