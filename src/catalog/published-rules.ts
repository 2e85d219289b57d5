import type { RuleSet } from '../attribution/rule-set.ts';
import type { Instant } from '../core/time-range.ts';
import type { Dimension } from './dimensions.ts';
import { ruleDimension } from './dimensions.ts';

/** One version of a tenant's attribution rules, without its text; immutable. */
export type RulesVersion = {
  /** 1, 2, 3… per tenant. */
  readonly version: number;
  /** The knowledge step that published it: from there on it is the newest until the next. */
  readonly sequence: number;
  readonly format: RulesFormat;
  readonly publishedAt: Instant;
  readonly publishedBy: string;
  /** Of its text and lookup files. */
  readonly digest: string;
};
export type RulesFormat = 'yaml' | 'json';
/** As it was published. */
export type RulesText = { readonly source: string; readonly lookups: readonly LookupText[] };
/** `file` is the name that the rules call it by. */
export type LookupText = { readonly file: string; readonly text: string };

/** A version as questions are answered by it. */
export type PublishedRules = {
  /** `1`, `2`, `3`… per tenant. */
  readonly version: string;
  readonly ruleSet: RuleSet;
  readonly publishedAt: Instant;
  readonly publishedBy: string;
};

/** The dimensions that rules define, by key. */
export function ruledDimensions(rules: PublishedRules | null): ReadonlyMap<string, Dimension> {
  const all = rules?.ruleSet.dimensions ?? [];
  return new Map(
    all.map(({ key, label, description }) => [key, ruleDimension(key, label, description)] as const),
  );
}
