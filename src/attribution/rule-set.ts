import type { Instant } from '../core/time-range.ts';
import { unreachable } from '../core/unreachable.ts';

/**
 * A tenant's attribution rules as they are after parsing: plain data that survives JSON, from which the evaluator of
 * the event path and the SQL of stores are both made. All that a rule file may leave out is filled in, lists that
 * must be distinct are, and every key, name and expression has been checked (parse-rules.ts).
 */
export type RuleSet = {
  readonly version: 1;
  /**
   * In the order of the file; behind them, as dimensions without rules, those that only splits give values to. They
   * use each other without cycles, in any order: evaluationOrder sorts them.
   */
  readonly dimensions: readonly RuleDimension[];
  readonly lookups: readonly Lookup[];
  /** In the order of the file, in which they apply. */
  readonly splits: readonly Split[];
};

/** Where something begins in the text of the rules; both count from 1. */
export type Position = { readonly line: number; readonly column: number };

/**
 * Half-open over ChargePeriodStart: `from` belongs to it, `to` does not; null is open. From before to, where both are
 * given.
 */
export type Validity = { readonly from: Instant | null; readonly to: Instant | null };
/** Disjoint, not empty, in order of time. ALWAYS where the file says nothing. */
export type Effective = readonly Validity[];
export const ALWAYS: Effective = [{ from: null, to: null }];

/**
 * A charge's value is that of the first rule that is effective at its start, whose `when` it meets and whose value is
 * present; `otherwise` where there is none. Outside `effective` every charge is without a value.
 */
export type RuleDimension = Position & {
  readonly key: string;
  readonly label: string;
  readonly description: string | null;
  readonly effective: Effective;
  readonly rules: readonly Rule[];
  readonly otherwise: string | null;
};

export type Rule = Position & {
  /** Unique in its dimension: as given, or `team#2` for the second rule of team. */
  readonly name: string;
  /** `true` where the file says nothing. */
  readonly when: Condition;
  readonly value: RuleValue;
  readonly effective: Effective;
};

/**
 * What a charge must meet. Two-valued, as filters of questions are: a missing value (null) meets a test only through
 * `orNull`, and every charge meets a condition or its negation. By its shape also a Predicate of the planner.
 */
export type Condition =
  | { readonly kind: 'true' }
  | { readonly kind: 'false' }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly kind: 'not'; readonly part: Condition }
  | ConditionTest;

/** The value of `key` (a column, a tag or another dimension) meets `test`, or is missing and `orNull`. */
export type ConditionTest = {
  readonly kind: 'test';
  readonly key: string;
  readonly test: ValueTest;
  readonly orNull: boolean;
};

/**
 * Tests of a present value. Text compares by code point; `ignoreCase` folds both sides by simple lower-case mapping.
 * `values` are sorted by code point and distinct. `matches` is RE2 over the whole value. `none` is met by no value:
 * with orNull it is "is missing".
 */
export type ValueTest =
  | { readonly op: 'any' | 'none' }
  | { readonly op: 'in' | 'notIn'; readonly values: readonly string[]; readonly ignoreCase: boolean }
  | {
      readonly op: 'startsWith' | 'endsWith' | 'contains' | 'matches';
      readonly value: string;
      readonly ignoreCase: boolean;
    };

/** Where a rule's value comes from. One that is missing, or empty, leaves the charge to the next rule. */
export type RuleValue =
  | { readonly kind: 'value'; readonly value: string }
  /** The value of another key: normalised in the listed order, then replaced in in the listed order. */
  | {
      readonly kind: 'valueOf';
      readonly key: string;
      readonly normalize: readonly Normalization[];
      readonly replace: readonly Replacement[];
    }
  /** The first key whose value is present and not empty. */
  | { readonly kind: 'coalesce'; readonly keys: readonly string[] }
  /** Cell `column` of the row whose cells of the columns `on` equal the charge's values of the keys of that name. */
  | {
      readonly kind: 'lookup';
      readonly name: string;
      readonly on: readonly string[];
      readonly column: string;
    };

/**
 * trim: white space (WHITE_SPACE) at both ends is taken off. lower, upper: each code point by itself, by the simple
 * mapping of Unicode.
 */
export const normalizations = ['trim', 'lower', 'upper'] as const;
export type Normalization = (typeof normalizations)[number];
/** Tab, line feed, vertical tab, form feed, carriage return, space, no-break space. */
export const WHITE_SPACE = '\t\n\v\f\r \u00a0';

/**
 * Each match of the RE2 expression, from the left, is replaced by the parts of `by` put together: texts, and numbers
 * of groups of the match (0 is all of it; one that took no part is empty). No expression matches the empty text.
 */
export type Replacement = { readonly match: string; readonly by: readonly (string | number)[] };

/** A list or hierarchy from a CSV file, stored with the rules. */
export type Lookup = Position & {
  readonly name: string;
  readonly file: string;
  /** Without valid_from and valid_to. */
  readonly columns: readonly string[];
  /** In the order of the file. */
  readonly rows: readonly LookupRow[];
};

/**
 * `cells` stand in the order of the columns; an empty one is null. Rows with equal cells in the columns that a rule
 * looks up by have disjoint `effective`. `line` is that of the lookup's own file.
 */
export type LookupRow = {
  readonly cells: readonly (string | null)[];
  readonly effective: Validity;
  readonly line: number;
};

/** Shares out the charges that meet `when`: their `to` dimensions take values by the weights of a driver. */
export type Split = Position & {
  /** Unique among the splits: as given, or `split#2` for the second. */
  readonly name: string;
  /** Sees the dimensions, and what earlier splits made of them. */
  readonly when: Condition;
  /** Keys of dimensions; exactly one unless the driver is telemetry. */
  readonly to: readonly string[];
  readonly by: Driver;
  /** In order, for pools whose weights are missing, zero or of negative sum. Ends with `value` or `unattributed`. */
  readonly noDriver: readonly NoDriver[];
  /** False: only charges whose `to` are all null are shared out. */
  readonly override: boolean;
  readonly effective: Effective;
};

export const grains = ['hour', 'day'] as const;
export type Grain = (typeof grains)[number];

export type Driver =
  /** Units of the stream per grain and `to`; `within` are keys that a charge's weights must agree with it in. */
  | {
      readonly kind: 'telemetry';
      readonly stream: string;
      readonly grain: Grain;
      readonly within: readonly string[];
    }
  | { readonly kind: 'even'; readonly values: readonly string[] }
  /** Weights are exact decimals as in parseDecimal, from 0; their sum is positive. */
  | { readonly kind: 'fixed'; readonly weights: readonly FixedWeight[] }
  /** Effective cost per grain and present value of `of`, a key. */
  | { readonly kind: 'cost'; readonly of: string; readonly grain: Grain };

export type FixedWeight = { readonly value: string; readonly weight: string };

export type NoDriver =
  /** The weights of the whole UTC day. */
  | { readonly kind: 'spread'; readonly over: 'day' }
  /** Equal weights for those whom the driver knows at all. */
  | { readonly kind: 'even' }
  /** All of it to this one, in each of `to`. */
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'unattributed' };

export function isEffective(effective: Effective, instant: Instant): boolean {
  return effective.some((validity) => isValid(validity, instant));
}

export function isValid({ from, to }: Validity, instant: Instant): boolean {
  return (from === null || from <= instant) && (to === null || instant < to);
}

/** Tests anywhere in a condition, in order of appearance. */
export function testsOf(condition: Condition): ConditionTest[] {
  switch (condition.kind) {
    case 'true':
    case 'false':
      return [];
    case 'and':
    case 'or':
      return condition.parts.flatMap(testsOf);
    case 'not':
      return testsOf(condition.part);
    case 'test':
      return [condition];
    default:
      return unreachable(condition);
  }
}

/** Keys whose values decide a rule's value, once it is met. */
export function keysOfValue(value: RuleValue): readonly string[] {
  switch (value.kind) {
    case 'value':
      return [];
    case 'valueOf':
      return [value.key];
    case 'coalesce':
      return value.keys;
    case 'lookup':
      return value.on;
    default:
      return unreachable(value);
  }
}
