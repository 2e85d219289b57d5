/** Keeps what was used last, up to a total weight. What is being computed is shared by those who ask meanwhile. */
export type BoundedCache<Value> = {
  readonly get: (key: string, compute: () => Promise<Value>) => Promise<Value>;
};

/** A value that weighs more than `weightMax` alone is handed out and not kept. A failure is not kept either. */
export function boundedCache<Value>(weightMax: number, weigh: (value: Value) => number): BoundedCache<Value> {
  type Entry = { readonly value: Promise<Value>; weight: number | null };
  const entries = new Map<string, Entry>(); // In the order of last use: a Map iterates as inserted.
  let weightTotal = 0;

  const evict = (): void => {
    for (const [key, { weight }] of entries) {
      if (weightTotal <= weightMax) return;
      if (weight === null) continue; // Still being computed.
      entries.delete(key);
      weightTotal -= weight;
    }
  };
  const add = async (key: string, compute: () => Promise<Value>): Promise<Value> => {
    const entry: Entry = { value: compute(), weight: null };
    entries.set(key, entry);
    try {
      const value = await entry.value;
      entry.weight = weigh(value);
      weightTotal += entry.weight;
      evict();
      return value;
    } catch (error) {
      entries.delete(key);
      throw error;
    }
  };

  return {
    get: async (key, compute) => {
      const found = entries.get(key);
      if (found === undefined) return add(key, compute);
      entries.delete(key);
      entries.set(key, found);
      return found.value;
    },
  };
}
