import { costError } from '../core/errors.ts';

/** Estimated milliseconds from which a query counts as large. */
const LARGE_MS = 100;
/** Large queries at once: they share the cores, more of them only take turns. */
const LARGE_AT_ONCE_MAX = 2;
/** Small queries at once: they pass large ones, but not without bound. */
const SMALL_AT_ONCE_MAX = 12;
/** Waiting queries of either size; more are turned away. */
export const WAITING_MAX = 500;

/** Lets queries in: small ones beside running large ones, large ones a few at a time, in order of arrival. */
export type Admission = {
  /**
   * @param estimateMs decides which of the two queues
   * @throws OVERLOADED when too many wait; rejects with the signal's reason when it aborts while waiting
   */
  readonly run: <T>(estimateMs: number, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;
};

export function createAdmission(): Admission {
  const small = createQueue(SMALL_AT_ONCE_MAX);
  const large = createQueue(LARGE_AT_ONCE_MAX);
  return {
    run: async (estimateMs, signal, work) => {
      const queue = estimateMs >= LARGE_MS ? large : small;
      await queue.enter(signal);
      try {
        return await work();
      } finally {
        queue.leave();
      }
    },
  };
}

function createQueue(atOnceMax: number) {
  const waiting = new Set<() => void>();
  let running = 0;
  return {
    async enter(signal: AbortSignal): Promise<void> {
      signal.throwIfAborted();
      if (running < atOnceMax) {
        running += 1;
        return;
      }
      if (waiting.size >= WAITING_MAX) throw costError('OVERLOADED', { waiting: waiting.size });
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const giveUp = () => {
        waiting.delete(resolve);
        reject(signal.reason);
      };
      waiting.add(resolve);
      signal.addEventListener('abort', giveUp, { once: true });
      // Whoever leaves hands its place on, so `running` stays as it is.
      await promise.finally(() => signal.removeEventListener('abort', giveUp));
    },
    leave(): void {
      const [next] = waiting;
      if (next === undefined) {
        running -= 1;
        return;
      }
      waiting.delete(next);
      next();
    },
  };
}
