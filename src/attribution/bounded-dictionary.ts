/** Keeps what was asked last, up to a number of entries and of characters of their keys. */
export type BoundedDictionary<Value> = {
  readonly get: (key: string) => Value | undefined;
  readonly set: (key: string, value: Value) => void;
};

/**
 * Two generations of half the size each: what is asked of the older moves to the younger, and a full younger becomes
 * the older. So a hit is one look-up in most cases, and nothing is counted per hit.
 */
export function boundedDictionary<Value>(
  entriesMax: number,
  charactersMax: number,
): BoundedDictionary<Value> {
  let young = new Map<string, Value>();
  let old = new Map<string, Value>();
  let characters = 0;
  const set = (key: string, value: Value): void => {
    if (young.size >= entriesMax / 2 || characters + key.length > charactersMax / 2) {
      old = young;
      young = new Map();
      characters = 0;
    }
    if (key.length > charactersMax / 2) return;
    young.set(key, value);
    characters += key.length;
  };
  return {
    get(key) {
      const found = young.get(key);
      if (found !== undefined) return found;
      const older = old.get(key);
      if (older !== undefined) set(key, older);
      return older;
    },
    set,
  };
}
