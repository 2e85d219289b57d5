import { Temporal } from 'temporal-polyfill';

import { costError } from '../core/errors.ts';
import type { RunOptions } from '../execute/engine.ts';
import type { Context } from './context.ts';

/**
 * @param limitMs what one table may take, counted from the start of the operation
 * @throws DEADLINE_EXCEEDED when that is over
 */
export function runOptions({ signal, elapsedMs, route }: Context, limitMs: number): RunOptions {
  const deadlineMs = Math.ceil(limitMs - elapsedMs());
  if (deadlineMs <= 0) throw costError('DEADLINE_EXCEEDED', { ms: limitMs });
  return { signal, deadlineMs, startedAt: performance.now() - elapsedMs(), ...route };
}

/**
 * The server's limit, or the query's own where it is lower.
 * @throws BAD_QUERY for a length that is not positive, or not fixed (weeks, months and years)
 */
export function limitOf(context: Context, deadline: string | null | undefined): number {
  if (!deadline) return context.timeLimitMs;
  const parsed = Temporal.Duration.from(deadline);
  const isFixed = parsed.years === 0 && parsed.months === 0 && parsed.weeks === 0;
  const milliseconds = isFixed ? parsed.total('milliseconds') : 0;
  if (milliseconds >= 1) return Math.min(milliseconds, context.timeLimitMs);
  throw costError('BAD_QUERY', {
    reason: `deadline: "${deadline}" is no length of time above zero`,
    hint: 'Write it in seconds or minutes, as in PT10S.',
  });
}
