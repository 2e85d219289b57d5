import type { CostError } from '../../core/errors.ts';
import { costError, isCostError } from '../../core/errors.ts';
import type { Plan } from '../../planner/plan.ts';
import { children } from '../../planner/plan-tree.ts';

/** How the engine says that wide integers (see `Dialect.wide`) are not wide enough. */
const OVERFLOW = /^(?:Out of Range|Conversion) Error: .*(?:INT128|HUGEINT)/;

/** That a fragment failed for amounts times weights that are too large; null where it failed for something else. */
export function sharesTooLarge(error: unknown, fragment: Plan): CostError | null {
  const cause = isCostError(error) && error.cause instanceof Error ? error.cause.message : '';
  const splits = splitsIn(fragment);
  return splits.length > 0 && OVERFLOW.test(cause) ? costError('SHARES_TOO_LARGE', { splits }, error) : null;
}

function splitsIn(plan: Plan): string[] {
  const own = plan.kind === 'Allocate' ? [plan.split] : [];
  return [...new Set([...children(plan).flatMap(splitsIn), ...own])];
}
