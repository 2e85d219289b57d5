import { hash } from 'node:crypto';

/** JSON with sorted keys and bigints as strings, so that equal values have equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'bigint') return `${inner}n`;
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  });
}

/** 128 bits of SHA-256 over the canonical JSON, base64url (22 characters). */
export function digest(value: unknown): string {
  return digestText(canonicalJson(value));
}

/** The same of a text as it is. */
export function digestText(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 22);
}
