import type { RuleSet } from '../attribution/rule-set.ts';
import type { Instant } from '../core/time-range.ts';
import type { Dimension } from './dimensions.ts';
import { ruleDimension } from './dimensions.ts';

/** One version of a tenant's attribution rules; immutable. */
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
