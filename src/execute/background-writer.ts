import { log } from '../core/log.ts';

export type BackgroundWriter = AsyncDisposable & {
  /** Some time from now, once for all that ask until then. */
  readonly soon: () => void;
  /** Resolves also where the work failed. */
  readonly now: () => Promise<void>;
};

/**
 * Does work some time after it was first asked for, again after a failure, and a last time at the end.
 *
 * @param failed what a failure is logged as
 */
export function createBackgroundWriter(
  everyMs: number,
  failed: string,
  work: () => Promise<void>,
): BackgroundWriter {
  let timer: NodeJS.Timeout | undefined;
  let last = Promise.resolve();
  let isOpen = true;
  const write = () => {
    timer = undefined;
    last = last.then(work).catch((error: unknown) => {
      log('warn', failed, { reason: String(error) });
      soon();
    });
  };
  const soon = () => {
    if (isOpen) timer ??= setTimeout(write, everyMs).unref();
  };
  const now = async () => {
    clearTimeout(timer);
    write();
    await last;
  };
  return {
    soon,
    now,
    [Symbol.asyncDispose]: () => {
      isOpen = false;
      return now();
    },
  };
}
