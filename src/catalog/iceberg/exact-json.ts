/**
 * JSON whose 64-bit snapshot ids stay exact: plain JSON.parse rounds them to a double. Values under the
 * keys below are bigints in the process, however small they are, and plain numbers in the text.
 */
declare global {
  interface JSON {
    /** In V8, not yet in TypeScript's library: https://github.com/tc39/proposal-json-parse-with-source */
    rawJSON(text: string): unknown;
  }
}

const LONG_KEYS = new Set(['snapshot-id', 'parent-snapshot-id', 'current-snapshot-id']);

export function parseExactJson(text: string): unknown {
  return JSON.parse(text, (key: string, value: unknown, context?: { readonly source?: string }) =>
    LONG_KEYS.has(key) && typeof value === 'number' && context?.source !== undefined
      ? BigInt(context.source)
      : value,
  );
}

export function formatExactJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'bigint' ? JSON.rawJSON(inner.toString()) : inner,
  );
}
