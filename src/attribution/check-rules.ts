/** What is allowed in rules and probably a mistake. */
import type { Effort } from './implies.ts';
import { effectiveImplies, implies, isAtOneTime } from './implies.ts';
import type { Condition, Position, Rule, RuleDimension, RuleSet } from './rule-set.ts';
import { findSimilarValues } from './similar-values.ts';

export type FindingCode =
  | 'unreachable-rule'
  | 'overlap'
  | 'similar-values'
  | 'unused-lookup'
  | 'unmet-condition'
  | 'not-checked';

export type Finding = Position & {
  readonly code: FindingCode;
  readonly message: string;
  readonly hint: string;
  /** Of the position, as the rules name it; null for the rules themselves. */
  readonly file: string | null;
};

/** Comparisons per dimension: beyond, rules that cannot be reached are no longer looked for. */
export const CHECK_EFFORT_MAX = 2_000_000;
const VALUES_SHOWN = 5;

/** In the order of the text. */
export function checkRules(ruleSet: RuleSet): readonly Finding[] {
  const findings = [
    ...ruleSet.dimensions.flatMap(checkDimension),
    ...ruleSet.dimensions.flatMap(({ key }) => findSimilarValues(ruleSet, key)),
    ...unusedLookups(ruleSet),
  ];
  return findings.sort((a, b) => a.line - b.line || a.column - b.column);
}

function finding({ line, column }: Position, code: FindingCode, message: string, hint: string): Finding {
  return { line, column, code, message, hint, file: null };
}

function checkDimension(dimension: RuleDimension): Finding[] {
  const effort: Effort = { left: CHECK_EFFORT_MAX };
  const unreachable = new Map(
    dimension.rules.flatMap((rule, i) => {
      const found = findUnreachable(rule, dimension.rules.slice(0, i), dimension, effort);
      return found ? [[rule, found] as const] : [];
    }),
  );
  const reachable = dimension.rules.filter((rule) => !unreachable.has(rule));
  const notChecked = finding(
    dimension,
    'not-checked',
    `${dimension.key} has too many rules and values to look for all that cannot be reached`,
    'Use lookups for long lists.',
  );
  return [...unreachable.values(), ...findOverlaps(reachable), ...(effort.left < 0 ? [notChecked] : [])];
}

function findUnreachable(
  rule: Rule,
  earlier: readonly Rule[],
  { key, effective }: RuleDimension,
  effort: Effort,
): Finding | null {
  const unreachable = (reason: string, hint: string) =>
    finding(rule, 'unreachable-rule', `The rule ${rule.name} never gives a value: ${reason}`, hint);
  if (isNeverMet(rule.when)) return unreachable('no charge can meet it', 'Correct `when`, or leave it out.');
  if (!isAtOneTime(rule.effective, effective)) {
    return unreachable(`${key} is not effective when the rule is`, 'Correct one of the two.');
  }
  const winner = earlier.find(
    (other) =>
      takesAllOf(other, rule) &&
      effectiveImplies(rule.effective, other.effective) &&
      implies(rule.when, other.when, effort),
  );
  if (winner === undefined) return null;
  const reason = `${winner.name} (line ${winner.line}) takes all that it is for`;
  return unreachable(reason, 'Put it before that one, or leave it out.');
}

/** Whether a charge that meets both gets nothing from the later one. */
function takesAllOf(earlier: Rule, later: Rule): boolean {
  return earlier.value.kind === 'value' || JSON.stringify(earlier.value) === JSON.stringify(later.value);
}

function isNeverMet(when: Condition): boolean {
  if (when.kind === 'test')
    return !when.orNull && 'values' in when.test && when.test.op === 'in' && when.test.values.length === 0;
  if (when.kind === 'and') return when.parts.some(isNeverMet);
  if (when.kind === 'or') return when.parts.every(isNeverMet);
  return when.kind === 'false';
}

/** Values that two rules list for one key, and give another value each: the earlier wins, perhaps unseen. */
function findOverlaps(rules: readonly Rule[]): Finding[] {
  const takenBy = new Map<string, Rule>();
  return rules.flatMap((rule) => {
    const shared = new Map<Rule, string[]>();
    for (const [key, value] of listedValues(rule)) {
      const listed = JSON.stringify([key, value]);
      const other = takenBy.get(listed);
      if (other === undefined) takenBy.set(listed, rule);
      else if (isOtherwise(other, rule)) shared.set(other, [...(shared.get(other) ?? []), value]);
    }
    return [...shared].map(([other, values]) => {
      const more = values.length > VALUES_SHOWN ? ` and ${values.length - VALUES_SHOWN} more` : '';
      const shown = values.slice(0, VALUES_SHOWN).map((value) => JSON.stringify(value));
      const message = `The rule ${rule.name} lists ${shown.join(', ')}${more}, which ${other.name} (line ${other.line}) takes`;
      return finding(rule, 'overlap', message, 'Leave the values out of one of the two.');
    });
  });
}

function isOtherwise(a: Rule, b: Rule): boolean {
  return JSON.stringify(a.value) !== JSON.stringify(b.value) && isAtOneTime(a.effective, b.effective);
}

/** Keys and values that are enough to meet a rule with a value of its own. */
function listedValues({ when, value }: Rule): (readonly [key: string, value: string])[] {
  if (value.kind !== 'value') return [];
  const parts = when.kind === 'or' ? when.parts : [when];
  return parts.flatMap((part) =>
    part.kind === 'test' && part.test.op === 'in' && !part.test.ignoreCase
      ? part.test.values.map((listed) => [part.key, listed] as const)
      : [],
  );
}

function unusedLookups({ dimensions, lookups }: RuleSet): Finding[] {
  const used = new Set(
    dimensions.flatMap(({ rules }) =>
      rules.map(({ value }) => (value.kind === 'lookup' ? value.name : null)),
    ),
  );
  return lookups
    .filter(({ name }) => !used.has(name))
    .map((lookup) =>
      finding(
        lookup,
        'unused-lookup',
        `No rule uses the lookup "${lookup.name}"`,
        'Leave it out, or use it.',
      ),
    );
}
