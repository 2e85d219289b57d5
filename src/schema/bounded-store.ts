/** Keeps what was used last, up to a total size. */
export type BoundedStore<Value> = {
  readonly get: (key: string) => Value | undefined;
  readonly set: (key: string, value: Value) => void;
};

/** An entry that is larger than the whole store is not kept. */
export function boundedStore<Value>(
  sizeMax: number,
  sizeOf: (key: string, value: Value) => number,
): BoundedStore<Value> {
  const entries = new Map<string, Value>(); // In the order of last use: a Map iterates as inserted.
  let size = 0;
  const remove = (key: string): void => {
    const value = entries.get(key);
    if (value === undefined) return;
    entries.delete(key);
    size -= sizeOf(key, value);
  };
  return {
    get: (key) => {
      const value = entries.get(key);
      if (value === undefined) return undefined;
      entries.delete(key);
      entries.set(key, value);
      return value;
    },
    set: (key, value) => {
      remove(key);
      const added = sizeOf(key, value);
      if (added > sizeMax) return;
      entries.set(key, value);
      size += added;
      for (const oldest of entries.keys()) {
        if (size <= sizeMax) break;
        remove(oldest);
      }
    },
  };
}
