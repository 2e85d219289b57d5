import type { CostError } from '../../core/errors.ts';
import { isCostError } from '../../core/errors.ts';
import { badPattern } from '../../planner/bind/check-pattern.ts';
import type { Plan } from '../../planner/plan.ts';
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

function patternsOf(plan: Plan): ReturnType<typeof patternTests> {
  const predicates =
    plan.kind === 'Filter'
      ? [plan.predicate]
      : plan.kind === 'Aggregate'
        ? plan.measures.map(({ where }) => where)
        : [];
  return [...predicates.flatMap(patternTests), ...children(plan).flatMap(patternsOf)];
}
