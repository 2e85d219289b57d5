import type { CostError } from '../../core/errors.ts';
import { isCostError } from '../../core/errors.ts';
import { badPattern } from '../../planner/bind/check-pattern.ts';
import type { Plan, RuleCase } from '../../planner/plan.ts';
import { children } from '../../planner/plan-tree.ts';
import { patternTests } from '../../planner/predicate.ts';
import type { Sql } from '../sql/sql-text.ts';
import { sql, text } from '../sql/sql-text.ts';
import { duckdbDialect } from './duckdb-dialect.ts';

/**
 * Why a fragment failed, where it is for a regular expression that the check before planning takes and this engine
 * does not (one may know younger characters than the other). Each is tried alone: the engine names none.
 *
 * @param run rejects with STORE_FAILED, and the engine's own error as its cause
 */
export async function findBadPattern(
  run: (statement: Sql) => Promise<unknown>,
  fragment: Plan,
): Promise<CostError | null> {
  for (const { key, pattern, ignoreCase } of patternsOf(fragment)) {
    try {
      await run(
        sql`SELECT count(*) AS count WHERE ${duckdbDialect.matches(text(''), text(pattern), ignoreCase)}`,
      );
    } catch (error) {
      const cause = isCostError(error) && error.cause instanceof Error ? error.cause : null;
      const detail = /^Invalid Input Error: (.*)/.exec(cause?.message ?? '')?.[1];
      if (detail === undefined) throw error;
      return badPattern({ key, pattern }, detail, 'Write it without the part that the message names.', error);
    }
  }
  return null;
}

type Pattern = ReturnType<typeof patternTests>[number];

function patternsOf(plan: Plan): Pattern[] {
  return [...ownPatterns(plan), ...children(plan).flatMap(patternsOf)];
}

function ownPatterns(plan: Plan): Pattern[] {
  switch (plan.kind) {
    case 'Filter':
      return patternTests(plan.predicate);
    case 'Aggregate':
      return plan.measures.flatMap(({ where }) => patternTests(where));
    case 'Allocate':
      return patternTests(plan.members);
    case 'Attribute':
      return plan.dimensions.flatMap(({ cases }) => cases.flatMap(patternsOfCase));
    default:
      return [];
  }
}

function patternsOfCase({ when, value }: RuleCase): Pattern[] {
  if (value.kind !== 'valueOf') return patternTests(when);
  const replaced = value.replace.map(({ match }) => ({ key: value.key, pattern: match, ignoreCase: false }));
  return [...patternTests(when), ...replaced];
}
