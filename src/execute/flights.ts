/** Work that runs once for all who ask for it at the same time. */
export type Flights<T> = {
  /**
   * What `work` gives, under way already where the key is; a failure is told to all who wait.
   *
   * @param signal ends the waiting; `work` is aborted when nobody waits any more
   */
  readonly join: (key: unknown, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
};

type Flight<T> = { readonly result: Promise<T>; readonly abort: AbortController; waiting: number };

export function createFlights<T>(): Flights<T> {
  const flights = new Map<unknown, Flight<T>>();
  return {
    join: async (key, signal, work) => {
      signal.throwIfAborted();
      const flight = flights.get(key) ?? startFlight(flights, key, work);
      flight.waiting += 1;
      const { promise: left, reject } = Promise.withResolvers<never>();
      const leave = () => reject(signal.reason);
      signal.addEventListener('abort', leave, { once: true });
      try {
        return await Promise.race([flight.result, left]);
      } finally {
        signal.removeEventListener('abort', leave);
        flight.waiting -= 1;
        if (flight.waiting === 0) flight.abort.abort();
      }
    },
  };
}

function startFlight<T>(
  flights: Map<unknown, Flight<T>>,
  key: unknown,
  work: (signal: AbortSignal) => Promise<T>,
): Flight<T> {
  const abort = new AbortController();
  const flight: Flight<T> = { result: work(abort.signal), abort, waiting: 0 };
  flights.set(key, flight);
  const forget = () => {
    if (flights.get(key) === flight) flights.delete(key);
  };
  // A flight that nobody waits for is over for those who come later; a failure is told to those who wait.
  abort.signal.addEventListener('abort', forget);
  flight.result.then(forget, forget);
  return flight;
}
